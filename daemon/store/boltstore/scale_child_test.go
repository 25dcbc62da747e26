package boltstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"latchkey/daemon/store/boltstore"
	"latchkey/daemon/store/pace"
)

// childMeasures in the environment makes the child one that measures: "start", "checks" with the path of a small store, "sweep"
// with a word for the figures, or "skip".
const childMeasures = "BOLTSTORE_TEST_MEASURES"

// How the checks are measured: the two stores take turns, a time each.
const (
	turns    = 10
	turn     = time.Second
	coldTurn = 5 * time.Second
)

// sweepPart is how long a sweep is measured, at its beginning and at its end; so many expired tokens are left for the end.
const (
	sweepPart = 5 * time.Minute
	alonePart = time.Minute
	lateOnes  = 200_000
	early     = "early"
	late      = "late"
	alone     = "alone" // no sweep, for comparison
)

// untilLate returns the time at which the last of the expired tokens are not expired yet.
func (s scale) untilLate() time.Time {
	return begin().Add(-time.Duration(min(lateOnes, s.tokens/2)) * time.Millisecond)
}

// runScaleChild opens the store, looks one token up, says "ready", measures, says "done", and closes the store when its input
// ends.
func runScaleChild(path, measures string) error {
	debug.SetGCPercent(400) // as the daemon does
	tokens, err := strconv.Atoi(os.Getenv(scaleVariable))
	if err != nil {
		return err
	}
	all := newScale(tokens)
	what, argument, _ := strings.Cut(measures, " ")
	o := boltstore.Options{NoSync: what == "skip"}
	if what == "checks" {
		o.CacheBytes = 1
	}
	s, err := boltstore.Open(path, o)
	if err != nil {
		return err
	}
	if _, err := s.CredentialByDigest(context.Background(), all.token(all.tokens).Digest); err != nil {
		return err
	}
	fmt.Println("ready")
	switch what {
	case "checks":
		err = measureChecks(s, path, argument, all)
	case "sweep":
		err = measureSweep(s, argument, all)
	case "skip":
		err = skip(s, path, all)
	}
	if err != nil {
		return err
	}
	fmt.Println("done")
	_, ended := io.Copy(io.Discard, os.Stdin)
	if err := errors.Join(ended, s.Close()); err != nil {
		return err
	}
	os.Exit(0)
	return nil
}

// measureChecks compares the look-ups of a large store, which is open without a cache, and of a small one.
func measureChecks(large *boltstore.Store, path, smallPath string, all scale) error {
	const hot = few // as many tokens are looked up in both stores when all of them are in the cache
	cold, err := lookups(large, coldTurn, func() int { return all.tokens + rand.IntN(all.tokens) })
	if err != nil {
		return err
	}
	tell("checks/s-cold", cold)
	small, err := boltstore.Open(smallPath, boltstore.Options{CacheBytes: 1})
	if err != nil {
		return err
	}
	if err := readAll(large, all); err != nil {
		return err
	}
	if err := takeTurns("read", small, large, all, all.tokens); err != nil {
		return err
	}
	if err := errors.Join(small.Close(), large.Close()); err != nil {
		return err
	}
	if small, err = boltstore.Open(smallPath, boltstore.Options{}); err != nil {
		return err
	}
	if large, err = boltstore.Open(path, boltstore.Options{}); err != nil {
		return err
	}
	if err := takeTurns("kept", small, large, all, hot); err != nil {
		return err
	}
	return errors.Join(small.Close(), large.Close())
}

// readAll looks every live token up, so that the pages of all are in memory as they are in a daemon that runs for a while.
func readAll(s *boltstore.Store, all scale) error {
	var next atomic.Int64
	return everyCore(func() error {
		for n := int(next.Add(1)) - 1; n < all.tokens; n = int(next.Add(1)) - 1 {
			if _, err := s.CredentialByDigest(context.Background(), scaleDigest(all.tokens+n)); err != nil {
				return err
			}
		}
		return nil
	})
}

// takeTurns measures look-ups of random live tokens of both stores, those of the large one being the first so many.
func takeTurns(what string, small, large *boltstore.Store, all scale, many int) error {
	var ofSmall, ofLarge, ratios []float64
	for range turns {
		a, err := lookups(small, turn, func() int { return few + rand.IntN(few) })
		if err != nil {
			return err
		}
		b, err := lookups(large, turn, func() int { return all.tokens + rand.IntN(many) })
		if err != nil {
			return err
		}
		ofSmall, ofLarge, ratios = append(ofSmall, a), append(ofLarge, b), append(ratios, b/a)
	}
	tell("checks/s-"+what+"-of-1000", median(ofSmall))
	tell("checks/s-"+what, median(ofLarge))
	tell("ratio-"+what, median(ratios))
	return nil
}

func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}

