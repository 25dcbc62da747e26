package storetest

import (
	"testing"
	"time"

	"latchkey/daemon/store"
)

// names returns the names of a page of users, of whom there must be so many in all.
func names(t *testing.T, s store.Store, after string, limit, total int) []string {
	t.Helper()
	page, n, err := s.Users(t.Context(), after, limit)
	wantError(t, "Users", err, nil)
	want(t, "the total", n, total)
	all := []string{}
	for _, u := range page {
		all = append(all, u.Name)
	}
	return all
}

func userTests() map[string]func(*testing.T, store.Store) {
	return map[string]func(*testing.T, store.Store){
		"AllFieldsComeBack":           testUserAllFieldsComeBack,
		"Nobody":                      testUserNobody,
		"Owner":                       testUserOwner,
		"OddNames":                    testUserOddNames,
		"ChangeRefused":               testUserChangeRefused,
		"List":                        testUserList,
		"DeleteTakesCredentialsAlong": testUserDeleteTakesCredentialsAlong,
	}
}

func testUserAllFieldsComeBack(t *testing.T, s store.Store) {
	u := store.User{
		Name: "björn", DisplayName: "Björn <b>", Mail: "b@example.org", Groups: []string{"wheel", "ops"}, Backend: "ldap", IsService: true,
		Nicknames: map[string]string{"slack": "b", "irc": "bb"}, Disabled: true, CreatedAt: base(), LastLoginAt: base().Add(time.Hour),
	}
	returned, err := s.PutUser(t.Context(), u.Name, func(to *store.User, found bool) error {
		want(t, "a new user", *to, store.User{Name: u.Name})
		want(t, "found", found, false)
		*to = u
		to.CreatedAt = u.CreatedAt.Add(999).In(time.FixedZone("west", -3600))
		return nil
	})
	wantError(t, "PutUser", err, nil)
	want(t, "what PutUser returned", returned, u)
	got, err := s.User(t.Context(), u.Name)
	wantError(t, "User", err, nil)
	want(t, "the user", got, u)
	_, err = s.PutUser(t.Context(), u.Name, func(to *store.User, found bool) error {
		want(t, "the user as change sees him", *to, u)
		want(t, "found", found, true)
		to.Name, to.Groups, to.Nicknames = "eve", nil, map[string]string{}
		return nil
	})
	wantError(t, "PutUser", err, nil)
	u.Groups, u.Nicknames = nil, nil
	got, err = s.User(t.Context(), u.Name)
	wantError(t, "User", err, nil)
	want(t, "the user after a change", got, u)
	want(t, "all users", names(t, s, "", 0, 1), []string{u.Name})
}

func testUserNobody(t *testing.T, s store.Store) {
	for _, name := range []string{"nobody", "", "a\x00b", longName() + "n"} {
		_, err := s.User(t.Context(), name)
		wantError(t, "User", err, store.ErrNotFound)
		_, err = s.Owner(t.Context(), name)
		wantError(t, "Owner", err, store.ErrNotFound)
		wantError(t, "DeleteUser", s.DeleteUser(t.Context(), name), store.ErrNotFound)
	}
	want(t, "all users", names(t, s, "", 0, 0), []string{})
}

// What a store returns as the owner is what was last written, also where it was read before.
func testUserOwner(t *testing.T, s store.Store) {
	owner := func(what string, name string) store.User {
		t.Helper()
		u, err := s.Owner(t.Context(), name)
		wantError(t, what, err, nil)
		return u
	}
	putUser(t, s, store.User{Name: "eve"})
	for n := range 3 {
		bob := store.User{Name: "bob", Groups: []string{"wheel"}, Nicknames: map[string]string{"irc": "b"}, Disabled: n%2 == 1, LastLoginAt: base().Add(time.Duration(n) * time.Hour)}
		putUser(t, s, bob)
		for range 2 {
			u := owner("Owner", "bob")
			want(t, "the owner", u, bob)
			u.Groups[0], u.Nicknames["irc"] = "none", "none"
		}
		want(t, "another owner", owner("Owner", "eve").Name, "eve")
	}
	wantError(t, "DeleteUser", s.DeleteUser(t.Context(), "bob"), nil)
	_, err := s.Owner(t.Context(), "bob")
	wantError(t, "Owner of nobody", err, store.ErrNotFound)
	want(t, "another owner", owner("Owner", "eve").Name, "eve")
}

func testUserOddNames(t *testing.T, s store.Store) {
	for _, name := range []string{"", "a\x00b", longName() + "n"} {
		_, err := s.PutUser(t.Context(), name, func(*store.User, bool) error { return nil })
		wantError(t, "PutUser", err, store.ErrInvalid)
	}
	putUser(t, s, store.User{Name: longName()})
	want(t, "all users", names(t, s, "", 0, 1), []string{longName()})
}

func testUserChangeRefused(t *testing.T, s store.Store) {
	for range 2 {
		_, err := s.PutUser(t.Context(), "bob", func(u *store.User, _ bool) error { u.Disabled = true; return errRefusal })
		if err != errRefusal {
			t.Fatalf("the error of change came back as %v", err)
		}
	}
	_, err := s.User(t.Context(), "bob")
	wantError(t, "User", err, store.ErrNotFound)
	want(t, "all users", names(t, s, "", 0, 0), []string{})
}

func testUserList(t *testing.T, s store.Store) {
	for _, name := range []string{"dora", "bob", "anna", "bobby", "Carl"} {
		putUser(t, s, store.User{Name: name})
		putUser(t, s, store.User{Name: name, Disabled: true})
	}
	want(t, "all", names(t, s, "", 0, 5), []string{"Carl", "anna", "bob", "bobby", "dora"})
	want(t, "the first", names(t, s, "", 2, 5), []string{"Carl", "anna"})
	want(t, "the next", names(t, s, "anna", 2, 5), []string{"bob", "bobby"})
	want(t, "behind a name that is not there", names(t, s, "bobb", 0, 5), []string{"bobby", "dora"})
	want(t, "behind the last", names(t, s, "dora", 2, 5), []string{})
}

func testUserDeleteTakesCredentialsAlong(t *testing.T, s store.Store) {
	shelf(t, s)
	putUser(t, s, store.User{Name: "bob"})
	putUser(t, s, store.User{Name: "bobby"})
	for n := 1; n <= 12; n++ { // so that a cache has them
		_, err := s.CredentialByDigest(t.Context(), digest(n))
		wantError(t, "CredentialByDigest", err, nil)
	}
	wantError(t, "DeleteUser", s.DeleteUser(t.Context(), "bob"), nil)
	want(t, "all users", names(t, s, "", 0, 1), []string{"bobby"})
	for _, n := range []int{1, 2, 3, 6, 9, 10} {
		wantGone(t, s, store.Credential{ID: id(n), Digest: digest(n), User: "bob", Workspace: id(700)})
	}
	want(t, "what is left", list(t, s, store.Query{}), []store.ID{id(4), id(5), id(7), id(8), id(11), id(12)})
	wantError(t, "DeleteUser once more", s.DeleteUser(t.Context(), "bob"), store.ErrNotFound)
	n, err := s.SweepCredentials(t.Context(), base().Add(24*time.Hour), 100)
	wantError(t, "SweepCredentials", err, nil)
	want(t, "what is left to sweep", n, 2)
}
