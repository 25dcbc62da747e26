package login

import (
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/conf"
	"latchkey/daemon/audit"
	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
	"latchkey/daemon/store/boltstore"
	"latchkey/daemon/user"
	"latchkey/plugins"
	"latchkey/plugins/secret"
)

// directory is a backend with fixed accounts, whose matching of names ignores case and spaces as some directories do.
type directory struct {
	mu    sync.Mutex
	asked []string
	down  error
}

func (d *directory) Name() string { return "directory" }

func (d *directory) Authenticate(_ context.Context, r plugins.Request) (plugins.Result, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, r.Name)
	name := strings.ToLower(r.Name)
	switch {
	case d.down != nil:
		return plugins.Result{}, d.down
	case name == "bob@mail":
		name = "bob" // an alias
	case name != "bob" && name != "alice":
		return plugins.Result{Outcome: plugins.UnknownUser, Reason: plugins.ReasonUnknownUser}, nil
	}
	if r.Password.Reveal() != "right" {
		return plugins.Result{Outcome: plugins.Denied, Name: name, Reason: plugins.ReasonWrongPassword}, nil
	}
	return plugins.Result{Outcome: plugins.Accepted, Name: name, Groups: []string{"ops"}}, nil
}

func (d *directory) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.asked)
}

// events remembers audit events and can fail.
type events struct {
	mu   sync.Mutex
	all  []audit.Event
	down error
}

func (e *events) Record(_ context.Context, event audit.Event) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.down != nil {
		return e.down
	}
	e.all = append(e.all, event)
	return nil
}

func (e *events) last() audit.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.all[len(e.all)-1]
}

// house is a Service over a real store, with a clock that the test moves.
type house struct {
	*Service
	clock     *fakeClock
	directory *directory
	events    *events
	users     *user.Service
	store     *boltstore.Store
	engine    *credential.Engine
}

func newHouse(t *testing.T) *house {
	t.Helper()
	db, err := boltstore.Open(filepath.Join(t.TempDir(), "store.db"), boltstore.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	h := &house{clock: newFakeClock(), directory: &directory{}, events: &events{}, store: db}
	h.engine = credential.New(credential.Options{Store: db, Audit: h.events, Now: h.clock.now, Random: rand.Reader})
	h.users = user.New(user.Options{Store: db, Audit: h.events, Now: h.clock.now})
	h.Service = h.restart()
	return h
}

// restart returns a new Service over the same store.
func (h *house) restart() *Service {
	s := New(Options{
		Lockouts: h.store, Users: h.users, Engine: h.engine, Audit: h.events, Now: h.clock.now,
		Wait:     func(context.Context, time.Duration) {},
		Throttle: conf.Throttle{Failures: 5, Window: 15 * time.Minute, Lock: 15 * time.Minute, Queue: 256},
		TTL:      TTL{User: 24 * time.Hour, Service: 24 * time.Hour},
	})
	s.SetChain(NewChain([]Backend{h.directory}, 256))
	return s
}

func (h *house) try(t *testing.T, name, password string) error {
	t.Helper()
	_, err := h.Password(t.Context(), Attempt{Name: name, Password: secret.New(password), Origin: audit.Origin{Source: "192.0.2.9"}})
	return err
}

// wantRefused fails the test unless err is the one refusal that everybody gets.
func wantRefused(t *testing.T, err error) {
	t.Helper()
	known, ok := errors.AsType[*fault.Error](err)
	if !ok || known.Kind != fault.Unauthenticated || known.Public != refused {
		t.Fatalf("error %v; want the uniform refusal", err)
	}
}

// Five failures, however the name was spelt, lock it; the right password does not open it, the end of the lock does, and a
// restart forgets nothing. hazard 4, hazard 55, hazard 56
func TestFiveFailuresLock(t *testing.T) {
	h := newHouse(t)
	for _, name := range []string{"bob", "BOB", " bob", "bob "} {
		wantRefused(t, h.try(t, name, "wrong"))
	}
	h.Service = h.restart()
	wantRefused(t, h.try(t, "Bob", "wrong"))
	before := h.directory.count()
	wantRefused(t, h.try(t, "bob", "right"))
	if reason := h.events.last().Reason; reason != "locked" {
		t.Fatalf("reason in the audit log is %q, want locked", reason)
	}
	if h.directory.count() != before {
		t.Fatal("the backend was asked about a locked name")
	}
	if err := h.try(t, "alice", "right"); err != nil {
		t.Fatalf("somebody else is locked, too: %v", err)
	}
	h.clock.advance(15*time.Minute - time.Nanosecond)
	wantRefused(t, h.try(t, "bob", "right"))
	h.clock.advance(time.Nanosecond)
	if err := h.try(t, "bob", "right"); err != nil {
		t.Fatalf("after the lock: %v", err)
	}
}

// Guesses for an alias count for the account, and a lock of the account stops its alias. hazard 4
func TestAliasSharesTheLock(t *testing.T) {
	h := newHouse(t)
	for range 5 {
		wantRefused(t, h.try(t, "bob@mail", "wrong"))
	}
	wantRefused(t, h.try(t, "bob", "right"))
	if err := h.Unlock(t.Context(), "bob@mail"); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, h.try(t, "bob@mail", "right"))
	if until, err := h.LockedUntil(t.Context(), "BOB"); err != nil || until.IsZero() {
		t.Fatalf("LockedUntil = %v, %v", until, err)
	}
	if err := h.Unlock(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	if err := h.try(t, "bob@mail", "right"); err != nil {
		t.Fatal(err)
	}
}

// Old failures are forgotten, and a right password clears the count.
func TestFailuresAreForgotten(t *testing.T) {
	h := newHouse(t)
	for range 4 {
		wantRefused(t, h.try(t, "bob", "wrong"))
	}
	h.clock.advance(15 * time.Minute)
	for range 4 {
		wantRefused(t, h.try(t, "bob", "wrong"))
	}
	if err := h.try(t, "bob", "right"); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		wantRefused(t, h.try(t, "bob", "wrong"))
	}
	if err := h.try(t, "bob", "right"); err != nil {
		t.Fatal(err)
	}
}

