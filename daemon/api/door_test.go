package api_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/conf"
	"latchkey/daemon/api"
	"latchkey/daemon/audit"
	"latchkey/daemon/store"
)

// The identity headers of the door's answers.
var identity = []string{
	"X-Auth-User", "X-Auth-Roles", "X-Auth-Groups", "X-Auth-Kind", "X-Auth-Credential-Id", "X-Auth-Workspace", "X-Auth-Expires",
}

// passes fails the test unless the answer is 200 with exactly these identity headers, in the order above, and no body.
func (a answer) passes(values ...string) {
	a.t.Helper()
	a.want(http.StatusOK, "")
	for i, name := range identity {
		if got := a.header[http.CanonicalHeaderKey(name)]; len(got) != 1 || got[0] != values[i] {
			a.t.Errorf("%s: %q instead of %q", name, got, values[i])
		}
	}
	if a.header.Get("Cache-Control") != "no-store" {
		a.t.Errorf("headers %v", a.header)
	}
}

// There are no rules about paths, so no spelling of one is a way around them, and nothing is redirected.
//
// hazards 47 and 54
func TestVerify(t *testing.T) {
	s := newSite(t)
	made := s.do("POST", "/tokens", basic("bob", "secret"))
	session := made.get("token")
	key, keyID := s.makeKey(session)
	service := s.makeService("ci", "ops", "dev")
	asToken := []string{"bob", "ops", "wheel", "token", made.get("id"), "", "2026-05-28T12:39:28.650231Z"}
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"} {
		for _, path := range []string{"", "/", "/any/path", "//a/../b", "/..%2f..", "/%2e%2e/x?limit=1", "/auth/v1/tokens"} {
			s.do(method, "/auth/v1/verify"+path, token(session)).passes(asToken...)
		}
	}
	s.do("GET", "/auth/v1/verify", header("St2-Api-Key", key)).passes("bob", "ops", "wheel", "apikey", keyID, "", "")
	found, _, err := s.engine.List(t.Context(), store.Query{Kind: store.KindService})
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	s.do("GET", "/auth/v1/verify", header("Authorization", "Bearer "+service)).passes("ci", "ops,dev", "", "service", string(found[0].ID), "", "")
	// hazard 42: who has nothing to say still says it, so that the client's own header is replaced.
	carol := s.do("POST", "/tokens", basic("carol", "secret"))
	s.do("GET", "/auth/v1/verify", token(carol.get("token")), header("X-Auth-Groups", "admin"), header("X-Auth-Roles", "admin")).
		passes("carol", "", "", "token", carol.get("id"), "", "2026-05-28T12:39:28.650231Z")
	// Envoy's query is the client's.
	s.do("GET", "/auth/v1/verify/some/path?x-auth-token="+session).passes(asToken...)
	// No body is read, however large it is said to be.
	s.do("POST", "/auth/v1/verify", token(session), body(strings.Repeat("x", 70000))).passes(asToken...)
}

