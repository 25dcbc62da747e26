package pgstore_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"latchkey/daemon/store"
	"latchkey/daemon/store/pgstore"
	"latchkey/daemon/store/pgstore/pgtest"
)

// issued returns the nth session token such as a log-in makes.
func issued(n int) store.Credential {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
	c := token(n)
	c.Digest, c.User, c.Groups = store.Digest(sum[:]), fmt.Sprintf("user%d", n%1000), []string{"staff", "developers", "wheel"}
	c.Source, c.UserAgent, c.Backend = "192.0.2.17", "python-requests/2.31.0", "ldap"
	return c
}

// BenchmarkCreate is how long a durable creation takes by itself, and how many there are in a second when many are under way.
func BenchmarkCreate(b *testing.B) {
	server := pgtest.Start(b)
	s := openAt(b, server.NewDatabase(b), pgstore.Options{})
	var next atomic.Int64
	for _, callers := range []int{1, 8, 64, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			last := next.Load() + int64(b.N)
			var all sync.WaitGroup
			for range callers {
				all.Go(func() {
					for n := next.Add(1); n <= last; n = next.Add(1) {
						if err := s.CreateCredential(b.Context(), issued(int(n))); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "creations/s")
		})
	}
}
