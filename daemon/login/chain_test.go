package login

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/daemon/fault"
	"latchkey/plugins"
	"latchkey/plugins/secret"
)

// scripted is a backend that gives a fixed answer and counts the questions.
type scripted struct {
	name   string
	result plugins.Result
	err    error
	block  chan struct{}
	asked  int
}

func (s *scripted) Name() string { return s.name }

func (s *scripted) Authenticate(ctx context.Context, _ plugins.Request) (plugins.Result, error) {
	s.asked++
	if s.block != nil {
		select {
		case <-s.block:
		case <-ctx.Done():
			return plugins.Result{}, ctx.Err()
		}
	}
	return s.result, s.err
}

func accept(name string) plugins.Result {
	return plugins.Result{Outcome: plugins.Accepted, Name: name, Groups: []string{"ops"}}
}

// The next backend is asked on UnknownUser and on error, never after Denied; and when none accepts and one could not decide,
// the answer is no decision.
func TestChain(t *testing.T) {
	denied := plugins.Result{Outcome: plugins.Denied, Reason: plugins.ReasonWrongPassword}
	unknown := plugins.Result{Outcome: plugins.UnknownUser}
	away := errors.New("server is away")
	for name, c := range map[string]struct {
		links  []scripted
		asked  []int
		want   plugins.Outcome
		from   string
		failed bool
	}{
		"first accepts":           {[]scripted{{name: "a", result: accept("bob")}, {name: "b"}}, []int{1, 0}, plugins.Accepted, "a", false},
		"denied ends it":          {[]scripted{{name: "a", result: denied}, {name: "b", result: accept("bob")}}, []int{1, 0}, plugins.Denied, "a", false},
		"unknown goes on":         {[]scripted{{name: "a", result: unknown}, {name: "b", result: accept("bob")}}, []int{1, 1}, plugins.Accepted, "b", false},
		"error goes on":           {[]scripted{{name: "a", err: away}, {name: "b", result: accept("bob")}}, []int{1, 1}, plugins.Accepted, "b", false},
		"error, then denied":      {[]scripted{{name: "a", err: away}, {name: "b", result: denied}}, []int{1, 1}, plugins.Denied, "b", true},
		"error, then unknown":     {[]scripted{{name: "a", err: away}, {name: "b", result: unknown}}, []int{1, 1}, plugins.UnknownUser, "", true},
		"unknown, then error":     {[]scripted{{name: "a", result: unknown}, {name: "b", err: away}}, []int{1, 1}, plugins.UnknownUser, "", true},
		"nobody knows":            {[]scripted{{name: "a", result: unknown}, {name: "b", result: unknown}}, []int{1, 1}, plugins.UnknownUser, "", false},
		"zero answer is an error": {[]scripted{{name: "a"}}, []int{1}, plugins.UnknownUser, "", true},
		"accepts nobody":          {[]scripted{{name: "a", result: accept("")}}, []int{1}, plugins.UnknownUser, "", true},
		"accepts a bent name":     {[]scripted{{name: "a", result: accept(" bob")}}, []int{1}, plugins.UnknownUser, "", true},
		"accepted with error":     {[]scripted{{name: "a", result: accept("bob"), err: away}}, []int{1}, plugins.UnknownUser, "", true},
		"no backend":              {nil, nil, plugins.Undecided, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			var backends []Backend
			for i := range c.links {
				backends = append(backends, &c.links[i])
			}
			verdict, err := NewChain(backends, 1).Ask(t.Context(), plugins.Request{Name: "bob", Password: secret.New("pw")})
			if verdict.Outcome != c.want || verdict.Backend != c.from {
				t.Errorf("verdict %v by %q, want %v by %q", verdict.Outcome, verdict.Backend, c.want, c.from)
			}
			if failed := fault.KindOf(err) == fault.Unavailable; failed != c.failed || (err != nil) != c.failed {
				t.Errorf("error %v, want an Unavailable fault: %v", err, c.failed)
			}
			for i := range c.links {
				if c.links[i].asked != c.asked[i] {
					t.Errorf("backend %s was asked %d times, want %d", c.links[i].name, c.links[i].asked, c.asked[i])
				}
			}
		})
	}
}

