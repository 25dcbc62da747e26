package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/daemon/store"
)

func users(t *testing.T, s store.Store) {
	ctx := t.Context()
	full := store.User{
		Name: "bob", DisplayName: "Bob Ü", Mail: "bob@example.com", Groups: []string{"a", "b"}, Backend: "ldap", IsService: true,
		Nicknames: map[string]string{"slack": "bobby"}, Disabled: true, CreatedAt: epoch, LastLoginAt: epoch.Add(time.Second),
	}
	put, err := s.PutUser(ctx, "bob", func(u *store.User, found bool) error {
		if found || u.Name != "bob" {
			t.Errorf("new user %+v, found %v", u, found)
		}
		*u = full
		u.Name = "eve" // stays bob
		return nil
	})
	must(t, err)
	got, err := s.User(ctx, "bob")
	must(t, err)
	for _, u := range []store.User{put, got} {
		if diff := cmp.Diff(full, u); diff != "" {
			t.Errorf("user (-put +got):\n%s", diff)
		}
	}
	_, err = s.User(ctx, "eve")
	wantError(t, err, store.ErrNotFound)
	_, err = s.User(ctx, "Bob")
	wantError(t, err, store.ErrNotFound)
	for n := range 9 {
		_, err := s.PutUser(ctx, fmt.Sprintf("user%d", n), func(*store.User, bool) error { return nil })
		must(t, err)
	}
	var names []string
	for after := ""; ; {
		page, total, err := s.Users(ctx, after, 4)
		must(t, err)
		if total != 10 {
			t.Fatalf("total %d, want 10", total)
		}
		if len(page) == 0 {
			break
		}
		for i := range page {
			names = append(names, page[i].Name)
		}
		after = page[len(page)-1].Name
	}
	if want := []string{"bob", "user0", "user1", "user2", "user3", "user4", "user5", "user6", "user7", "user8"}; !cmp.Equal(names, want) {
		t.Errorf("names %v, want %v", names, want)
	}
	if all, _, err := s.Users(ctx, "", 0); err != nil || len(all) != 10 {
		t.Errorf("%d users, %v", len(all), err)
	}
	if rest, _, err := s.Users(ctx, "user7x", 0); err != nil || len(rest) != 1 {
		t.Errorf("%d users behind a name that is not there, %v", len(rest), err)
	}
}

func deletingUser(t *testing.T, s store.Store) {
	ctx := t.Context()
	for _, name := range []string{"bob", "bobby"} {
		_, err := s.PutUser(ctx, name, func(*store.User, bool) error { return nil })
		must(t, err)
	}
	create(t, s, session(0, "bob"), apiKey(1, "bob"), apiKey(2, "bobby"))
	for n := range 3 {
		_, err := s.CredentialByDigest(ctx, digest(n))
		must(t, err)
	}
	must(t, s.DeleteUser(ctx, "bob"))
	for n := range 2 {
		_, err := s.CredentialByDigest(ctx, digest(n))
		wantError(t, err, store.ErrNotFound)
	}
	if entry, err := s.CredentialByDigest(ctx, digest(2)); err != nil || entry.Owner == nil {
		t.Errorf("somebody else's key: %+v, %v", entry, err)
	}
	_, err := s.User(ctx, "bob")
	wantError(t, err, store.ErrNotFound)
	wantError(t, s.DeleteUser(ctx, "bob"), store.ErrNotFound)
	if n, err := s.SweepCredentials(ctx, epoch.Add(24*time.Hour), 10); err != nil || n != 0 {
		t.Errorf("swept %d of a deleted user, %v", n, err)
	}
}

func lockouts(t *testing.T, s store.Store) {
	ctx := t.Context()
	want := store.Lockout{Failures: []time.Time{epoch, epoch.Add(time.Second)}, Until: epoch.Add(time.Minute)}
	got, err := s.PutLockout(ctx, "name:bob", func(l *store.Lockout) time.Time {
		*l = want
		return epoch.Add(time.Hour)
	})
	must(t, err)
	read, err := s.Lockout(ctx, "name:bob")
	must(t, err)
	for _, l := range []store.Lockout{got, read} {
		if diff := cmp.Diff(want, l); diff != "" {
			t.Errorf("lockout (-put +got):\n%s", diff)
		}
	}
	_, err = s.PutLockout(ctx, "name:bob", func(l *store.Lockout) time.Time {
		*l = store.Lockout{}
		return time.Time{}
	})
	must(t, err)
	if l, err := s.Lockout(ctx, "name:bob"); err != nil || len(l.Failures) > 0 || !l.Until.IsZero() {
		t.Errorf("cleared and still %+v, %v", l, err)
	}
}

func sweepingLockouts(t *testing.T, s store.Store) {
	ctx := t.Context()
	put := func(key string, expires time.Time) {
		t.Helper()
		_, err := s.PutLockout(ctx, key, func(l *store.Lockout) time.Time {
			l.Failures = append(l.Failures, epoch)
			return expires
		})
		must(t, err)
	}
	for n := range 12 {
		put(fmt.Sprintf("name:%d", n), epoch.Add(time.Duration(n)*time.Second))
	}
	put("name:0", epoch.Add(time.Hour)) // it has failed again, so it is remembered for longer
	for _, want := range []int{5, 5, 1, 0} {
		n, err := s.SweepLockouts(ctx, epoch.Add(time.Minute), 5)
		if err != nil || n != want {
			t.Fatalf("swept %d, %v; want %d", n, err, want)
		}
	}
	if l, err := s.Lockout(ctx, "name:0"); err != nil || len(l.Failures) != 2 {
		t.Errorf("what is still remembered: %+v, %v", l, err)
	}
	if l, err := s.Lockout(ctx, "name:3"); err != nil || len(l.Failures) != 0 {
		t.Errorf("what was swept: %+v, %v", l, err)
	}
}

func bootstrap(t *testing.T, s store.Store) {
	ctx := t.Context()
	done := func(mark string, want bool) {
		t.Helper()
		if got, err := s.Done(ctx, mark); err != nil || got != want {
			t.Errorf("Done(%s) = %v, %v; want %v", mark, got, err, want)
		}
	}
	once := func(mark string, onlyIfEmpty bool, n int, want bool) {
		t.Helper()
		created, err := s.CreateOnce(ctx, mark, onlyIfEmpty, apiKey(n, "x"))
		if err != nil || created != want {
			t.Fatalf("CreateOnce(%s) = %v, %v; want %v", mark, created, err, want)
		}
	}
	done("a", false)
	once("a", true, 0, true)
	done("a", true)
	once("a", true, 1, false)
	_, err := s.DeleteCredential(ctx, id(0), nil)
	must(t, err)
	once("a", true, 1, false) // deleted, and not brought back
	once("b", true, 2, false) // the store is empty again, but was not always
	once("b", false, 2, false)
	done("b", true)
	once("c", false, 3, true)
}
