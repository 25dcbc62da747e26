package client

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/plugins/secret"
)

// server starts a server and returns a client of it.
func server(t *testing.T, source Source, handler http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return connect(t, Options{URL: s.URL, Credentials: source})
}

// connect returns a client.
func connect(t *testing.T, o Options) *Client {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// answer writes a JSON answer.
func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// key is a credential with a word that no error may show.
func key() Credential { return APIKey(secret.New("lka_canary")) }

// A redirect is not followed, so nobody elsewhere gets the credential. hazard 36
func TestRedirectIsNotFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("followed to %s with %v", r.URL, r.Header)
	}))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		c := server(t, key(), func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, status) })
		_, err := c.WhoAmI(t.Context())
		if _, ok := errors.AsType[*Unexpected](err); !ok {
			t.Errorf("%d: %v, want *Unexpected", status, err)
		}
		_, err = c.LogIn(t.Context(), "alice", secret.New("canary"), SessionRequest{})
		if _, ok := errors.AsType[*Unexpected](err); !ok {
			t.Errorf("%d: log-in: %v, want *Unexpected", status, err)
		}
	}
}

// An answer without end is cut off.
func TestAnswerIsBounded(t *testing.T) {
	c := server(t, key(), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for block := strings.Repeat(" ", 1<<16); ; {
			if _, err := io.WriteString(w, block); err != nil {
				return // the client has gone, as it should
			}
		}
	})
	_, err := c.WhoAmI(t.Context())
	if _, ok := errors.AsType[*Unexpected](err); !ok {
		t.Errorf("%v, want *Unexpected", err)
	}
}

// What answers but is not Latchkey is told from a refusal, and nothing of it is repeated.
func TestForeignAnswers(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"a page": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<h1>canary</h1>")
		},
		"cut off":      func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, `{"username": "canary`) },
		"another form": func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, `{"username": ["canary"]}`) },
		"a list":       func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, `["canary"]`) },
	} {
		_, err := server(t, key(), handler).WhoAmI(t.Context())
		if _, ok := errors.AsType[*Unexpected](err); !ok || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, want *Unexpected without the text", name, err)
		}
	}
}

// A refusal says what the server said, on one line that no terminal obeys. hazard 66
func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		contentType, body string
		want              string
	}{
		{"application/json", `{"faultstring":"Unauthorized - Token has expired."}`, "Unauthorized - Token has expired."},
		{"application/json", `{"faultstring":"one\ntwo\u001b[31mred\u202e\u0085"}`, "one two [31mred"},
		{"application/json", `{"other":1}`, "Conflict"},
		{"application/json", `{`, "Conflict"},
		{"text/html", "<h1>Bad Gateway</h1>", "Conflict"},
		{"text/plain; charset=utf-8", "Client sent an HTTP request to an HTTPS server.\n", "Client sent an HTTP request to an HTTPS server."},
		{"application/json", `{"faultstring":"` + strings.Repeat("ä", 1000) + `"}`, strings.Repeat("ä", 200) + "…"},
	} {
		c := server(t, key(), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", test.contentType)
			w.Header().Set("X-Request-ID", "r-1")
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, test.body)
		})
		_, err := c.WhoAmI(t.Context())
		refused, ok := errors.AsType[*Error](err)
		if !ok || refused.Message != test.want || refused.Status != 409 || refused.RequestID != "r-1" || refused.RetryAfter != 7*time.Second {
			t.Errorf("%s: %#v, want %q", test.body, err, test.want)
		}
	}
}

