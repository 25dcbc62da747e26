// Package storetest holds every implementation of package store to the same contract.
//
// An implementation's test calls Run with a function that opens an empty store; durability and what is special to it are
// tested beside that.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/daemon/store"
)

// epoch is the time of the suite.
var epoch = time.Date(2026, 11, 22, 1, 51, 33, 408273000, time.UTC)

// Run runs the suite. open returns an empty store, which the suite closes.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, store.Store){
		"a credential comes back as it was put in": roundTrip,
		"taken ids and digests":                    taken,
		"unknown records":                          unknown,
		"the owner comes with the credential":      owner,
		"a change is seen at once":                 changeIsSeen,
		"a refused change leaves no trace":         refusedChange,
		"rotation":                                 rotation,
		"deletion":                                 deletion,
		"one of many wins":                         oneOfMany,
		"lists":                                    lists,
		"cursors":                                  cursors,
		"the instant of expiry":                    expiry,
		"sweeping":                                 sweeping,
		"last uses":                                lastUses,
		"users":                                    users,
		"deleting a user":                          deletingUser,
		"lockouts":                                 lockouts,
		"sweeping lockouts":                        sweepingLockouts,
		"bootstrap":                                bootstrap,
		"cancelled contexts":                       cancelled,
		"a panic in a change":                      panics,
		"readers beside writers":                   readersBesideWriters,
		"like a map":                               likeMap,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			test(t, s)
		})
	}
}

// id returns the nth identifier.
func id(n int) store.ID { return store.ID(fmt.Sprintf("%024x", n+1)) }

// digest returns the nth digest.
func digest(n int) store.Digest { return store.Digest(fmt.Sprintf("%032d", n+1)) }

// session returns the nth credential, a session token of user's.
func session(n int, user string) store.Credential {
	return store.Credential{
		ID: id(n), Kind: store.KindSession, Digest: digest(n), User: user, CreatedAt: epoch, ExpiresAt: epoch.Add(time.Hour),
	}
}

// apiKey returns the nth credential, an API key of user's.
func apiKey(n int, user string) store.Credential {
	return store.Credential{ID: id(n), Kind: store.KindAPIKey, Digest: digest(n), User: user, CreatedAt: epoch}
}

// must fails the test when there is an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantError fails the test unless err is want.
func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

// create adds credentials.
func create(t *testing.T, s store.Store, all ...store.Credential) {
	t.Helper()
	for _, c := range all {
		must(t, s.CreateCredential(t.Context(), c))
	}
}

func roundTrip(t *testing.T, s store.Store) {
	for n, c := range []store.Credential{
		session(0, "bob"),
		{
			ID: id(1), Kind: store.KindService, Digest: digest(1), Name: "ci", Roles: []string{"a", "b"}, Metadata: []byte(`{"k":[1,{"ü":null}]}`),
			Disabled: true, CreatedAt: epoch.Add(time.Nanosecond), ExpiresAt: epoch.Add(123456789), CreatedBy: "root", Workspace: id(7), LastUsedAt: epoch,
		},
		{
			ID: id(2), Kind: store.KindSession, Digest: store.Digest(strings.Repeat("\x00\xff", 32)), User: "ünï ö\u0301", Groups: []string{"wheel"},
			CreatedAt: epoch, ExpiresAt: epoch, Source: "2001:db8::1", UserAgent: "curl\n", Backend: "ldap", Service: true,
		},
	} {
		create(t, s, c)
		got, err := s.Credential(t.Context(), c.ID)
		must(t, err)
		if diff := cmp.Diff(c, got); diff != "" {
			t.Errorf("credential %d by id (-put +got):\n%s", n, diff)
		}
		entry, err := s.CredentialByDigest(t.Context(), c.Digest)
		must(t, err)
		if diff := cmp.Diff(c, entry.Credential); diff != "" {
			t.Errorf("credential %d by digest (-put +got):\n%s", n, diff)
		}
	}
}

func taken(t *testing.T, s store.Store) {
	create(t, s, apiKey(0, "bob"))
	same := apiKey(1, "eve")
	same.Digest = digest(0)
	wantError(t, s.CreateCredential(t.Context(), same), store.ErrExists)
	same = apiKey(0, "eve")
	same.Digest = digest(1)
	wantError(t, s.CreateCredential(t.Context(), same), store.ErrExists)
	if _, total, err := s.Credentials(t.Context(), store.Query{}); err != nil || total != 1 {
		t.Errorf("%d credentials, %v; want 1", total, err)
	}
	if _, total, err := s.Credentials(t.Context(), store.Query{User: "eve"}); err != nil || total != 0 {
		t.Errorf("eve has %d credentials, %v", total, err)
	}
}

