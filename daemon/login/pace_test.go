package login

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
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

// slow is a backend that takes a while for each name, and another one for each.
type slow struct {
	name    string
	results map[string]plugins.Result
	takes   map[string]time.Duration
}

func (s *slow) Name() string { return s.name }

func (s *slow) Authenticate(ctx context.Context, r plugins.Request) (plugins.Result, error) {
	select {
	case <-time.After(s.takes[r.Name]): // of the bubble's clock
		return s.results[r.Name], nil
	case <-ctx.Done():
		return plugins.Result{}, ctx.Err()
	}
}

func denial(reason string) plugins.Result {
	return plugins.Result{Outcome: plugins.Denied, Reason: reason}
}

// unhurried returns a Service over a chain of a directory and a file, whose clock and timers are those of a synctest bubble.
// The names are the causes for which they are refused; Dan is accepted by the directory and disabled here.
func unhurried(t *testing.T) (*Service, *events) {
	t.Helper()
	db, err := boltstore.Open(filepath.Join(t.TempDir(), "store.db"), boltstore.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	log := &events{}
	users := user.New(user.Options{Store: db, Audit: log, Now: time.Now})
	s := New(Options{
		Lockouts: db, Users: users, Audit: log, Now: time.Now,
		Engine:   credential.New(credential.Options{Store: db, Audit: log, Now: time.Now, Random: rand.Reader}),
		Throttle: conf.Throttle{Failures: 5, Window: time.Hour, Lock: time.Hour, Queue: 8},
		TTL:      TTL{User: time.Hour, Service: time.Hour},
	})
	unknown := plugins.Result{Outcome: plugins.UnknownUser, Reason: plugins.ReasonUnknownUser}
	ms := time.Millisecond
	s.SetChain(NewChain([]Backend{
		&slow{
			name: "directory",
			results: map[string]plugins.Result{
				"wrong": denial(plugins.ReasonWrongPassword), "locked there": denial(plugins.ReasonAccountLocked),
				"no member": denial(plugins.ReasonNotInGroup), "dan": {Outcome: plugins.Accepted, Name: "dan"},
				"unknown": unknown, "wrong in file": unknown,
			},
			takes: map[string]time.Duration{
				"wrong": 80 * ms, "locked there": 2 * ms, "no member": 90 * ms, "dan": 91 * ms, "unknown": 70 * ms, "wrong in file": 70 * ms,
			},
		},
		&slow{
			name:    "file",
			results: map[string]plugins.Result{"unknown": unknown, "wrong in file": denial(plugins.ReasonWrongPassword)},
			takes:   map[string]time.Duration{"unknown": 200 * ms, "wrong in file": 199 * ms},
		},
	}, 8))
	house := &house{users: users}
	disable(t, house, "dan")
	return s, log
}

// A refusal takes as long as the slowest kind of refusal does, whichever backend refused and whether one was asked at all.
// hazard 7
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, log := unhurried(t)
		try := func(name, password, reason string) time.Duration {
			t.Helper()
			started := time.Now()
			_, err := s.Password(t.Context(), Attempt{Name: name, Password: secret.New(password), Origin: audit.Origin{Source: "192.0.2.9"}})
			wantRefused(t, err)
			if got := log.last().Reason; got != reason {
				t.Errorf("%s: reason %q, want %q", name, got, reason)
			}
			return time.Since(started)
		}
		if took := try("unknown", "", "password_empty"); took != leastPace {
			t.Errorf("before anything was observed: %v", took)
		}
		if took := try("locked there", "x", plugins.ReasonAccountLocked); took != leastPace {
			t.Errorf("a quick refusal: %v", took)
		}
		const slowest = 270 * time.Millisecond
		if took := try("unknown", "x", plugins.ReasonUnknownUser); took != slowest {
			t.Errorf("the slowest refusal: %v", took)
		}
		for range 2 {
			for name, reason := range map[string]string{
				"unknown": plugins.ReasonUnknownUser, "wrong": plugins.ReasonWrongPassword, "locked there": plugins.ReasonAccountLocked,
				"no member": plugins.ReasonNotInGroup, "dan": "user_disabled", "wrong in file": plugins.ReasonWrongPassword,
			} {
				if took := try(name, "x", reason); took != slowest {
					t.Errorf("%s: %v, want %v", name, took, slowest)
				}
			}
		}
		for range 3 {
			try("wrong", "x", plugins.ReasonWrongPassword)
		}
		if took := try("wrong", "x", "locked"); took != slowest {
			t.Errorf("locked here: %v, want %v", took, slowest)
		}
		if took := try(" bent", "x", "name_malformed"); took != slowest {
			t.Errorf("a bent name: %v, want %v", took, slowest)
		}
	})
}

// Whoever hangs up is not waited for, and his guess is counted and recorded before.
func TestHangingUpDuringThePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, log := unhurried(t)
		for n := range 6 {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			started := time.Now()
			_, err := s.Password(ctx, Attempt{Name: "locked there", Password: secret.New("x")})
			cancel()
			wantRefused(t, err)
			if took := time.Since(started); took != 10*time.Millisecond {
				t.Errorf("%v", took)
			}
			want := plugins.ReasonAccountLocked
			if n == 5 {
				want = "locked"
			}
			if got := log.last().Reason; got != want {
				t.Errorf("try %d: reason %q, want %q", n, got, want)
			}
		}
	})
}

