package conf

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxGuide is the longest [legacy] guide, in bytes: it must leave room for the rest of the sentence that it ends.
const maxGuide = 250

// Legacy is the section [legacy], about licence keys from before there were workspaces.
type Legacy struct {
	// Accept says that legacy keys are accepted; default true.
	Accept bool
	// Sunset is the first instant, in UTC, at which they no longer are; zero when there is none.
	Sunset time.Time
	// Downtimes are when they are not accepted for a while, sorted by start, then by end.
	Downtimes []Downtime
	// Guide is a URL or a sentence that says how to move away from them; empty when there is none.
	Guide string
}

// Downtime is a span of time, from its Start to just before its End, both in UTC.
type Downtime struct {
	Start, End time.Time
}

// String returns START/END as [legacy] downtimes has it.
func (d Downtime) String() string {
	return d.Start.Format(time.RFC3339Nano) + "/" + d.End.Format(time.RFC3339Nano)
}

// legacySection is the section [legacy].
func legacySection() section {
	return section{name: "legacy", keys: []key{
		into("accept", boolean, func(c *Config) *bool { return &c.Legacy.Accept }),
		{
			name: "sunset", show: func(c *Config) string { return instant(c.Legacy.Sunset) },
			take: func(c *Config, value string) (err error) {
				c.Legacy.Sunset, err = endOfDay(value)
				return err
			},
		},
		{
			name: "downtimes", many: true, take: takeDowntimes, show: func(c *Config) string {
				var parts []string
				for _, d := range c.Legacy.Downtimes {
					parts = append(parts, d.String())
				}
				return strings.Join(parts, ", ")
			},
		},
		into("guide", guide, func(c *Config) *string { return &c.Legacy.Guide }),
	}}
}

// instant returns a time in the form in which the file has it, and nothing for the zero time.
func instant(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Format(time.RFC3339Nano)
}

// endOfDay reads a time, or a day, which stands for its end in UTC: the first instant of the day after.
func endOfDay(value string) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, value); err == nil {
		return day.AddDate(0, 0, 1), nil
	}
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return time.Time{}, errors.New("must be a day such as 2027-03-31, which counts to its end in UTC, or a time such as 2027-03-31T12:00:00Z")
	}
	return at.UTC(), nil
}

// takeDowntimes reads [legacy] downtimes.
func takeDowntimes(c *Config, value string) error {
	var found []Downtime
	for _, part := range list(value) {
		start, end, _ := strings.Cut(part, "/")
		from, startErr := time.Parse(time.RFC3339, start)
		to, endErr := time.Parse(time.RFC3339, end)
		switch {
		case startErr != nil || endErr != nil:
			return fmt.Errorf("%q: a downtime is START/END, such as 2027-01-10T08:00:00Z/2027-01-10T12:00:00Z", printable(part))
		case !to.After(from):
			return fmt.Errorf("%q: the end must be after the start", printable(part))
		}
		found = append(found, Downtime{from.UTC(), to.UTC()})
	}
	slices.SortFunc(found, func(a, b Downtime) int { return cmp.Or(a.Start.Compare(b.Start), a.End.Compare(b.End)) })
	c.Legacy.Downtimes = found
	return nil
}

// guide reads [legacy] guide.
func guide(value string) (string, error) {
	if len(value) > maxGuide {
		return "", fmt.Errorf("must be a URL or a sentence of at most %d bytes", maxGuide)
	}
	return value, nil
}
