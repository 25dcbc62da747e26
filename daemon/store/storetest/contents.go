package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/daemon/store"
)

// export returns all records of a store.
func export(t *testing.T, s store.Store) []store.Record {
	t.Helper()
	var all []store.Record
	if err := s.Export(t.Context(), func(r store.Record) error {
		all = append(all, r)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// fill puts some of everything into a store.
func fill(t *testing.T, s store.Store) {
	t.Helper()
	if _, err := s.CreateOnce(t.Context(), "bootstrap", true, apiKey(9, "bob")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateOnce(t.Context(), "another", true, apiKey(8, "bob")); err != nil {
		t.Fatal(err)
	}
	create(t, s, full(3), apiKey(1, "bob"), session(2, "eve", base().Add(time.Hour)))
	putUser(t, s, store.User{Name: "björn", DisplayName: "B", Mail: "b@example.com", Groups: []string{"wheel"}, Nicknames: map[string]string{"slack": "b"}, CreatedAt: base()})
	putUser(t, s, store.User{Name: "Zoë", Disabled: true, IsService: true, CreatedAt: base(), LastLoginAt: base().Add(time.Minute)})
	found(t, s, 100, "alice")
	for _, key := range []string{"name:eve", "address:192.0.2.1"} {
		if _, err := s.PutLockout(t.Context(), key, func(l *store.Lockout) time.Time {
			l.Failures, l.Until = []time.Time{base(), base().Add(time.Second)}, base().Add(time.Minute)
			return base().Add(time.Hour)
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// expected is what fill puts in, in the order of the contract.
func expected() []store.Record {
	bob, three, one, eve := apiKey(9, "bob"), full(3), apiKey(1, "bob"), session(2, "eve", base().Add(time.Hour))
	w, m, token := company(100), active(110, "alice"), developer(110, "alice")
	m.Workspace, token.Workspace = w.ID, w.ID
	lock := store.Lockout{Failures: []time.Time{base(), base().Add(time.Second)}, Until: base().Add(time.Minute)}
	return []store.Record{
		{Held: true},
		{Mark: "another"},
		{Mark: "bootstrap"},
		{User: &store.User{Name: "Zoë", Disabled: true, IsService: true, CreatedAt: base(), LastLoginAt: base().Add(time.Minute)}},
		{User: &store.User{Name: "alice"}},
		{User: &store.User{Name: "björn", DisplayName: "B", Mail: "b@example.com", Groups: []string{"wheel"}, Nicknames: map[string]string{"slack": "b"}, CreatedAt: base()}},
		{Lockout: &store.NamedLockout{Key: "address:192.0.2.1", Lockout: lock, Expires: base().Add(time.Hour)}},
		{Lockout: &store.NamedLockout{Key: "name:eve", Lockout: lock, Expires: base().Add(time.Hour)}},
		{Workspace: &w},
		{Member: &m},
		{Credential: &one},
		{Credential: &eve},
		{Credential: &three},
		{Credential: &bob},
		{Credential: &token},
	}
}

func contentsTests(open func(*testing.T) store.Store) map[string]func(*testing.T, store.Store) {
	return map[string]func(*testing.T, store.Store){
		"Export":                testExport,
		"ExportOfNothing":       testExportOfNothing,
		"ExportEndsWithAnError": testExportEndsWithAnError,
		"Import":                func(t *testing.T, s store.Store) { testImport(t, s, open(t)) },
		"ImportOfWhatIsThere":   testImportOfWhatIsThere,
		"ImportOfWhatCannotBe":  testImportOfWhatCannotBe,
		"ImportOfThePast":       testImportOfThePast,
	}
}

func testExport(t *testing.T, s store.Store) {
	fill(t, s)
	if diff := cmp.Diff(expected(), export(t, s)); diff != "" {
		t.Errorf("Export (-want +got):\n%s", diff)
	}
}

func testExportOfNothing(t *testing.T, s store.Store) {
	want(t, "records", len(export(t, s)), 0)
}

func testExportEndsWithAnError(t *testing.T, s store.Store) {
	fill(t, s)
	enough, seen := errors.New("enough"), 0
	err := s.Export(t.Context(), func(store.Record) error {
		if seen++; seen == 5 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || seen != 5 {
		t.Errorf("Export after %d records: %v", seen, err)
	}
}

func testImport(t *testing.T, s, empty store.Store) {
	fill(t, s)
	all, to := export(t, s), empty
	wantError(t, "Import", to.Import(t.Context(), all[:4]), nil)
	wantError(t, "Import", to.Import(t.Context(), all[4:]), nil)
	if diff := cmp.Diff(all, export(t, to)); diff != "" {
		t.Errorf("the copy (-from +to):\n%s", diff)
	}
	// Everything works on it: it is found by its digest and its user, it is swept, it is forgotten, and nothing is done twice.
	entry, err := to.CredentialByDigest(t.Context(), full(3).Digest)
	if err != nil || entry.Owner == nil || entry.Owner.DisplayName != "B" {
		t.Errorf("a check: %+v, %v", entry, err)
	}
	_, owned, err := to.Credentials(t.Context(), store.Query{User: "bob"})
	wantError(t, "Credentials", err, nil)
	want(t, "bob's credentials", owned, 2)
	_, users, err := to.Users(t.Context(), "", 1)
	wantError(t, "Users", err, nil)
	want(t, "users", users, 3)
	swept, err := to.SweepCredentials(t.Context(), base().Add(2*time.Hour), 10)
	wantError(t, "SweepCredentials", err, nil)
	want(t, "swept", swept, 2)
	forgotten, err := to.SweepLockouts(t.Context(), base().Add(2*time.Hour), 10)
	wantError(t, "SweepLockouts", err, nil)
	want(t, "forgotten", forgotten, 2)
	again, err := to.CreateOnce(t.Context(), "bootstrap", false, apiKey(20, "bob"))
	wantError(t, "CreateOnce", err, nil)
	want(t, "made once more", again, false)
}

func testImportOfWhatIsThere(t *testing.T, s store.Store) {
	fill(t, s)
	all := export(t, s)
	for _, r := range all[1:] {
		fresh := apiKey(30, "bob")
		err := s.Import(t.Context(), []store.Record{{Credential: &fresh}, r})
		if !errors.Is(err, store.ErrExists) {
			t.Errorf("%+v once more: %v", r, err)
		}
	}
	if diff := cmp.Diff(all, export(t, s)); diff != "" {
		t.Errorf("something was imported (-before +after):\n%s", diff)
	}
}

func testImportOfWhatCannotBe(t *testing.T, s store.Store) {
	good, bad := apiKey(1, "bob"), apiKey(2, "bob")
	bad.Digest = "short"
	for _, r := range []store.Record{{Credential: &bad}, {User: &store.User{}}, {Lockout: &store.NamedLockout{}}} {
		if err := s.Import(t.Context(), []store.Record{{Credential: &good}, r}); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	want(t, "records", len(export(t, s)), 0)
}

func testImportOfThePast(t *testing.T, s store.Store) {
	wantError(t, "Import", s.Import(t.Context(), []store.Record{{Held: true}}), nil)
	made, err := s.CreateOnce(t.Context(), "bootstrap", true, apiKey(1, "bob"))
	wantError(t, "CreateOnce", err, nil)
	want(t, "made in a store that was in use before", made, false)
}
