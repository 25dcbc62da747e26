package slapdtest_test

import (
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"latchkey/backends/ldap/slapdtest"
)

// The server answers, keeps its directory over a restart, and its ACL is what the tests of the backend rely on: the service
// account reads entries and no password, a user reads nothing.
func TestServer(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Options{LDIF: "dn: uid=dora,ou=people,dc=example,dc=com\n" +
		"objectClass: account\nobjectClass: simpleSecurityObject\nuid: dora\nuserPassword: d\n"})
	server.Kill(t)
	server.Restart(t)
	conn, err := ldap.DialURL("ldap://" + server.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	search := func() []*ldap.Entry {
		result, err := conn.Search(ldap.NewSearchRequest(slapdtest.People, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0,
			false, "(uid=dora)", []string{"*"}, nil))
		if err != nil {
			return nil
		}
		return result.Entries
	}
	if err := conn.Bind(slapdtest.ServiceDN, slapdtest.ServicePassword); err != nil {
		t.Fatal(err)
	}
	if entries := search(); len(entries) != 1 || entries[0].GetAttributeValue("userPassword") != "" {
		t.Fatalf("the service account sees %v", entries)
	}
	if err := conn.Bind("uid=dora,ou=people,dc=example,dc=com", "d"); err != nil {
		t.Fatal(err)
	}
	if entries := search(); len(entries) != 0 {
		t.Fatalf("a user sees %v", entries)
	}
	if !strings.Contains(server.Log(), `BIND dn="uid=dora,`) {
		t.Fatalf("no BIND in the log:\n%s", server.Log())
	}
}
