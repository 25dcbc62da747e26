package ldap_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"

	"latchkey/backends/ldap/slapdtest"
	"latchkey/plugins"
)

// person is the LDIF of an account in ou=people; more is put at its end.
func person(uid, password, more string) string {
	return fmt.Sprintf("dn: uid=%[1]s,ou=people,dc=example,dc=com\nobjectClass: inetOrgPerson\nobjectClass: extensibleObject\nuid: %[1]s\n"+
		"cn: %[1]s\nsn: %[1]s\nuserPassword: %[2]s\n%[3]s\n", uid, password, more)
}

// member is the LDIF of a group in ou=groups.
func member(cn string, dns ...string) string {
	return fmt.Sprintf("dn: cn=%[1]s,ou=groups,dc=example,dc=com\nobjectClass: groupOfNames\ncn: %[1]s\nmember: %[2]s\n\n", cn, strings.Join(dns, "\nmember: "))
}

// An empty password, or one that a C library would take for empty, is wrong, and no bind is sent, even where the server would
// accept it from anybody. hazard 1
func TestEmptyPassword(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Options{Global: "allow bind_anon_cred"})
	through := newProxy(t, server.Address, nil)
	backend, _ := open(t, plain(server, kwargs{"host": through.address}))
	for _, password := range []string{"", "\x00", "\x00x", "x\x00"} {
		want(t, backend, "alice", password, plugins.Denied, plugins.ReasonWrongPassword)
		want(t, backend, "nobody-here", password, plugins.Denied, plugins.ReasonWrongPassword)
	}
	want(t, backend, "alice", strings.Repeat("x", 1025), plugins.Denied, plugins.ReasonPasswordTooLong)
	if sent := through.operations(); len(sent) != 0 {
		t.Errorf("operations %v were sent", sent)
	}
	if strings.Contains(server.Log(), "BIND") {
		t.Errorf("a bind arrived:\n%s", server.Log())
	}
	want(t, backend, "alice", slapdtest.AlicePassword, plugins.Accepted, "")
}

