package client

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/daemon/grant"
	"latchkey/plugins/secret"
)

// authToken returns an auth token of the right form; the same for the same letter.
func authToken(prefix, letter string) string {
	text := prefix + strings.Repeat(letter, 30)
	return text + checksum(text)
}

// begun is when the tests begin.
func begun() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// licenser is a server that activates, with a signer, and a clock that is also the tool's.
type licenser struct {
	*httptest.Server
	t      *testing.T
	signer atomic.Pointer[grant.Signer]
	// answer, when it is set, answers everything in the server's place.
	answer   atomic.Pointer[http.HandlerFunc]
	requests atomic.Int64
	body     atomic.Pointer[map[string]any]
	key      atomic.Pointer[string]
	now      time.Time
	ahead    time.Duration // of the server's clock
	notice   string
	kind     grant.Kind
	log      bytes.Buffer
	env      map[string]string
	home     string
}

// newLicenser starts a server, and makes a home with an auth token in its environment.
func newLicenser(t *testing.T) *licenser {
	t.Helper()
	l := &licenser{t: t, now: begun(), kind: grant.KindUser, home: t.TempDir()}
	l.sign(1)
	l.Server = httptest.NewServer(http.HandlerFunc(l.serve))
	t.Cleanup(l.Close)
	l.env = map[string]string{"HOME": l.home, "LATCHKEY_URL": l.URL, "LATCHKEY_AUTH_TOKEN": authToken(developerPrefix, "a")}
	if err := os.WriteFile(l.machineFile(), []byte(strings.Repeat("0a", 16)+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return l
}

// sign makes the server sign with another key, and publish that one alone.
func (l *licenser) sign(seed byte) {
	l.t.Helper()
	signer, err := grant.NewSigner(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize)), nil)
	if err != nil {
		l.t.Fatal(err)
	}
	l.signer.Store(signer)
}

func (l *licenser) machineFile() string { return filepath.Join(l.home, "machine-id") }
func (l *licenser) cache() string       { return filepath.Join(l.home, ".cache", "latchkey") }

// instead makes everything be answered with a status and a text; 0 ends that.
func (l *licenser) instead(status int, text string) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, status, text) })
	if l.answer.Store(&handler); status == 0 {
		l.answer.Store(nil)
	}
}

func (l *licenser) serve(w http.ResponseWriter, r *http.Request) {
	l.requests.Add(1)
	if other := l.answer.Load(); other != nil {
		(*other)(w, r)
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /.well-known/latchkey-keys":
		answer(w, 200, string(l.signer.Load().Keys()))
	case "POST /api/v1/activate":
		l.activate(w, r)
	default:
		answer(w, 404, `{"faultstring":"The path is unknown."}`)
	}
}

// activate answers with a grant.
func (l *licenser) activate(w http.ResponseWriter, r *http.Request) {
	var body map[string]any
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		l.t.Error(err)
	}
	key := r.Header.Get("X-Api-Key")
	l.body.Store(&body)
	l.key.Store(&key)
	at := l.now.Add(l.ahead)
	product, _ := body["product"].(string)
	machine, _ := body["machine_id"].(string)
	token, err := l.signer.Load().Sign(grant.Claims{
		Issuer: l.URL, Subject: "alice", ID: "0123456789abcdef01234567", IssuedAt: at, NotBefore: at, ExpiresAt: at.Add(grant.Life),
		Kind: l.kind, Workspace: grant.Workspace{ID: "0123456789abcdef01234568", Name: "acme"}, Plan: "team", Features: []string{"snapshots"},
		Product: product, Version: "1.2.3", MachineID: machine,
	})
	if err != nil {
		l.t.Error(err)
	}
	text, err := json.Marshal(map[string]string{"grant": token, "notice": l.notice})
	if err != nil {
		l.t.Error(err)
	}
	answer(w, 200, string(text))
}

// options are those of a tool.
func (l *licenser) options() ActivateOptions {
	return ActivateOptions{
		Product: "example", Version: "1.2.3", MachineIDFile: l.machineFile(), Now: func() time.Time { return l.now },
		Getenv: func(name string) string { return l.env[name] }, Log: slog.New(slog.NewTextHandler(&l.log, nil)),
	}
}

// activated activates and wants success.
func (l *licenser) activated(t *testing.T) *Activation {
	t.Helper()
	a, err := Activate(t.Context(), l.options())
	if err != nil || !a.Activated {
		t.Fatalf("%+v, %v", a, err)
	}
	return a
}

// refused activates and wants a failure for this reason.
func (l *licenser) refused(t *testing.T, reason string) *ActivationError {
	t.Helper()
	return refusedWith(t, l.options(), reason)
}