// What could not be recorded is told at once.
func TestNoPaceForAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, log := unhurried(t)
		log.down = context.DeadlineExceeded
		started := time.Now()
		_, err := s.Password(t.Context(), Attempt{Name: "unknown"})
		if fault.KindOf(err) != fault.Unavailable || time.Since(started) != 0 {
			t.Errorf("%v after %v", err, time.Since(started))
		}
	})
}

// paceOf is a pace whose waits are written down.
type paceOf struct {
	pace
	clock  *fakeClock
	waited time.Duration
}

func newPace() *paceOf {
	p := &paceOf{clock: newFakeClock()}
	p.wait = func(_ context.Context, d time.Duration) { p.waited += d }
	return p
}

// refuse returns how long a refusal takes that took so long without the pace.
func (p *paceOf) refuse(t *testing.T, reason string, took time.Duration) time.Duration {
	t.Helper()
	p.waited = 0
	p.afterAsking(t.Context(), cause{"b", reason}, p.clock.at.Add(-took), p.clock.at)
	return took + p.waited
}

// unaskedTakes returns how long a refusal takes that no backend was asked about.
func (p *paceOf) unaskedTakes(t *testing.T) time.Duration {
	t.Helper()
	p.waited = 0
	p.unasked(t.Context(), p.clock.at.Add(-time.Millisecond), p.clock.at)
	return time.Millisecond + p.waited
}

// Many refusals of a quick cause do not make the slow one forgotten; time does, but never the last one. hazard 7
func TestPaceRemembers(t *testing.T) {
	p := newPace()
	p.refuse(t, "slow", 400*time.Millisecond)
	for range 100 {
		if took := p.refuse(t, "quick", 100*time.Millisecond); took != 400*time.Millisecond {
			t.Fatalf("a quick cause takes %v", took)
		}
	}
	p.clock.advance(paceMemory - 1)
	if took := p.refuse(t, "quick", 100*time.Millisecond); took != 400*time.Millisecond {
		t.Errorf("just before the end of the memory: %v", took)
	}
	p.clock.advance(1)
	if took := p.refuse(t, "quick", 100*time.Millisecond); took != 100*time.Millisecond {
		t.Errorf("at the end of the memory: %v", took)
	}
	p.clock.advance(24 * time.Hour)
	if took := p.unaskedTakes(t); took != 100*time.Millisecond {
		t.Errorf("a day later: %v", took)
	}
	if len(p.causes) != 1 {
		t.Errorf("%d causes are remembered", len(p.causes))
	}
}

// What was slow during an overload slows down nobody after it, even where the same cause goes on now and then.
func TestPaceAfterOverload(t *testing.T) {
	p := newPace()
	for range 32 {
		p.refuse(t, "wrong", 5*time.Second)
	}
	for range 3 {
		p.clock.advance(paceMemory / 3)
		p.refuse(t, "wrong", 90*time.Millisecond)
	}
	if took := p.unaskedTakes(t); took != 90*time.Millisecond {
		t.Errorf("%v", took)
	}
}

// A single hang sets no pace.
func TestPaceOfHang(t *testing.T) {
	p := newPace()
	for n := range 32 {
		took := 100 * time.Millisecond
		if n == 15 {
			took = 20 * time.Second
		}
		p.refuse(t, "wrong", took)
	}
	if took := p.refuse(t, "quick", time.Millisecond); took != 100*time.Millisecond {
		t.Errorf("a quick cause: %v", took)
	}
	if took := p.unaskedTakes(t); took != 100*time.Millisecond {
		t.Errorf("what was not asked: %v", took)
	}
}

// Where the slowest cause takes now longer, now less, its refusals take as long as those of other causes, all but one of the
// last. hazard 7
func TestPaceOfSpread(t *testing.T) {
	p := newPace()
	spread := func(n int) time.Duration { return time.Duration(100+n) * time.Millisecond }
	for n := range 32 {
		p.refuse(t, "slow", spread(n))
	}
	quick, unasked := p.refuse(t, "quick", time.Millisecond), p.unaskedTakes(t)
	if quick != unasked {
		t.Errorf("a quick cause takes %v, what was not asked %v", quick, unasked)
	}
	same := 0
	for n := range 32 {
		if p.refuse(t, "slow", spread(n)) == quick {
			same++
		}
	}
	if same != 31 {
		t.Errorf("%d of 32 refusals of the slow cause take %v as the quick one does, want 31", same, quick)
	}
}

// The reasons that backends invent fill no memory.
func TestPaceIsBounded(t *testing.T) {
	p := newPace()
	for n := range 1000 {
		p.refuse(t, fmt.Sprint(n), time.Second)
	}
	if len(p.causes) != mostCauses+1 {
		t.Errorf("%d causes are remembered", len(p.causes))
	}
}
