package pgstore_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/daemon/store"
	"latchkey/daemon/store/pgstore"
	"latchkey/daemon/store/pgstore/pgtest"
)

// TestAnyText keeps texts that are not UTF-8, or hold zero bytes, or JSON that a database's own JSON type would change: they
// come back byte by byte, and names are in the order of their bytes, whatever the encoding of the database is.
func TestAnyText(t *testing.T) {
	server := pgtest.Start(t)
	for _, encoding := range []string{"UTF8", "LATIN1", "SQL_ASCII"} {
		t.Run(encoding, func(t *testing.T) {
			database := server.NewDatabase(t)
			base, _, _ := strings.Cut(database, "?")
			name := base[strings.LastIndex(base, "/")+1:]
			server.Exec(t, server.URL(), "DROP DATABASE "+name)
			server.Exec(t, server.URL(), "CREATE DATABASE "+name+" TEMPLATE template0 LOCALE 'C' ENCODING '"+encoding+"'")
			testAnyText(t, openAt(t, database, pgstore.Options{}))
		})
	}
}

func testAnyText(t *testing.T, s store.Store) {
	odd := "bj\xf6rn 漢 \U0001f511 '; DROP -- \\x \xff\x01"
	zero := odd + "\x00behind"
	c := token(1)
	c.User, c.Name, c.Roles, c.Groups = odd, zero, []string{"", zero, "a,b", "{}", "NULL"}, []string{odd}
	c.Source, c.UserAgent, c.Backend, c.CreatedBy = zero, zero, zero, zero
	c.Metadata = []byte(`{"big":123456789012345678901234567890.10e400,"a":1.0,"zero":"\u0000","lone":"\ud800","raw":"` + "\xff" + `","a":1}`)
	u := store.User{
		Name: odd, DisplayName: zero, Mail: zero, Groups: []string{zero, ""}, Backend: zero,
		Nicknames: map[string]string{zero: odd, "": "x", "empty": "", "NULL": "NULL"},
	}
	if err := s.CreateCredential(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutUser(t.Context(), u.Name, func(to *store.User, _ bool) error { *to = u; return nil }); err != nil {
		t.Fatal(err)
	}
	entry, err := s.CredentialByDigest(t.Context(), c.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(store.Entry{Credential: c, Owner: &u}, *entry); diff != "" {
		t.Errorf("it came back otherwise (- wanted, + got):\n%s", diff)
	}
	if page, total, err := s.Credentials(t.Context(), store.Query{User: odd, Limit: 1}); err != nil || total != 1 || len(page) != 1 {
		t.Errorf("the owner's list is %v of %d, %v", page, total, err)
	}
	for _, name := range []string{"a", "B", "ä", "b", "\xff", "\x01", "aa"} {
		if _, err := s.PutUser(t.Context(), name, func(*store.User, bool) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	users, _, err := s.Users(t.Context(), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, u := range users {
		names = append(names, u.Name)
	}
	if diff := cmp.Diff([]string{"\x01", "B", "a", "aa", "b", odd, "ä", "\xff"}, names); diff != "" {
		t.Errorf("names are in another order (- wanted, + got):\n%s", diff)
	}
	if err := s.DeleteUser(t.Context(), odd); err != nil {
		t.Fatal(err)
	}
	_, err = s.Credential(t.Context(), c.ID)
	wantError(t, "Credential of a deleted user", err, store.ErrNotFound)
}