// Names that are filters, and accounts whose distinguished names are: nobody else is found, and their groups are theirs. hazard 3,
// hazard 5
func TestInjection(t *testing.T) {
	const odd = `uid=x)(|(cn=*\2c\2a\5c,ou=people,dc=example,dc=com`
	server := slapdtest.Start(t, slapdtest.Options{LDIF: "dn: " + odd + "\nobjectClass: inetOrgPerson\nuid: x)(|(cn=*,*\\\ncn: odd\nsn: odd\nuserPassword: odd\n\n" +
		member("odd", odd) + member("secret", "uid=nobody,dc=example,dc=com")})
	backend, _ := open(t, plain(server, kwargs{"group_dns": []string{"cn=odd"}}))
	got := want(t, backend, `X)(|(CN=*,*\`, "odd", plugins.Accepted, "")
	if got.Name != `x)(|(cn=*,*\` || !slices.Equal(got.Groups, []string{"odd"}) {
		t.Errorf("%+v", got)
	}
	backend, _ = open(t, plain(server, kwargs{"account_pattern": "(&(objectClass=inetOrgPerson)(|(uid={username})(mail={username})))"}))
	for _, name := range []string{
		"*", "a*", "alice*", "*alice", "(", ")", `\`, `\2a`, "alice)(uid=*", "*)(uid=*", "x)(|(uid=alice", "alice)(!(uid=x", "uid=alice", "alice,ou=people,dc=example,dc=com",
		"uid=alice,ou=people,dc=example,dc=com", "alice#", "#alice", "alice+cn=x", "{username}", "{user_dn}", "%61lice", `\61lice`,
	} {
		want(t, backend, name, slapdtest.AlicePassword, plugins.UnknownUser, plugins.ReasonUnknownUser)
	}
	for _, name := range []string{"", " alice", "alice ", "alice\x00", "alice\n", "\xff", "a:b", strings.Repeat("a", 257)} {
		want(t, backend, name, slapdtest.AlicePassword, plugins.UnknownUser, plugins.ReasonUnknownUser)
	}
	want(t, backend, "ALICE@example.com", slapdtest.AlicePassword, plugins.Accepted, "")
}

// A name that stands for several entries is refused, whichever password it is. hazard 3
func TestAmbiguous(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Options{LDIF: "dn: ou=other,dc=example,dc=com\nobjectClass: organizationalUnit\nou: other\n\n" +
		"dn: uid=alice,ou=other,dc=example,dc=com\nobjectClass: account\nobjectClass: simpleSecurityObject\nuid: alice\nuserPassword: other\n\n" +
		"dn: cn=alice,ou=other,dc=example,dc=com\nobjectClass: account\nobjectClass: simpleSecurityObject\nobjectClass: extensibleObject\nuid: alice\ncn: alice\nuserPassword: third\n\n"})
	backend, log := open(t, plain(server, nil))
	for _, password := range []string{slapdtest.AlicePassword, "other", "third", "wrong"} {
		want(t, backend, "alice", password, plugins.Denied, plugins.ReasonAmbiguousUser)
	}
	if !strings.Contains(log.String(), "stands for several entries") {
		t.Errorf("not logged:\n%s", log)
	}
	found, err := backend.(plugins.Looker).Lookup(t.Context(), "alice")
	if err != nil || found.Outcome != plugins.UnknownUser || found.Reason != plugins.ReasonAmbiguousUser {
		t.Errorf("Lookup = %+v, %v", found, err)
	}
	// The place and the scope of the search decide whose name it is.
	for _, settings := range []kwargs{
		{"base_ou": slapdtest.People, "base_ou_group": slapdtest.Groups},
		{"base_ou": slapdtest.People, "base_ou_group": slapdtest.Groups, "scope": "onelevel"},
	} {
		backend, _ := open(t, plain(server, settings))
		want(t, backend, "alice", slapdtest.AlicePassword, plugins.Accepted, "")
	}
	backend, _ = open(t, plain(server, kwargs{"base_ou": slapdtest.Suffix, "base_ou_group": slapdtest.Groups, "scope": "onelevel"}))
	want(t, backend, "alice", slapdtest.AlicePassword, plugins.UnknownUser, plugins.ReasonUnknownUser)
	backend, _ = open(t, plain(server, kwargs{
		"base_ou": "uid=alice," + slapdtest.People, "base_ou_group": "cn=st2users," + slapdtest.Groups, "scope": "base",
	}))
	want(t, backend, "alice", slapdtest.AlicePassword, plugins.Accepted, "")
	want(t, backend, "bob", slapdtest.BobPassword, plugins.UnknownUser, plugins.ReasonUnknownUser)
}

// Whoever is wrongly placed in the settings is told so, and nobody is called unknown. hazard 2
func TestWrongBase(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Options{})
	backend, _ := open(t, plain(server, kwargs{"base_ou": "ou=gone,dc=example,dc=com"}))
	undecided(t, backend, "alice", slapdtest.AlicePassword, `base_ou "ou=gone,dc=example,dc=com" does not exist`)
	if err := backend.(plugins.Checker).Check(t.Context()); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("Check: %v", err)
	}
	backend, _ = open(t, plain(server, kwargs{"base_ou_group": "ou=gone,dc=example,dc=com"}))
	undecided(t, backend, "alice", slapdtest.AlicePassword, `base_ou_group "ou=gone,dc=example,dc=com" does not exist`)
	backend, _ = open(t, plain(server, kwargs{"bind_password": "wrong"}))
	undecided(t, backend, "alice", slapdtest.AlicePassword, "refuses the service account")
	if err := backend.(plugins.Checker).Check(t.Context()); err == nil || !strings.Contains(err.Error(), "check bind_dn and bind_password") {
		t.Errorf("Check: %v", err)
	}
}

// A directory that accepts whoever asks lets nobody in who is not in it, and the log says what it does.
func TestDirectoryAcceptsAnybody(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Options{})
	through := newProxy(t, server.Address, func(packet *ber.Packet) *ber.Packet {
		if operation := packet.Children[1]; operation.Tag == goldap.ApplicationBindRequest && strings.Contains(fmt.Sprint(operation.Children[1].Value), "no-such-account") {
			return result(packet, goldap.ApplicationBindResponse, goldap.LDAPResultSuccess)
		}
		return nil
	})
	backend, log := open(t, plain(server, kwargs{"host": through.address}))
	want(t, backend, "nobody-here", "x", plugins.UnknownUser, plugins.ReasonUnknownUser)
	if !strings.Contains(log.String(), "it accepts anybody") {
		t.Errorf("not logged:\n%s", log)
	}
}

// A directory that lists a part of the groups only has not said which ones are missing.
func TestGroupsCutShort(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Options{})
	backend, _ := open(t, plain(server, kwargs{"client_options": kwargs{"OPT_SIZELIMIT": 2}}))
	undecided(t, backend, "alice", slapdtest.AlicePassword, "does not list all groups")
	want(t, backend, "bob", slapdtest.BobPassword, plugins.Accepted, "")
}

// Groups are required by distinguished name or by its first part, all of them or one, and found in each way of membership.
func TestGroups(t *testing.T) {
	const alice, bob = "uid=alice,ou=people,dc=example,dc=com", "uid=bob,ou=people,dc=example,dc=com"
	server := slapdtest.Start(t, slapdtest.Options{LDIF: member("Comma\\, Inc", alice) + member("both", alice, bob)})
	for name, test := range map[string]struct {
		settings   kwargs
		alice, bob bool
	}{
		"whole name":           {kwargs{"group_dns": []string{"cn=st2users,ou=groups,dc=example,dc=com"}}, true, true},
		"other spelling":       {kwargs{"group_dns": []string{"CN=ST2USERS, OU=Groups, DC=example, DC=COM"}}, true, true},
		"first part":           {kwargs{"group_dns": []string{"CN=developers"}}, true, false},
		"posix":                {kwargs{"group_dns": []string{"cn=wheel"}}, true, false},
		"and":                  {kwargs{"group_dns": []string{"cn=st2users", "cn=developers"}}, true, false},
		"or":                   {kwargs{"group_dns": []string{"cn=st2users", "cn=developers"}, "group_dns_check": "or"}, true, true},
		"or, nobody":           {kwargs{"group_dns": []string{"cn=none", "cn=nil"}, "group_dns_check": "or"}, false, false},
		"and, one unknown":     {kwargs{"group_dns": []string{"cn=st2users", "cn=none"}}, false, false},
		"part of a name":       {kwargs{"group_dns": []string{"cn=st2"}}, false, false},
		"another place":        {kwargs{"group_dns": []string{"cn=st2users,ou=people,dc=example,dc=com"}}, false, false},
		"ini list":             {kwargs{"group_dns": "cn=both,ou=groups,dc=example,dc=com; cn=st2users"}, true, true},
		"comma in a name":      {kwargs{"group_dns": []string{`cn=comma\, inc`}}, true, false},
		"own pattern":          {kwargs{"group_pattern": "(&(objectClass=posixGroup)(memberUid={username}))", "group_dns": []string{"cn=wheel"}}, true, false},
		"own pattern, without": {kwargs{"group_pattern": "(&(objectClass=posixGroup)(memberUid={username}))"}, false, false},
		"searched elsewhere":   {kwargs{"base_ou_group": slapdtest.People}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			backend, _ := open(t, plain(server, test.settings))
			for user, in := range map[string]bool{"ALICE:" + slapdtest.AlicePassword: test.alice, "bob:" + slapdtest.BobPassword: test.bob} {
				name, password, _ := strings.Cut(user, ":")
				outcome, reason := plugins.Denied, plugins.ReasonNotInGroup
				if in {
					outcome, reason = plugins.Accepted, ""
				}
				want(t, backend, name, password, outcome, reason)
			}
		})
	}
}

// Accounts that their directory has disabled or locked, in the words of several directories. hazard 23
func TestAccountStates(t *testing.T) {
	schema := `attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 2.16.840.1.113730.3.1.610 NAME 'nsAccountLock' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )`
	states := map[string]string{
		"userAccountControl: 512": "", "userAccountControl: 514": plugins.ReasonAccountDisabled, "userAccountControl: TRUE": "unreadable_account_state",
		"nsAccountLock: TRUE": plugins.ReasonAccountDisabled, "nsAccountLock: true": plugins.ReasonAccountDisabled, "nsAccountLock: FALSE": "",
		"nsAccountLock: false": "", "nsAccountLock: 0": "unreadable_account_state", "nsAccountLock: 1": "unreadable_account_state",
		"nsAccountLock: FALSE\nnsAccountLock: 0": "unreadable_account_state",
	}
	var ldif strings.Builder
	var dns []string
	names := map[string]string{}
	for state := range states {
		names[state] = fmt.Sprintf("s%d", len(names))
		ldif.WriteString(person(names[state], "p", state+"\n"))
		dns = append(dns, "uid="+names[state]+",ou=people,dc=example,dc=com")
	}
	server := slapdtest.Start(t, slapdtest.Options{Global: schema, LDIF: ldif.String() + member("all", dns...)})
	backend, _ := open(t, plain(server, kwargs{"group_dns": []string{"cn=all"}}))
	for state, reason := range states {
		if reason == "" {
			want(t, backend, names[state], "p", plugins.Accepted, "")
			want(t, backend, names[state], "x", plugins.Denied, plugins.ReasonWrongPassword)
			continue
		}
		want(t, backend, names[state], "p", plugins.Denied, reason)
		want(t, backend, names[state], "x", plugins.Denied, reason)
	}
}

// OpenLDAP's password policy: locked after failures, locked by an administrator, must change.
func TestPasswordPolicy(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Options{
		Modules:  []string{"ppolicy"},
		Database: "overlay ppolicy\nppolicy_default \"cn=policy,dc=example,dc=com\"\nppolicy_use_lockout",
		LDIF: "dn: cn=policy,dc=example,dc=com\nobjectClass: device\nobjectClass: pwdPolicy\ncn: policy\npwdAttribute: userPassword\npwdLockout: TRUE\n" +
			"pwdMaxFailure: 3\npwdMustChange: TRUE\n\n" + person("dora", "d", "") + member("all", "uid=dora,ou=people,dc=example,dc=com", "uid=bob,ou=people,dc=example,dc=com",
			"uid=carol,ou=people,dc=example,dc=com"),
	})
	backend, _ := open(t, plain(server, kwargs{"group_dns": []string{"cn=all"}}))
	want(t, backend, "bob", slapdtest.BobPassword, plugins.Accepted, "")
	for range 3 {
		want(t, backend, "bob", "wrong", plugins.Denied, plugins.ReasonWrongPassword)
	}
	want(t, backend, "bob", slapdtest.BobPassword, plugins.Denied, plugins.ReasonAccountLocked)
	server.Apply(t, "dn: uid=carol,ou=people,dc=example,dc=com\nchangetype: modify\nadd: pwdAccountLockedTime\npwdAccountLockedTime: 000001010000Z\n")
	want(t, backend, "carol", slapdtest.CarolPassword, plugins.Denied, plugins.ReasonAccountLocked)
	want(t, backend, "carol", "wrong", plugins.Denied, plugins.ReasonAccountLocked)
	want(t, backend, "dora", "d", plugins.Accepted, "")
	server.Apply(t, "dn: uid=dora,ou=people,dc=example,dc=com\nchangetype: modify\nreplace: pwdReset\npwdReset: TRUE\n")
	want(t, backend, "dora", "d", plugins.Denied, plugins.ReasonPasswordExpired)
	// The service account is under the policy, too.
	server.Apply(t, "dn: "+slapdtest.ServiceDN+"\nchangetype: modify\nreplace: pwdReset\npwdReset: TRUE\n")
	backend, _ = open(t, plain(server, nil))
	undecided(t, backend, "dora", "d", "must change its password")
}

// An account that has no password, or no name that Latchkey could use, is refused; the others are called as the directory does.
func TestNames(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Options{LDIF: "dn: uid=nopass,ou=people,dc=example,dc=com\nobjectClass: inetOrgPerson\nuid: nopass\ncn: n\nsn: n\n\n" +
		person("Dora", "d", "uid: Theodora\nmail: dora@example.com\n") + person("eve", "e", "mail:: IGV2ZUBleGFtcGxlLmNvbQ==\n") +
		member("all", "uid=dora,ou=people,dc=example,dc=com", "uid=eve,ou=people,dc=example,dc=com")})
	backend, _ := open(t, plain(server, kwargs{"group_dns": []string{"cn=all"}}))
	want(t, backend, "nopass", "x", plugins.Denied, plugins.ReasonWrongPassword)
	for _, typed := range []string{"dora", "theodora"} {
		if got := want(t, backend, typed, "d", plugins.Accepted, ""); got.Name != "Dora" {
			t.Errorf("typed %q: %q", typed, got.Name)
		}
	}
	backend, _ = open(t, plain(server, kwargs{"group_dns": []string{"cn=all"}, "id_attr": "mail", "account_pattern": "(uid={username})"}))
	if got := want(t, backend, "dora", "d", plugins.Accepted, ""); got.Name != "dora@example.com" {
		t.Errorf("%q", got.Name)
	}
	want(t, backend, "eve", "e", plugins.Denied, "no_usable_name")
	want(t, backend, "bob", slapdtest.BobPassword, plugins.Denied, plugins.ReasonNotInGroup)
	found, err := backend.(plugins.Looker).Lookup(t.Context(), "eve")
	if err != nil || found.Outcome != plugins.UnknownUser || found.Reason != "no_usable_name" {
		t.Errorf("Lookup = %+v, %v", found, err)
	}
}

// The steps tell an administrator what happened and hold no secret. hazard 25
func TestTrace(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Options{})
	backend, log := open(t, plain(server, kwargs{"use_tls": true, "cacert": server.CAFile, "debug": true}))
	steps := strings.Join(want(t, backend, "ALICE", slapdtest.AlicePassword, plugins.Accepted, "").Steps, "\n")
	for _, text := range []string{
		"Asked ldap://" + server.Address + " (StartTLS) as " + slapdtest.ServiceDN, "for (uid=ALICE): 1 found (uid=alice,ou=people,dc=example,dc=com)",
		"Bound as uid=alice,ou=people,dc=example,dc=com: result 0", "no attribute that could lock", "The account's name is alice",
	} {
		if !strings.Contains(steps, text) {
			t.Errorf("no %q in\n%s", text, steps)
		}
	}
	steps += strings.Join(want(t, backend, "alice", "canary-wrong", plugins.Denied, plugins.ReasonWrongPassword).Steps, "\n")
	steps += strings.Join(want(t, backend, "carol", slapdtest.CarolPassword, plugins.Denied, plugins.ReasonNotInGroup).Steps, "\n")
	steps += strings.Join(want(t, backend, "no-one", "canary-wrong", plugins.UnknownUser, plugins.ReasonUnknownUser).Steps, "\n")
	if !strings.Contains(steps, "not a member of cn=st2users") {
		t.Errorf("no missing group in\n%s", steps)
	}
	if !strings.Contains(log.String(), "ldap search") || !strings.Contains(log.String(), "ldap bind") {
		t.Errorf("debug logs no operations:\n%s", log)
	}
	for _, secret := range []string{slapdtest.AlicePassword, slapdtest.ServicePassword, slapdtest.CarolPassword, "canary-wrong", `i\"c'e`} {
		if strings.Contains(steps+log.String(), secret) {
			t.Errorf("%q is in the steps or the log:\n%s\n%s", secret, steps, log)
		}
	}
}
