package ldap

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
)

func entry(dn string, attributes ...string) *ldap.Entry {
	e := &ldap.Entry{DN: dn}
	for i := 0; i+1 < len(attributes); i += 2 {
		e.Attributes = append(e.Attributes, ldap.NewEntryAttribute(attributes[i], []string{attributes[i+1]}))
	}
	return e
}

func TestRequired(t *testing.T) {
	for _, test := range []struct {
		want, group string
		matches     bool
	}{
		{"cn=st2users,ou=groups,dc=example,dc=com", "cn=st2users,ou=groups,dc=example,dc=com", true},
		{"CN=ST2Users, OU=Groups ,DC=Example,dc=COM", "cn=st2users,ou=groups,dc=example,dc=com", true},
		{`cn=a\2cb,dc=x`, `CN=A\,B,dc=x`, true},
		{"cn=a+ou=b,dc=x", "ou=B+cn=A,dc=x", true},
		{"cn=müller,dc=x", `cn=M\c3\9cLLER,dc=x`, true},
		{"cn=st2users", "CN=St2Users,ou=anywhere,dc=example,dc=com", true},
		{"cn=st2users", "cn=st2users", true},
		{"cn=st2users", "ou=st2users,dc=example,dc=com", false},
		{"cn=st2users", "cn=x,cn=st2users,dc=example,dc=com", false},
		{"cn=st2", "cn=st2users,dc=example,dc=com", false},
		{"cn=st2users,dc=example", "cn=st2users,dc=example,dc=com", false},
		{"cn=st2users,dc=example,dc=com", "cn=st2users,ou=groups,dc=example,dc=com", false},
		{"cn=st2users,ou=groups,dc=example,dc=com", "cn=st2users", false},
		{"cn=st2users", "no distinguished name", false},
		{"cn=st2users", "", false},
	} {
		want, err := newRequired(test.want)
		if err != nil {
			t.Errorf("%q: %v", test.want, err)
			continue
		}
		if got := want.matches(newGroup(entry(test.group))); got != test.matches {
			t.Errorf("%q matches %q: %v", test.want, test.group, got)
		}
	}
}

func TestRequirement(t *testing.T) {
	var r requirement
	for _, text := range []string{"cn=a", "cn=b,dc=x"} {
		want, err := newRequired(text)
		if err != nil {
			t.Fatal(err)
		}
		r.groups = append(r.groups, want)
	}
	groups := func(dns ...string) []group {
		var all []group
		for _, dn := range dns {
			all = append(all, newGroup(entry(dn)))
		}
		return all
	}
	for _, test := range []struct {
		any     bool
		groups  []group
		missing []string
	}{
		{false, groups("cn=a,dc=x", "cn=b,dc=x"), nil},
		{false, groups("cn=a,dc=x"), []string{"cn=b,dc=x"}},
		{false, nil, []string{"cn=a", "cn=b,dc=x"}},
		{true, groups("cn=b,dc=x"), nil},
		{true, groups("cn=c,dc=x"), []string{"cn=a", "cn=b,dc=x"}},
		{true, nil, []string{"cn=a", "cn=b,dc=x"}},
	} {
		r.any = test.any
		if got := r.missing(test.groups); !slices.Equal(got, test.missing) {
			t.Errorf("any %v: missing %q, want %q", test.any, got, test.missing)
		}
	}
}

// A group's name is its cn; what could not be told apart in a list of names is left out of it.
func TestGroupNames(t *testing.T) {
	var groups []group
	for _, e := range []*ldap.Entry{
		entry("cn=wheel,ou=groups,dc=x", "cn", "other"), entry("gidNumber=5,dc=x", "CN", "staff"), entry("ou=teams,dc=x"), entry("cn=wheel,ou=toys,dc=x"),
		entry(`cn=a\,admin,dc=x`), entry("cn=line\x01,dc=x"), entry("cn=\xff,dc=x"), entry("no dn", "cn", "fallback"), entry(""),
	} {
		groups = append(groups, newGroup(e))
	}
	if got, want := groupNames(groups), []string{"fallback", "staff", "teams", "wheel"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// What is remembered ends at the exact instant, and there is never more of it than the size. hazard 24
func TestGroupCache(t *testing.T) {
	now := time.Unix(1000, 0)
	c := newGroupCache(10*time.Second, 3, func() time.Time { return now })
	c.put("a", []group{{name: "g"}})
	now = now.Add(10*time.Second - 1)
	if got, ok := c.get("a"); !ok || got[0].name != "g" {
		t.Errorf("%v, %v", got, ok)
	}
	now = now.Add(1)
	if _, ok := c.get("a"); ok {
		t.Error("remembered at its end")
	}
	for i := range 10 {
		c.put(fmt.Sprint(i), nil)
		c.put(fmt.Sprint(i), nil)
	}
	if len(c.entries) != 3 || c.order.Len() != 3 {
		t.Errorf("%d and %d entries", len(c.entries), c.order.Len())
	}
	if _, ok := c.get("9"); !ok {
		t.Error("the newest is forgotten")
	}
	if _, ok := c.get("6"); ok {
		t.Error("the oldest is remembered")
	}
	none := newGroupCache(0, 3, time.Now)
	none.put("a", nil)
	if _, ok := none.get("a"); ok {
		t.Error("a cache of no time remembers")
	}
}
