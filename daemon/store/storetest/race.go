package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/daemon/store"
)

// together runs f in n goroutines that begin at the same moment, and waits for them.
func together(n int, f func(i int)) {
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-begin
			f(i)
		})
	}
	close(begin)
	all.Wait()
}

// oneWins fails the test unless exactly one of a hundred tries succeeds and the others fail with loss.
func oneWins(t *testing.T, loss error, try func(i int) error) {
	t.Helper()
	var won atomic.Int32
	together(100, func(i int) {
		switch err := try(i); {
		case err == nil:
			won.Add(1)
		case !errors.Is(err, loss):
			t.Errorf("a loser got %v, not %v", err, loss)
		}
	})
	if won.Load() != 1 {
		t.Errorf("%d of 100 won", won.Load())
	}
}

// hazard 31
func raceTests() map[string]func(*testing.T, store.Store) {
	return map[string]func(*testing.T, store.Store){
		"OneCreates":                   testOneCreates,
		"OneDeletes":                   testOneDeletes,
		"OneRotates":                   testOneRotates,
		"OneBootstraps":                testOneBootstraps,
		"EveryFailureCounts":           testEveryFailureCounts,
		"EveryChangeCounts":            testEveryChangeCounts,
		"NeighboursOfARefusal":         testNeighboursOfARefusal,
		"AfterARevocationNobodyGetsIn": testRevocation,
		"AfterADisablingNobodyGetsIn":  testDisabling,
		"WhoHasGoneIsNotCalledBack":    testGone,
	}
}

func testOneCreates(t *testing.T, s store.Store) {
	oneWins(t, store.ErrExists, func(i int) error {
		c := apiKey(i+1, "bob")
		c.Digest = digest(0)
		return s.CreateCredential(t.Context(), c)
	})
	want(t, "how many there are", len(list(t, s, store.Query{})), 1)
}

func testOneDeletes(t *testing.T, s store.Store) {
	create(t, s, full(1))
	oneWins(t, store.ErrNotFound, func(int) error {
		_, err := s.DeleteCredential(t.Context(), id(1), nil)
		return err
	})
	wantGone(t, s, full(1))
}

func testOneRotates(t *testing.T, s store.Store) {
	create(t, s, full(1))
	oneWins(t, errLost, func(i int) error {
		_, err := s.UpdateCredential(t.Context(), id(1), func(c *store.Credential) error {
			if c.Digest != digest(1) {
				return errLost
			}
			c.Digest = digest(i + 2)
			return nil
		})
		return err
	})
	c, err := s.Credential(t.Context(), id(1))
	wantError(t, "Credential", err, nil)
	for n := 1; n <= 101; n++ {
		_, err := s.CredentialByDigest(t.Context(), digest(n))
		if found := err == nil; found != (digest(n) == c.Digest) {
			t.Errorf("digest %d is found: %t", n, found)
		}
	}
}

func testOneBootstraps(t *testing.T, s store.Store) {
	none := errors.New("not created")
	oneWins(t, none, func(i int) error {
		created, err := s.CreateOnce(t.Context(), "first", true, apiKey(i+1, "bob"))
		if err == nil && !created {
			return none
		}
		return err
	})
	want(t, "how many there are", len(list(t, s, store.Query{})), 1)
}

func testEveryFailureCounts(t *testing.T, s store.Store) {
	together(100, func(i int) {
		_, err := s.PutLockout(t.Context(), "bob", func(l *store.Lockout) time.Time {
			l.Failures = append(l.Failures, base().Add(time.Duration(i)*time.Second))
			return base().Add(time.Hour)
		})
		if err != nil {
			t.Error(err)
		}
	})
	l, err := s.Lockout(t.Context(), "bob")
	wantError(t, "Lockout", err, nil)
	want(t, "the number of failures", len(l.Failures), 100)
}

func testEveryChangeCounts(t *testing.T, s store.Store) {
	together(100, func(i int) {
		_, err := s.PutUser(t.Context(), "bob", func(u *store.User, _ bool) error {
			u.Groups = append(u.Groups, fmt.Sprint(i))
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	u, err := s.User(t.Context(), "bob")
	wantError(t, "User", err, nil)
	want(t, "the number of groups", len(u.Groups), 100)
}

func testNeighboursOfARefusal(t *testing.T, s store.Store) {
	create(t, s, apiKey(1000, "bob"))
	together(100, func(i int) {
		var err error
		switch i % 4 {
		case 0:
			if _, err = s.UpdateCredential(t.Context(), id(1000), func(*store.Credential) error { return errLost }); errors.Is(err, errLost) {
				err = nil
			}
		case 1:
			if _, err = s.UpdateCredential(t.Context(), id(1000), func(*store.Credential) error { panic("odd") }); err != nil {
				err = nil
			}
		default:
			err = s.CreateCredential(t.Context(), apiKey(i+1, "bob"))
		}
		if err != nil {
			t.Error(err)
		}
	})
	want(t, "how many there are", len(list(t, s, store.Query{User: "bob"})), 51)
}

// testRevocation deletes what many are reading, and holds the store to what a reader sees who begins after the deletion has
// returned. The epoch says how many deletions have returned.
func testRevocation(t *testing.T, s store.Store) {
	const rounds = 200
	var deleted atomic.Int64
	for n := range rounds {
		create(t, s, apiKey(n, "bob"))
	}
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				gone := deleted.Load()
				for n := max(0, gone-2); n < min(rounds, gone+3); n++ {
					if _, err := s.CredentialByDigest(t.Context(), digest(int(n))); err == nil && n < gone {
						t.Errorf("credential %d was deleted and is accepted", n)
						return
					}
				}
			}
		})
	}
	for n := range rounds {
		if _, err := s.DeleteCredential(t.Context(), id(n), nil); err != nil {
			t.Error(err)
		}
		deleted.Store(int64(n + 1))
	}
	close(done)
	readers.Wait()
}

// testDisabling disables and enables a user again and again, while many read a credential of his: none may see a state that
// is older than the last change that has returned.
func testDisabling(t *testing.T, s store.Store) {
	const rounds = 200
	create(t, s, apiKey(1, "bob"))
	putUser(t, s, store.User{Name: "bob", DisplayName: "0"})
	var changed atomic.Int64
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				since := changed.Load()
				entry, err := s.CredentialByDigest(t.Context(), digest(1))
				if err != nil {
					t.Error(err)
					return
				}
				var seen int64
				if _, err := fmt.Sscan(entry.Owner.DisplayName, &seen); err != nil || seen < since {
					t.Errorf("change %d was seen after change %d had returned", seen, since)
					return
				}
			}
		})
	}
	for n := range rounds {
		putUser(t, s, store.User{Name: "bob", DisplayName: fmt.Sprint(n + 1)})
		changed.Store(int64(n + 1))
	}
	close(done)
	readers.Wait()
}

// testGone cancels writes under way: once a call has returned its function does not run, and the store is whole.
func testGone(t *testing.T, s store.Store) {
	create(t, s, apiKey(1, "bob"))
	together(50, func(i int) {
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		calls := 0 // the race detector sees a call after the return
		_, err := s.UpdateCredential(ctx, id(1), func(c *store.Credential) error {
			calls++
			c.Name = fmt.Sprint(i)
			return nil
		})
		calls++
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		created, err := s.CreateOnce(ctx, fmt.Sprint(i), false, apiKey(i+100, "bob"))
		if created && err != nil {
			t.Errorf("created, and %v", err)
		}
	})
	want(t, "the list by user and the list of all", list(t, s, store.Query{User: "bob"}), list(t, s, store.Query{}))
	create(t, s, apiKey(2, "bob"))
}
