package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"latchkey/daemon/store"
)

// testModel does random things to a store and to a map, and compares what the two say after each.
func testModel(t *testing.T, open func(t *testing.T) store.Store) {
	s := open(t)
	block := 0 // each run has ids, a user and a day of its own, since the store is not emptied
	rapid.Check(t, func(rt *rapid.T) {
		block++
		m := &model{
			t: t, store: s, first: block * 100, user: fmt.Sprintf("user%d", block), day: base().Add(time.Duration(block) * 48 * time.Hour),
			kept: map[int]store.Credential{}, digests: map[store.Digest]int{},
		}
		if _, err := s.SweepCredentials(t.Context(), m.day, 1000); err != nil { // what earlier runs have left
			rt.Fatal(err)
		}
		rt.Repeat(map[string]func(*rapid.T){
			"create": m.create, "update": m.update, "rotate": m.rotate, "delete": m.remove, "sweep": m.sweep, "user": m.putUser,
			"delete user": m.deleteUser, "": m.compare,
		})
	})
}

// model is what the store should hold.
type model struct {
	t       *testing.T
	store   store.Store
	first   int
	user    string
	known   bool // the user is
	changes int  // of the user
	day     time.Time
	kept    map[int]store.Credential
	digests map[store.Digest]int
}

// pick chooses one of a few credentials, so that known and unknown ones come up.
func (m *model) pick(rt *rapid.T) int { return m.first + rapid.IntRange(0, 7).Draw(rt, "n") }

// hour chooses an instant of the day.
func (m *model) hour(rt *rapid.T) time.Time {
	return m.day.Add(time.Duration(rapid.IntRange(1, 9).Draw(rt, "hour")) * time.Hour)
}

// keep notes what a credential is now, and with nil that it is gone.
func (m *model) keep(n int, c *store.Credential) {
	delete(m.digests, m.kept[n].Digest)
	delete(m.kept, n)
	if c != nil {
		m.kept[n], m.digests[c.Digest] = *c, n
	}
}

// wantResult fails the run unless err is target.
func wantResult(rt *rapid.T, err, target error) {
	rt.Helper()
	if !errors.Is(err, target) {
		rt.Fatalf("the error is %v, not %v", err, target)
	}
}

// missing returns what an operation on the nth credential should fail with.
func (m *model) missing(n int) error {
	if _, there := m.kept[n]; !there {
		return store.ErrNotFound
	}
	return nil
}

func (m *model) create(rt *rapid.T) {
	n, c := m.pick(rt), store.Credential{}
	if rapid.Bool().Draw(rt, "expires") {
		c = session(n, m.user, m.hour(rt))
	} else {
		c = apiKey(n, m.user)
	}
	c.Digest = digest(m.pick(rt))
	var expected error
	if _, taken := m.digests[c.Digest]; taken || m.missing(n) == nil {
		expected = store.ErrExists
	}
	wantResult(rt, m.store.CreateCredential(m.t.Context(), c), expected)
	if expected == nil {
		m.keep(n, &c)
	}
}

func (m *model) update(rt *rapid.T) {
	n, disabled := m.pick(rt), rapid.Bool().Draw(rt, "disabled")
	changed, err := m.store.UpdateCredential(m.t.Context(), id(n), func(c *store.Credential) error { c.Disabled = disabled; return nil })
	wantResult(rt, err, m.missing(n))
	if err == nil {
		m.keep(n, &changed)
	}
}

func (m *model) rotate(rt *rapid.T) {
	n, to := m.pick(rt), digest(m.pick(rt))
	changed, err := m.store.UpdateCredential(m.t.Context(), id(n), func(c *store.Credential) error { c.Digest = to; return nil })
	expected := m.missing(n)
	if holder, taken := m.digests[to]; expected == nil && taken && holder != n {
		expected = store.ErrExists
	}
	wantResult(rt, err, expected)
	if err == nil {
		m.keep(n, &changed)
	}
}

func (m *model) remove(rt *rapid.T) {
	n := m.pick(rt)
	_, err := m.store.DeleteCredential(m.t.Context(), id(n), nil)
	wantResult(rt, err, m.missing(n))
	m.keep(n, nil)
}

func (m *model) sweep(rt *rapid.T) {
	now, expected := m.hour(rt), 0
	for n, c := range m.kept {
		if c.Expired(now) {
			m.keep(n, nil)
			expected++
		}
	}
	if n, err := m.store.SweepCredentials(m.t.Context(), now, 100); err != nil || n != expected {
		rt.Fatalf("%d were swept, %v; want %d", n, err, expected)
	}
}

func (m *model) putUser(rt *rapid.T) {
	_, err := m.store.PutUser(m.t.Context(), m.user, func(u *store.User, found bool) error {
		if found != m.known {
			rt.Fatalf("the user was found: %t", found)
		}
		u.DisplayName = fmt.Sprint(m.changes + 1)
		return nil
	})
	wantResult(rt, err, nil)
	m.known = true
	m.changes++
}

func (m *model) deleteUser(rt *rapid.T) {
	err := m.store.DeleteUser(m.t.Context(), m.user)
	if !m.known {
		wantResult(rt, err, store.ErrNotFound)
		return
	}
	wantResult(rt, err, nil)
	m.known = false
	for n := range m.kept {
		m.keep(n, nil)
	}
}

// compare looks up and lists all that the model has, and looks for what it has not.
func (m *model) compare(rt *rapid.T) {
	var expected []store.ID
	for n := range 8 {
		d := digest(m.first + n)
		entry, err := m.store.CredentialByDigest(m.t.Context(), d)
		holder, there := m.digests[d]
		if !there {
			wantResult(rt, err, store.ErrNotFound)
			continue
		}
		wantResult(rt, err, nil)
		c := m.kept[holder]
		if entry.Credential.Disabled != c.Disabled || entry.Credential.ID != c.ID || !entry.Credential.ExpiresAt.Equal(c.ExpiresAt) {
			rt.Fatalf("credential %d is %+v; want %+v", holder, entry, c)
		}
		if m.known != (entry.Owner != nil) || m.known && entry.Owner.DisplayName != fmt.Sprint(m.changes) {
			rt.Fatalf("the owner of %d is %+v after change %d", holder, entry.Owner, m.changes)
		}
		expected = append(expected, c.ID)
	}
	slices.Sort(expected)
	page, total, err := m.store.Credentials(m.t.Context(), store.Query{User: m.user})
	var listed []store.ID
	for i := range page {
		listed = append(listed, page[i].ID)
	}
	if err != nil || total != len(expected) || !slices.Equal(listed, expected) {
		rt.Fatalf("the list is %v of %d, %v; want %v", listed, total, err, expected)
	}
}
