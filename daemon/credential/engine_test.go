package credential_test

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"sync"
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

// credentials is store.Credentials by a name that is none of its methods.
type credentials interface{ store.Credentials }

// meddler is a store that counts look-ups, and that fails or shows old records when told to.
type meddler struct {
	credentials
	lookups int
	fail    error
	// stale, when it is set, is what Credential returns.
	stale *store.Credential
}

func (m *meddler) CredentialByDigest(ctx context.Context, digest store.Digest) (*store.Entry, error) {
	m.lookups++
	if m.fail != nil {
		return nil, m.fail
	}
	return m.credentials.CredentialByDigest(ctx, digest)
}

func (m *meddler) Credential(ctx context.Context, id store.ID) (store.Credential, error) {
	if m.stale != nil {
		return *m.stale, nil
	}
	return m.credentials.Credential(ctx, id)
}

func (m *meddler) UpdateCredential(ctx context.Context, id store.ID, change func(*store.Credential) error) (store.Credential, error) {
	if m.fail != nil {
		return store.Credential{}, m.fail
	}
	return m.credentials.UpdateCredential(ctx, id, change)
}

func (m *meddler) DeleteCredential(ctx context.Context, id store.ID, check func(store.Credential) error) (store.Credential, error) {
	if m.fail != nil {
		return store.Credential{}, m.fail
	}
	return m.credentials.DeleteCredential(ctx, id, check)
}

// meddle puts a meddler between the engine and its store.
func (h *house) meddle() *meddler {
	m := &meddler{credentials: h.store}
	h.Engine = credential.New(credential.Options{Store: m, Audit: h.audit, Now: func() time.Time { return h.now }, Random: rand.Reader})
	return m
}

// last returns the newest audit record.
func (h *house) last() audit.Event { return h.audit.all[len(h.audit.all)-1] }
