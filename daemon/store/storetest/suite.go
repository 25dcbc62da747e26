// Package storetest holds a store to the contract of package store: every method, every sentinel, what must be one
// transaction, and what must not be.
//
// A store's test calls Run. What only the implementation can show, that a write survives a crash or that a full disk leaves
// nothing half-written, is its own to test.
package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/daemon/store"
)

// Run runs the suite. open returns a new, empty store for each call; the store is closed by the test that opened it, with
// Cleanup.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	groups := []struct {
		name  string
		tests map[string]func(*testing.T, store.Store)
	}{
		{"Credential", credentialTests()},
		{"Change", changeTests()},
		{"List", listTests()},
		{"Sweep", sweepTests()},
		{"User", userTests()},
		{"Workspace", workspaceTests()},
		{"Lockout", lockoutTests()},
		{"Bootstrap", bootstrapTests()},
		{"Race", raceTests()},
		{"Contents", contentsTests(open)},
		{"Operation", operationTests(open)},
	}
	for _, group := range groups {
		t.Run(group.name, func(t *testing.T) {
			for name, test := range group.tests {
				t.Run(name, func(t *testing.T) { test(t, open(t)) })
			}
		})
	}
	t.Run("Model", func(t *testing.T) { testModel(t, open) })
}

var (
	// errRefusal is what a function that is given to a store refuses with.
	errRefusal = errors.New("no")
	// errLost is what it refuses with when it finds that somebody else was faster.
	errLost = errors.New("somebody was faster")
)

// base is the moment at which the suite takes place.
func base() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 123456000, time.UTC) }

// id returns the n-th id.
func id(n int) store.ID { return store.ID(fmt.Sprintf("%024x", n)) }

// digest returns the n-th digest, which is 32 bytes; no two are alike.
func digest(n int) store.Digest { return store.Digest(fmt.Sprintf("%032d", n)) }

// apiKey returns the n-th credential as an API key of a user.
func apiKey(n int, user string) store.Credential {
	return store.Credential{ID: id(n), Kind: store.KindAPIKey, Digest: digest(n), User: user, CreatedAt: base().Add(time.Duration(n) * time.Second)}
}

// session returns the n-th credential as a session token of a user.
func session(n int, user string, expires time.Time) store.Credential {
	c := apiKey(n, user)
	c.Kind, c.ExpiresAt = store.KindSession, expires
	return c
}

// full returns the n-th credential with something in every field.
func full(n int) store.Credential {
	return store.Credential{
		ID: id(n), Kind: store.KindSession, Digest: digest(n), User: "björn", Name: "name", Roles: []string{"ops", "dev"},
		Groups: []string{"wheel", "käse & <brot>"}, Metadata: []byte(`{"a":[1,2.50,"<x>",null],"b":{}}`), Disabled: true, CreatedAt: base(),
		ExpiresAt: base().Add(time.Hour), LastUsedAt: base().Add(time.Minute), CreatedBy: "root", Source: "192.0.2.1", UserAgent: "curl/8",
		Backend: "ldap", Service: true, Workspace: id(77),
	}
}

// create adds credentials.
func create(t *testing.T, s store.Store, credentials ...store.Credential) {
	t.Helper()
	for _, c := range credentials {
		if err := s.CreateCredential(t.Context(), c); err != nil {
			t.Fatalf("CreateCredential(%s): %v", c.ID, err)
		}
	}
}

// putUser adds or changes a user.
func putUser(t *testing.T, s store.Store, u store.User) {
	t.Helper()
	_, err := s.PutUser(t.Context(), u.Name, func(to *store.User, _ bool) error { *to = u; return nil })
	if err != nil {
		t.Fatalf("PutUser(%s): %v", u.Name, err)
	}
}

// want fails the test unless got equals want.
func want[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.Comparer(sameJSON)); diff != "" {
		t.Fatalf("%s is not what it should be (- wanted, + got):\n%s", what, diff)
	}
}

// sameJSON reports whether two JSON texts mean the same.
func sameJSON(a, b json.RawMessage) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	var left, right any
	return json.Unmarshal(a, &left) == nil && json.Unmarshal(b, &right) == nil && cmp.Equal(left, right)
}

// wantError fails the test unless err is target, which may be nil.
func wantError(t *testing.T, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("%s: the error is %v, not %v", what, err, target)
	}
}

// wantGone fails the test unless a credential is gone from everywhere.
func wantGone(t *testing.T, s store.Store, c store.Credential) {
	t.Helper()
	_, err := s.Credential(t.Context(), c.ID)
	wantError(t, "Credential of what is gone", err, store.ErrNotFound)
	_, err = s.CredentialByDigest(t.Context(), c.Digest)
	wantError(t, "CredentialByDigest of what is gone", err, store.ErrNotFound)
	for _, q := range []store.Query{{}, {Kind: c.Kind}, {User: c.User}, {User: c.User, Kind: c.Kind}, {Workspace: c.Workspace}} {
		for _, listed := range list(t, s, q) {
			if listed == c.ID {
				t.Fatalf("%s is gone and stands in the list of %+v", c.ID, q)
			}
		}
	}
}

// wantThere fails the test unless a credential is there by id and by digest, as it was given.
func wantThere(t *testing.T, s store.Store, c store.Credential) {
	t.Helper()
	got, err := s.Credential(t.Context(), c.ID)
	wantError(t, "Credential", err, nil)
	want(t, "the credential", got, c)
	entry, err := s.CredentialByDigest(t.Context(), c.Digest)
	wantError(t, "CredentialByDigest", err, nil)
	want(t, "the credential by its digest", entry.Credential, c)
}

// list returns the ids that a query selects, and fails the test when the total is not consistent with an unbounded one.
func list(t *testing.T, s store.Store, q store.Query) []store.ID {
	t.Helper()
	page, total, err := s.Credentials(t.Context(), q)
	if err != nil {
		t.Fatalf("Credentials(%+v): %v", q, err)
	}
	if q.After == "" && q.Offset == 0 && q.Limit == 0 && total != len(page) {
		t.Fatalf("Credentials(%+v) returned %d and counts %d", q, len(page), total)
	}
	ids := []store.ID{}
	for _, c := range page {
		ids = append(ids, c.ID)
	}
	return ids
}

// longName is a name of the greatest length that may be kept.
func longName() string { return strings.Repeat("n", 1024) }