// No answer is *Unreachable, whatever the cause; and the error does not repeat the address of the call, which can hold a
// key. hazard 38
func TestUnreachable(t *testing.T) {
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	secure.Config.ErrorLog = nil
	stuck := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer stuck.Close()
	for name, o := range map[string]Options{
		"nobody listens":     {URL: "http://" + unused(t)},
		"untrusted":          {URL: secure.URL},
		"no answer in time":  {URL: stuck.URL, Timeout: 50 * time.Millisecond},
		"no such socket":     {URL: "unix://" + filepath.Join(t.TempDir(), "none.sock")},
		"TLS to plain HTTP":  {URL: strings.Replace(stuck.URL, "http", "https", 1)},
		"no such host (DNS)": {URL: "http://nowhere.invalid"},
	} {
		o.Credentials = key()
		_, err := connect(t, o).APIKey(t.Context(), "lka_canary")
		if _, ok := errors.AsType[*Unreachable](err); !ok || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, want *Unreachable without the key", name, err)
		}
	}
}

// unused returns an address that nobody listens on.
func unused(t *testing.T) string {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	return socket.Addr().String()
}

// A caller who gives up gets his own context's error, not the server's failure.
func TestCancelled(t *testing.T) {
	asked := make(chan struct{})
	c := server(t, key(), func(_ http.ResponseWriter, r *http.Request) { close(asked); <-r.Context().Done() })
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := c.WhoAmI(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
}

// The certificates of a file are trusted instead of the system's; without them only Insecure gets through. hazard 22
func TestTrust(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, `{"version":"1","uptime":5}`) }))
	defer s.Close()
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "bad.pem")
	write(t, good, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	write(t, bad, []byte("no certificate"))
	for name, o := range map[string]Options{"trusted file": {CAFile: good}, "insecure": {Insecure: true}} {
		o.URL = s.URL
		info, err := connect(t, o).Info(t.Context())
		if err != nil || info.Version != "1" || info.Uptime != 5*time.Second {
			t.Errorf("%s: %+v, %v", name, info, err)
		}
	}
	for name, o := range map[string]Options{
		"no certificate": {CAFile: bad}, "no file": {CAFile: filepath.Join(dir, "none")}, "both": {CAFile: good, Insecure: true},
	} {
		o.URL = s.URL
		if _, err := New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A unix socket is spoken to as a host is.
func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "api.sock")
	socket, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(w, 200, fmt.Sprintf(`{"username":"root","authentication":{},"rbac":{"roles":["%s"]}}`, r.URL.Path))
	}))
	s.Listener.Close()
	s.Listener = socket
	s.Start()
	defer s.Close()
	who, err := connect(t, Options{URL: "unix://" + path}).WhoAmI(t.Context())
	if err != nil || who.Username != "root" || who.RBAC.Roles[0] != "/api/v1/user" {
		t.Errorf("%+v, %v", who, err)
	}
}

// renewing is a Source with a second credential.
type renewing struct {
	credentials []Credential
	asked       int
	err         error
}

func (r *renewing) Credential(_ context.Context, refused Credential) (Credential, error) {
	r.asked++
	if refused.Empty() {
		return r.credentials[0], nil
	}
	return r.credentials[len(r.credentials)-1], r.err
}

// A refused credential is replaced once by what the source has, and never a second time.
func TestRenewal(t *testing.T) {
	old, fresh := SessionToken(secret.New("lkt_old")), SessionToken(secret.New("lkt_new"))
	lost := errors.New("no password")
	for _, test := range []struct {
		name     string
		source   *renewing
		accepted string
		requests int
		want     func(error) bool
	}{
		{"first is good", &renewing{credentials: []Credential{old, fresh}}, "lkt_old", 1, isNil},
		{"second is good", &renewing{credentials: []Credential{old, fresh}}, "lkt_new", 2, isNil},
		{"none is good", &renewing{credentials: []Credential{old, fresh}}, "", 2, isUnauthorized},
		{"no second", &renewing{credentials: []Credential{old}}, "", 1, isUnauthorized},
		{"renewal fails", &renewing{credentials: []Credential{old}, err: lost}, "", 1, func(err error) bool { return errors.Is(err, lost) }},
	} {
		requests := 0
		c := server(t, test.source, func(w http.ResponseWriter, r *http.Request) {
			requests++
			body, _ := io.ReadAll(r.Body)
			if string(body) != `{"enabled":false}` {
				t.Errorf("%s: request %d has the body %q", test.name, requests, body)
			}
			if r.Header.Get("X-Auth-Token") != test.accepted {
				answer(w, 401, `{"faultstring":"Unauthorized"}`)
				return
			}
			answer(w, 200, `{"id":"1"}`)
		})
		_, err := c.EnableAPIKey(t.Context(), "58e3f3330c0517062a3fda43", false)
		if requests != test.requests || !test.want(err) {
			t.Errorf("%s: %d requests, %v", test.name, requests, err)
		}
	}
}