func unknown(t *testing.T, s store.Store) {
	ctx := t.Context()
	_, err := s.Credential(ctx, id(0))
	wantError(t, err, store.ErrNotFound)
	_, err = s.CredentialByDigest(ctx, digest(0))
	wantError(t, err, store.ErrNotFound)
	_, err = s.UpdateCredential(ctx, id(0), func(*store.Credential) error { t.Error("change ran"); return nil })
	wantError(t, err, store.ErrNotFound)
	_, err = s.DeleteCredential(ctx, id(0), func(store.Credential) error { t.Error("check ran"); return nil })
	wantError(t, err, store.ErrNotFound)
	_, err = s.User(ctx, "bob")
	wantError(t, err, store.ErrNotFound)
	_, err = s.User(ctx, "")
	wantError(t, err, store.ErrNotFound)
	wantError(t, s.DeleteUser(ctx, "bob"), store.ErrNotFound)
	if l, err := s.Lockout(ctx, "x"); err != nil || len(l.Failures) != 0 || !l.Until.IsZero() {
		t.Errorf("Lockout = %v, %v", l, err)
	}
}

func owner(t *testing.T, s store.Store) {
	ctx := t.Context()
	create(t, s, apiKey(0, "bob"), store.Credential{ID: id(1), Kind: store.KindService, Digest: digest(1), Name: "ci", CreatedAt: epoch})
	entry, err := s.CredentialByDigest(ctx, digest(0))
	must(t, err)
	if entry.Owner != nil {
		t.Errorf("an unknown user is the owner %+v", entry.Owner)
	}
	for round, groups := range [][]string{{"wheel"}, {"staff", "ops"}, nil} {
		_, err = s.PutUser(ctx, "bob", func(u *store.User, found bool) error {
			if found != (round > 0) {
				t.Errorf("round %d: found %v", round, found)
			}
			u.Groups, u.Disabled = groups, round == 1
			return nil
		})
		must(t, err)
		entry, err = s.CredentialByDigest(ctx, digest(0))
		must(t, err)
		if entry.Owner == nil || !cmp.Equal(entry.Owner.Groups, groups) || entry.Owner.Disabled != (round == 1) {
			t.Errorf("round %d: owner %+v", round, entry.Owner)
		}
	}
	if entry, err = s.CredentialByDigest(ctx, digest(1)); err != nil || entry.Owner != nil {
		t.Errorf("a service token's owner is %+v, %v", entry.Owner, err)
	}
}

func changeIsSeen(t *testing.T, s store.Store) {
	ctx := t.Context()
	create(t, s, session(0, "bob"))
	for _, disabled := range []bool{true, false, true} {
		changed, err := s.UpdateCredential(ctx, id(0), func(c *store.Credential) error {
			c.Disabled, c.User, c.ExpiresAt = disabled, "eve", epoch.Add(2*time.Hour)
			c.ID, c.Kind, c.CreatedAt = id(9), store.KindCI, epoch.Add(time.Hour) // these stay
			return nil
		})
		must(t, err)
		entry, err := s.CredentialByDigest(ctx, digest(0))
		must(t, err)
		for _, c := range []store.Credential{changed, entry.Credential} {
			if c.Disabled != disabled || c.User != "eve" || c.ID != id(0) || c.Kind != store.KindSession || !c.CreatedAt.Equal(epoch) {
				t.Errorf("credential %+v", c)
			}
		}
	}
	for user, want := range map[string]int{"bob": 0, "eve": 1} {
		if _, total, err := s.Credentials(ctx, store.Query{User: user}); err != nil || total != want {
			t.Errorf("%s has %d credentials, %v; want %d", user, total, err, want)
		}
	}
	if n, err := s.SweepCredentials(ctx, epoch.Add(time.Hour), 10); err != nil || n != 0 {
		t.Errorf("the old expiry still counts: swept %d, %v", n, err)
	}
}

func refusedChange(t *testing.T, s store.Store) {
	ctx := t.Context()
	no := errors.New("no")
	create(t, s, apiKey(0, "bob"))
	_, err := s.UpdateCredential(ctx, id(0), func(c *store.Credential) error { c.Disabled = true; return no })
	wantError(t, err, no)
	_, err = s.DeleteCredential(ctx, id(0), func(store.Credential) error { return no })
	wantError(t, err, no)
	_, err = s.PutUser(ctx, "bob", func(u *store.User, _ bool) error { u.Mail = "x"; return no })
	wantError(t, err, no)
	entry, err := s.CredentialByDigest(ctx, digest(0))
	must(t, err)
	if entry.Credential.Disabled {
		t.Error("a refused change was written")
	}
	_, err = s.User(ctx, "bob")
	wantError(t, err, store.ErrNotFound)
}