func TestVerifyRefuses(t *testing.T) {
	s := newSite(t)
	session := s.logIn("bob")
	const none, role = "Unauthorized - One of Token or API key required.", "A role that is required here is missing."
	for _, c := range []struct {
		about, path  string
		options      []option
		status       int
		sentence     string
		challenge    string
		auditedEvent string
	}{
		{"nothing", "", nil, 401, none, `Bearer realm="latchkey"`, ""},
		{"a bad token", "", []option{token("bad")}, 401, "Unauthorized", `Bearer realm="latchkey", error="invalid_token"`, audit.EventCheck},
		{"Basic, which is not switched on", "", []option{basic("bob", "secret")}, 401, none, `Bearer realm="latchkey"`, ""},
		// hazard 48
		{"a health checker", "", []option{header("User-Agent", "GoogleHC/1.0")}, 401, none, `Bearer realm="latchkey"`, ""},
		{"the health path below", "/healthz", []option{header("User-Agent", "kube-probe/1.30")}, 401, none, `Bearer realm="latchkey"`, ""},
		{"a role", "?role=boss", []option{token(session)}, 403, role, `Bearer realm="latchkey", error="insufficient_scope"`, ""},
		{"one of two", "?roles=ops,boss", []option{token(session)}, 403, role, `Bearer realm="latchkey", error="insufficient_scope"`, ""},
		{"a role of no name", "?role=", []option{token(session)}, 403, role, `Bearer realm="latchkey", error="insufficient_scope"`, ""},
		{"in another case", "?role=OPS", []option{token(session)}, 403, role, `Bearer realm="latchkey", error="insufficient_scope"`, ""},
		{"a query that cannot be read", "?role=ops;x", []option{token(session)}, 400, "The query cannot be read.", "", ""},
	} {
		before := s.audit.last()
		got := s.do("GET", "/auth/v1/verify"+c.path, c.options...).fault(c.status, c.sentence)
		if challenge := strings.Join(got.header["Www-Authenticate"], "\n"); challenge != c.challenge {
			t.Errorf("%s: challenge %s", c.about, challenge)
		}
		if event := s.audit.last(); event != before && event.Event != c.auditedEvent {
			t.Errorf("%s: audit %+v", c.about, event)
		}
		for _, name := range identity {
			if got.header.Get(name) != "" {
				t.Errorf("%s: %s is sent", c.about, name)
			}
		}
	}
	for _, query := range []string{"?role=boss&role=ops", "?roles=ops", "?role=ops&roles=ops"} {
		s.do("GET", "/auth/v1/verify"+query, token(session)).want(200)
	}
}

// hazards 43 and 44
func TestVerifyRefusesAliases(t *testing.T) {
	s := newSite(t)
	session := s.logIn("bob")
	for _, name := range []string{"X_Auth_User", "x_auth_roles", "X.Auth.User", "X-Auth_Groups", "Remote_User", "X_Forwarded_User"} {
		spoof := func(r *http.Request) { r.Header[name] = []string{"admin"} } // as it is, not in canonical form
		s.do("GET", "/auth/v1/verify", token(session), spoof).fault(403, "A header of the request could be taken for an identity header.")
	}
}