// Many guesses at once are not more guesses. hazard 10, hazard 55
func TestParallelGuesses(t *testing.T) {
	h := newHouse(t)
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() { _ = h.try(t, "bob", "wrong") })
	}
	wg.Wait()
	if n := h.directory.count(); n != 5 {
		t.Fatalf("the backend was asked %d times, want 5", n)
	}
}

// Many right log-ins of one user at once are all let in, although only so many may be under way.
func TestParallelRightPasswords(t *testing.T) {
	h := newHouse(t)
	var wg sync.WaitGroup
	failed := make(chan error, 100)
	for range 100 {
		wg.Go(func() {
			if err := h.try(t, "bob", "right"); err != nil {
				failed <- err
			}
		})
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		t.Fatal(err)
	}
	if len(h.names.running) != 0 {
		t.Fatalf("%d names are still held in memory", len(h.names.running))
	}
}

// What is no password never reaches a backend. hazard 1, hazard 15, hazard 16
func TestNoPasswordReachesNoBackend(t *testing.T) {
	h := newHouse(t)
	for _, password := range []string{"", "\x00", "right\x00x", strings.Repeat("x", MaxPassword+1)} {
		wantRefused(t, h.try(t, "alice", password))
	}
	for _, name := range []string{"", "root\x00x", strings.Repeat("a", 300), "a:b", "bob\n"} {
		wantRefused(t, h.try(t, name, "right"))
	}
	if n := h.directory.count(); n != 0 {
		t.Fatalf("the backend was asked %d times: %q", n, h.directory.asked)
	}
}

// Every cause of a refusal is the same error, and the audit record tells them apart. hazard 8
func TestRefusalsAreTheSame(t *testing.T) {
	h := newHouse(t)
	if err := h.try(t, "alice", "right"); err != nil {
		t.Fatal(err)
	}
	disable(t, h, "alice")
	for name, c := range map[string]struct{ name, password, reason string }{
		"unknown user":   {"nobody", "right", plugins.ReasonUnknownUser},
		"wrong password": {"bob", "wrong", plugins.ReasonWrongPassword},
		"disabled":       {"alice", "right", "user_disabled"},
		"no password":    {"bob", "", "password_empty"},
		"bent name":      {" x", "right", "name_malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			wantRefused(t, h.try(t, c.name, c.password))
			if got := h.events.last(); got.Reason != c.reason || got.Outcome != audit.OutcomeRefused || got.Event != audit.EventLogin {
				t.Errorf("audit record %+v, want reason %s", got, c.reason)
			}
		})
	}
}

// An outage is no refusal, and it does not count; but what another backend turned down does.
func TestOutage(t *testing.T) {
	h := newHouse(t)
	h.directory.down = errors.New("connection refused")
	for range 10 {
		if err := h.try(t, "bob", "right"); fault.KindOf(err) != fault.Unavailable {
			t.Fatalf("error %v, want Unavailable", err)
		}
	}
	h.directory.down = nil
	if err := h.try(t, "bob", "right"); err != nil {
		t.Fatalf("the outage was counted: %v", err)
	}
	file := &directory{}
	h.directory.down = errors.New("connection refused")
	h.SetChain(NewChain([]Backend{h.directory, file}, 8))
	for range 5 {
		if err := h.try(t, "bob", "wrong"); fault.KindOf(err) != fault.Unavailable {
			t.Fatalf("error %v, want Unavailable", err)
		}
	}
	wantRefused(t, h.try(t, "bob", "right"))
	if n := file.count(); n != 5 {
		t.Fatalf("the second backend took %d guesses during the outage of the first, want 5", n)
	}
}

// What cannot be recorded does not happen. hazard 69
func TestAuditAway(t *testing.T) {
	h := newHouse(t)
	h.events.down = errors.New("no space left on device")
	for _, password := range []string{"right", "wrong", ""} {
		if err := h.try(t, "bob", password); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("password %q: error %v, want Unavailable", password, err)
		}
	}
	if _, err := h.Forwarded(t.Context(), "bob", audit.Origin{}); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("Forwarded: %v, want Unavailable", err)
	}
}

// A source that guesses wrong runs out of tries; one that knows its passwords does not.
func TestSourceLimit(t *testing.T) {
	h := newHouse(t)
	h.SetLimits(conf.Throttle{Failures: 5, Window: time.Minute, Lock: time.Minute, Queue: 8, SourceRate: 60, SourceBurst: 3})
	for range 20 {
		if err := h.try(t, "bob", "right"); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		wantRefused(t, h.try(t, "nobody", "wrong"))
	}
	err := h.try(t, "nobody2", "wrong")
	if known, ok := errors.AsType[*fault.Error](err); !ok || known.Kind != fault.Limited || known.RetryAfter <= 0 {
		t.Fatalf("error %v, want Limited with a time to try again", err)
	}
}
