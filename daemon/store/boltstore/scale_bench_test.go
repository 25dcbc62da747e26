package boltstore

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"latchkey/daemon/store"
)

// scaleVariable says how many live tokens BenchmarkScale has, and as many expired ones; a million when it is not set.
const scaleVariable = "LATCHKEY_BENCH_TOKENS"

// scaleUsers is how many users own them.
const scaleUsers = 100_000

// scaleTime is the time of the benchmark: half of the tokens have expired before it.
func scaleTime() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// scaleToken returns the nth token of twice as many as there are live ones: the first half has expired, in order.
func scaleToken(n, live int) store.Credential {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
	expires := scaleTime().Add(time.Duration(n-live) * time.Millisecond)
	if n >= live {
		expires = expires.Add(12 * time.Hour)
	}
	return store.Credential{
		ID: store.ID(fmt.Sprintf("%024x", n)), Kind: store.KindSession, Digest: store.Digest(sum[:]), User: fmt.Sprintf("user%d", n%scaleUsers),
		Groups: []string{"staff", "developers", "wheel"}, CreatedAt: expires.Add(-24 * time.Hour), ExpiresAt: expires,
		Source: "192.0.2.17", UserAgent: "python-requests/2.31.0", Backend: "ldap",
	}
}

// BenchmarkScale measures a store with many live tokens and as many expired ones that are being swept: checks that memory does not
// answer, beside those of a store with a thousand; how long a start takes after a proper stop and after kill -9; how long the longest
// check and the longest log-in take while the sweep runs; and the size of the process and the file.
//
// The store is written in the order of its keys, with pages as full as random writes leave them. It is in a temporary folder, 600
// bytes for each token. Run it with -benchtime 1x; LATCHKEY_BENCH_TOKENS=10000000 takes about half an hour.
func BenchmarkScale(b *testing.B) {
	live := 1_000_000
	if text := os.Getenv(scaleVariable); text != "" {
		var err error
		if live, err = strconv.Atoi(text); err != nil || live < 1000 {
			b.Fatalf("%s: %q is no number of at least a thousand", scaleVariable, text)
		}
	}
	for range b.N {
		few, many := filepath.Join(b.TempDir(), "few.db"), filepath.Join(b.TempDir(), "many.db")
		fillScale(b, few, 1000)
		fillScale(b, many, live)
		info, err := os.Stat(many)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(info.Size())/1e9, "file-GB")
		measureStarts(b, many)
		fewRate, manyRate := checkRate(b, few, 1000), checkRate(b, many, live)
		b.ReportMetric(fewRate, "checks-of-1000/s")
		b.ReportMetric(manyRate, "checks/s")
		b.ReportMetric(manyRate/fewRate, "ratio")
		measureSweep(b, many, live)
	}
}

