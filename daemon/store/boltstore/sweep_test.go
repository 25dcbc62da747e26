package boltstore_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"latchkey/daemon/store/boltstore"
)

// TestSweepDisturbsNoCheck removes ten thousand expired tokens in small transactions, while tokens are looked up of
// which the cache knows none. The bound is a thousand times what a look-up takes. hazard 67
func TestSweepDisturbsNoCheck(t *testing.T) {
	const expired, live, bound = 10_000, 1000, 50 * time.Millisecond
	path := filepath.Join(t.TempDir(), "store.db")
	s := openAt(t, path, boltstore.Options{NoSync: true})
	load(t, s, 0, expired+live) // they expire in this order
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, path, boltstore.Options{CacheBytes: 1})
	swept := make(chan int, 1)
	go func() {
		total := 0
		defer func() { swept <- total }()
		for {
			n, err := s.SweepCredentials(t.Context(), token(expired-1).ExpiresAt, 1000)
			if err != nil || n > 1000 {
				t.Errorf("%d were swept at once, %v", n, err)
				return
			}
			if total += n; n == 0 {
				return
			}
		}
	}()
	var waits []time.Duration
	for n := 0; ; n++ {
		begun := time.Now()
		if _, err := s.CredentialByDigest(t.Context(), token(expired+n%live).Digest); err != nil {
			t.Fatal(err)
		}
		waits = append(waits, time.Since(begun))
		select {
		case total := <-swept:
			slices.Sort(waits)
			p99 := waits[len(waits)*99/100]
			t.Logf("%d were swept during %d look-ups; 99 of 100 of these took less than %v", total, len(waits), p99)
			if total != expired || p99 > bound {
				t.Errorf("%d were swept, want %d; the bound is %v", total, expired, bound)
			}
			return
		default:
		}
	}
}
