package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/daemon/load"
)

// ran is a command that has run in this process.
type ran struct {
	code           int
	stdout, stderr string
}

// runWith runs latchkey with a home of its own.
func runWith(t *testing.T, ctx context.Context, server *testServer, environ []string, args ...string) ran {
	t.Helper()
	var stdout, stderr bytes.Buffer
	environ = append([]string{"HOME=" + t.TempDir(), "LATCHKEY_URL=" + server.plain.URL}, environ...)
	code := Run(ctx, args, environ, strings.NewReader(""), &stdout, &stderr)
	return ran{code, stdout.String(), stderr.String()}
}

// reportOf returns the run that a command has printed.
func reportOf(t *testing.T, r ran) load.Report {
	t.Helper()
	report, err := load.ReadReport(strings.NewReader(r.stdout))
	if err != nil {
		t.Fatalf("%v: %+v", err, r)
	}
	return report
}

// sessionsOf returns how many live sessions a user has.
func sessionsOf(t *testing.T, server *testServer, user string) int {
	t.Helper()
	r := runWith(t, t.Context(), server, []string{"LATCHKEY_URL=unix://" + server.socket}, "token", "list", "--user", user, "--json")
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(r.stdout), &list); err != nil {
		t.Fatalf("%v: %+v", err, r)
	}
	return len(list)
}

// ownUsers writes a file of users.
func ownUsers(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Refusals are counted by status, shown, and not tried again; a run in which some call has succeeded ends with 0.
func TestBenchCountsRefusals(t *testing.T) {
	server := newTestServer(t, t.TempDir())
	var asked atomic.Int64
	var answered [600]atomic.Int64
	server.handle(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := asked.Add(1); r.URL.Path == "/api/v1/user" && n > 2 { // the first calls of all are those that probe
			status := []int{http.StatusOK, http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusServiceUnavailable}[n%4]
			answered[status].Add(1)
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(status)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"username": "alice"}`)
	}))
	r := runWith(t, t.Context(), server, nil, "bench", "-t", "lkt_x", "--rate", "100", "--duration", "1s", "--warmup", "0s", "--json")
	k := reportOf(t, r).Kinds[0]
	if r.code != exitOK || k.Calls+k.NotSent != 100 || k.Errors["429"] == 0 || len(k.Errors) != 2 ||
		k.Errors["503"] != answered[503].Load() || k.Errors["429"] != answered[429].Load() || k.Successes != answered[200].Load() {
		t.Errorf("%+v: %+v", r, k)
	}
}

// The calls go over so many connections, which are kept; the first check has one of its own.
func TestBenchConnections(t *testing.T) {
	server := newTestServer(t, t.TempDir())
	var mu sync.Mutex
	peers, calls := map[string]int{}, 0
	server.handle(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/auth/v1/verify" {
			mu.Lock()
			peers[r.RemoteAddr]++
			calls++
			mu.Unlock()
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"username": "alice"}`)
	}))
	r := runWith(t, t.Context(), server, nil, "bench", "-t", "lkt_x", "--check", "verify", "--connections", "3", "--duration", "300ms", "--warmup", "0s")
	if r.code != exitOK || len(peers) > 4 || calls <= len(peers) {
		t.Errorf("%d calls from %v: %+v", calls, peers, r)
	}
}

// A run without a success ends with 1, and prints what there is.
func TestBenchWithoutSuccess(t *testing.T) {
	server := newTestServer(t, t.TempDir())
	var asked atomic.Int64
	server.handle(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if asked.Add(1) > 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprint(w, `{"username": "alice"}`)
	}))
	r := runWith(t, t.Context(), server, nil, "bench", "-t", "lkt_x", "--rate", "50", "--duration", "300ms", "--warmup", "0s")
	if r.code != exitError || r.stderr != "latchkey: no call has succeeded\n" {
		t.Errorf("%+v", r)
	}
	if !regexp.MustCompile(`(?s)\nchecks \| \d+ +\| 0\.000 +\| \d+ +\| - +\| - .*\nErrors of checks: 503, \d+ times \(100\.00 %\)\n$`).MatchString(r.stdout) {
		t.Error(r.stdout)
	}
}

