package load

import (
	"math"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	// longest is the longest time that is told apart from longer ones: the longest run, and time for its last call.
	longest = 2 * time.Hour
	// figures is how many digits of a time are kept.
	figures = 3
)

// tally counts what became of the calls of one kind.
type tally struct {
	mu     sync.Mutex
	times  *hdrhistogram.Histogram // of the successes, in nanoseconds
	errors map[string]int64
	cutOff int64
}

// newTally returns an empty one.
func newTally() *tally {
	return &tally{times: hdrhistogram.New(1, int64(longest), figures), errors: map[string]int64{}}
}

// success counts a call that was answered with 2xx.
func (t *tally) success(took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_ = t.times.RecordValue(int64(min(max(took, 1), longest))) // within its bounds, so there is no error
}

// failure counts a call that was answered with another status, or not at all.
func (t *tally) failure(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.errors[what]++
}

// cut counts a call that the end of the run cut off.
func (t *tally) cut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cutOff++
}

// report returns the counts, which nobody changes any longer.
func (t *tally) report(name string, seconds float64) KindReport {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := KindReport{Kind: name, Successes: t.times.TotalCount(), Errors: t.errors, CutOff: t.cutOff, Bars: []Bar{}}
	k.Calls = k.Successes
	for _, count := range t.errors {
		k.Calls += count
	}
	if seconds > 0 {
		k.Rate = rounded(float64(k.Successes) / seconds)
	}
	if k.Successes == 0 {
		return k
	}
	at := func(percentile float64) float64 { return milliseconds(t.times.ValueAtPercentile(percentile)) }
	k.Latency = &Latency{
		Min: milliseconds(t.times.Min()), P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: milliseconds(t.times.Max()),
	}
	k.Bars = bars(t.times)
	return k
}

// bars returns the times by classes that end at 1, 2 and 5 of each power of ten, from the first to the last that is not empty.
func bars(times *hdrhistogram.Histogram) []Bar {
	all := []Bar{}
	bound, step := int64(1), 0
	count := int64(0)
	flush := func() {
		if count > 0 || len(all) > 0 {
			all = append(all, Bar{UpTo: float64(bound) / float64(time.Millisecond), Calls: count})
		}
		count = 0
	}
	for _, bar := range times.Distribution() {
		if bar.Count == 0 {
			continue
		}
		for bar.From > bound {
			flush()
			if bound *= 2; step%3 == 1 {
				bound = bound / 4 * 5 // 2 becomes 5
			}
			step++
		}
		count += bar.Count
	}
	flush()
	return all
}

// milliseconds returns nanoseconds as milliseconds, to the microsecond.
func milliseconds(nanoseconds int64) float64 {
	return rounded(float64(nanoseconds) / float64(time.Millisecond))
}

// rounded returns a number with three digits behind the point.
func rounded(x float64) float64 { return math.Round(x*1000) / 1000 }
