package pgstore_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"latchkey/daemon/store"
	"latchkey/daemon/store/pgstore"
	"latchkey/daemon/store/pgstore/pgtest"
)

const (
	// others selects the connections of other processes to the database.
	others = " FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
	// terminate cuts them.
	terminate = "SELECT count(pg_terminate_backend(pid))" + others
)

// TestCutMidTransaction cuts the connection while a change runs: the write fails, and has not happened.
func TestCutMidTransaction(t *testing.T) {
	server := pgtest.Start(t)
	url := server.NewDatabase(t)
	s, admin := openAt(t, url, pgstore.Options{}), connect(t, url)
	create(t, s, 1)
	cutAll := func() {
		if n := ask[int](t, admin, terminate+" AND state = 'idle in transaction'"); n != 1 {
			t.Errorf("%d transactions were cut", n)
		}
	}
	calls := 0
	for what, write := range map[string]func() error{
		"UpdateCredential": func() error {
			_, err := s.UpdateCredential(t.Context(), token(1).ID, func(c *store.Credential) error { calls++; cutAll(); return disable(c) })
			return err
		},
		"DeleteCredential": func() error {
			_, err := s.DeleteCredential(t.Context(), token(1).ID, func(store.Credential) error { calls++; cutAll(); return nil })
			return err
		},
		"PutUser": func() error {
			_, err := s.PutUser(t.Context(), "bob", func(*store.User, bool) error { calls++; cutAll(); return nil })
			return err
		},
	} {
		// The server's process for the one that was cut before may still be about to end.
		eventually(t, "the end of the transaction that was cut", func() bool {
			return ask[int](t, admin, "SELECT count(*)"+others+" AND state = 'idle in transaction'") == 0
		})
		calls = 0
		if err := write(); err == nil || errors.Is(err, store.ErrNotFound) || calls != 1 {
			t.Errorf("%s of which the connection was cut: %v, after %d calls of the change", what, err, calls)
		}
	}
	c, err := s.Credential(t.Context(), token(1).ID)
	if err != nil || c.Disabled {
		t.Errorf("the credential is %+v, %v", c, err)
	}
	_, err = s.User(t.Context(), "bob")
	wantError(t, "User", err, store.ErrNotFound)
	if _, err := s.UpdateCredential(t.Context(), token(1).ID, disable); err != nil {
		t.Errorf("the next write: %v", err)
	}
}

// TestCutWhileIdle cuts all connections that wait for work: nobody notices.
func TestCutWhileIdle(t *testing.T) {
	const conns = 16
	server := pgtest.Start(t)
	url := server.NewDatabase(t)
	s, admin := openAt(t, url, pgstore.Options{MaxConns: conns}), connect(t, url)
	create(t, s, 1)
	for what, call := range map[string]func() error{
		"CredentialByDigest": func() error { _, err := s.CredentialByDigest(t.Context(), token(1).Digest); return err },
		"Credentials":        func() error { _, _, err := s.Credentials(t.Context(), store.Query{Limit: 1}); return err },
		"UpdateCredential":   func() error { _, err := s.UpdateCredential(t.Context(), token(1).ID, disable); return err },
		"Ping":               func() error { return s.Ping(t.Context()) },
		"SweepCredentials":   func() error { _, err := s.SweepCredentials(t.Context(), begin(), 10); return err },
	} {
		var all sync.WaitGroup
		held := make(chan struct{})
		release := sync.OnceFunc(func() { close(held) })
		t.Cleanup(release)
		var entered atomic.Int32
		for i := range conns { // so that all connections are there
			all.Go(func() {
				_, err := s.PutUser(t.Context(), token(i).User+string(rune('a'+i)), func(*store.User, bool) error { entered.Add(1); <-held; return nil })
				if err != nil {
					t.Error(err)
				}
			})
		}
		eventually(t, "all connections", func() bool { return entered.Load() == conns })
		release()
		all.Wait()
		if n := ask[int](t, admin, terminate); n != conns {
			t.Errorf("%d connections were cut", n)
		}
		eventually(t, "the end of the connections", func() bool { return ask[int](t, admin, "SELECT count(*)"+others) == 0 })
		if err := call(); err != nil {
			t.Errorf("%s after all connections were cut: %v", what, err)
		}
	}
}

// TestCutDuringCommit cuts the connection while the server commits: that the write has happened is not known, so it is an
// error, and the change does not run again.
func TestCutDuringCommit(t *testing.T) {
	server := pgtest.Start(t)
	url := server.NewDatabase(t)
	s, admin := openAt(t, url, pgstore.Options{}), connect(t, url)
	create(t, s, 1)
	run(t, admin, `CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(600); RETURN NULL; END'`)
	run(t, admin, `CREATE CONSTRAINT TRIGGER slow AFTER UPDATE ON latchkey.credentials DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION linger()`)
	result, calls := make(chan error), 0
	go func() {
		_, err := s.UpdateCredential(t.Context(), token(1).ID, func(c *store.Credential) error { calls++; return disable(c) })
		result <- err
	}()
	eventually(t, "the commit", func() bool {
		return ask[int](t, admin, terminate+" AND wait_event = 'PgSleep' AND lower(query) = 'commit'") == 1
	})
	if err := <-result; err == nil || calls != 1 {
		t.Errorf("a commit of which the connection was cut: %v, after %d calls of the change", err, calls)
	}
	run(t, admin, "DROP TRIGGER slow ON latchkey.credentials")
	c, err := s.Credential(t.Context(), token(1).ID)
	if err != nil || c.Disabled {
		t.Errorf("the credential is %+v, %v", c, err)
	}
}