// Ctrl-C ends a run early: it prints and writes what there is, and ends the tokens of the log-ins, and so does the loss of all users.
func TestBenchEndsEarly(t *testing.T) {
	server := newTestServer(t, t.TempDir())
	out := filepath.Join(t.TempDir(), "run.json")
	users := ownUsers(t, "alice:secret", "bob:b:o ß")
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	ended := make(chan ran, 1)
	args := []string{"bench", "--duration", "1h", "--warmup", "0s", "--rate", "100", "--mix", "logins=1", "--users", users, "--out", out}
	go func() { ended <- runWith(t, ctx, server, nil, args...) }()
	waitUntil(t, "ten log-ins", func() bool { return server.accounts.tries() > 10 })
	interrupt()
	r := awaited(t, ended)
	if r.code != exitInterrupted || r.stderr != "latchkey: interrupted\n" || !strings.Contains(r.stdout, "\nEnded early, after ") {
		t.Errorf("%+v", r)
	}
	written, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer written.Close()
	report, err := load.ReadReport(written)
	if err != nil || !report.Interrupted || report.TokensMade < 10 || report.TokensEnded != report.TokensMade {
		t.Errorf("%v: %+v", err, report)
	}
	if a, b := sessionsOf(t, server, "alice"), sessionsOf(t, server, "bob"); a+b != 0 {
		t.Errorf("%d and %d sessions are left", a, b)
	}

	before := server.accounts.tries()
	args = []string{"bench", "--duration", "1h", "--warmup", "0s", "--rate", "100", "--connections", "1", "--mix", "logins=1", "--users", users}
	go func() { ended <- runWith(t, t.Context(), server, nil, args...) }()
	waitUntil(t, "a few log-ins", func() bool { return server.accounts.tries() > before+5 })
	server.accounts.change("alice", "other")
	server.accounts.change("bob", "other")
	r = awaited(t, ended)
	if r.code != exitRefused || !strings.Contains(r.stdout, "Errors of logins: 401, 2 times") ||
		!strings.Contains(r.stderr, "not tried again: alice, bob\n") || !strings.Contains(r.stderr, "latchkey: every user who was to log in has been refused\n") {
		t.Errorf("%+v", r)
	}
	if a, b := sessionsOf(t, server, "alice"), sessionsOf(t, server, "bob"); a+b != 0 {
		t.Errorf("%d and %d sessions are left", a, b)
	}
}

// Tokens that cannot be ended are told.
func TestBenchTokensLeft(t *testing.T) {
	server := newTestServer(t, t.TempDir())
	var logins atomic.Int64
	server.handle(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"user": "alice", "token": "lkt_%d", "expiry": "2030-01-01T00:00:00Z"}`, logins.Add(1))
	}))
	r := runWith(t, t.Context(), server, nil, "bench", "--duration", "200ms", "--warmup", "0s", "--rate", "50", "--mix", "logins=1", "--users", ownUsers(t, "alice:x"), "--json")
	report := reportOf(t, r)
	if r.code != exitOK || report.TokensMade != logins.Load() || report.TokensEnded != 0 ||
		r.stderr != fmt.Sprintf("latchkey: warning: %d of %d session tokens are not ended; they end when they expire\n", logins.Load(), logins.Load()) {
		t.Errorf("%+v", r)
	}
}

// On a terminal the password is asked for, a line shows how it is getting on, and Ctrl-C ends the run. hazard 25
func TestBenchOnTerminal(t *testing.T) {
	server := newTestServer(t, t.TempDir())
	x := onTerminal(t, []string{"LATCHKEY_URL=" + server.plain.URL}, "bench", "--duration", "1h", "--warmup", "3s", "--rate", "20", "--mix", "logins=1", "-u", "alice")
	x.waitFor("Password of alice: ")
	x.waitEcho(false)
	x.typed("secret\n")
	x.waitFor("warming up: ")
	x.waitFor(" of 1h0m0s: ")
	x.typed("\x03")
	if code := x.wait(); code != exitInterrupted {
		t.Errorf("exit code %d: %s", code, x.text())
	}
	x.waitFor("Ended early, after ")
	x.waitFor("latchkey: interrupted")
	if strings.Contains(x.text(), "secret") || strings.Contains(x.text(), "\x1b") {
		t.Errorf("the terminal shows %q", x.text())
	}
	if n := sessionsOf(t, server, "alice"); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

// The second Ctrl-C ends the program, whatever it waits for.
func TestSecondInterrupt(t *testing.T) {
	server := newTestServer(t, t.TempDir())
	ending, once := make(chan struct{}), sync.Once{}
	server.handle(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			once.Do(func() { close(ending) })
			<-r.Context().Done()
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"user": "alice", "token": "lkt_x", "expiry": "2030-01-01T00:00:00Z"}`)
	}))
	x := onTerminal(t, []string{"LATCHKEY_URL=" + server.plain.URL}, "bench", "--duration", "1h", "--warmup", "3s", "--rate", "20", "--mix", "logins=1", "--users", ownUsers(t, "alice:x"))
	x.waitFor("warming up: ")
	x.typed("\x03")
	select {
	case <-ending:
	case <-time.After(patience):
		t.Fatal("no token is ended")
	}
	// It counts from the moment when the first one was dealt with, which nobody sees from here.
	done, ticker := make(chan struct{}), time.NewTicker(50*time.Millisecond)
	defer ticker.Stop()
	var typing sync.WaitGroup
	typing.Go(func() {
		for {
			select {
			case <-ticker.C:
				_, _ = io.WriteString(x.master, "\x03") // the terminal may be gone
			case <-done:
				return
			}
		}
	})
	code := x.wait()
	close(done)
	typing.Wait()
	if code != -1 { // ended by the signal
		t.Errorf("exit code %d: %s", code, x.text())
	}
}

// waitUntil waits for a condition.
func waitUntil(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline, ticker := time.After(patience), time.NewTicker(2*time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("there is no sign of %s", what)
		}
	}
}

// awaited waits for the end of a command.
func awaited(t *testing.T, ended <-chan ran) ran {
	t.Helper()
	select {
	case r := <-ended:
		return r
	case <-time.After(patience):
		t.Fatal("the command does not end")
		return ran{}
	}
}
