package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/conf"
	"latchkey/daemon/access"
	"latchkey/daemon/api"
	"latchkey/daemon/audit"
	"latchkey/daemon/credential"
	"latchkey/daemon/grant"
	"latchkey/daemon/grant/granttest"
	"latchkey/daemon/licence"
	"latchkey/daemon/login"
	"latchkey/daemon/store/boltstore"
	"latchkey/daemon/user"
	"latchkey/daemon/workspace"
	"latchkey/plugins"
)

// testServer is the daemon's real HTTP side over a real store; the clock and the accounts are the test's. It listens with and
// without TLS, and on a unix socket where every caller is an administrator, as root is on the daemon's. Licences are activated by
// granttest.Server.
type testServer struct {
	plain, secure *httptest.Server
	socket        string
	accounts      *accounts
	offset        atomic.Int64 // how far the server's clock is ahead
	fail          atomic.Int64 // the status that everything is answered with; 0: none
	requests      atomic.Int64 // how many requests there were
	headers       sync.Map     // the latest request's headers, by name
	asked         atomic.Value // the latest request: method, path with query, and body
	override      atomic.Pointer[http.Handler]
	licences      *granttest.Server
}

// now is the server's clock.
func (s *testServer) now() time.Time { return time.Now().Add(time.Duration(s.offset.Load())) }

// newTestServer starts a server in a folder. Alice has the role admin, and who is in the group wheel has ops.
func newTestServer(t testing.TB, dir string) *testServer {
	t.Helper()
	s := &testServer{licences: granttest.New(t, time.Now), accounts: &accounts{passwords: map[string]string{"alice": "secret", "bob": "b:o ß"}}}
	kept, err := boltstore.Open(filepath.Join(dir, "store.db"), boltstore.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	record, err := audit.Open(filepath.Join(dir, "audit.log"), 10*time.Second, s.now)
	if err != nil {
		t.Fatal(err)
	}
	engine := credential.New(credential.Options{Store: kept, Audit: record, Now: s.now, Random: rand.Reader})
	users := user.New(user.Options{Store: kept, Audit: record, Now: s.now})
	logins := login.New(login.Options{
		Lockouts: kept, Users: users, Engine: engine, Audit: record, Now: s.now,
		Wait:     func(context.Context, time.Duration) {},
		Throttle: conf.Throttle{Failures: 5, Window: 15 * time.Minute, Lock: 15 * time.Minute, SourceRate: 600, SourceBurst: 600, Queue: 64},
		TTL:      login.TTL{User: 24 * time.Hour, Service: 24 * time.Hour},
	})
	logins.SetChain(login.NewChain([]login.Backend{s.accounts}, 64))
	guard := access.NewGuard(engine, access.NewRoles([]conf.Role{
		{Name: "admin", Members: []conf.Member{{Kind: conf.MemberUser, Pattern: "alice"}}},
		{Name: "ops", Members: []conf.Member{{Kind: conf.MemberGroup, Pattern: "wheel"}}},
	}))
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := grant.NewSigner(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := api.New(api.Options{
		Workspaces: workspace.New(workspace.Options{
			Store: kept, Engine: engine, Users: users, Audit: record, Records: record, Now: s.now, Link: "https://portal.example.com/join#{code}",
		}),
		Licences: licence.New(licence.Options{
			Store: kept, Engine: engine, Audit: record, Now: s.now,
			Settings: licence.Settings{Signer: signer, Issuer: "https://auth.example.com", Legacy: conf.Legacy{Accept: true}},
		}),
		Login: logins, Engine: engine, Guard: guard, Users: users, Audit: record, Log: slog.New(slog.DiscardHandler),
		Now: s.now, Random: rand.Reader, Version: "1.2.3",
		Settings: api.Settings{
			Auth: conf.Auth{Mode: conf.ModeStandalone, Enable: true, TokenTTL: 24 * time.Hour, QueryCredentials: true},
			API:  conf.API{MaxPageSize: 3},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	watched := s.watch(handler)
	s.plain, s.secure = httptest.NewServer(watched), httptest.NewUnstartedServer(watched)
	s.secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.secure.StartTLS()
	local := s.listenLocally(t, dir, watched)
	t.Cleanup(func() {
		s.plain.Close()
		s.secure.Close()
		local.Close()
		if err := errors.Join(kept.Close(), record.Close()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// listenLocally serves a socket on which a caller without a credential is an administrator.
func (s *testServer) listenLocally(t testing.TB, dir string, handler http.Handler) *httptest.Server {
	t.Helper()
	s.socket = filepath.Join(dir, "admin.sock")
	socket, err := net.Listen("unix", s.socket)
	if err != nil {
		t.Fatal(err)
	}
	local := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r.WithContext(api.AsAdmin(r.Context(), "root")))
	}))
	_ = local.Listener.Close() // httptest's own
	local.Listener = socket
	local.Start()
	return local
}

// watch counts requests, remembers the latest and answers with a failure when told to.
func (s *testServer) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		s.headers.Clear()
		for name, values := range r.Header {
			s.headers.Store(name, strings.Join(values, ", "))
		}
		body, _ := io.ReadAll(r.Body) // what is not there is not compared
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.asked.Store(strings.TrimSpace(r.Method + " " + r.URL.RequestURI() + " " + string(body)))
		if status := int(s.fail.Load()); status != 0 {
			w.Header().Set("X-Request-Id", "r-17")
			w.WriteHeader(status)
			return
		}
		if other := s.override.Load(); other != nil {
			(*other).ServeHTTP(w, r)
			return
		}
		if granttest.Serves(r.URL.Path) {
			s.licences.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// handle makes another handler answer everything.
func (s *testServer) handle(other http.Handler) { s.override.Store(&other) }

// writeCA writes the certificate that the TLS server's clients have to trust.
func (s *testServer) writeCA(path string) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.secure.Certificate().Raw}), 0o600)
}

// accounts is a backend with a few users.
type accounts struct {
	mu        sync.Mutex
	passwords map[string]string
	asked     int
	broken    bool
}

// Name is the backend's name in the chain.
func (b *accounts) Name() string { return "accounts" }

// Authenticate compares a password. Everybody is in wheel.
func (b *accounts) Authenticate(_ context.Context, request plugins.Request) (plugins.Result, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	password, known := b.passwords[request.Name]
	switch {
	case b.broken:
		return plugins.Result{}, errors.New("the directory is away")
	case !known:
		return plugins.Result{Outcome: plugins.UnknownUser, Reason: plugins.ReasonUnknownUser}, nil
	case password != request.Password.Reveal():
		return plugins.Result{Outcome: plugins.Denied, Reason: plugins.ReasonWrongPassword}, nil
	}
	return plugins.Result{Outcome: plugins.Accepted, Name: request.Name, Groups: []string{"wheel"}}, nil
}

// tries returns how many passwords were asked about.
func (b *accounts) tries() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked
}

// change gives a user another password.
func (b *accounts) change(user, password string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.passwords[user] = password
}
