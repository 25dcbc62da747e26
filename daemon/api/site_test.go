package api_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/conf"
	"latchkey/daemon/access"
	"latchkey/daemon/api"
	"latchkey/daemon/audit"
	"latchkey/daemon/credential"
	"latchkey/daemon/grant"
	"latchkey/daemon/licence"
	"latchkey/daemon/login"
	"latchkey/daemon/store/boltstore"
	"latchkey/daemon/user"
	"latchkey/daemon/workspace"
	"latchkey/plugins"
)

// site is a daemon's HTTP side with a real store and real services, behind a real listener; the clock, the backend and the
// audit log are the test's.
type site struct {
	t        testing.TB
	url      string
	clock    *clock
	backend  *scripted
	audit    *recorder
	log      *lockedBuffer
	settings api.Settings
	handler  *api.Handler
	server   *httptest.Server
	store    *boltstore.Store
	engine   *credential.Engine
	users    *user.Service
	login    *login.Service
	guard    *access.Guard
	signer   *grant.Signer
	licences *licence.Service
	contract *contract
}

// epoch is when every test begins.
var epoch = time.Date(2026, 5, 27, 12, 39, 28, 650_231_000, time.UTC)

// newSite starts a site. Alice has the role admin, everybody in the group wheel has ops, and service tokens named asker* may
// introspect; change may alter the settings first.
func newSite(t testing.TB, change ...func(*api.Settings)) *site {
	t.Helper()
	s := &site{
		t: t, clock: &clock{now: epoch}, backend: newScripted(), audit: &recorder{}, log: &lockedBuffer{},
		contract: loadContract(t),
		settings: api.Settings{
			Auth: conf.Auth{Mode: conf.ModeStandalone, Enable: true, TokenTTL: 24 * time.Hour, QueryCredentials: true},
			API:  conf.API{MaxPageSize: 100},
		},
	}
	for _, f := range change {
		f(&s.settings)
	}
	var err error
	if s.store, err = boltstore.Open(filepath.Join(t.TempDir(), "store.db"), boltstore.Options{NoSync: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.store.Close() })
	s.engine = credential.New(credential.Options{Store: s.store, Audit: s.audit, Now: s.clock.Now, Random: rand.Reader})
	s.users = user.New(user.Options{Store: s.store, Audit: s.audit, Now: s.clock.Now})
	s.login = login.New(login.Options{
		Lockouts: s.store, Users: s.users, Engine: s.engine, Audit: s.audit, Now: s.clock.Now,
		Wait:     func(context.Context, time.Duration) {},
		Throttle: conf.Throttle{Failures: 5, Window: 15 * time.Minute, Lock: 15 * time.Minute, Queue: 64},
		TTL:      login.TTL{User: 24 * time.Hour, Service: 24 * time.Hour},
	})
	s.login.SetChain(login.NewChain([]login.Backend{s.backend}, 64))
	member := func(kind conf.MemberKind, pattern string, prefix bool) []conf.Member {
		return []conf.Member{{Kind: kind, Pattern: pattern, Prefix: prefix}}
	}
	roles := access.NewRoles([]conf.Role{
		{Name: "admin", Members: member(conf.MemberUser, "alice", false)},
		{Name: "ops", Members: member(conf.MemberGroup, "wheel", false)},
		{Name: "introspect", Members: member(conf.MemberService, "asker", true)},
	})
	s.guard = access.NewGuard(s.engine, roles)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if s.signer, err = grant.NewSigner(key, nil); err != nil {
		t.Fatal(err)
	}
	s.licences = licence.New(licence.Options{
		Store: s.store, Engine: s.engine, Audit: s.audit, Now: s.clock.Now,
		Settings: licence.Settings{Signer: s.signer, Issuer: "https://auth.example.com", Legacy: conf.Legacy{Accept: true}},
	})
	s.handler, err = api.New(api.Options{
		Login: s.login, Engine: s.engine, Guard: s.guard, Users: s.users, Audit: s.audit, Licences: s.licences,
		Workspaces: workspace.New(workspace.Options{Store: s.store, Engine: s.engine, Users: s.users, Audit: s.audit, Now: s.clock.Now}),
		Log:        slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: logLevel(t)})),
		Now:        s.clock.Now, Random: rand.Reader, Version: "1.2.3", Settings: s.settings,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.server = httptest.NewUnstartedServer(s.handler)
	s.server.Config.MaxHeaderBytes = api.MaxHeaderBytes
	s.server.Start()
	t.Cleanup(s.server.Close)
	s.url = s.server.URL
	return s
}

// logLevel is debug in tests, which look at all of the log, and as in production in benchmarks.
func logLevel(t testing.TB) slog.Level {
	if _, ok := t.(*testing.B); ok {
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// answer is what came back.
type answer struct {
	t      testing.TB
	status int
	header http.Header
	body   string
}

// option shapes a request.
type option func(*http.Request)

func basic(name, password string) option {
	return func(r *http.Request) { r.SetBasicAuth(name, password) }
}

func header(name, value string) option {
	return func(r *http.Request) { r.Header.Add(name, value) }
}

func token(text string) option { return header("X-Auth-Token", text) }

func body(text string) option {
	return func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		if r.Header.Get("Content-Type") == "" {
			r.Header.Set("Content-Type", "application/json")
		}
	}
}

func form(text string) option {
	return func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		body(text)(r)
	}
}

