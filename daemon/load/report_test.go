package load

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Times are told to three digits, and counted by classes without a gap.
func TestTally(t *testing.T) {
	counts := newTally()
	for i := range 1000 {
		counts.success(time.Duration(i+1) * time.Millisecond)
	}
	counts.success(-time.Second)
	counts.success(3 * longest)
	counts.failure("503")
	counts.failure("503")
	counts.cut()
	k := counts.report("checks", 2)
	if k.Calls != 1004 || k.Successes != 1002 || k.Rate != 501 || k.Errors["503"] != 2 || k.CutOff != 1 {
		t.Errorf("%+v", k)
	}
	if l := k.Latency; !near(l.P50, 500) || !near(l.P90, 901) || !near(l.P99, 991) || !near(l.P999, 1000) || l.Min != 0 || !near(l.Max, float64(longest.Milliseconds())) {
		t.Errorf("%+v", l)
	}

	counts = newTally()
	for _, took := range []time.Duration{
		900 * time.Microsecond, 1500 * time.Microsecond, 1700 * time.Microsecond, 4 * time.Millisecond, 120 * time.Millisecond,
	} {
		counts.success(took)
	}
	want := []Bar{{1, 1}, {2, 2}, {5, 1}, {10, 0}, {20, 0}, {50, 0}, {100, 0}, {200, 1}}
	if difference := cmp.Diff(want, counts.report("checks", 1).Bars); difference != "" {
		t.Error(difference)
	}
}

// report returns one as a run writes it.
func report(change func(*Report)) Report {
	r := NewReport(Settings{Connections: 16, Mix: map[string]int{"checks": 95, "logins": 5}, Check: "user", Users: 1, DurationSeconds: 10}, Measured{
		Seconds: 10,
		Kinds: []KindReport{
			{
				Kind: "checks", Calls: 30000, Successes: 30000, Rate: 3000, Errors: map[string]int64{},
				Latency: &Latency{Min: 0.1, P50: 1, P90: 2, P99: 10, P999: 20, Max: 21}, Bars: []Bar{{1, 30000}},
			},
			{
				Kind: "logins", Calls: 150, Successes: 100, Rate: 10, Errors: map[string]int64{"429": 50},
				Latency: &Latency{Min: 50, P50: 60, P90: 70, P99: 80, P999: 90, Max: 90}, Bars: []Bar{},
			},
		},
	})
	if change != nil {
		change(&r)
	}
	return r
}

// A report is read as it was written; what is none is refused, and so are numbers that no run has.
func TestReadReport(t *testing.T) {
	text, err := json.Marshal(report(nil))
	if err != nil {
		t.Fatal(err)
	}
	read, err := ReadReport(bytes.NewReader(text))
	if difference := cmp.Diff(report(nil), read); err != nil || difference != "" {
		t.Errorf("%v: %s", err, difference)
	}
	for name, text := range map[string]string{
		"nothing":        "",
		"no JSON":        "checks",
		"another JSON":   `{"version": 1}`,
		"a list":         `[]`,
		"a later one":    `{"tool": "latchkey bench", "version": 2}`,
		"an empty one":   `{"tool": "latchkey bench", "version": 1}`,
		"another form":   strings.Replace(string(text), `"connections":16`, `"connections":"x"`, 1),
		"a negative one": strings.Replace(string(text), `"p50":1`, `"p50":-1`, 1),
		"one too many":   strings.Replace(string(text), `"successes":30000`, `"successes":30001`, 1),
		"no times":       strings.Replace(string(text), `"latency_ms"`, `"latency"`, 1),
		"twice":          strings.Replace(string(text), `"logins","calls"`, `"checks","calls"`, 1),
		"endless":        strings.Repeat(" ", maxReport) + string(text),
	} {
		if _, err := ReadReport(strings.NewReader(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzReadReport(f *testing.F) {
	text, err := json.Marshal(report(nil))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"tool":"latchkey bench","version":1,"connections":1,"mix":{"a":0},"kinds":[{"kind":"a"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := ReadReport(bytes.NewReader(text))
		if err != nil {
			return
		}
		for _, figure := range Compare(r, r, 0.05) {
			if figure.Verdict != WithinNoise && figure.Verdict != TooFew {
				t.Errorf("%q: %+v", text, figure)
			}
		}
		if list := Differences(r, r); len(list) > 0 {
			t.Errorf("%q: %q", text, list)
		}
		if _, err := json.Marshal(Compare(r, r, 0.05)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	})
}

// A figure is faster, slower, within noise, or of too few calls.
func TestCompare(t *testing.T) {
	second := report(func(r *Report) {
		r.Kinds[0].Rate = 3300
		r.Kinds[0].Latency = &Latency{P50: 1.04, P90: 2.2, P99: 8, P999: 40}
		r.Kinds[0].Successes = 9999
		r.Kinds[1].Successes = 99
	})
	verdicts := map[string]string{}
	for _, f := range Compare(report(nil), second, 0.05) {
		verdicts[f.Kind+" "+f.Name] = string(f.Verdict)
	}
	want := map[string]string{
		"checks rate": "faster", "checks p50": "within noise", "checks p90": "slower", "checks p99": "faster", "checks p99.9": "too few calls",
		"logins rate": "too few calls", "logins p50": "within noise", "logins p90": "too few calls", "logins p99": "too few calls",
		"logins p99.9": "too few calls",
	}
	if difference := cmp.Diff(want, verdicts); difference != "" {
		t.Error(difference)
	}
	rate := Compare(report(nil), second, 0.2)[0]
	if rate.Verdict != WithinNoise || *rate.Ratio != 1.1 || *rate.First != 3000 || *rate.Second != 3300 {
		t.Errorf("%+v", rate)
	}

	// A kind without a success has no times, and one that the other run has not is left out.
	none := report(func(r *Report) {
		r.Kinds[0].Successes, r.Kinds[0].Rate, r.Kinds[0].Latency = 0, 0, nil
		r.Kinds = r.Kinds[:1]
	})
	for _, f := range append(Compare(report(nil), none, 0.05), Compare(none, report(nil), 0.05)...) {
		if f.Kind != "checks" || f.Verdict != TooFew || f.Name != "rate" && f.Ratio != nil {
			t.Errorf("%+v", f)
		}
	}
}

// What makes runs incomparable is named; where, when, how long and by whom is not among it.
func TestDifferences(t *testing.T) {
	for want, change := range map[string]func(*Report){
		"": func(r *Report) {
			r.Server, r.Started, r.DurationSeconds, r.Users, r.Interrupted = "x", "y", 60, 9, true
		},
		"mix (checks=95,logins=5, and checks=1)":                func(r *Report) { r.Mix = map[string]int{"checks": 1} },
		"number of connections (16, and 8)":                     func(r *Report) { r.Connections = 8 },
		"rate (as fast as they go, and 500 calls a second)":     func(r *Report) { r.AskedRate = 500 },
		"check (user, and verify)":                              func(r *Report) { r.Check = "verify" },
		"number of connections (16, and 8)|check (user, and x)": func(r *Report) { r.Connections, r.Check = 8, "x" },
	} {
		if got := strings.Join(Differences(report(nil), report(change)), "|"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
