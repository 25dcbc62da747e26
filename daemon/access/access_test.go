package access_test

import (
	"crypto/rand"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/conf"
	"latchkey/daemon/access"
	"latchkey/daemon/audit"
	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
	"latchkey/daemon/store"
	"latchkey/daemon/store/boltstore"
)

// roles are the roles of these tests.
func roles() *access.Roles {
	return access.NewRoles([]conf.Role{
		{Name: "ops", Members: []conf.Member{
			{Kind: conf.MemberGroup, Pattern: "wheel"}, {Kind: conf.MemberUser, Pattern: "alice"}, {Kind: conf.MemberService, Pattern: "ci-", Prefix: true},
		}},
		{Name: "admin", Members: []conf.Member{{Kind: conf.MemberUser, Pattern: "root"}}},
		{Name: "all", Members: []conf.Member{{Kind: conf.MemberUser, Prefix: true}}},
	})
}

// Who has which role, by name, group and service; letter by letter. hazard 6
func TestRoles(t *testing.T) {
	r := roles()
	for _, c := range []struct {
		user   string
		groups []string
		want   string
	}{
		{"alice", nil, "all ops"},
		{"Alice", nil, "all"},
		{"bob", []string{"wheel"}, "all ops"},
		{"bob", []string{"Wheel", "wheels"}, "all"},
		{"root", []string{"wheel"}, "admin all ops"},
		{"ci-1", nil, "all"},
		{"", []string{"wheel"}, "ops"},
	} {
		if got := strings.Join(r.Of(c.user, c.groups), " "); got != c.want {
			t.Errorf("user %q in %q has %q, want %q", c.user, c.groups, got, c.want)
		}
	}
	if got := r.OfService("ci-7", []string{"deploy", "ops"}); !slices.Equal(got, []string{"deploy", "ops"}) {
		t.Errorf("a service has %q", got)
	}
	own := make([]string, 1, 8)
	own[0] = "deploy"
	first, second := r.OfService("ci-7", own), r.OfService("x", own)
	if len(first) != 2 || len(second) != 1 || first[1] != "ops" {
		t.Errorf("two answers share memory: %q, %q", first, second)
	}
}

// A CI token named like a service does not get the service's roles.
func TestCITokenIsNoService(t *testing.T) {
	c := store.Credential{Kind: store.KindCI, Name: "ci-1", Roles: []string{"deploy"}}
	if got := roles().For(&c, nil); !slices.Equal(got, []string{"deploy"}) {
		t.Errorf("roles %q", got)
	}
}

// A role is worked out at each check, from what the log-in recorded and from the configuration as it is now. hazard 39
func TestCallerFollowsTheConfiguration(t *testing.T) {
	db, err := boltstore.Open(filepath.Join(t.TempDir(), "store.db"), boltstore.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	engine := credential.New(credential.Options{Store: db, Audit: audit.Discard{}, Now: time.Now, Random: rand.Reader})
	guard := access.NewGuard(engine, roles())
	issue := func(spec credential.Spec) string {
		t.Helper()
		issued, err := engine.Issue(t.Context(), spec, audit.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		return issued.Text.Reveal()
	}
	session := issue(credential.Spec{Kind: store.KindSession, User: "bob", Groups: []string{"wheel"}, ExpiresAt: time.Now().Add(time.Hour)})
	key := issue(credential.Spec{Kind: store.KindAPIKey, User: "bob"})
	service := issue(credential.Spec{Kind: store.KindService, Name: "ci-1", Roles: []string{"admin"}})
	who := func(text string) access.Caller {
		t.Helper()
		caller, err := guard.Caller(t.Context(), text, credential.AllKinds)
		if err != nil {
			t.Fatal(err)
		}
		return caller
	}
	if c := who(session); !c.Has("ops") || c.Admin || c.RequireAdmin() == nil {
		t.Errorf("session %+v", c)
	}
	if c := who(key); c.Has("ops") {
		t.Errorf("a key of a user whose groups are not known: %+v", c)
	}
	if _, err := db.PutUser(t.Context(), "bob", func(u *store.User, _ bool) error { u.Groups = []string{"wheel"}; return nil }); err != nil {
		t.Fatal(err)
	}
	if c := who(key); !c.Has("ops") || !slices.Equal(c.Groups, []string{"wheel"}) {
		t.Errorf("a key of a user in wheel: %+v", c)
	}
	if c := who(service); !c.Admin || c.RequireAdmin() != nil || c.User != "" {
		t.Errorf("service %+v", c)
	}
	guard.SetRoles(access.NewRoles(nil))
	if c := who(session); len(c.Roles) != 0 {
		t.Errorf("after the role was dropped: %+v", c)
	}
}

// Nobody gives a role that he does not have. hazard 26
func TestCanGrant(t *testing.T) {
	bob := access.Caller{Roles: []string{"ops"}}
	if bob.CanGrant([]string{"ops"}) != nil || fault.KindOf(bob.CanGrant([]string{"ops", "dev"})) != fault.Forbidden {
		t.Error("an ordinary caller")
	}
	root := access.Caller{Admin: true}
	if root.CanGrant([]string{"dev"}) != nil {
		t.Error("an admin")
	}
}
