package pgstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"latchkey/daemon/store"
	"latchkey/daemon/store/pgstore/pgtest"
)

// poolOf opens connections without touching the tables.
func poolOf(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	config, err := parse(url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// lookUp returns the one value that a query gives.
func lookUp[T any](t *testing.T, pool *pgxpool.Pool, sql string, arguments ...any) (value T) {
	t.Helper()
	if err := pool.QueryRow(t.Context(), sql, arguments...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

func TestMigrate(t *testing.T) {
	server := pgtest.Start(t)
	silent := slog.New(slog.DiscardHandler)
	all, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	t.Run("TenNodesAtOnce", func(t *testing.T) { openTogether(t, server.NewDatabase(t)) })
	t.Run("TenNodesAtOnceWithoutAdvisoryLocks", func(t *testing.T) {
		// What some servers do: the function is there and locks nothing.
		database := server.NewDatabase(t)
		server.Exec(t, database, `CREATE SCHEMA unlocked; CREATE FUNCTION unlocked.pg_advisory_xact_lock(bigint) RETURNS void
			LANGUAGE sql AS 'SELECT NULL::void'`)
		u, err := url.Parse(database)
		if err != nil {
			t.Fatal(err)
		}
		query := u.Query()
		query.Set("search_path", "unlocked,pg_catalog")
		u.RawQuery = query.Encode()
		if found := lookUp[string](t, poolOf(t, u.String()), `SELECT pronamespace::regnamespace::text FROM pg_proc
			WHERE oid = 'pg_advisory_xact_lock(bigint)'::regprocedure`); found != "unlocked" {
			t.Fatalf("the lock that is taken is that of %s", found)
		}
		openTogether(t, u.String())
	})
	t.Run("NewerIsRefused", func(t *testing.T) {
		database := server.NewDatabase(t)
		pool := poolOf(t, database)
		if err := migrate(t.Context(), pool, all, silent); err != nil {
			t.Fatal(err)
		}
		server.Exec(t, database, "INSERT INTO latchkey.schema_versions (version, name) VALUES (99, 'a later one')")
		s, err := Open(t.Context(), database, Options{})
		if err == nil {
			t.Fatalf("a newer database was opened (%v)", s.Close())
		}
		known := fmt.Sprintf("store: the database has tables of version 99, and this program knows versions up to %d: start a newer one", len(all))
		if err.Error() != known {
			t.Errorf("it says: %v", err)
		}
	})
	t.Run("HalfDoneIsUndone", func(t *testing.T) {
		pool := poolOf(t, server.NewDatabase(t))
		next := migration{version: len(all) + 1, name: "next", sql: "CREATE TABLE latchkey.next (a integer); SELECT 1/0"}
		if err := migrate(t.Context(), pool, append(all, next), silent); err == nil || !strings.Contains(err.Error(), "division by zero") {
			t.Fatalf("a migration that fails: %v", err)
		}
		if version, err := schemaVersion(t.Context(), pool); err != nil || version != len(all) {
			t.Errorf("the version is %d, %v; want %d", version, err, len(all))
		}
		if lookUp[bool](t, pool, "SELECT to_regclass('latchkey.next') IS NOT NULL") {
			t.Error("half of a migration is there")
		}
		next.sql = "CREATE TABLE latchkey.next (a integer)"
		if err := migrate(t.Context(), pool, append(all, next), silent); err != nil {
			t.Errorf("the same migration, mended: %v", err)
		}
	})
	t.Run("EndsWithItsContext", func(t *testing.T) {
		pool := poolOf(t, server.NewDatabase(t))
		tx, err := pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback(context.Background()) }()
		if _, err := tx.Exec(t.Context(), "SELECT pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		if err := migrate(ctx, pool, all, silent); !errors.Is(err, context.Canceled) {
			t.Errorf("a migration that waits for another node's: %v", err)
		}
	})
	t.Run("Rights", func(t *testing.T) { testRights(t, server) })
}

// openTogether opens a database in ten nodes at once, and fails the test unless all of them can use it.
func openTogether(t *testing.T, database string) {
	t.Helper()
	var nodes sync.WaitGroup
	for n := range 10 {
		nodes.Go(func() {
			s, err := Open(t.Context(), database, Options{MaxConns: 2})
			if err != nil {
				t.Error(err)
				return
			}
			c := store.Credential{ID: store.ID(fmt.Sprintf("%024x", n)), Kind: store.KindAPIKey, Digest: store.Digest(fmt.Sprintf("%032d", n))}
			if err := errors.Join(s.CreateCredential(t.Context(), c), s.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	nodes.Wait()
	pool := poolOf(t, database)
	all, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	if rows := lookUp[int](t, pool, "SELECT count(*) FROM latchkey.schema_versions"); rows != len(all) {
		t.Errorf("%d migrations were made, of %d", rows, len(all))
	}
	if rows := lookUp[int](t, pool, "SELECT count(*) FROM latchkey.credentials"); rows != 10 {
		t.Errorf("%d credentials were made", rows)
	}
}

// testRights opens databases as users who may not do everything.
func testRights(t *testing.T, server *pgtest.Server) {
	server.Exec(t, server.URL(), "CREATE ROLE owner LOGIN; CREATE ROLE node LOGIN")
	as := func(database, role string) string {
		return strings.Replace(database, pgtest.Superuser+"@", role+"@", 1)
	}
	database := server.NewDatabase(t)
	if s, err := Open(t.Context(), as(database, "node"), Options{}); err == nil {
		t.Errorf("a user without rights has made tables (%v)", s.Close())
	} else if !strings.Contains(err.Error(), "the tables cannot be brought to version 1") || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("it says: %v", err)
	}
	// A schema that an administrator has made is enough.
	server.Exec(t, database, "CREATE SCHEMA latchkey AUTHORIZATION owner")
	opened := func(role string) {
		t.Helper()
		s, err := Open(t.Context(), as(database, role), Options{})
		if err != nil {
			t.Errorf("as %s: %v", role, err)
			return
		}
		if err := errors.Join(s.Ping(t.Context()), s.Close()); err != nil {
			t.Errorf("as %s: %v", role, err)
		}
	}
	opened("owner")
	// And who may only read and write rows does for a node whose tables are up to date.
	server.Exec(t, database, "GRANT USAGE ON SCHEMA latchkey TO node; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA latchkey TO node")
	opened("node")
	server.Exec(t, database, "DROP OWNED BY owner, node; DROP ROLE owner, node")
}