// do sends a request, holds it and the answer to the contract, and returns the answer.
func (s *site) do(method, path string, options ...option) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, o := range options {
		o(r)
	}
	var sent []byte
	if r.Body != nil {
		if sent, err = io.ReadAll(r.Body); err != nil {
			s.t.Fatal(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	response, err := http.DefaultTransport.RoundTrip(r) // which follows no redirect
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = response.Body.Close() }()
	received, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	s.contract.check(s.t, r, sent, response, received)
	return answer{t: s.t, status: response.StatusCode, header: response.Header, body: strings.TrimSpace(string(received))}
}

// want fails the test unless the answer has this status and, where it is given, exactly this body.
func (a answer) want(status int, body ...string) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status %d instead of %d: %s", a.status, status, a.body)
	}
	if len(body) > 0 && a.body != body[0] {
		a.t.Errorf("body\n got %s\nwant %s", a.body, body[0])
	}
	return a
}

// fault fails the test unless the answer has this status and faultstring.
func (a answer) fault(status int, sentence string) answer {
	a.t.Helper()
	encoded := &bytes.Buffer{}
	encoder := json.NewEncoder(encoded)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(map[string]string{"faultstring": sentence}); err != nil {
		a.t.Fatal(err)
	}
	return a.want(status, strings.TrimSpace(encoded.String()))
}

// get returns a string of the answer's object.
func (a answer) get(field string) string {
	a.t.Helper()
	var document map[string]any
	if err := json.Unmarshal([]byte(a.body), &document); err != nil {
		a.t.Fatalf("%v: %s", err, a.body)
	}
	text, ok := document[field].(string)
	if !ok {
		a.t.Fatalf("no %s in %s", field, a.body)
	}
	return text
}

// logIn returns a session token of a user whose password is "secret".
func (s *site) logIn(name string) string {
	s.t.Helper()
	return s.do("POST", "/auth/v1/tokens", basic(name, "secret")).want(http.StatusCreated).get("token")
}

// makeKey returns a new API key of the owner of a token, and its id.
func (s *site) makeKey(session string) (key, id string) {
	s.t.Helper()
	made := s.do("POST", "/api/v1/apikeys", token(session), body("{}")).want(http.StatusCreated)
	return made.get("key"), made.get("id")
}

// makeService returns a new service token.
func (s *site) makeService(name string, roles ...string) string {
	s.t.Helper()
	document, err := json.Marshal(map[string]any{"name": name, "roles": roles})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.do("POST", "/api/v1/servicetokens", token(s.logIn("alice")), body(string(document))).want(http.StatusCreated).get("token")
}

// reconfigure changes the settings of the running site.
func (s *site) reconfigure(change func(*api.Settings)) {
	change(&s.settings)
	s.handler.SetSettings(s.settings)
}

// trustLoopback believes the forwarded headers of the test itself.
func trustLoopback(settings *api.Settings) {
	settings.Proxy.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// clock is the time of a site.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// scripted is a backend in which everybody's password is "secret", but for those whom results names.
type scripted struct {
	mu      sync.Mutex
	asked   int
	last    plugins.Request
	results map[string]plugins.Result
	err     error
}

func newScripted() *scripted {
	return &scripted{results: map[string]plugins.Result{
		"nobody":  {Outcome: plugins.UnknownUser, Reason: plugins.ReasonUnknownUser},
		"locked":  {Outcome: plugins.Denied, Reason: plugins.ReasonAccountLocked},
		"expired": {Outcome: plugins.Denied, Reason: plugins.ReasonAccountExpired},
		"outside": {Outcome: plugins.Denied, Reason: plugins.ReasonNotInGroup},
		"BOB":     {Outcome: plugins.Accepted, Name: "bob", Groups: []string{"wheel"}},
		"bob":     {Outcome: plugins.Accepted, Name: "bob", Groups: []string{"wheel"}},
	}}
}

// Name is the backend's name in the chain.
func (b *scripted) Name() string { return "scripted" }

// Authenticate answers as the script has it.
func (b *scripted) Authenticate(_ context.Context, request plugins.Request) (plugins.Result, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked, b.last = b.asked+1, request
	if b.err != nil {
		return plugins.Result{}, b.err
	}
	result, ok := b.results[request.Name]
	if !ok {
		result = plugins.Result{Outcome: plugins.Accepted, Name: request.Name}
	}
	if result.Outcome == plugins.Accepted && request.Password.Reveal() != "secret" {
		return plugins.Result{Outcome: plugins.Denied, Reason: plugins.ReasonWrongPassword}, nil
	}
	return result, nil
}

// fail makes the backend unable to decide, or able again with nil.
func (b *scripted) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
}

// count returns how often the backend was asked.
func (b *scripted) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked
}

// recorder keeps audit events.
type recorder struct {
	mu     sync.Mutex
	events []audit.Event
	broken bool
}

var errBroken = errors.New("audit log is broken")

// Record keeps an event unless the recorder is broken.
func (r *recorder) Record(_ context.Context, event audit.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken {
		return errBroken
	}
	r.events = append(r.events, event)
	return nil
}

// last returns the latest event.
func (r *recorder) last() audit.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.events) == 0 {
		return audit.Event{}
	}
	return r.events[len(r.events)-1]
}

// breakDown makes the recorder refuse, or work again.
func (r *recorder) breakDown(broken bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = broken
}

// lockedBuffer takes a log from several goroutines.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