// Beyond the slots and the queue a caller is turned away at once, and told to come back. hazard 10
func TestGateIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 1)
		leave, err := g.enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		second := make(chan error)
		go func() {
			leave, err := g.enter(t.Context())
			if err == nil {
				leave()
			}
			second <- err
		}()
		synctest.Wait()
		_, err = g.enter(t.Context())
		known, ok := errors.AsType[*fault.Error](err)
		if !ok || known.Kind != fault.Unavailable || known.RetryAfter <= 0 {
			t.Fatalf("third caller: %v, want Unavailable with a time to try again", err)
		}
		leave()
		if err := <-second; err != nil {
			t.Fatalf("the one who waited: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		leave, _ = g.enter(t.Context())
		if _, err := g.enter(ctx); fault.KindOf(err) != fault.Unavailable {
			t.Fatalf("whose time is over: %v", err)
		}
		leave()
	})
}

// A backend that hangs uses up its own slots only. hazard 18
func TestHangingBackendLeavesOthersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		block := make(chan struct{})
		hanging := &gateless{name: "pam", block: block}
		chain := NewChain([]Backend{hanging}, 0)
		other := NewChain([]Backend{&scripted{name: "flat_file", result: accept("bob")}}, 0)
		for range 64 {
			go func() { _, _ = chain.Ask(t.Context(), plugins.Request{Name: "x"}) }()
		}
		synctest.Wait()
		if _, err := other.Ask(t.Context(), plugins.Request{Name: "bob"}); err != nil {
			t.Fatal(err)
		}
		close(block)
	})
}

// A backend that computes is asked by as many at once as there are cores, and one that waits by as many as it says.
func TestParallelism(t *testing.T) {
	cores := runtime.GOMAXPROCS(0)
	for said, want := range map[int]int{0: cores, 1: 1, 7: 7, 40: 40} {
		synctest.Test(t, func(t *testing.T) {
			g := &gateless{name: "ldap", block: make(chan struct{}), said: said}
			chain := NewChain([]Backend{g}, 100)
			for range 64 {
				go func() { _, _ = chain.Ask(t.Context(), plugins.Request{Name: "x"}) }()
			}
			synctest.Wait()
			if got := int(g.asked.Load()); got != want {
				t.Errorf("a backend that says %d is asked by %d at once, want %d", said, got, want)
			}
			close(g.block)
		})
	}
}

// gateless hangs until its channel is closed; unlike scripted it may be asked by many at once.
type gateless struct {
	name  string
	block chan struct{}
	said  int
	asked atomic.Int64
}

func (g *gateless) Name() string { return g.name }

func (g *gateless) Parallel() int { return g.said }

func (g *gateless) Authenticate(context.Context, plugins.Request) (plugins.Result, error) {
	g.asked.Add(1)
	<-g.block
	return plugins.Result{}, errors.New("hung")
}

// Explain names each step and the reason, and shows no password.
func TestExplain(t *testing.T) {
	chain := NewChain([]Backend{
		&scripted{name: "ldap", err: errors.New("connection refused")},
		&scripted{name: "flat_file", result: plugins.Result{Outcome: plugins.Denied, Reason: plugins.ReasonWrongPassword, Steps: []string{"line 3: bcrypt"}}},
	}, 1)
	steps, err := chain.Explain(t.Context(), "bob", secret.New("canary-pw"))
	if fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("error %v", err)
	}
	text := strings.Join(steps, "\n")
	for _, want := range []string{"ldap: could not decide: connection refused", "flat_file: line 3: bcrypt", "flat_file: denied: wrong_password", "503"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	if strings.Contains(text, "canary-pw") {
		t.Error("the password is shown")
	}
	steps, err = chain.Explain(t.Context(), "bob", secret.New(""))
	if fault.KindOf(err) != fault.Unauthenticated || !slices.ContainsFunc(steps, func(s string) bool { return strings.Contains(s, "no backend is asked") }) {
		t.Errorf("empty password: %q, %v", steps, err)
	}
}
