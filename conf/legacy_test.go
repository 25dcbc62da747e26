package conf

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Times are read in any zone and kept in UTC; a day counts to its end; downtimes are sorted.
func TestLegacy(t *testing.T) {
	c := mustLoad(t, `[legacy]
accept = no
sunset = 2027-03-31
downtimes = 2027-02-10T08:00:00Z/2027-02-10T12:00:00Z, 2027-01-10T09:00:00+01:00/2027-01-10T12:00:00.5Z,
  2027-01-10T08:00:00Z/2027-01-10T09:00:00Z
guide = https://portal.example.com/workspaces
`)
	day := func(month time.Month, d, hour int) time.Time {
		return time.Date(2027, month, d, hour, 0, 0, 0, time.UTC)
	}
	want := Legacy{
		Sunset: day(4, 1, 0), Guide: "https://portal.example.com/workspaces",
		Downtimes: []Downtime{
			{day(1, 10, 8), day(1, 10, 9)}, {day(1, 10, 8), day(1, 10, 12).Add(500 * time.Millisecond)}, {day(2, 10, 8), day(2, 10, 12)},
		},
	}
	if diff := cmp.Diff(want, c.Legacy); diff != "" {
		t.Errorf("[legacy] (-want +got):\n%s", diff)
	}
	text := c.Explain()
	for _, line := range []string{
		"sunset = 2027-04-01T00:00:00Z", "accept = False",
		"downtimes = 2027-01-10T08:00:00Z/2027-01-10T09:00:00Z, 2027-01-10T08:00:00Z/2027-01-10T12:00:00.5Z, 2027-02-10T08:00:00Z/2027-02-10T12:00:00Z",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("%q is not in\n%s", line, text)
		}
	}
	if at := mustLoad(t, "[legacy]\nsunset = 2027-03-31T12:00:00+02:00\n").Legacy; !at.Sunset.Equal(day(3, 31, 10)) || !at.Accept {
		t.Errorf("[legacy] %+v", at)
	}
	if none := mustLoad(t, "").Legacy; !none.Accept || !none.Sunset.IsZero() || none.Downtimes != nil || none.Guide != "" {
		t.Errorf("by default: %+v", none)
	}
}

// What is wrong with [legacy] is said with its line.
func TestLegacyFaults(t *testing.T) {
	const (
		sunset = "sunset: must be a day such as 2027-03-31, which counts to its end in UTC, or a time such as 2027-03-31T12:00:00Z"
		form   = ": a downtime is START/END, such as 2027-01-10T08:00:00Z/2027-01-10T12:00:00Z"
	)
	for text, want := range map[string]string{
		"accept = perhaps":                  "accept: must be True or False",
		"sunset = 31.03.2027":               sunset,
		"sunset = 2027-02-30":               sunset,
		"sunset = 2027-03-31T12:00:00":      sunset,
		"downtimes = 2027-01-10":            `downtimes: "2027-01-10"` + form,
		"downtimes = 2027-01-10T08:00:00Z/": `downtimes: "2027-01-10T08:00:00Z/"` + form,
		"downtimes = 2027-01-10T08:00:00Z/2027-01-10T12:00:00Z/2027-01-11T12:00:00Z": `downtimes: "2027-01-10T08:00:00Z/2027-01-10T12:00:00Z/2027-01-11T12:00:00Z"` + form,
		"downtimes = 2027-01-10T08:00:00Z/2027-01-10T09:00:00+01:00":                 `downtimes: "2027-01-10T08:00:00Z/2027-01-10T09:00:00+01:00": the end must be after the start`,
		"guide = " + strings.Repeat("x", 251):                                        "guide: must be a URL or a sentence of at most 250 bytes",
	} {
		check(t, "[legacy]\n"+text+"\n", "2: [legacy] "+want)
	}
}
