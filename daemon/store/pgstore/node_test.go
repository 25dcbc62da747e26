package pgstore_test

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"latchkey/daemon/store"
	"latchkey/daemon/store/pgstore"
	"latchkey/daemon/store/pgstore/pgtest"
	"latchkey/daemon/store/storetest"
)

// nodeAt opens a node on a database.
func nodeAt(t testing.TB, url string, o pgstore.NodeOptions) *pgstore.Node {
	t.Helper()
	opened, err := pgstore.Open(t.Context(), url, pgstore.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	n := pgstore.NewNode(opened, o)
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return n
}

// become waits until a condition holds.
func become(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline, ticker := time.After(time.Minute), time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("it did not come: %s", what)
		case <-ticker.C:
		}
	}
}

// serviceToken returns a credential that does not expire, the nth.
func serviceToken(n int) store.Credential {
	return store.Credential{
		ID: store.ID(fmt.Sprintf("%024x", n)), Kind: store.KindService, Digest: store.Digest(fmt.Sprintf("%032d", n)), Name: "ci",
		CreatedAt: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
	}
}

// A node keeps to the contract like any store, with its memory.
func TestNode(t *testing.T) {
	server := pgtest.Start(t)
	storetest.Run(t, func(t *testing.T) store.Store { return nodeAt(t, server.NewDatabase(t), pgstore.NodeOptions{}) })
}