// hazard 36
func TestVerifyEchoesNothing(t *testing.T) {
	s := newSite(t)
	session := s.logIn("bob")
	got := s.do("GET", "/auth/v1/verify", token(session), header("Cookie", "c=canary"), header("Authorization", "Basic canary"), header("X-Auth-User", "canary"))
	for name, values := range got.header {
		if text := strings.Join(values, " "); strings.Contains(text, "canary") || strings.Contains(text, session) {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// hazard 45: the original request is believed from a trusted proxy only.
func TestVerifyOriginalQuery(t *testing.T) {
	s := newSite(t)
	session := s.logIn("bob")
	for _, name := range []string{"X-Forwarded-Uri", "X-Original-URI", "X-Original-URL"} {
		original := header(name, "/app?page=1&x-auth-token="+session+"#top")
		s.do("GET", "/auth/v1/verify", original).want(401)
		s.reconfigure(trustLoopback)
		s.do("GET", "/auth/v1/verify", original).want(200)
		s.do("GET", "/auth/v1/verify", original, token("bad")).want(401)
		s.do("GET", "/user", original).want(401) // only the door looks there
		s.reconfigure(func(settings *api.Settings) { settings.Proxy.Trusted = nil })
	}
}

// hazard 45: the audit log names the client, not what it claims to be.
func TestAuditedSource(t *testing.T) {
	s := newSite(t)
	claim := header("X-Forwarded-For", "203.0.113.9, 198.51.100.1")
	s.do("GET", "/auth/v1/verify", token("bad"), claim)
	if source := s.audit.last().Source; source != "127.0.0.1" {
		t.Errorf("an untrusted peer became %s", source)
	}
	s.reconfigure(trustLoopback)
	s.do("GET", "/auth/v1/verify", token("bad"), claim)
	if source := s.audit.last().Source; source != "198.51.100.1" {
		t.Errorf("the client became %s", source)
	}
}

// allowBasic lets Basic credentials through the door and remembers them for a minute.
func allowBasic(settings *api.Settings) {
	settings.Verify.AllowBasic, settings.Verify.BasicCache = true, time.Minute
}

func TestVerifyBasic(t *testing.T) {
	s := newSite(t, allowBasic)
	bob, wrong := basic("bob", "secret"), basic("bob", "wrong")
	for range 3 {
		s.do("GET", "/auth/v1/verify?role=ops", bob).passes("bob", "ops", "wheel", "", "", "", "")
	}
	if n := s.backend.count(); n != 1 {
		t.Errorf("the backend was asked %d times for one password", n)
	}
	s.clock.advance(time.Minute)
	s.do("GET", "/auth/v1/verify", bob).want(200)
	if n := s.backend.count(); n != 2 {
		t.Errorf("the backend was asked %d times after the memory ran out", n)
	}
	got := s.do("GET", "/auth/v1/verify", wrong).fault(401, refused)
	if challenge := got.header["Www-Authenticate"]; len(challenge) != 1 || challenge[0] != `Bearer realm="latchkey", Basic realm="latchkey", charset="UTF-8"` {
		t.Errorf("challenge %q", challenge)
	}
	s.do("GET", "/auth/v1/verify", header("Authorization", "Basic ????")).fault(401, refused)
	// A token decides before a password, and a password before the query.
	s.do("GET", "/auth/v1/verify", bob, token("bad")).fault(401, "Unauthorized")
	s.do("GET", "/auth/v1/verify?x-auth-token="+s.logIn("carol"), wrong).fault(401, refused)
	// Nothing is remembered across a change of the settings, nor when it is switched off.
	asked := s.backend.count()
	s.reconfigure(func(settings *api.Settings) { settings.Verify.BasicCache = 0 })
	s.do("GET", "/auth/v1/verify", bob).want(200)
	s.do("GET", "/auth/v1/verify", bob).want(200)
	if n := s.backend.count(); n != asked+2 {
		t.Errorf("the backend was asked %d times without a memory", n-asked)
	}
	s.backend.fail(errors.New("away"))
	s.do("GET", "/auth/v1/verify", bob).want(503)
}

// hazards 4 and 55: passwords at the door are guarded like any, and a remembered one is no way around a lock.
func TestVerifyBasicIsGuarded(t *testing.T) {
	s := newSite(t, allowBasic)
	session := s.logIn("bob")
	s.do("GET", "/auth/v1/verify", basic("bob", "secret")).want(200)
	for i := range 5 {
		path := []string{"/auth/v1/verify", "/auth/v1/tokens"}[i%2]
		s.do("POST", path, basic([]string{"bob", "BOB"}[i%2], "wrong")).fault(401, refused)
	}
	s.do("GET", "/auth/v1/verify", basic("bob", "secret")).fault(401, refused)
	s.do("GET", "/auth/v1/verify", token(session)).want(200)
	s.clock.advance(15 * time.Minute)
	s.do("GET", "/auth/v1/verify", basic("bob", "secret")).want(200)
	// hazard 24: a disabled user is out at once, remembered or not.
	s.do("PUT", "/api/v1/users/bob", token(s.logIn("alice")), body(`{"enabled":false}`)).want(200)
	s.do("GET", "/auth/v1/verify", basic("bob", "secret")).fault(401, refused)
	s.do("GET", "/auth/v1/verify", token(session)).fault(401, "Unauthorized")
}

// Too many guesses from one address are told to a client that logs in, and to a proxy as a refusal: nginx would make an
// error of 429.
func TestSourceLimit(t *testing.T) {
	s := newSite(t, allowBasic)
	s.login.SetLimits(conf.Throttle{Failures: 5, Window: time.Minute, Lock: time.Minute, SourceRate: 6, SourceBurst: 2, Queue: 64})
	for _, name := range []string{"one", "two"} {
		s.do("POST", "/tokens", basic(name, "wrong")).fault(401, refused)
	}
	got := s.do("POST", "/tokens", basic("three", "wrong"), body("{")).fault(429, "Too many tries from this address; wait before the next one.")
	if got.header.Get("Retry-After") != "10" {
		t.Errorf("headers %v", got.header)
	}
	s.do("GET", "/auth/v1/verify", basic("three", "wrong")).fault(401, refused)
}
