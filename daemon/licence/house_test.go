package licence_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"latchkey/conf"
	"latchkey/daemon/access"
	"latchkey/daemon/audit"
	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
	"latchkey/daemon/grant"
	"latchkey/daemon/licence"
	"latchkey/daemon/store"
	"latchkey/daemon/store/boltstore"
	"latchkey/daemon/user"
	"latchkey/daemon/workspace"
	"latchkey/plugins/secret"
)

// house is a service over a real store, with a clock and an audit log that the test holds. In it is the workspace acme, whose admin is
// ann. What is changed in the workspace is recorded elsewhere.
type house struct {
	*licence.Service
	workspaces *workspace.Service
	users      *user.Service
	engine     *credential.Engine
	store      *breakable
	audit      *events
	now        time.Time
	settings   licence.Settings
	acme       store.ID
	token      secret.Text // ann's
}

// events remembers what was recorded, and can fail.
type events struct {
	all  []audit.Event
	fail error
}

func (e *events) Record(_ context.Context, event audit.Event) error {
	if e.fail != nil {
		return e.fail
	}
	e.all = append(e.all, event)
	return nil
}

// breakable is a store that fails to read what it is told to.
type breakable struct {
	store.Store
	digests, workspaces, members error
	// after is how many look-ups by digest are answered before they fail.
	after int
}

var errBroken = errors.New("broken")

func (b *breakable) CredentialByDigest(ctx context.Context, digest store.Digest) (*store.Entry, error) {
	if b.after--; b.digests != nil && b.after < 0 {
		return nil, b.digests
	}
	return b.Store.CredentialByDigest(ctx, digest)
}

func (b *breakable) Workspace(ctx context.Context, id store.ID) (store.Workspace, error) {
	if b.workspaces != nil {
		return store.Workspace{}, b.workspaces
	}
	return b.Store.Workspace(ctx, id)
}

func (b *breakable) Member(ctx context.Context, workspace, id store.ID) (store.Member, error) {
	if b.members != nil {
		return store.Member{}, b.members
	}
	return b.Store.Member(ctx, workspace, id)
}

// origin is where the tools of the tests are.
func origin() audit.Origin { return audit.Origin{RequestID: "r1", Source: "127.0.0.1"} }

// guide is the configured hint of the tests.
const guide = "https://x.test/move"

func newHouse(t testing.TB) *house {
	t.Helper()
	s, err := boltstore.Open(filepath.Join(t.TempDir(), "store.db"), boltstore.Options{NoSync: true})
	check(t, err)
	t.Cleanup(func() { _ = s.Close() })
	h := &house{store: &breakable{Store: s}, audit: &events{}, now: time.Date(2026, 12, 1, 8, 0, 0, 456789000, time.UTC)}
	now := func() time.Time { return h.now }
	h.engine = credential.New(credential.Options{Store: h.store, Audit: &events{}, Now: now, Random: rand.Reader})
	h.users = user.New(user.Options{Store: h.store, Audit: &events{}, Now: now})
	h.workspaces = workspace.New(workspace.Options{Store: h.store, Engine: h.engine, Users: h.users, Audit: &events{}, Now: now})
	h.settings = licence.Settings{Signer: newSigner(t), Issuer: "https://latchkey.test", Legacy: conf.Legacy{Accept: true, Guide: guide}}
	h.Service = licence.New(licence.Options{Store: h.store, Engine: h.engine, Audit: h.audit, Now: now, Settings: h.settings})
	check(t, h.users.Seen(t.Context(), store.User{Name: "ann", Mail: "ann@example.com"}, nil))
	made, err := h.workspaces.Create(t.Context(), operator(), "acme", "ann")
	check(t, err)
	h.acme, h.token = made.Workspace.ID, made.Token
	return h
}

func newSigner(t testing.TB) *grant.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	check(t, err)
	signer, err := grant.NewSigner(key, nil)
	check(t, err)
	return signer
}

// operator is an administrator of the daemon.
func operator() workspace.Actor {
	entry := &store.Entry{Credential: store.Credential{Kind: store.KindSession, User: "operator"}}
	return workspace.Actor{Caller: access.Caller{Entry: entry, User: "operator", Admin: true}, Name: "operator"}
}

