package pace_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"latchkey/daemon/store/pace"
)

// disk is a store that takes a time for each record, and a clock that nothing else moves.
type disk struct {
	now     time.Time
	each    time.Duration
	left    int
	batches []int
	rested  []time.Duration
}

func (d *disk) runner() pace.Runner {
	return pace.Runner{
		Now:  func() time.Time { return d.now },
		Rest: func(_ context.Context, rest time.Duration) { d.rested = append(d.rested, rest) },
	}
}

func (d *disk) work(limit int) (int, error) {
	n := min(limit, d.left)
	d.left -= n
	d.now = d.now.Add(time.Duration(n) * d.each)
	d.batches = append(d.batches, limit)
	return n, nil
}

// Batches grow or shrink until one takes no longer than it should, whatever the disk; all of the work is done, and after each
// batch there is a rest of half as long.
func TestBatchesFollowTheDisk(t *testing.T) {
	for name, c := range map[string]struct{ each, most time.Duration }{
		"fast":   {10 * time.Microsecond, pace.Target},
		"middle": {200 * time.Microsecond, pace.Target},
		"slow":   {450 * time.Microsecond, pace.Target},
		"frozen": {time.Second, 50 * time.Second}, // no batch is smaller than fifty
	} {
		t.Run(name, func(t *testing.T) {
			const all = 100_000
			d := &disk{each: c.each, left: all}
			total, err := d.runner().Run(t.Context(), d.work)
			if err != nil || total != all || d.left != 0 {
				t.Fatalf("%d of %d were done, %v", total, all, err)
			}
			for i, size := range d.batches[20 : len(d.batches)-2] { // the last full one is followed by a short one, and by none
				if took := time.Duration(size) * c.each; took > c.most || size < 1000 && size > 50 && took < pace.Target/3 {
					t.Fatalf("batch %d has %d records and takes %v", i+20, size, took)
				}
			}
			for i, rest := range d.rested[:len(d.rested)-1] {
				if want := min(time.Duration(d.batches[i])*c.each/2, time.Second); rest != want {
					t.Fatalf("rest %d is %v, want %v", i, rest, want)
				}
			}
		})
	}
}

// The work ends with its own error, and between two batches when the context ends.
func TestEnds(t *testing.T) {
	d := &disk{left: 1_000_000}
	failure := errors.New("the disk is full")
	total, err := d.runner().Run(t.Context(), func(limit int) (int, error) {
		if len(d.batches) == 3 {
			return 0, failure
		}
		return d.work(limit)
	})
	if !errors.Is(err, failure) || total != 1_000_000-d.left {
		t.Errorf("%d, %v", total, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	before := d.left
	total, err = pace.Runner{Now: time.Now}.Run(ctx, func(limit int) (int, error) { cancel(); return d.work(limit) })
	if err != nil || total != before-d.left || total == 0 {
		t.Errorf("%d, %v", total, err)
	}
}
