package pgstore_test

import (
	"bytes"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"latchkey/daemon/store"
	"latchkey/daemon/store/pgstore"
	"latchkey/daemon/store/pgstore/pgtest"
)

// TestReadOnly makes the server take no writes, as administrators do before they move one: the store is not ready and can be
// read, and goes on afterwards.
func TestReadOnly(t *testing.T) {
	server := pgtest.Start(t)
	url := server.NewDatabase(t)
	s, admin := openAt(t, url, pgstore.Options{MaxConns: 1}), connect(t, url)
	create(t, s, 1)
	set := func(to string) {
		t.Helper()
		run(t, admin, "ALTER SYSTEM SET default_transaction_read_only = "+to)
		run(t, admin, "SELECT pg_reload_conf()")
		eventually(t, "the server to be set", func() bool {
			setting := ask[string](t, admin, "SELECT current_setting('default_transaction_read_only')")
			return setting == to
		})
	}
	set("on")
	eventually(t, "the store not to be ready", func() bool { return s.Ping(t.Context()) != nil })
	for what, err := range map[string]error{"Ping": s.Ping(t.Context()), "CreateCredential": s.CreateCredential(t.Context(), token(2))} {
		if err == nil || !strings.Contains(err.Error(), "the database server takes no writes") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := s.CredentialByDigest(t.Context(), token(1).Digest); err != nil {
		t.Errorf("a read: %v", err)
	}
	run(t, admin, "SET transaction_read_only = off")
	run(t, admin, "SET default_transaction_read_only = off")
	run(t, admin, "ALTER SYSTEM RESET default_transaction_read_only")
	run(t, admin, "SELECT pg_reload_conf()")
	eventually(t, "the store to be ready", func() bool { return s.Ping(t.Context()) == nil })
	create(t, s, 2)
}

// TestReadOnlySessions has sessions that take no writes while new ones would, as after a failover that cut nothing: they are
// given up.
func TestReadOnlySessions(t *testing.T) {
	server := pgtest.Start(t)
	url := server.NewDatabase(t)
	admin := connect(t, url)
	openAt(t, url, pgstore.Options{}) // makes the tables
	name := ask[string](t, admin, "SELECT current_database()")
	run(t, admin, "ALTER DATABASE "+name+" SET default_transaction_read_only = on")
	s := openAt(t, url, pgstore.Options{})
	if err := s.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "the database server takes no writes") {
		t.Errorf("with sessions that take no writes: %v", err)
	}
	run(t, admin, "ALTER DATABASE "+name+" RESET default_transaction_read_only")
	_ = s.Ping(t.Context()) // the session of the first one may have been made again before
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("with new sessions: %v", err)
	}
}

// TestStandby opens a standby, which is not ready, and then loses the server that takes writes: the store finds the one that
// was promoted, and all that was confirmed is there.
func TestStandby(t *testing.T) {
	server := pgtest.StartWith(t, pgtest.Options{Settings: map[string]string{"synchronous_standby_names": "*", "synchronous_commit": "local"}})
	// The server waits for a standby only where a connection asks for it, as the store's do.
	standby := server.Standby(t)
	database := server.NewDatabase(t)
	either := server.Either(t, standby, database)
	s := openAt(t, either, pgstore.Options{})
	for n := range 100 {
		create(t, s, n)
	}
	var reader *pgstore.Store
	eventually(t, "the standby to show what it has", func() bool {
		var err error
		reader, err = pgstore.Open(t.Context(), standby.Own(t, database), pgstore.Options{})
		return err == nil
	})
	t.Cleanup(func() { _ = reader.Close() })
	if err := reader.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "the database server takes no writes") {
		t.Errorf("a standby is ready: %v", err)
	}
	server.Kill(t)
	if err := s.Ping(t.Context()); err == nil {
		t.Error("ready without a server that takes writes")
	}
	standby.Promote(t)
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("after the failover: %v", err)
	}
	_, total, err := s.Credentials(t.Context(), store.Query{})
	if err != nil || total != 100 {
		t.Errorf("%d of 100 confirmed credentials are there, %v", total, err)
	}
	create(t, s, 100)
	eventually(t, "the other store to be ready", func() bool { return reader.Ping(t.Context()) == nil })
	wantConsistent(t, s)
}

// TestBackup says how a copy is made.
func TestBackup(t *testing.T) {
	server := pgtest.Start(t)
	s := openAt(t, server.NewDatabase(t), pgstore.Options{})
	var copied bytes.Buffer
	if err := s.Backup(t.Context(), &copied); err == nil || !strings.Contains(err.Error(), "pg_dump") || copied.Len() > 0 {
		t.Errorf("a backup of %d bytes: %v", copied.Len(), err)
	}
}

// TestCloseLeavesNothing closes a store: its connections and its goroutines are gone.
func TestCloseLeavesNothing(t *testing.T) {
	server := pgtest.Start(t)
	url := server.NewDatabase(t)
	admin := connect(t, url)
	ignored := goleak.IgnoreCurrent()
	s, err := pgstore.Open(t.Context(), url, pgstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	create(t, s, 1, 2, 3)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	goleak.VerifyNone(t, ignored)
	eventually(t, "the connections to be gone", func() bool { return ask[int](t, admin, "SELECT count(*)"+others) == 0 })
}
