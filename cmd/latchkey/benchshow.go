package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"latchkey/daemon/load"
)

// barWidth is how wide the longest bar of a histogram is.
const barWidth = 50

// benchProgress returns what shows how a run is getting on: one line on a terminal, over and over; nil elsewhere.
func (a *app) benchProgress(duration time.Duration) func(load.Progress) {
	if !isTerminal(a.stderr) {
		return nil
	}
	return func(p load.Progress) {
		state := fmt.Sprintf("%s of %s", p.Elapsed.Round(time.Second), duration)
		switch {
		case p.Elapsed < 0:
			state = "warming up"
		case p.Elapsed > duration:
			state = "waiting for the last answers"
		}
		fmt.Fprint(a.stderr, "\r"+padded(fmt.Sprintf("%s: %d calls, %d a second, %d errors", state, p.Calls, p.Latest, p.Failures), progressWidth))
	}
}

// progressWidth is how wide the line is that shows progress; what was there before is written over.
const progressWidth = 79

// clearProgress removes the line that shows progress.
func (a *app) clearProgress() {
	if isTerminal(a.stderr) {
		fmt.Fprint(a.stderr, "\r"+strings.Repeat(" ", progressWidth)+"\r")
	}
}

// benchText returns a run for people.
func benchText(r load.Report) string {
	var text strings.Builder
	server := printable(r.Server)
	if r.ServerVersion != "" {
		server += ", version " + printable(r.ServerVersion)
	}
	fmt.Fprintf(&text, "%s\n%s\n", server, runText(r))
	if r.Interrupted {
		fmt.Fprintf(&text, "Ended early, after %s of %s.\n", seconds(r.Seconds), seconds(r.DurationSeconds))
	}
	header := []string{"KIND", "CALLS", "PER SECOND", "ERRORS", "MIN MS", "P50", "P90", "P99", "P99.9", "MAX"}
	var rows [][]string
	for _, k := range r.Kinds {
		row := []string{k.Kind, strconv.FormatInt(k.Calls, 10), figure(&k.Rate), strconv.FormatInt(k.FailedCalls(), 10)}
		if l := k.Latency; l != nil {
			row = append(row, figure(&l.Min), figure(&l.P50), figure(&l.P90), figure(&l.P99), figure(&l.P999), figure(&l.Max))
		} else {
			row = append(row, "-", "-", "-", "-", "-", "-")
		}
		rows = append(rows, row)
	}
	text.WriteString("\n" + rowsText(header, rows))
	for _, k := range r.Kinds {
		for _, what := range failureNames(k.Errors) {
			fmt.Fprintf(&text, "Errors of %s: %s, %d times (%.2f %%)\n", k.Kind, printable(what), k.Errors[what], 100*share(k.Errors[what], k.Calls))
		}
		if k.NotSent > 0 {
			fmt.Fprintf(&text, "The rate was not reached: %d %s were due and not sent, because no connection was free.\n", k.NotSent, k.Kind)
		}
		if k.CutOff > 0 {
			fmt.Fprintf(&text, "%d %s were cut off by the early end, and are not counted.\n", k.CutOff, k.Kind)
		}
	}
	for _, k := range r.Kinds {
		text.WriteString(histogramText(k))
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// runText returns what was asked of a run.
func runText(r load.Report) string {
	text := load.MixText(r.Mix)
	if r.Check != "" {
		text += " (" + r.Check + ")"
	}
	return fmt.Sprintf("%s over %d connections, %s, for %s", printable(text), r.Connections, load.RateText(r.AskedRate), seconds(r.DurationSeconds))
}

// seconds returns a number of seconds, to the millisecond, as durations are written.
func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond).String()
}

// failureNames returns what went wrong, the most frequent first.
func failureNames(errors map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(errors), func(a, b string) int {
		return cmp.Or(cmp.Compare(errors[b], errors[a]), cmp.Compare(a, b))
	})
}

// share returns a part of a whole.
func share(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// figure returns a number with as many digits behind the point as mean something; "-" for none.
func figure(x *float64) string {
	switch {
	case x == nil:
		return "-"
	case *x >= 100:
		return strconv.FormatFloat(*x, 'f', 0, 64)
	case *x >= 10:
		return strconv.FormatFloat(*x, 'f', 1, 64)
	case *x >= 1:
		return strconv.FormatFloat(*x, 'f', 2, 64)
	}
	return strconv.FormatFloat(*x, 'f', 3, 64)
}

// histogramText returns how long the calls of a kind took, a line for each class of times; nothing when there are none.
func histogramText(k load.KindReport) string {
	var most int64
	widest := 0
	for _, bar := range k.Bars {
		most, widest = max(most, bar.Calls), max(widest, len(bound(bar.UpTo)))
	}
	if most == 0 {
		return ""
	}
	var text strings.Builder
	fmt.Fprintf(&text, "\nHow long %s took:\n", k.Kind)
	digits := len(strconv.FormatInt(most, 10))
	for _, bar := range k.Bars {
		width := int(bar.Calls * barWidth / most)
		if bar.Calls > 0 {
			width = max(width, 1)
		}
		line := fmt.Sprintf("  up to %*s  %*d  %s", widest, bound(bar.UpTo), digits, bar.Calls, strings.Repeat("#", width))
		text.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return text.String()
}

// bound returns the end of a class of times.
func bound(milliseconds float64) string {
	return strconv.FormatFloat(milliseconds, 'f', -1, 64) + " ms"
}
