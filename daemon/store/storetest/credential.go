package storetest

import (
	"context"
	"strings"
	"testing"
	"time"

	"latchkey/daemon/store"
)

func credentialTests() map[string]func(*testing.T, store.Store) {
	return map[string]func(*testing.T, store.Store){
		"AllFieldsComeBack":               testCredentialAllFieldsComeBack,
		"EmptyFieldsComeBackAsNil":        testCredentialEmptyFieldsComeBackAsNil,
		"TimesAreUTCAndWholeMicroseconds": testCredentialTimesAreUTCAndWholeMicroseconds,
		"NothingThere":                    testCredentialNothingThere,
		"LongDigest":                      testCredentialLongDigest,
		"TakenID":                         testCredentialTakenID,
		"TakenDigest":                     testCredentialTakenDigest,
		"InvalidIsRefused":                testInvalid,
		"AnotherTimeAfterDeletion":        testCredentialAnotherTimeAfterDeletion,
		"OwnerComesWithIt":                testOwner,
		"FarExpiry":                       testCredentialFarExpiry,
	}
}

func testCredentialAllFieldsComeBack(t *testing.T, s store.Store) {
	c := full(1)
	create(t, s, c)
	wantThere(t, s, c)
}

func testCredentialEmptyFieldsComeBackAsNil(t *testing.T, s store.Store) {
	c := apiKey(1, "bob")
	given := c
	given.Roles, given.Groups, given.Metadata = []string{}, []string{}, []byte{}
	create(t, s, given)
	wantThere(t, s, c)
}

func testCredentialTimesAreUTCAndWholeMicroseconds(t *testing.T, s store.Store) {
	c := session(1, "bob", base().Add(time.Hour))
	given := c
	zone := time.FixedZone("east", 3*3600)
	given.CreatedAt, given.ExpiresAt = c.CreatedAt.Add(999).In(zone), c.ExpiresAt.Add(999).In(zone)
	create(t, s, given)
	wantThere(t, s, c)
}

func testCredentialNothingThere(t *testing.T, s store.Store) {
	wantGone(t, s, full(1))
	for _, odd := range []store.ID{"", "x", id(1) + "0", "ABCDEF000000000000000000"} {
		_, err := s.Credential(t.Context(), odd)
		wantError(t, "Credential of an odd id", err, store.ErrNotFound)
	}
	for _, odd := range []store.Digest{"", "x", store.Digest(strings.Repeat("d", 64))} {
		_, err := s.CredentialByDigest(t.Context(), odd)
		wantError(t, "CredentialByDigest of an odd digest", err, store.ErrNotFound)
	}
}

func testCredentialLongDigest(t *testing.T, s store.Store) {
	c := apiKey(1, "bob")
	c.Digest = store.Digest(strings.Repeat("\x00\xff", 32))
	create(t, s, c)
	wantThere(t, s, c)
	_, err := s.CredentialByDigest(t.Context(), c.Digest[:32])
	wantError(t, "CredentialByDigest of half a digest", err, store.ErrNotFound)
}

func testCredentialTakenID(t *testing.T, s store.Store) {
	create(t, s, apiKey(1, "bob"))
	other := apiKey(2, "eve")
	other.ID = id(1)
	wantError(t, "CreateCredential", s.CreateCredential(t.Context(), other), store.ErrExists)
	wantThere(t, s, apiKey(1, "bob"))
	_, err := s.CredentialByDigest(t.Context(), other.Digest)
	wantError(t, "CredentialByDigest of what was refused", err, store.ErrNotFound)
	want(t, "what eve has", list(t, s, store.Query{User: "eve"}), []store.ID{})
}

func testCredentialTakenDigest(t *testing.T, s store.Store) {
	create(t, s, apiKey(1, "bob"))
	other := apiKey(2, "eve")
	other.Digest = digest(1)
	wantError(t, "CreateCredential", s.CreateCredential(t.Context(), other), store.ErrExists)
	wantThere(t, s, apiKey(1, "bob"))
	_, err := s.Credential(t.Context(), other.ID)
	wantError(t, "Credential of what was refused", err, store.ErrNotFound)
}

