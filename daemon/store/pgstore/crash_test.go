package pgstore_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"latchkey/daemon/store"
	"latchkey/daemon/store/pgstore"
	"latchkey/daemon/store/pgstore/pgtest"
)

// What a token, or a user with his tokens, may be.
const (
	gone     = "gone"
	there    = "there"
	disabled = "disabled"
)

// record notes what the store has confirmed: of each token, the states in which it may be.
type record struct {
	mu       sync.Mutex
	tokens   map[int][]string
	families map[int][]string
	words    atomic.Int64 // confirmed writes
	next     atomic.Int64 // the number of the next token
}

// step makes one write that brings something from one state to another, and notes in which it may be afterwards.
func (r *record) step(in map[int][]string, n int, from, to string, write func() error) error {
	r.mu.Lock()
	in[n] = []string{from, to}
	r.mu.Unlock()
	if err := write(); err != nil {
		return err
	}
	r.mu.Lock()
	in[n] = []string{to}
	r.mu.Unlock()
	r.words.Add(1)
	return nil
}

// token makes a token, and deletes one of three and disables another.
func (r *record) token(t *testing.T, s store.Store) error {
	n := int(r.next.Add(1))
	if err := r.step(r.tokens, n, gone, there, func() error { return s.CreateCredential(t.Context(), token(n)) }); err != nil {
		return err
	}
	switch n % 3 {
	case 0:
		return r.step(r.tokens, n, there, gone, func() error {
			_, err := s.DeleteCredential(t.Context(), token(n).ID, nil)
			return err
		})
	case 1:
		return r.step(r.tokens, n, there, disabled, func() error {
			_, err := s.UpdateCredential(t.Context(), token(n).ID, disable)
			return err
		})
	}
	return nil
}

// familySize is how many tokens a user has who is deleted.
const familySize = 5

// relative returns the tokens of a user who is deleted.
func relative(family, n int) store.Credential {
	c := token(1_000_000 + family*familySize + n)
	c.User = fmt.Sprintf("family%d", family)
	return c
}

// family makes a user with tokens and deletes him: a transaction that removes many rows.
func (r *record) family(t *testing.T, s store.Store) error {
	family := int(r.next.Add(1))
	if _, err := s.PutUser(t.Context(), relative(family, 0).User, func(*store.User, bool) error { return nil }); err != nil {
		return err
	}
	for n := range familySize {
		if err := s.CreateCredential(t.Context(), relative(family, n)); err != nil {
			return err
		}
	}
	return r.step(r.families, family, there, gone, func() error { return s.DeleteUser(t.Context(), relative(family, 0).User) })
}

// verify fails the test unless everything is in a state in which it may be.
func (r *record) verify(t *testing.T, s store.Store) {
	t.Helper()
	for n, states := range r.tokens {
		state := there
		entry, err := s.CredentialByDigest(t.Context(), token(n).Digest)
		switch {
		case errors.Is(err, store.ErrNotFound):
			state = gone
		case err != nil:
			t.Fatal(err)
		case entry.Credential.Disabled:
			state = disabled
		}
		if !slices.Contains(states, state) {
			t.Errorf("token %d is %s and should be %v", n, state, states)
		}
	}
	for n, states := range r.families {
		user := relative(n, 0).User
		_, err := s.User(t.Context(), user)
		_, total, listed := s.Credentials(t.Context(), store.Query{User: user})
		known := err == nil
		if listed != nil || err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err, listed)
		}
		state := gone
		if known {
			state = there
		}
		if total != 0 && total != familySize || known != (total == familySize) || !slices.Contains(states, state) {
			t.Errorf("%s is %s with %d of %d tokens, and should be %v", user, state, total, familySize, states)
		}
	}
	wantConsistent(t, s)
}

// TestKill kills the server while many write, again and again: what was confirmed is there, nothing is there by half, and the
// store that was open all the time goes on. hazard 68
func TestKill(t *testing.T) {
	const kills, writers = 8, 12
	server := pgtest.Start(t)
	url := server.NewDatabase(t)
	s := openAt(t, url, pgstore.Options{})
	r := &record{tokens: map[int][]string{}, families: map[int][]string{}}
	failures := 0
	for round := range kills {
		var all sync.WaitGroup
		ends := make([]error, writers)
		for w := range writers {
			all.Go(func() {
				for i := 0; ends[w] == nil; i++ {
					if (i+w)%8 == 0 {
						ends[w] = r.family(t, s)
					} else {
						ends[w] = r.token(t, s)
					}
				}
			})
		}
		enough := r.words.Load() + int64(50+100*round)
		eventually(t, "enough confirmed writes", func() bool { return r.words.Load() >= enough })
		server.Kill(t)
		all.Wait()
		for _, err := range ends {
			if err != nil {
				failures++
			}
			for _, sentinel := range []error{store.ErrExists, store.ErrNotFound, store.ErrInvalid} {
				if errors.Is(err, sentinel) {
					t.Errorf("a writer whose server was killed was told %v", err)
				}
			}
		}
		if err := s.Ping(t.Context()); err == nil {
			t.Error("ready without a server")
		}
		server.Restart(t)
		if err := s.Ping(t.Context()); err != nil {
			t.Errorf("with the server back: %v", err)
		}
		r.verify(t, s)
	}
	if failures != kills*writers {
		t.Errorf("%d of %d writers ended with an error", failures, kills*writers)
	}
	r.verify(t, openAt(t, url, pgstore.Options{}))
	t.Logf("%d kills, %d confirmed writes, none lost", kills, r.words.Load())
}

// TestStopUnderLoad stops the server in good order while many read and write, and starts it again: those who go on asking are
// served again, with no call that is told something false.
func TestStopUnderLoad(t *testing.T) {
	server := pgtest.Start(t)
	s := openAt(t, server.NewDatabase(t), pgstore.Options{})
	create(t, s, 1)
	done := make(chan struct{})
	var readers sync.WaitGroup
	var served, refused atomic.Int64
	for range 6 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				switch _, err := s.CredentialByDigest(t.Context(), token(1).Digest); {
				case err == nil:
					served.Add(1)
				case errors.Is(err, store.ErrNotFound):
					t.Error("a token that is there was not found")
					return
				default:
					refused.Add(1)
				}
			}
		})
	}
	for range 3 {
		before := served.Load()
		eventually(t, "reads", func() bool { return served.Load() > before+100 })
		server.Stop(t)
		without := refused.Load()
		eventually(t, "refused reads", func() bool { return refused.Load() > without+10 })
		server.Restart(t)
	}
	before := served.Load()
	eventually(t, "reads again", func() bool { return served.Load() > before+100 })
	close(done)
	readers.Wait()
}