// subscribe gives acme a subscription, from a time on.
func (h *house) subscribe(t testing.TB, starts, ends time.Time) store.ID {
	t.Helper()
	added, err := h.workspaces.AddSubscription(t.Context(), operator(), "acme", store.Subscription{
		Plan: "team", Seats: 5, StartsAt: starts, EndsAt: ends, Features: []string{"debug", "profile"},
	})
	check(t, err)
	return added.ID
}

// seat gives ann a seat.
func (h *house) seat(t testing.TB, of store.ID) {
	t.Helper()
	_, err := h.workspaces.AssignSeat(t.Context(), operator(), "acme", "ann", of)
	check(t, err)
}

// licensed gives ann a seat of a subscription of a year.
func (h *house) licensed(t testing.TB) {
	t.Helper()
	h.seat(t, h.subscribe(t, h.now, h.now.AddDate(1, 0, 0)))
}

// ci makes a CI token.
func (h *house) ci(t testing.TB, expires time.Time) credential.Issued {
	t.Helper()
	issued, err := h.workspaces.CreateCIToken(t.Context(), operator(), "acme", "nightly build", expires)
	check(t, err)
	return issued
}

// legacyText is a key of another product's time.
const legacyText = "LEGACY-0001-0002"

// legacy makes a legacy key known.
func (h *house) legacy(t testing.TB, name string) store.Credential {
	t.Helper()
	key := workspace.LegacyKey{Text: secret.New(legacyText), Name: name}
	c, err := h.workspaces.AddLegacyKey(t.Context(), operator(), "acme", key)
	check(t, err)
	return c
}

// accept replaces the settings about legacy keys.
func (h *house) accept(legacy conf.Legacy) {
	h.settings.Legacy = legacy
	h.SetSettings(h.settings)
}

// ask is a tool that asks with a text.
func ask(text string) licence.Request {
	return licence.Request{Text: text, Product: "scanner", Version: "1.2.3", MachineID: "machine-1", Origin: origin()}
}

// verified asks, and returns what the grant says by the keys that are published.
func (h *house) verified(t testing.TB, r licence.Request) (grant.Claims, licence.Activation) {
	t.Helper()
	given, err := h.Activate(t.Context(), r)
	check(t, err)
	text, err := h.Keys()
	check(t, err)
	keys, err := grant.ParseKeySet(text)
	check(t, err)
	claims, err := keys.Verify(given.Grant, h.now, grant.Expectation{MachineID: r.MachineID, Product: r.Product})
	check(t, err)
	return claims, given
}

// wantRefused fails the test unless a tool is refused for this reason, in these words, and the refusal is recorded.
func (h *house) wantRefused(t *testing.T, r licence.Request, reason licence.Reason, sentence string) audit.Event {
	t.Helper()
	h.audit.all = nil
	given, err := h.Activate(t.Context(), r)
	known, ok := errors.AsType[*fault.Error](err)
	if !ok || known.Kind != fault.Forbidden || known.Code != string(reason) || known.Reason != string(reason) || known.Public != sentence || given != (licence.Activation{}) {
		t.Errorf("%+v, %+v (%v)\nwant %s: %s", given, known, err, reason, sentence)
	}
	if len(h.audit.all) != 1 {
		t.Fatalf("recorded: %+v", h.audit.all)
	}
	event := h.audit.all[0]
	if event.Event != audit.EventActivate || event.Outcome != audit.OutcomeRefused || event.Reason != string(reason) || event.Origin != origin() {
		t.Errorf("recorded: %+v", event)
	}
	return event
}

// wantUndecided fails the test unless nothing was decided, and nothing recorded.
func (h *house) wantUndecided(t *testing.T, r licence.Request) {
	t.Helper()
	h.audit.all = nil
	given, err := h.Activate(t.Context(), r)
	if fault.KindOf(err) != fault.Unavailable || given != (licence.Activation{}) {
		t.Errorf("%+v, %v", given, err)
	}
	if len(h.audit.all) != 0 {
		t.Errorf("recorded: %+v", h.audit.all)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