func testCredentialAnotherTimeAfterDeletion(t *testing.T, s store.Store) {
	c := full(1)
	create(t, s, c)
	_, err := s.DeleteCredential(t.Context(), c.ID, nil)
	wantError(t, "DeleteCredential", err, nil)
	wantGone(t, s, c)
	create(t, s, c)
	wantThere(t, s, c)
}

func testCredentialFarExpiry(t *testing.T, s store.Store) {
	c := session(1, "bob", time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC))
	old := session(2, "bob", time.Date(1901, 1, 1, 0, 0, 0, 0, time.UTC))
	create(t, s, c, old)
	n, err := s.SweepCredentials(t.Context(), base(), 10)
	wantError(t, "SweepCredentials", err, nil)
	want(t, "the number swept", n, 1)
	wantThere(t, s, c)
	wantGone(t, s, old)
}

// testInvalid holds the store to refusing what must not be kept. hazard 29
func testInvalid(t *testing.T, s store.Store) {
	bad := map[string]func(*store.Credential){
		"no id":               func(c *store.Credential) { c.ID = "" },
		"upper-case id":       func(c *store.Credential) { c.ID = "ABCDEF000000000000000000" },
		"no digest":           func(c *store.Credential) { c.Digest = "" },
		"short digest":        func(c *store.Credential) { c.Digest = "abc" },
		"no kind":             func(c *store.Credential) { c.Kind = "" },
		"unknown kind":        func(c *store.Credential) { c.Kind = "root" },
		"zero byte in user":   func(c *store.Credential) { c.User = "bob\x00t" },
		"long user":           func(c *store.Credential) { c.User = longName() + "n" },
		"odd workspace":       func(c *store.Credential) { c.Workspace = "w" },
		"metadata no JSON":    func(c *store.Credential) { c.Metadata = []byte(`{"a":`) },
		"session for ever":    func(c *store.Credential) { c.Kind, c.ExpiresAt = store.KindSession, time.Time{} },
		"year of five digits": func(c *store.Credential) { c.ExpiresAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
	}
	kept := session(1, "bob", base().Add(time.Hour))
	create(t, s, kept)
	for what, spoil := range bad {
		c := session(2, "bob", base().Add(time.Hour))
		spoil(&c)
		wantError(t, "CreateCredential: "+what, s.CreateCredential(t.Context(), c), store.ErrInvalid)
		_, err := s.CreateOnce(t.Context(), "mark", false, c)
		wantError(t, "CreateOnce: "+what, err, store.ErrInvalid)
	}
	done, err := s.Done(t.Context(), "mark")
	wantError(t, "Done", err, nil)
	want(t, "the mark of what was refused", done, false)
	_, err = s.UpdateCredential(t.Context(), kept.ID, func(c *store.Credential) error { c.ExpiresAt = time.Time{}; return nil })
	wantError(t, "UpdateCredential", err, store.ErrInvalid)
	wantThere(t, s, kept)
	want(t, "what is there", list(t, s, store.Query{}), []store.ID{kept.ID})
}

// testOwner holds the store to giving the owner's state of the moment with a credential.
func testOwner(t *testing.T, s store.Store) {
	owner := func() *store.User {
		t.Helper()
		entry, err := s.CredentialByDigest(t.Context(), digest(1))
		wantError(t, "CredentialByDigest", err, nil)
		return entry.Owner
	}
	create(t, s, apiKey(1, "bob"))
	want(t, "an owner who is not known", owner(), nil)
	bob := store.User{Name: "bob", Groups: []string{"wheel"}, CreatedAt: base()}
	putUser(t, s, bob)
	want(t, "the owner", owner(), &bob)
	bob.Disabled = true
	putUser(t, s, bob)
	want(t, "the owner, disabled", owner(), &bob)
	putUser(t, s, store.User{Name: "eve"})
	want(t, "the owner after another user's change", owner(), &bob)

	service := store.Credential{ID: id(2), Kind: store.KindService, Digest: digest(2), Name: "bob"}
	create(t, s, service)
	entry, err := s.CredentialByDigest(t.Context(), service.Digest)
	wantError(t, "CredentialByDigest", err, nil)
	want(t, "the owner of a service token", entry.Owner, nil)
}

func changeTests() map[string]func(*testing.T, store.Store) {
	return map[string]func(*testing.T, store.Store){
		"UpdateWritesAndReturns": testUpdateWritesAndReturns,
		"UpdateKeepsIdentity":    testUpdateKeepsIdentity,
		"UpdateMovesInEveryList": testUpdateMovesInEveryList,
		"UpdateRefused":          testUpdateRefused,
		"UpdateNothing":          testUpdateNothing,
		"Rotate":                 testRotate,
		"Delete":                 testDelete,
		"DeleteRefused":          testDeleteRefused,
		"NoteUses":               testNoteUses,
		"CancelledWritesNothing": testCancelledWritesNothing,
		"PanicIsAnError":         testPanicIsAnError,
	}
}

func testUpdateWritesAndReturns(t *testing.T, s store.Store) {
	c := full(1)
	create(t, s, c)
	wantThere(t, s, c) // so that a cache has it
	changed, err := s.UpdateCredential(t.Context(), c.ID, func(c *store.Credential) error {
		c.Disabled, c.Metadata, c.Roles = false, nil, []string{}
		return nil
	})
	wantError(t, "UpdateCredential", err, nil)
	c.Disabled, c.Metadata, c.Roles = false, nil, nil
	want(t, "what UpdateCredential returned", changed, c)
	wantThere(t, s, c)
}

func testUpdateKeepsIdentity(t *testing.T, s store.Store) {
	c := apiKey(1, "bob")
	create(t, s, c)
	_, err := s.UpdateCredential(t.Context(), c.ID, func(c *store.Credential) error {
		c.ID, c.Kind, c.CreatedAt, c.Name = id(2), store.KindService, base().Add(time.Hour), "new"
		return nil
	})
	wantError(t, "UpdateCredential", err, nil)
	c.Name = "new"
	wantThere(t, s, c)
}

func testUpdateMovesInEveryList(t *testing.T, s store.Store) {
	c := session(1, "bob", base().Add(time.Hour))
	create(t, s, c)
	_, err := s.UpdateCredential(t.Context(), c.ID, func(c *store.Credential) error {
		c.User, c.Workspace, c.ExpiresAt = "eve", id(9), base().Add(2*time.Hour)
		return nil
	})
	wantError(t, "UpdateCredential", err, nil)
	want(t, "what bob has", list(t, s, store.Query{User: "bob"}), []store.ID{})
	want(t, "what eve has", list(t, s, store.Query{User: "eve"}), []store.ID{c.ID})
	want(t, "what the workspace has", list(t, s, store.Query{Workspace: id(9)}), []store.ID{c.ID})
	n, err := s.SweepCredentials(t.Context(), base().Add(time.Hour), 10)
	wantError(t, "SweepCredentials", err, nil)
	want(t, "the number swept at the old expiry", n, 0)
	n, err = s.SweepCredentials(t.Context(), base().Add(2*time.Hour), 10)
	wantError(t, "SweepCredentials", err, nil)
	want(t, "the number swept at the new expiry", n, 1)
}

func testUpdateRefused(t *testing.T, s store.Store) {
	c := full(1)
	create(t, s, c)
	_, err := s.UpdateCredential(t.Context(), c.ID, func(c *store.Credential) error {
		c.Disabled, c.Roles[0], c.Digest = false, "admin", digest(9)
		return errRefusal
	})
	if err != errRefusal {
		t.Fatalf("the error of change came back as %v", err)
	}
	wantThere(t, s, c)
}

func testUpdateNothing(t *testing.T, s store.Store) {
	_, err := s.UpdateCredential(t.Context(), id(1), func(*store.Credential) error {
		t.Error("change ran on nothing")
		return nil
	})
	wantError(t, "UpdateCredential", err, store.ErrNotFound)
}

func testRotate(t *testing.T, s store.Store) {
	c := full(1)
	create(t, s, c, apiKey(2, "bob"))
	wantThere(t, s, c) // so that a cache has it
	changed, err := s.UpdateCredential(t.Context(), c.ID, func(c *store.Credential) error { c.Digest = digest(3); return nil })
	wantError(t, "UpdateCredential", err, nil)
	want(t, "the new digest", changed.Digest, digest(3))
	_, err = s.CredentialByDigest(t.Context(), digest(1))
	wantError(t, "CredentialByDigest of the old digest", err, store.ErrNotFound)
	c.Digest = digest(3)
	wantThere(t, s, c)
	_, err = s.UpdateCredential(t.Context(), c.ID, func(c *store.Credential) error { c.Digest = digest(2); return nil })
	wantError(t, "UpdateCredential to a taken digest", err, store.ErrExists)
	wantThere(t, s, c)
	wantThere(t, s, apiKey(2, "bob"))
	want(t, "all", list(t, s, store.Query{}), []store.ID{id(1), id(2)})
}

func testDelete(t *testing.T, s store.Store) {
	c := full(1)
	create(t, s, c, apiKey(2, "bob"))
	wantThere(t, s, c) // so that a cache has it
	gone, err := s.DeleteCredential(t.Context(), c.ID, func(seen store.Credential) error {
		want(t, "what check sees", seen, c)
		return nil
	})
	wantError(t, "DeleteCredential", err, nil)
	want(t, "what DeleteCredential returned", gone, c)
	wantGone(t, s, c)
	wantThere(t, s, apiKey(2, "bob"))
	_, err = s.DeleteCredential(t.Context(), c.ID, nil)
	wantError(t, "DeleteCredential once more", err, store.ErrNotFound)
}

func testDeleteRefused(t *testing.T, s store.Store) {
	c := full(1)
	create(t, s, c)
	_, err := s.DeleteCredential(t.Context(), c.ID, func(store.Credential) error { return errRefusal })
	if err != errRefusal {
		t.Fatalf("the error of check came back as %v", err)
	}
	wantThere(t, s, c)
}

func testNoteUses(t *testing.T, s store.Store) {
	a, b, c := full(1), apiKey(2, "bob"), apiKey(3, "bob")
	create(t, s, a, b, c)
	wantThere(t, s, a) // so that a cache has it
	at := base().Add(time.Hour)
	err := s.NoteUses(t.Context(), map[store.ID]time.Time{a.ID: at, b.ID: at.Add(1), id(9): at, "odd": at})
	wantError(t, "NoteUses", err, nil)
	a.LastUsedAt, b.LastUsedAt = at, at
	wantThere(t, s, a)
	wantThere(t, s, b)
	wantThere(t, s, c)
}

func testCancelledWritesNothing(t *testing.T, s store.Store) {
	c := full(1)
	create(t, s, c)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantError(t, "CreateCredential", s.CreateCredential(ctx, apiKey(2, "bob")), context.Canceled)
	_, err := s.UpdateCredential(ctx, c.ID, func(*store.Credential) error { return nil })
	wantError(t, "UpdateCredential", err, context.Canceled)
	_, err = s.DeleteCredential(ctx, c.ID, nil)
	wantError(t, "DeleteCredential", err, context.Canceled)
	_, err = s.Credential(ctx, c.ID)
	wantError(t, "Credential", err, context.Canceled)
	_, _, err = s.Credentials(ctx, store.Query{})
	wantError(t, "Credentials", err, context.Canceled)
	_, err = s.SweepCredentials(ctx, base().Add(24*time.Hour), 10)
	wantError(t, "SweepCredentials", err, context.Canceled)
	_, err = s.PutUser(ctx, "bob", func(*store.User, bool) error { return nil })
	wantError(t, "PutUser", err, context.Canceled)
	wantError(t, "DeleteUser", s.DeleteUser(ctx, "björn"), context.Canceled)
	wantError(t, "Ping", s.Ping(ctx), context.Canceled)
	want(t, "all", list(t, s, store.Query{}), []store.ID{c.ID})
	wantThere(t, s, c)
}

func testPanicIsAnError(t *testing.T, s store.Store) {
	c := full(1)
	create(t, s, c)
	if _, err := s.UpdateCredential(t.Context(), c.ID, func(*store.Credential) error { panic("odd") }); err == nil {
		t.Error("a change that panicked is no error")
	}
	if _, err := s.DeleteCredential(t.Context(), c.ID, func(store.Credential) error { panic("odd") }); err == nil {
		t.Error("a check that panicked is no error")
	}
	if _, err := s.PutUser(t.Context(), "bob", func(*store.User, bool) error { panic("odd") }); err == nil {
		t.Error("a change of a user that panicked is no error")
	}
	if _, err := s.PutLockout(t.Context(), "bob", func(*store.Lockout) time.Time { panic("odd") }); err == nil {
		t.Error("a change of a counter that panicked is no error")
	}
	wantThere(t, s, c)
	create(t, s, apiKey(2, "bob"))
}
