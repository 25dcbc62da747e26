package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/daemon/store"
	"latchkey/daemon/store/pgstore"
	"latchkey/daemon/store/pgstore/pgtest"
)

// TestUsersTogether reads many users at the same time: they are read together, each caller gets his own, and what he does to it
// is seen by nobody else.
func TestUsersTogether(t *testing.T) {
	const known = 30
	server := pgtest.Start(t)
	url := server.NewDatabase(t)
	s, holder, admin := openAt(t, url, pgstore.Options{}), connect(t, url), connect(t, url)
	name := func(n int) string { return fmt.Sprintf("user%d", n) }
	for n := range known {
		_, err := s.PutUser(t.Context(), name(n), func(u *store.User, _ bool) error {
			u.Groups, u.Nicknames = []string{name(n)}, map[string]string{"slack": name(n)}
			return nil
		})
		wantError(t, "PutUser", err, nil)
	}
	run(t, holder, "BEGIN")
	run(t, holder, "LOCK TABLE latchkey.users IN ACCESS EXCLUSIVE MODE")
	var all sync.WaitGroup
	read := func(n int) {
		all.Go(func() {
			u, err := s.User(t.Context(), name(n))
			if n >= known {
				if !errors.Is(err, store.ErrNotFound) {
					t.Errorf("a user who is not known: %v", err)
				}
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
			want := store.User{Name: name(n), Groups: []string{name(n)}, Nicknames: map[string]string{"slack": name(n)}}
			if diff := cmp.Diff(want, u); diff != "" {
				t.Errorf("a user came back otherwise (- wanted, + got):\n%s", diff)
			}
			u.Groups[0], u.Nicknames["slack"] = "changed", "changed"
		})
	}
	for n := range pgstore.MaxGroups {
		read(n)
		eventually(t, "a query to wait for the lock", func() bool { return ask[int](t, admin, waiting) == n+1 })
	}
	for n := range 2 * known { // some who are not known, and each of the known ones twice
		read(n)
		read(n % known)
	}
	eventually(t, "all to wait", func() bool { return s.WaitingLookups() == 4*known })
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { _, err := s.User(ctx, name(0)); gone <- err }()
	eventually(t, "the last to wait", func() bool { return s.WaitingLookups() == 4*known+1 })
	cancel()
	wantError(t, "one who has gone", <-gone, context.Canceled)
	run(t, holder, "COMMIT")
	all.Wait()
}