func rotation(t *testing.T, s store.Store) {
	ctx := t.Context()
	create(t, s, apiKey(0, "bob"), apiKey(1, "bob"))
	_, err := s.UpdateCredential(ctx, id(0), func(c *store.Credential) error { c.Digest = digest(1); return nil })
	wantError(t, err, store.ErrExists)
	_, err = s.UpdateCredential(ctx, id(0), func(c *store.Credential) error { c.Digest = digest(2); return nil })
	must(t, err)
	_, err = s.CredentialByDigest(ctx, digest(0))
	wantError(t, err, store.ErrNotFound)
	entry, err := s.CredentialByDigest(ctx, digest(2))
	must(t, err)
	if entry.Credential.ID != id(0) {
		t.Errorf("the new digest leads to %s", entry.Credential.ID)
	}
	got, err := s.Credential(ctx, id(0))
	if err != nil || got.Digest != digest(2) {
		t.Errorf("by id: %+v, %v", got, err)
	}
}

func deletion(t *testing.T, s store.Store) {
	ctx := t.Context()
	create(t, s, session(0, "bob"), apiKey(1, "bob"))
	_, err := s.CredentialByDigest(ctx, digest(0))
	must(t, err)
	gone, err := s.DeleteCredential(ctx, id(0), nil)
	if err != nil || gone.User != "bob" {
		t.Fatalf("deleted %+v, %v", gone, err)
	}
	_, err = s.CredentialByDigest(ctx, digest(0))
	wantError(t, err, store.ErrNotFound)
	_, err = s.DeleteCredential(ctx, id(0), nil)
	wantError(t, err, store.ErrNotFound)
	if all, total, err := s.Credentials(ctx, store.Query{User: "bob"}); err != nil || total != 1 || all[0].ID != id(1) {
		t.Errorf("left %+v, %d, %v", all, total, err)
	}
	create(t, s, session(0, "bob")) // its id and its digest are free again
}

// oneOfMany lets many race for one row. hazard 31
func oneOfMany(t *testing.T, s store.Store) {
	ctx := t.Context()
	create(t, s, apiKey(0, "bob"))
	race := func(what string, try func(n int) error) {
		t.Helper()
		var won atomic.Int64
		var wg sync.WaitGroup
		for n := range 100 {
			wg.Go(func() {
				if try(n) == nil {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%s: %d of 100 won", what, won.Load())
		}
	}
	lost := errors.New("lost")
	race("rotating", func(n int) error {
		_, err := s.UpdateCredential(ctx, id(0), func(c *store.Credential) error {
			if c.Digest != digest(0) {
				return lost
			}
			c.Digest = digest(1000 + n)
			return nil
		})
		return err
	})
	race("deleting", func(int) error { _, err := s.DeleteCredential(ctx, id(0), nil); return err })
	race("creating", func(int) error { return s.CreateCredential(ctx, apiKey(5, "bob")) })
	race("bootstrapping", func(n int) error {
		created, err := s.CreateOnce(ctx, "once", false, apiKey(2000+n, "x"))
		if err == nil && !created {
			return lost
		}
		return err
	})
	counted := 0
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			_, err := s.PutLockout(ctx, "x", func(l *store.Lockout) time.Time {
				l.Failures = append(l.Failures, epoch)
				counted = len(l.Failures)
				return epoch.Add(time.Hour)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if l, err := s.Lockout(ctx, "x"); err != nil || len(l.Failures) != 100 {
		t.Errorf("%d of 100 failures were counted (%d), %v", len(l.Failures), counted, err)
	}
}

// panics must not end the store.
func panics(t *testing.T, s store.Store) {
	create(t, s, apiKey(0, "bob"))
	_, err := s.UpdateCredential(t.Context(), id(0), func(c *store.Credential) error {
		c.Disabled = true
		panic("in a change")
	})
	if err == nil {
		t.Fatal("a panic is no error")
	}
	got, err := s.Credential(t.Context(), id(0))
	if err != nil || got.Disabled {
		t.Fatalf("credential %+v, %v", got, err)
	}
}

func cancelled(t *testing.T, s store.Store) {
	create(t, s, apiKey(0, "bob"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantError(t, s.CreateCredential(ctx, apiKey(1, "bob")), context.Canceled)
	_, err := s.User(ctx, "bob")
	wantError(t, err, context.Canceled)
	wantError(t, s.Ping(ctx), context.Canceled)
	must(t, s.Ping(t.Context()))
}