// fillScale makes a store with live tokens and as many expired ones.
func fillScale(b *testing.B, path string, live int) {
	b.Helper()
	s, err := Open(path, Options{NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	total := 2 * live
	order := make([]uint32, total)
	for n := range order {
		order[n] = uint32(n)
	}
	digests := make([][sha256.Size]byte, total)
	for n := range digests {
		digests[n] = sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
	}
	inOrder := slices.Clone(order)
	slices.SortFunc(order, func(x, y uint32) int { return bytes.Compare(digests[x][:], digests[y][:]) })
	byOwner := make([]uint32, 0, total)
	for user := range scaleUsers {
		for n := user; n < total; n += scaleUsers {
			byOwner = append(byOwner, uint32(n))
		}
	}
	slices.SortStableFunc(byOwner, func(x, y uint32) int {
		return bytes.Compare(fmt.Appendf(nil, "user%d\x00", x%scaleUsers), fmt.Appendf(nil, "user%d\x00", y%scaleUsers))
	})
	put := func(order []uint32, bucket []byte, percent float64, entry func(c *store.Credential) (key, value []byte)) {
		for chunk := range slices.Chunk(order, 100_000) {
			if err := s.db.Update(func(tx *bbolt.Tx) error {
				to := tx.Bucket(bucket)
				to.FillPercent = percent
				for _, n := range chunk {
					c := scaleToken(int(n), live)
					key, value := entry(&c)
					if err := to.Put(key, value); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				b.Fatal(err)
			}
		}
	}
	put(order, bucketCredentials, 0.7, func(c *store.Credential) ([]byte, []byte) {
		value, err := encodeCredential(c)
		if err != nil {
			b.Fatal(err)
		}
		return []byte(c.Digest), value
	})
	put(inOrder, bucketIDs, 0.95, func(c *store.Credential) ([]byte, []byte) { return packed(c.ID), pointTo(c) })
	put(byOwner, bucketOwners, 0.7, func(c *store.Credential) ([]byte, []byte) {
		return append(ownerKey(c.User, kindByte(c.Kind)), packed(c.ID)...), pointTo(c)
	})
	put(inOrder, bucketExpiries, 0.95, func(c *store.Credential) ([]byte, []byte) {
		return append(endKey(c.ExpiresAt), packed(c.ID)...), []byte(c.Digest)
	})
	if err := s.db.Sync(); err != nil {
		b.Fatal(err)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	runtime.GC()
}

// measureStarts opens the store after a proper stop, and after a process that has written to it was killed.
func measureStarts(b *testing.B, path string) {
	b.Helper()
	open := func() (*Store, time.Duration) {
		started := time.Now()
		s, err := Open(path, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Lockout(b.Context(), "x"); err != nil {
			b.Fatal(err)
		}
		return s, time.Since(started)
	}
	s, took := open()
	b.ReportMetric(took.Seconds()*1e3, "start-ms")
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "BOLTSTORE_TEST_PATH="+path, "BOLTSTORE_TEST_FIRST=2000000000")
	said, err := child.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	for n := 0; n < 1000 && lines.Scan(); n++ { // so many writes
	}
	if err := child.Process.Kill(); err != nil {
		b.Fatal(err)
	}
	_ = child.Wait() // it was killed
	s, took = open()
	b.ReportMetric(took.Seconds()*1e3, "start-after-kill-ms")
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// checkRate returns how many look-ups of live tokens, none of them in memory, are done in a second.
func checkRate(b *testing.B, path string, live int) float64 {
	b.Helper()
	s, err := Open(path, Options{CacheBytes: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	const seconds = 5
	var rate float64
	for range 2 { // the first round fills the system's memory of the file
		var mu sync.Mutex
		var wg sync.WaitGroup
		done, started := 0, time.Now()
		for range runtime.NumCPU() {
			wg.Go(func() {
				own := 0
				for ; time.Since(started) < seconds*time.Second; own++ {
					c := scaleToken(live+rand.IntN(live), live)
					if _, err := s.CredentialByDigest(b.Context(), c.Digest); err != nil {
						b.Error(err)
						return
					}
				}
				mu.Lock()
				defer mu.Unlock()
				done += own
			})
		}
		wg.Wait()
		rate = float64(done) / time.Since(started).Seconds()
	}
	return rate
}

// measureSweep sweeps as the daemon does, beside 16 who log in and one who checks, each every few milliseconds.
func measureSweep(b *testing.B, path string, live int) {
	b.Helper()
	s, err := Open(path, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	ctx, stop := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	var mu sync.Mutex
	waits := map[string][]time.Duration{}
	beside := func(what string, pause time.Duration, act func(n int) error) {
		wg.Go(func() {
			var own []time.Duration
			ticker := time.NewTicker(pause)
			defer ticker.Stop()
			for n := 0; ctx.Err() == nil; n++ {
				started := time.Now()
				if err := act(n); err != nil && ctx.Err() == nil {
					b.Error(err)
					return
				}
				own = append(own, time.Since(started))
				<-ticker.C
			}
			mu.Lock()
			defer mu.Unlock()
			waits[what] = append(waits[what], own...)
		})
	}
	for writer := range 16 {
		beside("log-in", 20*time.Millisecond, func(n int) error {
			c := scaleToken(1_000_000_000+writer*10_000_000+n, live)
			return s.CreateCredential(ctx, c)
		})
	}
	beside("check", 2*time.Millisecond, func(int) error {
		_, err := s.CredentialByDigest(ctx, scaleToken(live+rand.IntN(live), live).Digest)
		return err
	})
	swept, started := 0, time.Now()
	for {
		n, err := s.SweepCredentials(ctx, scaleTime(), 100)
		if err != nil {
			b.Fatal(err)
		}
		if swept += n; n == 0 {
			break
		}
	}
	took := time.Since(started)
	stop()
	wg.Wait()
	if swept != live {
		b.Errorf("%d were swept, not %d", swept, live)
	}
	b.ReportMetric(took.Seconds(), "sweep-s")
	for what, all := range waits {
		slices.Sort(all)
		b.ReportMetric(all[len(all)-1].Seconds()*1e3, "longest-"+what+"-ms")
		b.ReportMetric(all[len(all)*999/1000].Seconds()*1e3, "p99.9-"+what+"-ms")
	}
	b.ReportMetric(heapMB(), "heap-MB")
	b.ReportMetric(anonymousMB(b), "anonymous-MB")
}

// heapMB returns how much the Go heap has taken from the system.
func heapMB() float64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapSys) / 1e6
}

// anonymousMB returns how much memory the process has that is not the file's, which the system can take back at any time.
func anonymousMB(b *testing.B) float64 {
	b.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	found := regexp.MustCompile(`RssAnon:\s+(\d+) kB`).FindSubmatch(text)
	if found == nil {
		b.Fatal("no RssAnon in /proc/self/status")
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		b.Fatal(err)
	}
	return float64(n) / 1e3
}
