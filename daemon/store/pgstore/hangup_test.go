package pgstore_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"latchkey/daemon/store"
	"latchkey/daemon/store/pgstore"
	"latchkey/daemon/store/pgstore/pgtest"
)

// TestHangUps has many callers go while their calls are under way. Each costs a connection, and the server clears it away a
// little later: the others must not be turned away because of that.
func TestHangUps(t *testing.T) {
	const callers, conns = 40, 16
	server := pgtest.StartWith(t, pgtest.Options{Settings: map[string]string{
		"max_connections": "17", "superuser_reserved_connections": "0", "max_wal_senders": "0",
	}})
	s := openAt(t, server.NewDatabase(t), pgstore.Options{MaxConns: conns})
	create(t, s, 1)
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for i := range 25 {
				ctx, cancel := context.WithCancel(t.Context())
				_, err := s.UpdateCredential(ctx, token(1).ID, func(c *store.Credential) error {
					if i%2 == 0 {
						cancel()
					}
					return disable(c)
				})
				cancel()
				if err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	wantConsistent(t, s)
}
