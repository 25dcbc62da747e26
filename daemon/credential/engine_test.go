package credential_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/daemon/audit"
	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
	"latchkey/daemon/store"
	"latchkey/daemon/store/boltstore"
	"latchkey/plugins/secret"
)

// house is an engine over a real store, with a clock and an audit log that the test holds.
type house struct {
	*credential.Engine
	store *boltstore.Store
	path  string
	now   time.Time
	audit *events
}

// events remembers what was recorded, and can fail.
type events struct {
	mu   sync.Mutex
	all  []audit.Event
	fail error
}

func (e *events) Record(_ context.Context, event audit.Event) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fail != nil {
		return e.fail
	}
	e.all = append(e.all, event)
	return nil
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{path: filepath.Join(t.TempDir(), "store.db"), now: time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC), audit: &events{}}
	var err error
	if h.store, err = boltstore.Open(h.path, boltstore.Options{NoSync: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.store.Close() })
	h.Engine = credential.New(credential.Options{Store: h.store, Audit: h.audit, Now: func() time.Time { return h.now }, Random: rand.Reader})
	return h
}

func (h *house) issue(t testing.TB, spec credential.Spec) credential.Issued {
	t.Helper()
	issued, err := h.Issue(t.Context(), spec, audit.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

// check asks for a credential of any kind.
func (h *house) check(t testing.TB, text secret.Text) error {
	t.Helper()
	_, err := h.Check(t.Context(), text.Reveal(), credential.AllKinds)
	return err
}

func (h *house) key(t testing.TB, user string) credential.Issued {
	t.Helper()
	return h.issue(t, credential.Spec{Kind: store.KindAPIKey, User: user})
}

func wantKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind {
		t.Fatalf("error %v, want kind %d", err, kind)
	}
}

// The reasons for which a credential is refused. hazard 29
func TestCheck(t *testing.T) {
	h := newHouse(t)
	session := h.issue(t, credential.Spec{Kind: store.KindSession, User: "bob", ExpiresAt: h.now.Add(time.Minute)})
	key := h.key(t, "bob")
	for name, c := range map[string]struct {
		prepare func()
		text    string
		kinds   credential.Kinds
		want    error
	}{
		"a session token":         {nil, session.Text.Reveal(), credential.Session, nil},
		"as a key":                {nil, session.Text.Reveal(), credential.KeyKinds, credential.ErrWrongKind},
		"a key as a token":        {nil, key.Text.Reveal(), credential.Session, credential.ErrWrongKind},
		"garbage":                 {nil, "garbage", credential.AllKinds, credential.ErrMalformed},
		"an unknown foreign text": {nil, strings.Repeat("aB3", 15), credential.AllKinds, credential.ErrUnknown},
		"with a space":            {nil, session.Text.Reveal() + " ", credential.AllKinds, credential.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := h.Check(t.Context(), c.text, c.kinds); !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
		})
	}
	h.now = h.now.Add(time.Minute)
	if err := h.check(t, session.Text); !errors.Is(err, credential.ErrExpired) {
		t.Errorf("at its expiry: %v", err)
	}
	if err := h.check(t, key.Text); err != nil {
		t.Errorf("a key: %v", err)
	}
	if _, err := h.store.PutUser(t.Context(), "bob", func(u *store.User, _ bool) error { u.Disabled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := h.check(t, key.Text); !errors.Is(err, credential.ErrOwnerDisabled) {
		t.Errorf("of a disabled user: %v", err)
	}
}

// A kind that expires is not made without an expiry. hazard 29
func TestSessionNeedsExpiry(t *testing.T) {
	h := newHouse(t)
	_, err := h.Issue(t.Context(), credential.Spec{Kind: store.KindSession, User: "bob"}, audit.Origin{})
	wantKind(t, err, fault.Internal)
	_, err = h.Issue(t.Context(), credential.Spec{User: "bob"}, audit.Origin{})
	wantKind(t, err, fault.Internal)
	if _, total, _ := h.List(t.Context(), store.Query{}); total != 0 {
		t.Fatalf("%d credentials were stored", total)
	}
}

// What is not recorded is not made, and what could not be stored is recorded as failed. hazard 32, hazard 69
func TestIssueRecordsFirst(t *testing.T) {
	h := newHouse(t)
	h.audit.fail = errors.New("disk full")
	_, err := h.Issue(t.Context(), credential.Spec{Kind: store.KindAPIKey, User: "bob"}, audit.Origin{})
	wantKind(t, err, fault.Unavailable)
	if _, total, _ := h.List(t.Context(), store.Query{}); total != 0 {
		t.Fatalf("%d credentials were stored without a record", total)
	}
	h.audit.fail = nil
	if err := h.store.Close(); err != nil {
		t.Fatal(err)
	}
	issued, err := h.Issue(t.Context(), credential.Spec{Kind: store.KindAPIKey, User: "bob"}, audit.Origin{})
	wantKind(t, err, fault.Unavailable)
	if !issued.Text.Empty() {
		t.Fatal("a text was shown although nothing was stored")
	}
	if n := len(h.audit.all); n != 2 || h.audit.all[0].Event != audit.EventIssue || h.audit.all[1].Event != audit.EventCredentialFailed {
		t.Fatalf("records %+v", h.audit.all)
	}
	if _, err := h.Check(t.Context(), "lkt_"+strings.Repeat("a", 36), credential.AllKinds); !errors.Is(err, credential.ErrMalformed) {
		t.Fatalf("garbage reaches the store: %v", err)
	}
}

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

// StackStorm's hash is loaded, verifies the key, and is taken once.
func TestLoadedDigest(t *testing.T) {
	h := newHouse(t)
	const text = "NWE2ZTRhYjY2YzJkZjg2ZjM0YjY0ZjRlZTQ3YmZlMw"
	found, err := h.Find(t.Context(), text)
	wantKind(t, err, fault.NotFound)
	digest := credential.DigestForTest(text)
	loaded := h.issue(t, credential.Spec{Kind: store.KindAPIKey, User: "bob", ID: "58e3f3330c0517062a3fda43", Digest: digest})
	if !loaded.Text.Empty() {
		t.Error("a loaded key has a text")
	}
	if err := h.check(t, secret.New(text)); err != nil {
		t.Error(err)
	}
	if found, err = h.Find(t.Context(), text); err != nil || found.ID != "58e3f3330c0517062a3fda43" {
		t.Errorf("found %+v, %v", found, err)
	}
	_, err = h.Issue(t.Context(), credential.Spec{Kind: store.KindAPIKey, User: "eve", Digest: digest}, audit.Origin{})
	wantKind(t, err, fault.Conflict)
}

// The bootstrap token is made once in a store's life, and of many nodes by one. hazard 31, hazard 40
func TestBootstrap(t *testing.T) {
	h := newHouse(t)
	text := secret.New("Zk3vQ8xN1pR7tW2mB5cY9dL4")
	spec := credential.Spec{Name: "bootstrap", Roles: []string{"admin"}, ExpiresAt: h.now.Add(time.Hour)}
	var created atomic.Int64
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			made, err := h.Bootstrap(t.Context(), h.store, text, spec, audit.Origin{})
			if err != nil {
				t.Error(err)
			}
			if made {
				created.Add(1)
			}
		})
	}
	wg.Wait()
	if created.Load() != 1 {
		t.Fatalf("%d of 100 made it", created.Load())
	}
	entry, err := h.Check(t.Context(), text.Reveal(), credential.KeyKinds)
	if err != nil || entry.Credential.Kind != store.KindService || entry.Credential.Roles[0] != "admin" {
		t.Fatalf("entry %+v, %v", entry, err)
	}
	if _, err := h.Delete(t.Context(), entry.Credential.ID, credential.Owner{Any: true, Kinds: credential.AllKinds}, "root", audit.Origin{}); err != nil {
		t.Fatal(err)
	}
	if made, err := h.Bootstrap(t.Context(), h.store, text, spec, audit.Origin{}); made || err != nil {
		t.Fatalf("a deleted one is brought back: %v, %v", made, err)
	}
	_, err = h.Bootstrap(t.Context(), h.store, secret.New("short"), spec, audit.Origin{})
	wantKind(t, err, fault.Invalid)
}

// When a service token was last used is noted without a write, and written when asked for.
func TestLastUse(t *testing.T) {
	h := newHouse(t)
	token := h.issue(t, credential.Spec{Kind: store.KindService, Name: "ci"})
	if err := h.check(t, token.Text); err != nil {
		t.Fatal(err)
	}
	if err := h.FlushUses(t.Context(), h.store); err != nil {
		t.Fatal(err)
	}
	c, err := h.Get(t.Context(), token.Credential.ID)
	if err != nil || !c.LastUsedAt.Equal(h.now) {
		t.Fatalf("last used at %v, %v", c.LastUsedAt, err)
	}
}

// The store's file holds no text. hazard 34
func TestNothingReadableAtRest(t *testing.T) {
	h := newHouse(t)
	var texts []string
	for range 20 {
		texts = append(texts, h.key(t, "bob").Text.Reveal(), h.issue(t, credential.Spec{Kind: store.KindSession, User: "bob", ExpiresAt: h.now.Add(time.Hour)}).Text.Reveal())
	}
	if err := h.store.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(h.path)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		if strings.Contains(string(content), text) || strings.Contains(string(content), text[4:34]) {
			t.Fatal("a credential's text is in the store")
		}
	}
}