// What one node changes is soon seen by another, which has it in memory: a deletion, a disabling, a rotation, a disabled user and
// a deleted one. That it was in memory is shown by a change that the other is not told of.
func TestNodesHearOneAnother(t *testing.T) {
	server := pgtest.Start(t)
	url := server.NewDatabase(t)
	a, b := nodeAt(t, url, pgstore.NodeOptions{}), nodeAt(t, url, pgstore.NodeOptions{})
	silent := openAt(t, url, pgstore.Options{})
	become(t, "the lines", func() bool { return a.Whole() && b.Whole() })
	seen := func(c store.Credential) *store.Entry {
		t.Helper()
		entry, err := b.CredentialByDigest(t.Context(), c.Digest)
		if err != nil {
			t.Fatal(err)
		}
		return entry
	}
	make := func(n int, user string) store.Credential {
		t.Helper()
		c := serviceToken(n)
		if user != "" {
			c.Kind, c.User, c.Name = store.KindAPIKey, user, ""
		}
		if err := silent.CreateCredential(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		become(t, "the record in memory", func() bool {
			first, second := seen(c), seen(c)
			return first == second // the very same value
		})
		return c
	}
	gone := func(what string, c store.Credential) {
		t.Helper()
		become(t, what, func() bool {
			_, err := b.CredentialByDigest(t.Context(), c.Digest)
			return errors.Is(err, store.ErrNotFound)
		})
	}
	deleted := make(1, "")
	if _, err := a.DeleteCredential(t.Context(), deleted.ID, nil); err != nil {
		t.Fatal(err)
	}
	gone("the deletion", deleted)

	disabled := make(2, "")
	if _, err := a.UpdateCredential(t.Context(), disabled.ID, func(c *store.Credential) error { c.Disabled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	become(t, "the disabling", func() bool { return seen(disabled).Credential.Disabled })

	rotated := make(3, "")
	if _, err := a.UpdateCredential(t.Context(), rotated.ID, func(c *store.Credential) error { c.Digest = serviceToken(4).Digest; return nil }); err != nil {
		t.Fatal(err)
	}
	gone("the rotation", rotated)

	owned := make(5, "bob")
	if _, err := a.PutUser(t.Context(), "bob", func(u *store.User, _ bool) error { u.Disabled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	become(t, "the disabled user", func() bool { o := seen(owned).Owner; return o != nil && o.Disabled })
	known := func() store.User {
		t.Helper()
		u, err := b.Owner(t.Context(), "bob")
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	become(t, "the disabled user at a log-in", func() bool { return known().Disabled })
	if _, err := silent.PutUser(t.Context(), "bob", func(u *store.User, _ bool) error { u.LastLoginAt = time.Unix(1, 0); return nil }); err != nil {
		t.Fatal(err)
	}
	if !known().LastLoginAt.IsZero() { // that somebody has logged in is told to nobody
		t.Error("the user is not in memory")
	}
	if _, err := a.PutUser(t.Context(), "bob", func(u *store.User, _ bool) error { u.Disabled = false; return nil }); err != nil {
		t.Fatal(err)
	}
	become(t, "the user who is enabled again", func() bool { return !known().Disabled })
	if err := a.DeleteUser(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	gone("the deleted user", owned)
	become(t, "the deleted user at a log-in", func() bool {
		_, err := b.Owner(t.Context(), "bob")
		return errors.Is(err, store.ErrNotFound)
	})
}

// A node whose line is cut reads the database for each check, and forgets what it kept before it listens again.
func TestLineIsCut(t *testing.T) {
	server := pgtest.Start(t)
	url := server.NewDatabase(t)
	n := nodeAt(t, url, pgstore.NodeOptions{})
	admin := openAt(t, url, pgstore.Options{})
	c := serviceToken(1)
	if err := admin.CreateCredential(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	read := func() *store.Entry {
		t.Helper()
		entry, err := n.CredentialByDigest(t.Context(), c.Digest)
		if err != nil {
			t.Fatal(err)
		}
		return entry
	}
	for range 5 {
		become(t, "the record in memory", func() bool {
			first, second := read(), read()
			return n.Whole() && first == second
		})
		before := read()
		server.Exec(t, url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' OR query = 'SELECT 1'`)
		become(t, "another reading", func() bool { return read() != before })
	}
}

// With a period of grace, what is in memory is answered while the database is away, for that long and no longer; what is not in
// memory is an error. Without one, everything is an error. Afterwards all is as before.
func TestGrace(t *testing.T) {
	server := pgtest.Start(t)
	url := server.NewDatabase(t)
	clock := &clock{}
	patient := nodeAt(t, url, pgstore.NodeOptions{Grace: 10 * time.Second, Now: clock.now})
	strict := nodeAt(t, url, pgstore.NodeOptions{})
	kept, other := serviceToken(1), serviceToken(2)
	for _, c := range []store.Credential{kept, other} {
		if err := strict.CreateCredential(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	read := func(n *pgstore.Node, c store.Credential) error {
		_, err := n.CredentialByDigest(t.Context(), c.Digest)
		return err
	}
	for _, n := range []*pgstore.Node{patient, strict} {
		become(t, "the line", n.Whole)
		if err := read(n, kept); err != nil {
			t.Fatal(err)
		}
	}
	server.Kill(t)
	become(t, "the end of the line", func() bool { return !patient.Whole() && !strict.Whole() })
	if err := read(strict, kept); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("without grace: %v", err)
	}
	for range 3 {
		if err := read(patient, kept); err != nil {
			t.Errorf("within the grace: %v", err)
		}
	}
	if err := read(patient, other); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("what is not in memory: %v", err)
	}
	clock.advance(10 * time.Second)
	if err := read(patient, kept); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("after the grace: %v", err)
	}
	server.Restart(t)
	for _, n := range []*pgstore.Node{patient, strict} {
		become(t, "the database", func() bool { return read(n, kept) == nil && read(n, other) == nil && n.Whole() })
	}
}

// One process sweeps at a time; the other finds nothing to do, and neither loses anything.
func TestSweepIsOnes(t *testing.T) {
	server := pgtest.Start(t)
	url := server.NewDatabase(t)
	a, b := nodeAt(t, url, pgstore.NodeOptions{}), nodeAt(t, url, pgstore.NodeOptions{})
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for n := range 300 {
		c := serviceToken(n)
		c.ExpiresAt = now
		if err := a.CreateCredential(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	swept := make(chan int)
	for _, n := range []*pgstore.Node{a, b} {
		go func() {
			total := 0
			for range 60 {
				count, err := n.SweepCredentials(t.Context(), now, 10)
				if err != nil {
					t.Error(err)
				}
				total += count
			}
			swept <- total
		}()
	}
	total := <-swept + <-swept
	rest, err := a.SweepCredentials(t.Context(), now, 1000)
	if err != nil || total+rest != 300 {
		t.Errorf("%d and %d were removed, %v; want 300", total, rest, err)
	}
}