// refusedWith activates with options and wants a failure for this reason.
func refusedWith(t *testing.T, o ActivateOptions, reason string) *ActivationError {
	t.Helper()
	a, err := Activate(t.Context(), o)
	failed, ok := errors.AsType[*ActivationError](err)
	if !ok || a != nil || failed.Reason != reason || failed.Sentence == "" {
		t.Fatalf("%+v, %v, want the reason %s", a, err, reason)
	}
	return failed
}

// A tool is activated, tells the server what the contract wants, and can tell what it may.
func TestActivate(t *testing.T) {
	l := newLicenser(t)
	a := l.activated(t)
	if a.Offline || a.Claims.Subject != "alice" || !a.Has("snapshots") || a.Has("other") || a.Server != l.URL {
		t.Errorf("%+v", a)
	}
	body := *l.body.Load()
	if body["product"] != "example" || body["version"] != "1.2.3" || body["machine_id"] != a.MachineID || body["ci"] != false || len(body) != 4 {
		t.Errorf("sent %v", body)
	}
	if *l.key.Load() != l.env["LATCHKEY_AUTH_TOKEN"] {
		t.Error("another token was shown")
	}
	if !strings.Contains(l.log.String(), `msg="Successfully activated licence"`) || strings.Contains(l.log.String(), "WARN") {
		t.Errorf("log: %s", &l.log)
	}
	l.log.Reset()
	l.env["LATCHKEY_LOG_LICENCE"] = "0"
	l.notice = "The legacy key ends soon."
	if a := l.activated(t); a.Notice != l.notice || l.log.Len() != 0 {
		t.Errorf("notice %q, log: %s", a.Notice, &l.log)
	}
	delete(l.env, "LATCHKEY_LOG_LICENCE")
	if l.activated(t); !strings.Contains(l.log.String(), `level=WARN msg="The legacy key ends soon."`) {
		t.Errorf("log: %s", &l.log)
	}
}

// Without the server a grant counts for a day, and not when the clock is set back.
func TestOffline(t *testing.T) {
	for _, away := range map[string]func(*licenser){
		"stopped":           func(l *licenser) { l.Close() },
		"500":               func(l *licenser) { l.instead(500, `{"faultstring":"broken"}`) },
		"503":               func(l *licenser) { l.instead(503, `{"faultstring":"later"}`) },
		"429":               func(l *licenser) { l.instead(429, `{"faultstring":"slowly"}`) },
		"a foreign page":    func(l *licenser) { l.instead(200, `<h1>Welcome to our hotel</h1>`) },
		"a foreign refusal": func(l *licenser) { l.instead(403, `<h1>Forbidden</h1>`) },
		"a redirect":        func(l *licenser) { l.instead(302, ``) },
	} {
		l := newLicenser(t)
		online := l.activated(t)
		away(l)
		l.now = begun().Add(23 * time.Hour)
		a := l.activated(t)
		if !a.Offline || a.Claims.ID != online.Claims.ID || !a.Claims.ExpiresAt.Equal(begun().Add(24*time.Hour)) {
			t.Errorf("%+v", a)
		}
		l.now = begun().Add(23*time.Hour - 4*time.Minute) // as much as clocks are corrected
		l.activated(t)
		l.now = begun().Add(23*time.Hour - 6*time.Minute)
		if failed := l.refused(t, ReasonClock); !failed.Unreachable {
			t.Errorf("%+v", failed)
		}
		l.now = begun().Add(25 * time.Hour)
		if failed := l.refused(t, ReasonOfflineTooLong); !failed.Unreachable {
			t.Errorf("%+v", failed)
		}
		l.now = begun().Add(-6 * time.Minute)
		l.refused(t, ReasonClock)
	}
}

// A clock that is set back in small steps is noticed, too: the latest time that was seen does not go back with it.
func TestClockSetBackInSteps(t *testing.T) {
	l := newLicenser(t)
	l.activated(t)
	l.instead(503, "")
	l.now = begun().Add(10 * time.Hour)
	l.activated(t)
	l.now = l.now.Add(-3 * time.Minute)
	l.activated(t)
	l.now = l.now.Add(-3 * time.Minute)
	l.refused(t, ReasonClock)
	l.instead(0, "")
	l.activated(t) // the server knows the time better
}

// A clock that is far from the server's is told at once.
func TestClockIsWrong(t *testing.T) {
	for _, ahead := range []time.Duration{6 * time.Minute, -25 * time.Hour} {
		l := newLicenser(t)
		l.ahead = ahead
		if failed := l.refused(t, ReasonClock); failed.Unreachable {
			t.Errorf("%+v", failed)
		}
	}
}

// A refusal is final, and takes the kept grant along.
func TestRefusalIsFinal(t *testing.T) {
	l := newLicenser(t)
	l.activated(t)
	l.instead(403, `{"reason":"no_licence_assigned","faultstring":"No licence is assigned to alice; ask an administrator of acme."}`)
	failed := l.refused(t, "no_licence_assigned")
	if failed.Unreachable || failed.Sentence != "No licence is assigned to alice; ask an administrator of acme." {
		t.Errorf("%+v", failed)
	}
	l.instead(503, "")
	l.refused(t, ReasonUnreachable)
}

