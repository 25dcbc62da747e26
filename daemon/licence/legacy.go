package licence

import (
	"strings"
	"time"

	"latchkey/conf"
)

// sayTime is how a sentence writes an instant.
const sayTime = "2006-01-02 15:04 UTC"

// legacy returns what the holder of a legacy key is told when it is accepted now, and why it is not when it is not.
func (s *Service) legacy(c conf.Legacy) (notice string, err error) {
	now := s.now()
	if !c.Accept {
		return "", refuse(LegacyKeysNotAccepted, move(c.Guide))
	}
	if !c.Sunset.IsZero() && !now.Before(c.Sunset) {
		return "", refuse(LegacyKeySunset, move(c.Guide))
	}
	for _, d := range pauses(c) {
		if !now.Before(d.Start) && now.Before(d.End) {
			back := ""
			if !d.End.Equal(c.Sunset) {
				back = "They are again from " + say(d.End) + " on."
			}
			return "", refuse(LegacyKeyDowntime, back, announce(c, d.End), move(c.Guide))
		}
	}
	parts := []string{"Legacy keys are going away.", announce(c, now), move(c.Guide)}
	return strings.Join(strings.Fields(strings.Join(parts, " ")), " "), nil
}

// pauses returns when legacy keys are not accepted, in order, so that what is said of one is true: downtimes that overlap or touch are
// one, and none goes beyond the sunset.
func pauses(c conf.Legacy) []conf.Downtime {
	var all []conf.Downtime
	for _, d := range c.Downtimes { // sorted by start
		if !c.Sunset.IsZero() && d.End.After(c.Sunset) {
			d.End = c.Sunset
		}
		last := len(all) - 1
		switch {
		case !d.Start.Before(d.End): // the sunset comes first
		case last < 0 || d.Start.After(all[last].End):
			all = append(all, d)
		case d.End.After(all[last].End):
			all[last].End = d.End
		}
	}
	return all
}

// announce names the next window after an instant in which legacy keys are not accepted, and when they end.
func announce(c conf.Legacy, after time.Time) string {
	var parts []string
	for _, d := range pauses(c) {
		if !d.Start.Before(after) {
			parts = append(parts, "The next time in which they are not accepted is from "+say(d.Start)+" to "+say(d.End)+".")
			break
		}
	}
	if !c.Sunset.IsZero() {
		parts = append(parts, "From "+say(c.Sunset)+" on they are not accepted any more.")
	}
	return strings.Join(parts, " ")
}

func say(t time.Time) string { return t.UTC().Format(sayTime) }
