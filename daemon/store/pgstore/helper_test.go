package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"latchkey/daemon/store"
)

// patience is how long a test waits for something that must come.
const patience = time.Minute

// begin is the moment at which the tests take place.
func begin() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// token returns the n-th session token.
func token(n int) store.Credential {
	return store.Credential{
		ID: store.ID(fmt.Sprintf("%024x", n)), Kind: store.KindSession, Digest: store.Digest(fmt.Sprintf("%032d", n)),
		User: fmt.Sprintf("user%d", n%7), CreatedAt: begin(), ExpiresAt: begin().Add(time.Hour),
	}
}

// create adds tokens.
func create(t *testing.T, s store.Store, numbers ...int) {
	t.Helper()
	for _, n := range numbers {
		if err := s.CreateCredential(t.Context(), token(n)); err != nil {
			t.Fatalf("CreateCredential(%d): %v", n, err)
		}
	}
}

// disable is a change that disables a credential.
func disable(c *store.Credential) error {
	c.Disabled = true
	return nil
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline, ticker := time.After(patience), time.NewTicker(5*time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("it did not come: %s", what)
		case <-ticker.C:
		}
	}
}

// connect opens a connection of the test's own.
func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // the server may be gone
	return conn
}

// ask returns the one value that a query gives.
func ask[T any](t *testing.T, conn *pgx.Conn, sql string, arguments ...any) (value T) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), sql, arguments...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// run executes a statement.
func run(t *testing.T, conn *pgx.Conn, sql string, arguments ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql, arguments...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// wantConsistent reads every credential by every way and fails the test unless they agree.
func wantConsistent(t *testing.T, s store.Store) {
	t.Helper()
	all, total, err := s.Credentials(t.Context(), store.Query{})
	if err != nil || total != len(all) {
		t.Fatalf("%d of %d credentials, %v", len(all), total, err)
	}
	users := map[string]int{}
	for i := range all {
		users[all[i].User]++
		entry, err := s.CredentialByDigest(t.Context(), all[i].Digest)
		if err != nil || entry.Credential.ID != all[i].ID {
			t.Fatalf("credential %s by its digest: %v", all[i].ID, err)
		}
	}
	for user, count := range users {
		if _, total, err := s.Credentials(t.Context(), store.Query{User: user, Limit: 1}); err != nil || total != count {
			t.Fatalf("%s has %d of %d credentials, %v", user, total, count, err)
		}
	}
}

// wantError fails the test unless err is target.
func wantError(t *testing.T, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("%s: the error is %v, not %v", what, err, target)
	}
}
