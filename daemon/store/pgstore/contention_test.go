package pgstore_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/daemon/store"
	"latchkey/daemon/store/pgstore"
	"latchkey/daemon/store/pgstore/pgtest"
)

// waiting counts the connections that wait for a lock.
const waiting = "SELECT count(*)" + others + " AND wait_event_type = 'Lock'"

// TestTwoNodesOneRow lets two nodes change one row: the second waits, and sees what the first has made.
func TestTwoNodesOneRow(t *testing.T) {
	server := pgtest.Start(t)
	url := server.NewDatabase(t)
	a, b, admin := openAt(t, url, pgstore.Options{}), openAt(t, url, pgstore.Options{}), connect(t, url)
	create(t, a, 1)
	inside, goOn, first, second := make(chan struct{}), make(chan struct{}), make(chan error, 1), make(chan error, 1)
	release := sync.OnceFunc(func() { close(goOn) })
	t.Cleanup(release)
	go func() {
		_, err := a.UpdateCredential(t.Context(), token(1).ID, func(c *store.Credential) error {
			close(inside)
			<-goOn
			return disable(c)
		})
		first <- err
	}()
	<-inside
	lost := errors.New("it is disabled")
	go func() {
		_, err := b.UpdateCredential(t.Context(), token(1).ID, func(c *store.Credential) error {
			if c.Disabled {
				return lost
			}
			return nil
		})
		second <- err
	}()
	eventually(t, "the second to wait", func() bool { return ask[int](t, admin, waiting) == 1 })

	// A third one does not wait longer than he wants to.
	var called atomic.Bool
	ctx, cancel := context.WithCancel(t.Context())
	third := make(chan error, 1)
	go func() {
		_, err := b.DeleteCredential(ctx, token(1).ID, func(store.Credential) error { called.Store(true); return nil })
		third <- err
	}()
	eventually(t, "the third to wait", func() bool { return ask[int](t, admin, waiting) == 2 })
	cancel()
	wantError(t, "DeleteCredential", <-third, context.Canceled)

	release()
	wantError(t, "the first", <-first, nil)
	if err := <-second; err != lost {
		t.Errorf("the second: %v", err)
	}
	if called.Load() {
		t.Error("who had gone was called back")
	}
	c, err := b.Credential(t.Context(), token(1).ID)
	if err != nil || !c.Disabled {
		t.Errorf("the credential is %+v, %v", c, err)
	}
	// The server drops what he was waiting for: nobody is left in the queue.
	eventually(t, "the third to be gone", func() bool { return ask[int](t, admin, waiting) == 0 })
}

// TestDeadlock has the server break a deadlock at the store's cost: the write is made all the same.
func TestDeadlock(t *testing.T) {
	// The server looks for a deadlock once, so long after a transaction began to wait. By then the other one must wait, too.
	server := pgtest.StartWith(t, pgtest.Options{Settings: map[string]string{"deadlock_timeout": "3s"}})
	url := server.NewDatabase(t)
	s, other, admin := openAt(t, url, pgstore.Options{}), connect(t, url), connect(t, url)
	create(t, s, 1, 2)
	run(t, other, "SET deadlock_timeout = '1min'") // so that it is the store that the server picks
	run(t, other, "BEGIN")
	touch := "UPDATE latchkey.credentials SET name = 'x' WHERE id = $1"
	first, second := []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"), []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02")
	run(t, other, touch, second)
	result := make(chan error, 1)
	go func() {
		result <- s.NoteUses(t.Context(), map[store.ID]time.Time{token(1).ID: begin(), token(2).ID: begin()})
	}()
	eventually(t, "the store to wait", func() bool { return ask[int](t, admin, waiting) == 1 })
	run(t, other, touch, first) // returns when the store has let go of it
	run(t, other, "COMMIT")
	wantError(t, "NoteUses", <-result, nil)
	for _, n := range []int{1, 2} {
		c, err := s.Credential(t.Context(), token(n).ID)
		if err != nil || c.Name != "x" || !c.LastUsedAt.Equal(begin()) {
			t.Errorf("credential %d is %+v, %v", n, c, err)
		}
	}
}

