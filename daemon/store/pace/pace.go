// Package pace cuts long work on a store into batches that nobody who waits for the store should notice.
//
// How many records a batch has follows from how long the last one took, so that a slow disk or a busy machine makes batches
// small and a fast one makes them large: a batch should take between half of Target and Target. After each batch the work rests
// for half as long, so that a third of the time is left to others, and who waits for the store is served between two batches.
//
// It does not interrupt a batch: one that meets a disk that hangs lasts as long as the disk hangs, and the next one is small.
package pace

import (
	"context"
	"time"
)

// Target is how long a batch should take at most. Whoever writes meanwhile waits up to about twice as long: for the batch that
// is under way, and for his own transaction. A transaction has a cost of its own, which grows with the list of
// free pages that a file writes with it.
const Target = 10 * time.Millisecond

// The bounds of the number of records in a batch; the first one is the smallest. With smaller ones a store whose transactions
// have a cost of their own would do nothing else: with ten, a file with a million free pages removed 220 tokens a second on a busy machine.
const (
	smallest = 20
	largest  = 1000
)

// longestRest bounds a rest, so that work goes on after a disk has hung.
const longestRest = time.Second

// Runner does work in batches. Now is the clock; Rest, which may be nil for a timer, waits for a duration or until the context
// ends.
type Runner struct {
	Now  func() time.Time
	Rest func(ctx context.Context, d time.Duration)
}

// Run calls work with the size of a batch until it returns zero or an error, or ctx ends, and returns how many it were in all.
// Work returns how many records it has done. The error is that of work; the end of ctx is none.
func (r Runner) Run(ctx context.Context, work func(limit int) (int, error)) (total int, err error) {
	rest := r.Rest
	if rest == nil {
		rest = wait
	}
	for size := smallest; ctx.Err() == nil; {
		begun := r.Now()
		n, err := work(size)
		if err != nil || n == 0 {
			return total, err
		}
		total += n
		took := r.Now().Sub(begun)
		size = next(size, took)
		rest(ctx, min(took/2, longestRest))
	}
	return total, nil
}

// next returns the size of the batch after one of this size that took so long.
func next(size int, took time.Duration) int {
	switch {
	case took > Target:
		return max(smallest, size/2)
	case took < Target/2:
		return min(largest, size+size/4)
	}
	return size
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