// What else a server may answer is told, and leaves the kept grant alone.
func TestOtherAnswers(t *testing.T) {
	l := newLicenser(t)
	l.activated(t)
	for status, reason := range map[int]string{404: ReasonNotSupported, 401: ReasonUnknownToken, 400: ReasonRefused} {
		l.instead(status, `{"faultstring":"No."}`)
		if failed := l.refused(t, reason); failed.Unreachable {
			t.Errorf("%d: %+v", status, failed)
		}
	}
	l.instead(503, "")
	l.activated(t)
}

// The caller's deadline is as if the server did not answer; when he gives up, so does Activate.
func TestContext(t *testing.T) {
	l := newLicenser(t)
	l.activated(t)
	slow := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // until then net/http does not notice that the client goes
		<-r.Context().Done()
	})
	l.answer.Store(&slow)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if a, err := Activate(ctx, l.options()); err != nil || !a.Offline {
		t.Errorf("%+v, %v", a, err)
	}
	short := l.options()
	short.Timeout = 50 * time.Millisecond
	if a, err := Activate(t.Context(), short); err != nil || !a.Offline {
		t.Errorf("%+v, %v", a, err)
	}
	gone, end := context.WithCancel(t.Context())
	end()
	_, err := Activate(gone, l.options())
	if failed, ok := errors.AsType[*ActivationError](err); !ok || failed.Reason != ReasonInterrupted || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// With pinned keys a server that signs with others is not believed, nor is what is kept under others.
func TestPinnedKeys(t *testing.T) {
	l := newLicenser(t)
	l.activated(t)
	pinned := l.options()
	pinned.PinnedKeys = []ed25519.PublicKey{ed25519.PublicKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))[32:])}
	refusedWith(t, pinned, ReasonNotTrusted)
	l.instead(503, "")
	refusedWith(t, pinned, ReasonNotTrusted)
	l.instead(0, "")
	l.sign(2)
	before := l.requests.Load()
	if a, err := Activate(t.Context(), pinned); err != nil || !a.Activated || l.requests.Load() != before+1 {
		t.Errorf("%+v, %v, %d requests", a, err, l.requests.Load()-before)
	}
	l.instead(503, "")
	if a, err := Activate(t.Context(), pinned); err != nil || !a.Offline {
		t.Errorf("%+v, %v", a, err)
	}
}

// LATCHKEY_ACTIVATE=0 asks nobody, and needs nothing.
func TestActivateIsOff(t *testing.T) {
	l := newLicenser(t)
	for _, value := range []string{"0", "false"} {
		l.env = map[string]string{"LATCHKEY_ACTIVATE": value, "LATCHKEY_URL": "nonsense"}
		a, err := Activate(t.Context(), l.options())
		if err != nil || a.Activated || a.Has("snapshots") || a.Info(begun()).Edition != "community" {
			t.Errorf("%+v, %v", a, err)
		}
	}
	if l.requests.Load() != 0 {
		t.Error("the server was asked")
	}
}

// Where the token comes from: two variables, and then what is kept for this server.
func TestActivationToken(t *testing.T) {
	l := newLicenser(t)
	store, err := NewTokenStore(l.options().Getenv)
	if err != nil {
		t.Fatal(err)
	}
	ci, stored := authToken(ciPrefix, "b"), authToken(developerPrefix, "c")
	if err := store.Save(l.URL, secret.New(stored)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ token, key, want string }{
		{authToken(developerPrefix, "a"), ci, authToken(developerPrefix, "a")},
		{"", ci, ci},
		{"", "0123-legacy", "0123-legacy"},
		{"", "", stored},
	} {
		l.env["LATCHKEY_AUTH_TOKEN"], l.env["LATCHKEY_API_KEY"] = test.token, test.key
		l.activated(t)
		if got := *l.key.Load(); got != test.want {
			t.Errorf("%+v: %s was shown", test, got)
		}
	}
	l.requests.Store(0)
	for _, broken := range []string{stored[:39], "lkt_" + stored[4:], "with a space", "line\nend"} {
		l.env["LATCHKEY_AUTH_TOKEN"] = broken
		if failed := l.refused(t, ReasonUnknownToken); strings.Contains(failed.Error(), broken) {
			t.Errorf("%v", failed)
		}
	}
	l.env["LATCHKEY_AUTH_TOKEN"], l.env["LATCHKEY_URL"] = "", "http://127.0.0.1:1"
	l.refused(t, ReasonNoCredentials) // what is kept for one server goes to no other
	if l.requests.Load() != 0 {
		t.Error("the server was asked")
	}
}
