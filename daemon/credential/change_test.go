package credential_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/daemon/audit"
	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
	"latchkey/daemon/store"
	"latchkey/plugins/secret"
)

// Somebody else's credential is as unknown as an unknown one, and goes on working. hazard 27
func TestForeignIsUnknown(t *testing.T) {
	h := newHouse(t)
	key := h.key(t, "alice")
	eve := credential.Owner{User: "eve", Kinds: credential.AllKinds}
	_, unknown := h.Delete(t.Context(), "000000000000000000000000", eve, "eve", audit.Origin{})
	for what, err := range map[string]error{
		"delete":     second(h.Delete(t.Context(), key.Credential.ID, eve, "eve", audit.Origin{})),
		"change":     second(h.Change(t.Context(), key.Credential.ID, eve, "eve", audit.Origin{}, func(*store.Credential) error { return nil })),
		"rotate":     second(h.Rotate(t.Context(), key.Credential.ID, eve, "eve", audit.Origin{})),
		"other kind": second(h.Delete(t.Context(), key.Credential.ID, credential.Owner{User: "alice", Kinds: credential.Session}, "alice", audit.Origin{})),
		"nobody":     second(h.Delete(t.Context(), key.Credential.ID, credential.Owner{Kinds: credential.AllKinds}, "", audit.Origin{})),
	} {
		if err == nil || err.Error() != unknown.Error() || fault.KindOf(err) != fault.NotFound {
			t.Errorf("%s: error %v, want %v", what, err, unknown)
		}
	}
	if err := h.check(t, key.Text); err != nil {
		t.Error(err)
	}
	if len(h.audit.all) != 1 {
		t.Errorf("a refused change was recorded as made: %+v", h.audit.all)
	}
}

func second[T any](_ T, err error) error { return err }

// Rotation replaces the text at once; of many that race one wins, and the record names who did it. hazard 31
func TestRotate(t *testing.T) {
	h := newHouse(t)
	key := h.key(t, "alice")
	admin := credential.Owner{Any: true, Kinds: credential.AllKinds}
	fresh, err := h.Rotate(t.Context(), key.Credential.ID, admin, "root", audit.Origin{})
	if err != nil || fresh.Text.Equal(key.Text) || fresh.Credential.ID != key.Credential.ID {
		t.Fatalf("rotated %+v, %v", fresh.Credential, err)
	}
	if err := h.check(t, key.Text); !errors.Is(err, credential.ErrUnknown) {
		t.Errorf("the old text: %v", err)
	}
	if err := h.check(t, fresh.Text); err != nil {
		t.Errorf("the new text: %v", err)
	}
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if _, err := h.Delete(t.Context(), key.Credential.ID, admin, "root", audit.Origin{}); err == nil {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 100 deleted it", won.Load())
	}
	if last := h.audit.all[1]; last.RealUser != "root" || last.User != "alice" {
		t.Errorf("record %+v", last)
	}
}

// A change keeps what must not change.
func TestChangeKeepsIdentity(t *testing.T) {
	h := newHouse(t)
	key := h.key(t, "alice")
	changed, err := h.Change(t.Context(), key.Credential.ID, credential.Owner{User: "alice", Kinds: credential.APIKey}, "alice", audit.Origin{},
		func(c *store.Credential) error {
			c.Digest, c.ID, c.Kind, c.Disabled = "x", "y", store.KindService, true
			return nil
		})
	if err != nil || changed.Digest != key.Credential.Digest || changed.ID != key.Credential.ID || changed.Kind != store.KindAPIKey {
		t.Fatalf("changed %+v, %v", changed, err)
	}
	if err := h.check(t, key.Text); !errors.Is(err, credential.ErrDisabled) {
		t.Errorf("error %v", err)
	}
}

// Of many who rotate at once, each who gets a text gets it once and one of the texts lives; the others get nothing. hazard 31
func TestRotationsRace(t *testing.T) {
	h := newHouse(t)
	key := h.issue(t, credential.Spec{Kind: store.KindDeveloper, User: "alice"})
	owner := credential.Owner{User: "alice", Kinds: credential.Developer}
	texts := make(chan secret.Text, 50)
	var wg sync.WaitGroup
	for range cap(texts) {
		wg.Go(func() {
			switch fresh, err := h.Rotate(t.Context(), key.Credential.ID, owner, "alice", audit.Origin{}); {
			case err == nil:
				texts <- fresh.Text
			case fault.KindOf(err) != fault.Conflict || !fresh.Text.Empty():
				t.Errorf("a loser: %+v, %v", fresh.Credential, err)
			}
		})
	}
	wg.Wait()
	close(texts)
	alive := 0
	for text := range texts {
		if h.check(t, text) == nil {
			alive++
		}
	}
	if alive != 1 || h.check(t, key.Text) == nil {
		t.Errorf("%d texts live", alive)
	}
	if _, total, err := h.List(t.Context(), store.Query{}); total != 1 || err != nil {
		t.Errorf("%d credentials, %v", total, err)
	}
}