func isNil(err error) bool          { return err == nil }
func isUnauthorized(err error) bool { return isStatus(err, http.StatusUnauthorized) }

// A log-in shows the name and the password and nothing else, and what it asks for.
func TestLogIn(t *testing.T) {
	var got map[string]any
	c := server(t, key(), func(w http.ResponseWriter, r *http.Request) {
		name, password, _ := r.BasicAuth()
		if name != "alice" || password != "a:b ü" || r.Header.Get("St2-Api-Key") != "" || r.URL.Path != "/auth/v1/tokens" {
			t.Errorf("%s:%s at %s with %v", name, password, r.URL.Path, r.Header)
		}
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		answer(w, 201, `{"user":"alice","token":"lkt_canary","expiry":"2026-05-28T12:39:28.650231Z","id":"574840001878c10d0b6e8fbf","metadata":{},"service":false}`)
	})
	made, err := c.LogIn(t.Context(), "alice", secret.New("a:b ü"), SessionRequest{TTL: 10 * time.Minute, User: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	if made.Token.Reveal() != "lkt_canary" || !made.Expiry.Equal(time.Date(2026, 5, 28, 12, 39, 28, 650231000, time.UTC)) {
		t.Errorf("%+v", made)
	}
	if len(got) != 2 || got["ttl"] != 600.0 || got["user"] != "bob" {
		t.Errorf("body %v", got)
	}
	if shown := fmt.Sprintf("%v %+v %#v", made, made, SessionToken(made.Token)); strings.Contains(shown, "canary") {
		t.Errorf("a secret is printed: %s", shown)
	}
}

// What cannot be meant is refused before anything is sent.
func TestArguments(t *testing.T) {
	c := server(t, key(), func(http.ResponseWriter, *http.Request) { t.Error("something was sent") })
	password := secret.New("canary")
	for name, do := range map[string]func() error{
		"empty name": func() error { _, err := c.LogIn(t.Context(), "", password, SessionRequest{}); return err },
		"colon":      func() error { _, err := c.LogIn(t.Context(), "a:b", password, SessionRequest{}); return err },
		"newline":    func() error { _, err := c.LogIn(t.Context(), "a\nb", password, SessionRequest{}); return err },
		"short life": func() error { _, err := c.LogIn(t.Context(), "a", password, SessionRequest{TTL: 1}); return err },
		"negative life": func() error {
			_, err := c.LogIn(t.Context(), "a", password, SessionRequest{TTL: -time.Hour})
			return err
		},
		"no id": func() error { return c.DeleteAPIKey(t.Context(), "") },
		"dots":  func() error { return c.DeleteAPIKey(t.Context(), "..") },
		"bent token": func() error {
			_, err := c.With(SessionToken(secret.New("canary\r\nX: y"))).WhoAmI(t.Context())
			return err
		},
	} {
		if err := do(); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An id cannot reach into the path or the query.
func TestPathIsEscaped(t *testing.T) {
	c := server(t, key(), func(w http.ResponseWriter, r *http.Request) {
		if r.URL.EscapedPath() != "/api/v1/apikeys/a%2F..%2Fb%3Fc%23d%25" || r.URL.RawQuery != "" {
			t.Errorf("%s", r.URL)
		}
		answer(w, 404, `{"faultstring":"ApiKey with that key or id is not found."}`)
	})
	if _, err := c.APIKey(t.Context(), "a/../b?c#d%"); !isStatus(err, http.StatusNotFound) {
		t.Error(err)
	}
}

// A list is read page by page, only as far as it is wanted, and a server that never ends it is found out.
func TestPages(t *testing.T) {
	const records = 7
	var requests []string
	c := server(t, key(), func(w http.ResponseWriter, r *http.Request) {
		requests = append(requests, r.URL.RawQuery)
		var after int
		if text := r.URL.Query().Get("after"); text != "" {
			if _, err := fmt.Sscan(text, &after); err != nil {
				t.Error(err)
			}
		}
		var page []string
		for id := after + 1; id <= records && len(page) < 3; id++ {
			page = append(page, fmt.Sprintf(`{"id":"%d","user":"alice"}`, id))
		}
		w.Header().Set("X-Limit", "3")
		w.Header().Set("X-Total-Count", "7")
		answer(w, 200, "["+strings.Join(page, ",")+"]")
	})
	read := func(most int) (ids string) {
		requests = nil
		for record, err := range c.APIKeys(t.Context(), APIKeyQuery{User: "alice"}) {
			if err != nil {
				t.Fatal(err)
			}
			if ids += record.ID; len(ids) == most {
				break
			}
		}
		return ids
	}
	if ids := read(records); ids != "1234567" || len(requests) != 3 || requests[0] != "user=alice" || requests[2] != "after=6&user=alice" {
		t.Errorf("%q by %q", ids, requests)
	}
	if ids := read(2); ids != "12" || len(requests) != 1 {
		t.Errorf("%q by %q", ids, requests)
	}

	endless := server(t, key(), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Limit", "1")
		answer(w, 200, `[{"id":"1"}]`)
	})
	var last error
	for _, err := range endless.APIKeys(t.Context(), APIKeyQuery{}) {
		last = err
	}
	if _, ok := errors.AsType[*Unexpected](last); !ok {
		t.Errorf("%v, want *Unexpected", last)
	}
}

// A key is loaded by its id, and made when that is unknown.
func TestLoadAPIKey(t *testing.T) {
	var calls []string
	status := http.StatusNotFound
	c := server(t, key(), func(w http.ResponseWriter, r *http.Request) {
		calls = append(calls, r.Method+" "+r.URL.Path)
		if r.Method == http.MethodPut {
			answer(w, status, `{"faultstring":"x"}`)
			return
		}
		body, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(body), `"key_hash":"abc"`) {
			t.Errorf("%s", body)
		}
		answer(w, 201, `{"id":"1"}`)
	})
	one := LoadedKey{ID: "58e3f3330c0517062a3fda43", User: "bill", KeyHash: "abc", Enabled: true}
	for _, test := range []struct {
		status  int
		calls   string
		created bool
		fails   bool
	}{
		{404, "PUT /api/v1/apikeys/58e3f3330c0517062a3fda43, POST /api/v1/apikeys", true, false},
		{200, "PUT /api/v1/apikeys/58e3f3330c0517062a3fda43", false, false},
		{400, "PUT /api/v1/apikeys/58e3f3330c0517062a3fda43", false, true},
	} {
		calls, status = nil, test.status
		_, created, err := c.LoadAPIKey(t.Context(), one)
		if strings.Join(calls, ", ") != test.calls || created != test.created || (err != nil) != test.fails {
			t.Errorf("%d: %q, created %v, %v", test.status, calls, created, err)
		}
	}
}

// Who makes requests of his own gets the address and the trust that a Client has, and connections that are nobody else's.
func TestTransport(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) }))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	options := Options{URL: server.URL + "/below/auth/v1/", CAFile: file}
	base, transport, err := options.Transport()
	if err != nil {
		t.Fatal(err)
	}
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport}).Get(base.JoinPath("info").String())
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); err != nil || string(text) != "/below/info" {
		t.Errorf("%q, %v", text, err)
	}
	for _, options := range []Options{{URL: "nonsense"}, {URL: server.URL, CAFile: file + "x"}} {
		if base, transport, err := options.Transport(); err == nil || transport != nil {
			t.Errorf("%v, %v, %v", base, transport, err)
		}
	}
}