// lookups looks tokens up with every core for a time, and returns how many it were in a second.
func lookups(s *boltstore.Store, d time.Duration, which func() int) (float64, error) {
	var count atomic.Int64
	begun := time.Now()
	err := everyCore(func() error {
		for n := 0; ; n++ {
			if n%64 == 0 && time.Since(begun) > d {
				count.Add(int64(n))
				return nil
			}
			if _, err := s.CredentialByDigest(context.Background(), scaleDigest(which())); err != nil {
				return err
			}
		}
	})
	return float64(count.Load()) / time.Since(begun).Seconds(), err
}

// everyCore calls f once for each core, at the same time.
func everyCore(f func() error) error {
	failures := make([]error, runtime.GOMAXPROCS(0))
	var cores sync.WaitGroup
	for i := range failures {
		cores.Go(func() { failures[i] = f() })
	}
	cores.Wait()
	return errors.Join(failures...)
}

// waits collects how long something took. It is safe for concurrent use.
type waits struct {
	mu  sync.Mutex
	all []time.Duration
	err error
}

func (w *waits) add(d time.Duration, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, d)
	w.err = errors.Join(w.err, err)
}

// tell says the figures.
func (w *waits) tell(what string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.all) == 0 {
		return errors.Join(w.err, errors.New("nothing was measured: too few tokens"))
	}
	slices.Sort(w.all)
	tell("longest-"+what+"-ms", w.all[len(w.all)-1].Seconds()*1e3)
	tell("p99.9-"+what+"-ms", w.all[len(w.all)*999/1000].Seconds()*1e3)
	tell("median-"+what+"-ms", w.all[len(w.all)/2].Seconds()*1e3)
	return w.err
}

// each calls f at a rate, whether or not the calls before have ended, and measures from the moment when it was due, until ctx
// ends.
func each(ctx context.Context, period time.Duration, w *waits, f func(n int) error) {
	var calls sync.WaitGroup
	defer calls.Wait()
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case due := <-ticker.C:
			calls.Go(func() {
				err := f(n)
				w.add(time.Since(due), err)
			})
		}
	}
}

// measureSweep sweeps as the daemon does, beside checks and log-ins, and goes on writing afterwards.
func measureSweep(s *boltstore.Store, when string, all scale) error {
	var checks, logins waits
	ctx, stop := context.WithTimeout(context.Background(), sweepPart)
	defer stop()
	first := 1<<33 + rand.IntN(1<<35) // of the new tokens
	create := func(n int) error { return s.CreateCredential(context.Background(), all.token(first+n)) }
	var beside sync.WaitGroup
	beside.Go(func() {
		each(ctx, time.Millisecond, &checks, func(int) error {
			_, err := s.CredentialByDigest(context.Background(), scaleDigest(all.tokens+rand.IntN(all.tokens)))
			return err
		})
	})
	beside.Go(func() { each(ctx, 5*time.Millisecond, &logins, create) })
	until := begin()
	switch when {
	case early:
		until = all.untilLate()
	case alone:
		until = begin().Add(-1000 * 24 * time.Hour) // nothing has expired then
	}
	begun, batches := time.Now(), 0
	swept, err := pace.Runner{Now: time.Now}.Run(ctx, func(limit int) (int, error) {
		batches++
		return s.SweepCredentials(context.Background(), until, limit)
	})
	took := time.Since(begun).Seconds()
	if when == alone {
		time.AfterFunc(alonePart, stop)
	} else {
		stop()
	}
	beside.Wait()
	if when != alone {
		tell("swept-"+when, float64(swept))
		tell("swept/s-"+when, float64(swept)/took)
		tell("a-batch-"+when, float64(swept)/float64(batches))
	}
	err = errors.Join(err, checks.tell("check-"+when), logins.tell("log-in-"+when), tellMemory(when))
	go func() { // until it is killed
		for n := 1 << 36; create(n) == nil; n++ {
		}
	}()
	return err
}

// skip sweeps all but the last expired tokens in large transactions, and brings the file to the disk.
func skip(s *boltstore.Store, path string, all scale) error {
	for n := 1; n > 0; {
		var err error
		if n, err = s.SweepCredentials(context.Background(), all.untilLate(), 20_000); err != nil {
			return err
		}
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// tellMemory says how much memory the process has.
func tellMemory(when string) error {
	file, err := os.Open("/proc/self/status")
	if err != nil {
		return err
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		name, rest, _ := strings.Cut(lines.Text(), ":")
		if unit, ok := map[string]string{"RssAnon": "own-", "RssFile": "mapped-"}[name]; ok {
			kilobytes, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				return err
			}
			tell(unit+when+"-MB", float64(kilobytes)/1e3)
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	tell("heap-"+when+"-MB", float64(m.HeapSys)/1e6)
	return nil
}
