package conf

import (
	"reflect"
	"strings"
	"testing"
)

// Roles have members by user, group and service, of which a star at the end stands for any rest.
func TestRoles(t *testing.T) {
	c := mustLoad(t, "[roles]\nops = group:wheel, user:alice, service:ci-*\nadmin = user:*\nempty =\n")
	want := []Role{
		{Name: "admin", Members: []Member{{Kind: MemberUser, Prefix: true}}},
		{Name: "empty"},
		{Name: "ops", Members: []Member{{MemberGroup, "wheel", false}, {MemberUser, "alice", false}, {MemberService, "ci-", true}}},
	}
	if !reflect.DeepEqual(c.Roles, want) {
		t.Errorf("roles %+v", c.Roles)
	}
	if got := noticesOf(c); got != "latchkey.conf:3: [roles] admin: user:* makes every user an administrator\n" {
		t.Errorf("notices %s", got)
	}
}

// A role's name has one form, and admin is nobody else's. hazard 6
func TestRoleNames(t *testing.T) {
	for _, name := range []string{"Admin", "ADMIN", "aDmin"} {
		check(t, "[roles]\n"+name+" = user:alice\n", `2: [roles] "`+name+`": write it admin; roles are compared letter by letter`)
	}
	check(t, "[roles]\nａｄｍｉｎ = user:alice\n", "2: [roles] \"ａｄｍｉｎ\": a role's name is UTF-8 in Unicode's normal form NFKC")
	check(t, "[roles]\na,b = user:alice\na b = user:alice\n", `2: [roles] "a,b": a role's name holds no space, comma or control character`,
		`3: [roles] "a b": a role's name holds no space, comma or control character`)
	check(t, "[roles]\nadm\u200bin = user:alice\n", "2: [roles] \"adm?in\": a role's name holds no space, comma or control character")
}

// What cannot be a member.
func TestMembers(t *testing.T) {
	for member, want := range map[string]string{
		"alice":          "a member is user:NAME, group:NAME or service:NAME",
		"users:alice":    "a member is user:NAME, group:NAME or service:NAME",
		"User:alice":     "a member is user:NAME, group:NAME or service:NAME",
		"user:":          "a name follows the colon at once",
		"user: alice":    "a name follows the colon at once",
		"user:a*b":       "a star stands only at the end",
		"user:**":        "a star stands only at the end",
		"user:e\u0301ve": "a name is in Unicode's normal form NFC, as names are when people log in",
	} {
		check(t, "[roles]\nops = user:bob, "+member+"\n", `2: [roles] ops: "`+member+`": `+want)
	}
}

// Names that can be a role's, and names that cannot: in a configuration and wherever else a role is named. hazard 6
func TestCheckRole(t *testing.T) {
	for _, name := range []string{"ops", "admin", "introspect", "ci.deploy-2", "größe"} {
		if err := CheckRole(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{
		"", "Admin", "ADMIN", "admin ", "Introspect", "a b", "a,b", "a\n", "\x00", "a\u200bb", "\uff41dmin", "\xff", strings.Repeat("a", 65),
	} {
		if CheckRole(name) == nil {
			t.Errorf("%q is a role", name)
		}
	}
}

func FuzzCheckRole(f *testing.F) {
	for _, seed := range []string{"ops", "Admin", "INTROSPECT", "a b", "\xff", "ad\u200bmin"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if CheckRole(name) == nil && (strings.ContainsAny(name, " ,\n\x00") || strings.EqualFold(name, "admin") && name != "admin") {
			t.Fatalf("%q is a role", name)
		}
	})
}
