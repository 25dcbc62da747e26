package user_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/daemon/audit"
	"latchkey/daemon/fault"
	"latchkey/daemon/store"
	"latchkey/daemon/store/boltstore"
	"latchkey/daemon/user"
)

// events remembers what was recorded, and can fail.
type events struct {
	all  []audit.Event
	fail error
}

func (e *events) Record(_ context.Context, event audit.Event) error {
	if e.fail != nil {
		return e.fail
	}
	e.all = append(e.all, event)
	return nil
}

// userStore is store.Users by a name that is none of its methods.
type userStore interface{ store.Users }

// counting counts the writes of users.
type counting struct {
	userStore
	writes int
}

func (c *counting) PutUser(ctx context.Context, name string, change func(*store.User, bool) error) (store.User, error) {
	c.writes++
	return c.userStore.PutUser(ctx, name, change)
}

func newService(t *testing.T) (*user.Service, *counting, *events, *time.Time) {
	t.Helper()
	db, err := boltstore.Open(filepath.Join(t.TempDir(), "store.db"), boltstore.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	now := time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC)
	users, recorded := &counting{userStore: db}, &events{}
	return user.New(user.Options{Store: users, Audit: recorded, Now: func() time.Time { return now }}), users, recorded, &now
}

// A log-in is noted; the same one again within a minute costs no write.
func TestSeen(t *testing.T) {
	s, users, _, now := newService(t)
	bob := store.User{Name: "bob", Mail: "bob@example.com", Groups: []string{"wheel"}, Backend: "ldap"}
	seen := func(writes int) store.User {
		t.Helper()
		var known *store.User
		if u, err := s.Get(t.Context(), "bob"); err == nil {
			known = &u
		}
		if err := s.Seen(t.Context(), bob, known); err != nil || users.writes != writes {
			t.Fatalf("%d writes, %v; want %d", users.writes, err, writes)
		}
		u, err := s.Get(t.Context(), "bob")
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	first := seen(1)
	if !first.CreatedAt.Equal(*now) || !first.LastLoginAt.Equal(*now) {
		t.Errorf("user %+v", first)
	}
	*now = now.Add(59 * time.Second)
	seen(1)
	*now = now.Add(time.Second)
	seen(2)
	*now = now.Add(-time.Hour) // the clock was wrong, and was put back
	if u := seen(3); !u.LastLoginAt.Equal(*now) {
		t.Errorf("user %+v", u)
	}
	bob.Groups = nil
	if u := seen(4); len(u.Groups) != 0 || !u.CreatedAt.Equal(first.CreatedAt) {
		t.Errorf("user %+v", u)
	}
}

// A change is recorded with both names before it is made, and not made when it cannot be recorded. hazard 24, hazard 26
func TestChange(t *testing.T) {
	s, _, recorded, _ := newService(t)
	disable := func(u *store.User) error { u.Disabled, u.Name = true, "eve"; return nil }
	if _, err := s.Change(t.Context(), "bob", "root", "disabled", audit.Origin{}, disable); fault.KindOf(err) != fault.NotFound {
		t.Fatalf("an unknown user: %v", err)
	}
	if _, err := s.Ensure(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	recorded.fail = errors.New("disk full")
	if _, err := s.Change(t.Context(), "bob", "root", "disabled", audit.Origin{}, disable); fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("without a record: %v", err)
	}
	if u, err := s.Get(t.Context(), "bob"); err != nil || u.Disabled {
		t.Fatalf("user %+v, %v", u, err)
	}
	recorded.fail = nil
	u, err := s.Change(t.Context(), "bob", "root", "disabled", audit.Origin{}, disable)
	if err != nil || !u.Disabled || u.Name != "bob" {
		t.Fatalf("user %+v, %v", u, err)
	}
	if e := recorded.all[0]; e.User != "bob" || e.RealUser != "root" || e.Event != audit.EventUserChange {
		t.Errorf("record %+v", e)
	}
	refused := fault.Invalidf("no")
	if _, err := s.Change(t.Context(), "bob", "root", "x", audit.Origin{}, func(*store.User) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("error %v", err)
	}
	if last := recorded.all[len(recorded.all)-1]; last.Outcome != audit.OutcomeError {
		t.Errorf("a change that was not made is recorded as made: %+v", last)
	}
	if err := s.Delete(t.Context(), "bob", "root", audit.Origin{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), "bob"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("after its deletion: %v", err)
	}
}

// A user is made once, by a record that says who did it, and not over one who is there. hazard 26
func TestCreate(t *testing.T) {
	s, _, recorded, now := newService(t)
	make := func() (store.User, error) {
		return s.Create(t.Context(), "bot", "root", audit.Origin{}, func(u *store.User) error { u.IsService, u.Name = true, "eve"; return nil })
	}
	recorded.fail = errors.New("disk full")
	if _, err := make(); fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("without a record: %v", err)
	}
	if _, err := s.Get(t.Context(), "bot"); fault.KindOf(err) != fault.NotFound {
		t.Fatalf("without a record he was made: %v", err)
	}
	recorded.fail = nil
	u, err := make()
	if err != nil || u.Name != "bot" || !u.IsService || !u.CreatedAt.Equal(*now) {
		t.Fatalf("user %+v, %v", u, err)
	}
	if e := recorded.all[0]; len(recorded.all) != 1 || e.User != "bot" || e.RealUser != "root" || e.Reason != user.ReasonCreated {
		t.Errorf("records %+v", recorded.all)
	}
	if _, err := make(); fault.KindOf(err) != fault.Conflict || len(recorded.all) != 1 {
		t.Errorf("a second time: %v, records %+v", err, recorded.all)
	}
	if _, err := s.Create(t.Context(), strings.Repeat("a", 1025), "root", audit.Origin{}, func(*store.User) error { return nil }); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a name that cannot be: %v", err)
	}
}

// Nicknames are found among many users.
func TestByNickname(t *testing.T) {
	s, users, _, _ := newService(t)
	for i := range 600 {
		name := "user" + string(rune('a'+i%26)) + time.Unix(int64(i), 0).Format("150405")
		if _, err := users.PutUser(t.Context(), name, func(u *store.User, _ bool) error {
			if i == 599 || i == 3 {
				u.Nicknames = map[string]string{"slack": "n", "irc": name}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for nickname, want := range map[string]int{"n": 2, "x": 0, "": 0} {
		if found, err := s.ByNickname(t.Context(), "slack", nickname); err != nil || len(found) != want {
			t.Errorf("%q: %d found, %v; want %d", nickname, len(found), err, want)
		}
	}
}
