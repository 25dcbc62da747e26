package cache

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"latchkey/daemon/store"
)

// entry returns a record with this digest of this user.
func entry(digest, user string) *store.Entry {
	return &store.Entry{Credential: store.Credential{Digest: store.Digest(digest), User: user}}
}

// A reader who read before a write, and puts in what he read after it, puts in nothing.
func TestCacheTakesNothingOld(t *testing.T) {
	for what, write := range map[string]func(*Cache){
		"the record is dropped":       func(c *Cache) { c.Drop("d") },
		"another record is dropped":   func(c *Cache) { c.Drop("e") },
		"the user is changed":         func(c *Cache) { c.Touch("bob") },
		"the user and others are":     func(c *Cache) { c.Touch("bob"); c.Touch("eve"); c.Drop("f") },
		"all is forgotten":            func(c *Cache) { c.Clear() },
		"nothing is known to be gone": func(c *Cache) { c.Drop() },
	} {
		c := New(1 << 20)
		m := c.Mark()
		write(c)
		c.Keep(entry("d", "bob"), m)
		if _, ok := c.Get("d"); ok {
			t.Errorf("%s: a reader who began before got his record in", what)
		}
		c.Keep(entry("d", "bob"), c.Mark())
		if _, ok := c.Get("d"); !ok {
			t.Errorf("%s: a reader who began after did not get his record in", what)
		}
		m = c.Mark()
		write(c)
		c.KeepOwner(store.User{Name: "bob"}, m)
		if _, ok := c.Owner("bob"); ok {
			t.Errorf("%s: a reader who began before got his user in", what)
		}
		c.KeepOwner(store.User{Name: "bob"}, c.Mark())
		if _, ok := c.Owner("bob"); !ok {
			t.Errorf("%s: a reader who began after did not get his user in", what)
		}
	}
}

func TestCacheForgets(t *testing.T) {
	c := New(1 << 20)
	kept := func() (n int) {
		for _, digest := range []store.Digest{"b1", "b2", "e1"} {
			if _, ok := c.Get(digest); ok {
				n++
			}
		}
		return n
	}
	fill := func() {
		for digest, user := range map[string]string{"b1": "bob", "b2": "bob", "e1": "eve"} {
			c.Keep(entry(digest, user), c.Mark())
		}
	}
	fill()
	if n := kept(); n != 3 {
		t.Fatalf("%d of 3 are kept", n)
	}
	c.Drop("b1")
	if n := kept(); n != 2 {
		t.Errorf("one was dropped, and %d are kept", n)
	}
	c.Touch("bob")
	if n := kept(); n != 1 {
		t.Errorf("bob was changed, and %d are kept", n)
	}
	fill()
	if n := kept(); n != 3 {
		t.Errorf("all were read again, and %d are kept", n)
	}
}

// A user who was changed counts as not there, and others are still there; what a caller does to one he was given changes nothing.
func TestOwners(t *testing.T) {
	c := New(1 << 20)
	for _, name := range []string{"bob", "eve"} {
		c.KeepOwner(store.User{Name: name, Groups: []string{"wheel"}, Nicknames: map[string]string{"irc": name}}, c.Mark())
	}
	u, _ := c.Owner("bob")
	u.Groups[0], u.Nicknames["irc"] = "none", "none"
	want := store.User{Name: "bob", Groups: []string{"wheel"}, Nicknames: map[string]string{"irc": "bob"}}
	if u, ok := c.Owner("bob"); !ok || !reflect.DeepEqual(u, want) {
		t.Errorf("kept is %+v, %t; want %+v", u, ok, want)
	}
	c.Touch("bob")
	if _, ok := c.Owner("bob"); ok {
		t.Error("bob was changed, and is kept")
	}
	if _, ok := c.Owner("eve"); !ok {
		t.Error("bob was changed, and eve is not kept")
	}
	c.Clear()
	if _, ok := c.Owner("eve"); ok {
		t.Error("all was forgotten, and eve is kept")
	}
}

// What is kept is bounded in bytes, whatever users attach to their keys.
func TestCacheIsBounded(t *testing.T) {
	const limit = 1 << 20
	c := New(limit)
	for n := range 1000 {
		e := entry(fmt.Sprint(n), "bob")
		e.Credential.Metadata = bytes.Repeat([]byte{' '}, 60<<10)
		e.Owner = &store.User{Name: "bob", Groups: []string{"wheel"}, Nicknames: map[string]string{"slack": "b"}}
		c.Keep(e, c.Mark())
	}
	for n := range 1000 {
		c.KeepOwner(store.User{Name: fmt.Sprint(n), Groups: []string{strings.Repeat("g", 1000)}}, c.Mark())
	}
	c.entries.CleanUp()
	c.owners.CleanUp()
	entries, owners := c.entries.WeightedSize(), c.owners.WeightedSize()
	if entries+owners > limit || entries == 0 || owners == 0 {
		t.Errorf("%d and %d bytes are kept, and the limit is %d", entries, owners, limit)
	}
}
