package boltstore_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/daemon/store"
	"latchkey/daemon/store/boltstore"
)

// begin is the time of these tests.
func begin() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// token returns the nth credential: a session token such as a log-in makes.
func token(n int) store.Credential {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
	return store.Credential{
		ID: store.ID(fmt.Sprintf("%024x", n)), Kind: store.KindSession, Digest: store.Digest(sum[:]), User: fmt.Sprintf("user%d", n%1000),
		Groups: []string{"staff", "developers", "wheel"}, CreatedAt: begin(), ExpiresAt: begin().Add(time.Duration(n) * time.Millisecond),
		Source: "192.0.2.17", UserAgent: "python-requests/2.31.0", Backend: "ldap",
	}
}

// load adds tokens from the first up to, but without, the last, from many writers.
func load(b testing.TB, s store.Store, first, last int) {
	b.Helper()
	var next atomic.Int64
	next.Store(int64(first))
	var writers sync.WaitGroup
	for range 256 {
		writers.Go(func() {
			for n := int(next.Add(1)) - 1; n < last; n = int(next.Add(1)) - 1 {
				if err := s.CreateCredential(b.Context(), token(n)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	writers.Wait()
}

// BenchmarkCreate is how long a durable log-in waits when 64 of them are under way; the store holds 100 000 tokens.
func BenchmarkCreate(b *testing.B) {
	path := filepath.Join(b.TempDir(), "store.db")
	s := openAt(b, path, boltstore.Options{NoSync: true})
	load(b, s, 0, 100_000)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for _, writers := range []int{1, 8, 64, 256} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s := openAt(b, path, boltstore.Options{})
			defer s.Close()
			first := 1_000_000_000 * writers
			var next atomic.Int64
			b.ResetTimer()
			var all sync.WaitGroup
			for range writers {
				all.Go(func() {
					for n := int(next.Add(1)); n <= b.N; n = int(next.Add(1)) {
						c := token(first + n + int(time.Since(begin())))
						if err := s.CreateCredential(b.Context(), c); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

// BenchmarkLookup is what a check costs here: of a token that the cache has, of one that it has not, and of none.
func BenchmarkLookup(b *testing.B) {
	const tokens = 200_000
	path := filepath.Join(b.TempDir(), "store.db")
	s := openAt(b, path, boltstore.Options{NoSync: true})
	load(b, s, 0, tokens)
	if info, err := os.Stat(path); err == nil {
		b.Logf("%d bytes a token in the file", info.Size()/tokens)
	}
	lookup := func(b *testing.B, digests []store.Digest, found bool) {
		b.ReportAllocs()
		b.RunParallel(func(p *testing.PB) {
			for i := 0; p.Next(); i++ {
				if _, err := s.CredentialByDigest(b.Context(), digests[i%len(digests)]); (err == nil) != found {
					b.Error(err)
				}
			}
		})
	}
	digests := make([]store.Digest, tokens)
	for n := range digests {
		digests[n] = token(n).Digest
	}
	b.Run("kept", func(b *testing.B) { lookup(b, digests[:1000], true) })
	b.Run("unknown", func(b *testing.B) { lookup(b, []store.Digest{token(tokens).Digest}, false) })
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	s = openAt(b, path, boltstore.Options{CacheBytes: 1})
	b.Run("read", func(b *testing.B) { lookup(b, digests, true) })
}

// BenchmarkSweep is how long a transaction of a thousand expired tokens takes, and what it does to a writer beside it.
func BenchmarkSweep(b *testing.B) {
	s := openAt(b, filepath.Join(b.TempDir(), "store.db"), boltstore.Options{})
	now, swept := begin().Add(365*24*time.Hour), 0
	for b.Loop() {
		n, err := s.SweepCredentials(b.Context(), now, 1000)
		if err != nil {
			b.Fatal(err)
		}
		if swept += n; n == 0 {
			b.StopTimer()
			load(b, s, 1_000_000_000+swept, 1_000_000_000+swept+100_000)
			b.StartTimer()
		}
	}
	b.ReportMetric(float64(swept)/b.Elapsed().Seconds(), "tokens/s")
}