// Whose it is is looked at inside the transaction: what was read before it counts for nothing. hazard 27
func TestOwnerIsLookedAtInsideTheTransaction(t *testing.T) {
	h := newHouse(t)
	key := h.key(t, "alice")
	m := h.meddle()
	old := key.Credential
	old.User = "eve"
	m.stale = &old
	eve := credential.Owner{User: "eve", Kinds: credential.AllKinds}
	for what, err := range map[string]error{
		"delete": second(h.Delete(t.Context(), old.ID, eve, "eve", audit.Origin{})),
		"change": second(h.Change(t.Context(), old.ID, eve, "eve", audit.Origin{}, func(*store.Credential) error { return nil })),
		"rotate": second(h.Rotate(t.Context(), old.ID, eve, "eve", audit.Origin{})),
	} {
		if fault.KindOf(err) != fault.NotFound {
			t.Errorf("%s: %v", what, err)
		}
		if h.last().Event != audit.EventCredentialFailed {
			t.Errorf("%s: the last record is %+v", what, h.last())
		}
	}
	if err := h.check(t, key.Text); err != nil {
		t.Error(err)
	}
}

// No call makes a credential live longer than it was made for, and a credential makes no other. hazard 28
func TestExpiryIsNeverPutOff(t *testing.T) {
	h := newHouse(t)
	ends := h.now.Add(time.Hour)
	session := h.issue(t, credential.Spec{Kind: store.KindSession, User: "bob", ExpiresAt: ends})
	owner := credential.Owner{User: "bob", Kinds: credential.AllKinds}
	for _, c := range []struct{ asked, want time.Time }{
		{time.Time{}, ends},
		{ends.Add(time.Minute), ends},
		{ends.Add(-time.Minute), ends.Add(-time.Minute)},
		{ends, ends.Add(-time.Minute)},
	} {
		changed, err := h.Change(t.Context(), session.Credential.ID, owner, "bob", audit.Origin{}, func(k *store.Credential) error { k.ExpiresAt = c.asked; return nil })
		if err != nil || !changed.ExpiresAt.Equal(c.want) {
			t.Errorf("asked for %v: %v, %v; want %v", c.asked, changed.ExpiresAt, err, c.want)
		}
	}
	fresh, err := h.Rotate(t.Context(), session.Credential.ID, owner, "bob", audit.Origin{})
	if err != nil || !fresh.Credential.ExpiresAt.Equal(ends.Add(-time.Minute)) {
		t.Fatalf("rotated %+v, %v", fresh.Credential, err)
	}
	h.now = ends.Add(-time.Minute)
	if err := h.check(t, fresh.Text); !errors.Is(err, credential.ErrExpired) {
		t.Errorf("at its first end: %v", err)
	}
}

// A change that cannot be recorded is not made, and one that could not be stored is recorded as failed. hazard 69
func TestChangesAreRecordedFirst(t *testing.T) {
	owner := credential.Owner{User: "bob", Kinds: credential.AllKinds}
	for what, call := range map[string]func(*testing.T, *house, store.ID) error{
		"change": func(t *testing.T, h *house, id store.ID) error {
			return second(h.Change(t.Context(), id, owner, "bob", audit.Origin{}, func(c *store.Credential) error { c.Disabled = true; return nil }))
		},
		"delete": func(t *testing.T, h *house, id store.ID) error {
			return second(h.Delete(t.Context(), id, owner, "bob", audit.Origin{}))
		},
		"rotate": func(t *testing.T, h *house, id store.ID) error {
			issued, err := h.Rotate(t.Context(), id, owner, "bob", audit.Origin{})
			if !issued.Text.Empty() {
				t.Error("a text is shown")
			}
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			h := newHouse(t)
			key := h.key(t, "bob")
			m := h.meddle()
			h.audit.fail = errors.New("disk full")
			wantKind(t, call(t, h, key.Credential.ID), fault.Unavailable)
			h.audit.fail, m.fail = nil, errors.New("disk on fire")
			wantKind(t, call(t, h, key.Credential.ID), fault.Unavailable)
			if n := len(h.audit.all); n != 3 || h.last().Event != audit.EventCredentialFailed || h.last().Outcome != audit.OutcomeError {
				t.Errorf("records %+v", h.audit.all)
			}
			m.fail = nil
			if err := h.check(t, key.Text); err != nil {
				t.Errorf("nothing was changed, but %v", err)
			}
		})
	}
}

// The audit log says what was changed; what is refused is not announced.
func TestChangeSaysWhat(t *testing.T) {
	h := newHouse(t)
	key := h.key(t, "bob")
	admin := credential.Owner{Any: true, Kinds: credential.AllKinds}
	for _, c := range []struct {
		change func(*store.Credential)
		want   string
	}{
		{func(c *store.Credential) { c.Disabled = true }, "disabled"},
		{func(c *store.Credential) { c.Disabled = false }, "enabled"},
		{func(c *store.Credential) { c.Metadata = []byte(`{"a":1}`) }, ""},
		{func(c *store.Credential) { c.User = "eve" }, "new_owner"},
	} {
		if _, err := h.Change(t.Context(), key.Credential.ID, admin, "root", audit.Origin{}, func(k *store.Credential) error { c.change(k); return nil }); err != nil {
			t.Fatal(err)
		}
		if e := h.last(); e.Reason != c.want || e.Event != audit.EventChange || e.RealUser != "root" || e.User != "bob" {
			t.Errorf("record %+v, want the reason %q", e, c.want)
		}
	}
	before := len(h.audit.all)
	refused := fault.Invalidf("no")
	if _, err := h.Change(t.Context(), key.Credential.ID, admin, "root", audit.Origin{}, func(*store.Credential) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("error %v", err)
	}
	if len(h.audit.all) != before {
		t.Errorf("what was refused is announced: %+v", h.last())
	}
}
