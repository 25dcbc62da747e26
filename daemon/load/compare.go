package load

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Verdict is what a comparison says about one figure of two runs.
type Verdict string

// The verdicts. Faster and Slower are about the second run.
const (
	WithinNoise Verdict = "within noise"
	Faster      Verdict = "faster"
	Slower      Verdict = "slower"
	// TooFew means that one of the runs has too few calls for the figure to mean anything.
	TooFew Verdict = "too few calls"
)

// beyond is how many calls have to be slower than a percentile, in both runs, for it to be compared: with fewer, single calls
// decide where it is. fewCalls is the same for a rate.
const (
	beyond   = 10
	fewCalls = 100
)

// Figure is one figure of two runs.
type Figure struct {
	Kind string `json:"kind"`
	// Name is "rate", "p50", "p90", "p99" or "p99.9".
	Name string `json:"figure"`
	// First and Second are calls in a second, or milliseconds; nil where a run has none.
	First  *float64 `json:"first,omitempty"`
	Second *float64 `json:"second,omitempty"`
	// Ratio is the second divided by the first; nil when one of them is missing or the first is 0.
	Ratio   *float64 `json:"ratio,omitempty"`
	Verdict Verdict  `json:"verdict"`
}

// Differences returns in what the settings of two runs differ, each as a sentence's part; none when the runs can be compared. How
// long they were and by how many users is not among it, and neither is the server: to compare two is what comparing is for.
func Differences(first, second Report) []string {
	var list []string
	differ := func(what, a, b string) {
		if a != b {
			list = append(list, fmt.Sprintf("%s (%s, and %s)", what, a, b))
		}
	}
	differ("mix", MixText(first.Mix), MixText(second.Mix))
	differ("number of connections", fmt.Sprint(first.Connections), fmt.Sprint(second.Connections))
	differ("rate", RateText(first.AskedRate), RateText(second.AskedRate))
	if first.Check != "" && second.Check != "" {
		differ("check", first.Check, second.Check)
	}
	return list
}

// MixText returns a mix as it is written on the command line, its kinds in order of their names.
func MixText(mix map[string]int) string {
	parts := make([]string, 0, len(mix))
	for _, kind := range slices.Sorted(maps.Keys(mix)) {
		parts = append(parts, fmt.Sprintf("%s=%d", kind, mix[kind]))
	}
	return strings.Join(parts, ",")
}

// RateText returns a rate that was asked for, in words.
func RateText(rate float64) string {
	if rate == 0 {
		return "as fast as they go"
	}
	return fmt.Sprintf("%g calls a second", rate)
}

// Compare returns the figures of each kind that both runs have, in the order of the first. Differences of up to noise (0.05 for
// 5 %) are none.
func Compare(first, second Report, noise float64) []Figure {
	figures := []Figure{}
	for _, a := range first.Kinds {
		at := slices.IndexFunc(second.Kinds, func(k KindReport) bool { return k.Kind == a.Kind })
		if at < 0 {
			continue
		}
		b := second.Kinds[at]
		successes := min(a.Successes, b.Successes)
		rate := Figure{Kind: a.Kind, Name: "rate", First: &a.Rate, Second: &b.Rate}
		rate.judge(successes >= fewCalls, noise, Faster, Slower)
		figures = append(figures, rate)
		for _, p := range []struct {
			name   string
			beyond int64 // one call in so many is slower
			of     func(*Latency) *float64
		}{
			{"p50", 2, func(l *Latency) *float64 { return &l.P50 }},
			{"p90", 10, func(l *Latency) *float64 { return &l.P90 }},
			{"p99", 100, func(l *Latency) *float64 { return &l.P99 }},
			{"p99.9", 1000, func(l *Latency) *float64 { return &l.P999 }},
		} {
			f := Figure{Kind: a.Kind, Name: p.name}
			if a.Latency != nil {
				f.First = p.of(a.Latency)
			}
			if b.Latency != nil {
				f.Second = p.of(b.Latency)
			}
			f.judge(successes >= p.beyond*beyond, noise, Slower, Faster)
			figures = append(figures, f)
		}
	}
	return figures
}

// judge fills in the ratio, and the verdict: one word for a ratio above 1 and one for a ratio below.
func (f *Figure) judge(enough bool, noise float64, above, below Verdict) {
	f.Verdict = TooFew
	if f.First == nil || f.Second == nil || *f.First == 0 {
		return
	}
	ratio := *f.Second / *f.First
	f.Ratio = new(rounded(ratio))
	switch {
	case !enough:
	case ratio > 1+noise:
		f.Verdict = above
	case ratio < 1-noise:
		f.Verdict = below
	default:
		f.Verdict = WithinNoise
	}
}
