package workspace_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/daemon/access"
	"latchkey/daemon/audit"
	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
	"latchkey/daemon/mail"
	"latchkey/daemon/store"
	"latchkey/daemon/store/boltstore"
	"latchkey/daemon/user"
	"latchkey/daemon/workspace"
	"latchkey/plugins/secret"
)

// house is a service over a real store, with a clock, an audit log and a mail server that the test holds.
type house struct {
	*workspace.Service
	store  store.Store
	engine *credential.Engine
	users  *user.Service
	audit  *events
	post   *post
	clock  *clock
}

// clock is a time that stands still until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) step(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(by)
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

// OfWorkspace returns the names of the last records of a workspace.
func (e *events) OfWorkspace(workspace string, limit int) ([]json.RawMessage, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fail != nil {
		return nil, e.fail
	}
	var found []json.RawMessage
	for _, event := range e.all {
		if event.Workspace == workspace {
			found = append(found, json.RawMessage(strconv.Quote(event.Reason)))
		}
	}
	return found[max(0, len(found)-limit):], nil
}

// take returns what was recorded since it was asked last.
func (e *events) take() []audit.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := e.all
	e.all = nil
	return all
}

// post remembers what was sent, and can fail.
type post struct {
	mu   sync.Mutex
	sent []mail.Invitation
	fail error
}

func (p *post) Send(_ context.Context, invitation mail.Invitation) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return p.fail
	}
	p.sent = append(p.sent, invitation)
	return nil
}

var errBroken = errors.New("broken")

func newHouse(t testing.TB) *house {
	t.Helper()
	s, err := boltstore.Open(filepath.Join(t.TempDir(), "store.db"), boltstore.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return houseOn(s)
}

// houseOn returns a house over a store.
func houseOn(s store.Store) *house {
	h := &house{
		store: s, audit: &events{}, post: &post{}, clock: &clock{at: time.Date(2026, 11, 22, 1, 2, 3, 456789000, time.UTC)},
	}
	h.build(s, h.post)
	return h
}

// build makes the services over what they keep their records in.
func (h *house) build(s store.Store, sender workspace.Sender) {
	h.engine = credential.New(credential.Options{Store: s, Audit: h.audit, Now: h.clock.now, Random: rand.Reader})
	h.users = user.New(user.Options{Store: s, Audit: h.audit, Now: h.clock.now})
	h.Service = workspace.New(workspace.Options{
		Store: s, Engine: h.engine, Users: h.users, Audit: h.audit, Now: h.clock.now, Mail: sender, Link: "https://x.test/join?code={code}",
		Records: h.audit,
	})
}

// as is a user who has logged in.
func as(name string) workspace.Actor {
	entry := &store.Entry{Credential: store.Credential{Kind: store.KindSession, User: name}}
	return workspace.Actor{
		Caller: access.Caller{Entry: entry, User: name}, Name: name, Origin: audit.Origin{RequestID: "r-" + name, Source: "127.0.0.1"},
	}
}

// operator is an administrator of the daemon, who is a member of nothing.
func operator() workspace.Actor {
	who := as("operator")
	who.Admin = true
	return who
}

// bearer is who presents a credential.
func (h *house) bearer(t testing.TB, text secret.Text) workspace.Actor {
	t.Helper()
	caller, err := access.NewGuard(h.engine, access.NewRoles(nil)).Caller(t.Context(), text.Reveal(), credential.AllKinds)
	if err != nil {
		t.Fatal(err)
	}
	name := caller.User
	if name == "" {
		name = caller.Entry.Credential.Name
	}
	return workspace.Actor{Caller: caller, Name: name}
}

// usable reports whether a text is a credential that is good now.
func (h *house) usable(t testing.TB, text secret.Text) bool {
	t.Helper()
	_, err := h.engine.Check(t.Context(), text.Reveal(), credential.AllKinds|credential.Invitation|credential.Legacy)
	if err != nil && fault.KindOf(err) != fault.Unauthenticated {
		t.Fatal(err)
	}
	return err == nil
}

// records returns all that the store keeps.
func (h *house) records(t testing.TB) []store.Record {
	t.Helper()
	var all []store.Record
	err := h.store.Export(t.Context(), func(r store.Record) error {
		all = append(all, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// wantUnchanged runs f, and fails the test when the store is not the same after it.
func (h *house) wantUnchanged(t testing.TB, f func()) {
	t.Helper()
	before := h.records(t)
	f()
	if diff := cmp.Diff(before, h.records(t)); diff != "" {
		t.Errorf("the store was changed: %s", diff)
	}
}

// wantFault fails the test unless err is of this kind and says this.
func wantFault(t testing.TB, err error, kind fault.Kind, sentence string) {
	t.Helper()
	known, ok := errors.AsType[*fault.Error](err)
	if !ok || known.Kind != kind || known.Public != sentence {
		t.Errorf("the error is %#v (%v); want kind %d and %q", known, err, kind, sentence)
	}
}

// must fails the test for an error.
func must[T any](t testing.TB) func(T, error) T {
	t.Helper()
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