// TestSweepPassesOverWhatIsHeld sweeps while somebody changes an expired credential: nobody waits.
func TestSweepPassesOverWhatIsHeld(t *testing.T) {
	server := pgtest.Start(t)
	s := openAt(t, server.NewDatabase(t), pgstore.Options{})
	create(t, s, 1, 2, 3)
	late := begin().Add(2 * time.Hour)
	_, err := s.UpdateCredential(t.Context(), token(2).ID, func(c *store.Credential) error {
		n, err := openSweep(t, s, late)
		if n != 2 || err != nil {
			t.Errorf("%d were swept beside it, %v", n, err)
		}
		c.ExpiresAt = late.Add(time.Hour)
		return nil
	})
	wantError(t, "UpdateCredential", err, nil)
	n, err := openSweep(t, s, late)
	if n != 0 || err != nil {
		t.Errorf("%d were swept, %v", n, err)
	}
	if n, err = openSweep(t, s, late.Add(time.Hour)); n != 1 || err != nil {
		t.Errorf("%d were swept at the new expiry, %v", n, err)
	}
}

// openSweep sweeps with a deadline.
func openSweep(t *testing.T, s store.Store, now time.Time) (int, error) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return s.SweepCredentials(ctx, now, 10)
}

// TestFrozenServer asks a server that does not answer: nobody waits longer than his context lasts, and all goes on afterwards.
func TestFrozenServer(t *testing.T) {
	server := pgtest.Start(t)
	s := openAt(t, server.NewDatabase(t), pgstore.Options{})
	create(t, s, 1)
	server.Freeze(t)
	for what, call := range map[string]func(context.Context) error{
		"CredentialByDigest": func(ctx context.Context) error { _, err := s.CredentialByDigest(ctx, token(1).Digest); return err },
		"CreateCredential":   func(ctx context.Context) error { return s.CreateCredential(ctx, token(2)) },
		"Ping":               s.Ping,
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		start := time.Now()
		wantError(t, what, call(ctx), context.DeadlineExceeded)
		if took := time.Since(start); took > patience/2 {
			t.Errorf("%s returned %v after the end of its context", what, took)
		}
		cancel()
	}
	server.Thaw(t)
	create(t, s, 3)
	wantConsistent(t, s)
}

// TestTimeLimit asks a server that does not answer, with a context that never ends: each call ends by itself, and says why. That is
// no end of the caller's context, so whoever watches over the process knows that it is alive.
func TestTimeLimit(t *testing.T) {
	server := pgtest.Start(t)
	url := server.NewDatabase(t)
	s := openAt(t, url, pgstore.Options{Timeout: 200 * time.Millisecond})
	n := pgstore.NewNode(openAt(t, url, pgstore.Options{Timeout: 200 * time.Millisecond}), pgstore.NodeOptions{Now: time.Now})
	create(t, s, 1)
	server.Freeze(t)
	calls := map[string]func(context.Context) error{"Ping": s.Ping, "Ping of a node": n.Ping}
	for what, s := range map[string]store.Store{"": s, " of a node": n} {
		calls["CredentialByDigest"+what] = func(ctx context.Context) error { _, err := s.CredentialByDigest(ctx, token(1).Digest); return err }
		calls["Credential"+what] = func(ctx context.Context) error { _, err := s.Credential(ctx, token(1).ID); return err }
		calls["Credentials"+what] = func(ctx context.Context) error { _, _, err := s.Credentials(ctx, store.Query{}); return err }
		calls["CreateCredential"+what] = func(ctx context.Context) error { return s.CreateCredential(ctx, token(2)) }
		calls["UpdateCredential"+what] = func(ctx context.Context) error {
			_, err := s.UpdateCredential(ctx, token(1).ID, disable)
			return err
		}
	}
	for what, call := range calls {
		err := call(t.Context())
		if err == nil || errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "the database did not answer within 200ms") {
			t.Errorf("%s: %v", what, err)
		}
	}
	server.Thaw(t)
	eventually(t, "an answer", func() bool { return s.Ping(t.Context()) == nil && n.Ping(t.Context()) == nil })
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}
