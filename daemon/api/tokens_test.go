package api_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/conf"
	"latchkey/daemon/api"
	"latchkey/daemon/audit"
	"latchkey/daemon/store"
)

const refused = "Invalid or missing credentials"

func TestLogIn(t *testing.T) {
	s := newSite(t)
	got := s.do("POST", "/auth/v1/tokens", basic("bob", "secret")).want(http.StatusCreated)
	shape := `^\{"user":"bob","token":"lkt_[0-9A-Za-z]{36}","expiry":"2026-05-28T12:39:28\.650231Z","id":"[0-9a-f]{24}","metadata":\{\},"service":false\}$`
	if !regexp.MustCompile(shape).MatchString(got.body) {
		t.Errorf("body %s", got.body)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Cache-Control": "no-store", "X-Api-Url": s.url, "Set-Cookie": "",
	} {
		if got := got.header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if event := s.audit.last(); event.Event != audit.EventIssue || event.User != "bob" || event.Source != "127.0.0.1" || event.Route != "POST /auth/v1/tokens" {
		t.Errorf("audit: %+v", event)
	}
}

// StackStorm's clients look for the route under each of these prefixes, with and without a slash at the end.
func TestPrefixes(t *testing.T) {
	s := newSite(t)
	session := s.logIn("bob")
	for _, prefix := range []string{"", "/v1", "/auth", "/auth/v1"} {
		for _, slash := range []string{"", "/"} {
			s.do("POST", prefix+"/tokens"+slash, basic("bob", "secret")).want(http.StatusCreated)
			s.do("POST", prefix+"/tokens/validate"+slash, token(session), body(`{"token":"`+session+`"}`)).want(http.StatusOK, `{"valid":true}`)
		}
	}
	for _, prefix := range []string{"", "/v1", "/api", "/api/v1"} {
		for _, slash := range []string{"", "/"} {
			s.do("GET", prefix+"/user"+slash, token(session)).want(http.StatusOK)
			s.do("GET", prefix+"/apikeys"+slash, token(session)).want(http.StatusOK)
			made := s.do("POST", prefix+"/apikeys"+slash, token(session), body("{}")).want(http.StatusCreated)
			s.do("GET", prefix+"/apikeys/"+made.get("id")+slash, token(session)).want(http.StatusOK)
			s.do("PUT", prefix+"/apikeys/"+made.get("id")+slash, token(session), body("{}")).want(http.StatusOK)
			s.do("DELETE", prefix+"/apikeys/"+made.get("id")+slash, token(session)).want(http.StatusNoContent, "")
		}
	}
}

func TestUnknownRoutes(t *testing.T) {
	s := newSite(t)
	const notFound = "The resource could not be found."
	for _, path := range []string{
		"/", "/nothing", "/auth/v2/tokens", "/api/v1/tokens", "/auth/v1/apikeys", "/auth/v1/tokens//", "//auth/v1/tokens", "/auth//v1/tokens",
		"/auth/v1/../v1/tokens", "/auth/v1/./tokens", "/auth/v1/tokens/validate/x", "/servicetokens", "/v1/users", "/auth/v1/verifyx",
	} {
		s.do("POST", path, basic("bob", "secret")).fault(http.StatusNotFound, notFound)
	}
	for _, wrong := range []struct{ method, path string }{
		{"PUT", "/auth/v1/tokens"},
		{"GET", "/tokens"},
		{"GET", "/auth/v1/tokens/validate"},
		{"DELETE", "/auth/v1/tokens/validate"},
		{"PATCH", "/api/v1/apikeys"},
		{"POST", "/v1/user"},
		{"OPTIONS", "/auth/v1/tokens"},
		{"BREW", "/apikeys/x"},
	} {
		s.do(wrong.method, wrong.path).fault(http.StatusNotFound, notFound)
	}
	for _, wrong := range []struct{ method, path, allow string }{
		{"GET", "/auth/v1/tokens/58e3f3330c0517062a3fda43", "DELETE"},
		{"GET", "/auth/v1/revoke", "POST"},
		{"PUT", "/api/v1/users", "GET, HEAD, POST"},
		{"POST", "/info", "GET, HEAD"},
		{"PATCH", "/api/v1/users/bob", "DELETE, GET, HEAD, PUT"},
	} {
		got := s.do(wrong.method, wrong.path).fault(http.StatusMethodNotAllowed, "The method is not allowed for this resource.")
		if allow := got.header.Get("Allow"); allow != wrong.allow {
			t.Errorf("%s %s: Allow: %s", wrong.method, wrong.path, allow)
		}
	}
}

func TestTTL(t *testing.T) {
	s := newSite(t)
	for _, c := range []struct {
		body, contentType string
		status            int
		want              string // the expiry, or the faultstring
	}{
		{"", "", 201, "2026-05-28T12:39:28.650231Z"},
		{"{}", "application/json", 201, "2026-05-28T12:39:28.650231Z"},
		{`{"ttl":null}`, "application/json", 201, "2026-05-28T12:39:28.650231Z"},
		{`{"ttl":60}`, "application/json", 201, "2026-05-27T12:40:28.650231Z"},
		{`{"ttl":60}`, "application/x-www-form-urlencoded", 201, "2026-05-27T12:40:28.650231Z"},
		{`{"ttl":60}`, "text/plain", 201, "2026-05-27T12:40:28.650231Z"},
		{`{"ttl":86400,"unknown":[1]}`, "application/json", 201, "2026-05-28T12:39:28.650231Z"},
		{`{"ttl":86460}`, "application/json", 400, "TTL specified 86460 is greater than max allowed 86400."},
		{`{"ttl":99999999999999999999}`, "application/json", 400, "TTL specified 9223372036854775807 is greater than max allowed 86400."},
		{`{"ttl":0}`, "application/json", 400, "0 is less than the minimum of 1"},
		{`{"ttl":-5}`, "application/json", 400, "-5 is less than the minimum of 1"},
		{`{"ttl":"60"}`, "application/json", 400, "'60' is not of type 'integer', 'null'"},
		{`{"ttl":1.5}`, "application/json", 400, "1.5 is not of type 'integer', 'null'"},
		{`[]`, "application/json", 400, "[] is not of type 'object'"},
		{`{`, "application/json", 400, "The body is not valid JSON."},
		{`ttl=60`, "application/x-www-form-urlencoded", 400, "The body is not valid JSON."},
		{`<ttl/>`, "application/xml", 400, "The Content-Type is none that is read here; send application/json."},
		{`{"user":7}`, "application/json", 400, "user is not of type 'string'."},
	} {
		got := s.do("POST", "/auth/v1/tokens", basic("bob", "secret"), header("Content-Type", c.contentType), body(c.body))
		if c.status != 201 {
			got.fault(c.status, c.want)
			continue
		}
		if expiry := got.want(201).get("expiry"); expiry != c.want {
			t.Errorf("%s: expires at %s", c.body, expiry)
		}
	}
}

// hazard 29
func TestExpiry(t *testing.T) {
	s := newSite(t)
	session := s.do("POST", "/tokens", basic("bob", "secret"), body(`{"ttl":60}`)).get("token")
	s.clock.advance(time.Minute - time.Nanosecond)
	s.do("GET", "/user", token(session)).want(http.StatusOK)
	s.clock.advance(time.Nanosecond)
	got := s.do("GET", "/user", token(session)).fault(http.StatusUnauthorized, "Unauthorized - Token has expired.")
	if challenge := got.header.Get("Www-Authenticate"); challenge != `Bearer realm="latchkey", error="invalid_token"` {
		t.Errorf("challenge %s", challenge)
	}
	if event := s.audit.last(); event.Event != audit.EventCheck || event.Outcome != audit.OutcomeRefused || event.Reason != "expired" {
		t.Errorf("audit: %+v", event)
	}
}

// Every refused log-in is the same from outside: status, headers and body.
//
// hazard 8
func TestRefusalsAreEqual(t *testing.T) {
	s := newSite(t)
	if _, err := s.users.Ensure(t.Context(), "disabled"); err != nil {
		t.Fatal(err)
	}
	_, err := s.users.Change(t.Context(), "disabled", "alice", "disabled", audit.Origin{}, func(u *store.User) error { u.Disabled = true; return nil })
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		s.do("POST", "/tokens", basic("throttled", "wrong")).want(http.StatusUnauthorized)
	}
	visible := func(a answer) string {
		a.header.Del("Date")
		a.header.Del("X-Request-Id")
		var text strings.Builder
		if err := a.header.Write(&text); err != nil {
			t.Fatal(err)
		}
		return a.body + "\n" + text.String()
	}
	first := visible(s.do("POST", "/tokens", basic("bob", "wrong")).fault(http.StatusUnauthorized, refused))
	for about, options := range map[string][]option{
		"nothing given":     nil,
		"unknown user":      {basic("nobody", "secret")},
		"locked account":    {basic("locked", "secret")},
		"expired account":   {basic("expired", "secret")},
		"not in the group":  {basic("outside", "secret")},
		"disabled here":     {basic("disabled", "secret")},
		"throttled":         {basic("throttled", "secret")},
		"empty password":    {basic("bob", "")},
		"empty name":        {basic("", "secret")},
		"long password":     {basic("bob", strings.Repeat("x", 1025))},
		"NUL":               {basic("bob\x00", "secret")},
		"newline":           {basic("bob", "sec\nret")},
		"outer space":       {basic(" bob", "secret")},
		"not base64":        {header("Authorization", "Basic ????")},
		"no colon":          {header("Authorization", "Basic Ym9i")},
		"another scheme":    {header("Authorization", "Digest x")},
		"a token, not here": {header("Authorization", "Bearer "+s.logIn("bob"))},
		"with a body":       {basic("nobody", "secret"), body(`{"ttl":"x"`)},
	} {
		if got := visible(s.do("POST", "/tokens", options...).fault(http.StatusUnauthorized, refused)); got != first {
			t.Errorf("%s can be told apart:\n%s\n---\n%s", about, got, first)
		}
	}
	if !strings.Contains(first, `Www-Authenticate: Basic realm="latchkey", charset="UTF-8"`) {
		t.Errorf("no challenge in %s", first)
	}
}

// hazards 1 and 16: what no backend should see reaches none.
func TestBadPasswordsReachNoBackend(t *testing.T) {
	s := newSite(t)
	for _, o := range []option{
		basic("bob", ""), basic("bob", "\x00"), basic("bob\x00x", "secret"), basic("bob", strings.Repeat("x", 1025)),
		basic(strings.Repeat("x", 300), "secret"), header("Authorization", "Basic "+strings.Repeat("A", 8000)),
	} {
		s.do("POST", "/tokens", o).fault(http.StatusUnauthorized, refused)
	}
	if n := s.backend.count(); n != 0 {
		t.Errorf("the backend was asked %d times", n)
	}
}

// hazard 50
func TestPasswordsOfAllKinds(t *testing.T) {
	s := newSite(t)
	for sent, seen := range map[string]string{
		"bob:a:b:c": "a:b:c", "bob:sécret": "sécret", "bob:s\xe9cret": "sécret", "bob: x ": " x ", "bob:" + strings.Repeat("ü", 512): strings.Repeat("ü", 512),
	} {
		name, password, _ := strings.Cut(sent, ":")
		s.do("POST", "/tokens", basic(name, password)).fault(http.StatusUnauthorized, refused)
		if got := s.backend.last.Password.Reveal(); got != seen {
			t.Errorf("%q arrives as %q", sent, got)
		}
		s.clock.advance(time.Hour) // past the throttle
	}
}

// A stale token or key that a client sends along does not matter.
func TestLogInIgnoresOtherCredentials(t *testing.T) {
	s := newSite(t)
	s.do("POST", "/tokens", basic("bob", "secret"), token("stale"), header("St2-Api-Key", "stale")).want(http.StatusCreated)
	// hazard 28: and a good one buys no new one.
	s.do("POST", "/tokens", token(s.logIn("bob"))).fault(http.StatusUnauthorized, refused)
}

// hazard 11
func TestTwoAuthorizationHeaders(t *testing.T) {
	s := newSite(t)
	two := []option{header("Authorization", "Basic Ym9iOnNlY3JldA=="), header("Authorization", "Basic Ym9iOndyb25n")}
	s.do("POST", "/auth/v1/tokens", two...).fault(http.StatusBadRequest, "Authorization is given more than once.")
	s.do("GET", "/api/v1/user", append(two, token(s.logIn("bob")))...).fault(http.StatusBadRequest, "Authorization is given more than once.")
	s.do("GET", "/auth/v1/verify", two...).fault(http.StatusBadRequest, "Authorization is given more than once.")
}

// hazard 5: the token belongs to the name that the directory says.
func TestNameIsTheDirectorys(t *testing.T) {
	s := newSite(t)
	if name := s.do("POST", "/tokens", basic("BOB", "secret")).want(http.StatusCreated).get("user"); name != "bob" {
		t.Errorf("the token is %s's", name)
	}
}

func TestUndecidedIsNoRefusal(t *testing.T) {
	s := newSite(t)
	s.backend.fail(errors.New("ldap.example.com: connection refused"))
	const sentence = "The service cannot decide this now; try again later."
	got := s.do("POST", "/tokens", basic("bob", "secret")).fault(http.StatusServiceUnavailable, sentence)
	if got.header.Get("Retry-After") == "" || got.header.Get("Www-Authenticate") != "" {
		t.Errorf("headers %v", got.header)
	}
	if !strings.Contains(s.log.String(), "connection refused") {
		t.Error("the cause is not in the log")
	}
	s.backend.fail(nil)
	session := s.logIn("bob")
	s.audit.breakDown(true)
	s.do("POST", "/tokens", basic("bob", "secret")).fault(http.StatusServiceUnavailable, sentence)
	s.do("POST", "/apikeys", token(session), body("{}")).fault(http.StatusServiceUnavailable, sentence)
	s.do("GET", "/user", token("stale")).fault(http.StatusUnauthorized, "Unauthorized") // a refusal stays one
	s.do("GET", "/user", token(session)).want(http.StatusOK)
	s.audit.breakDown(false)
	s.do("GET", "/apikeys", token(session)).want(http.StatusOK, "[]")
	unseen := newSite(t).logIn("bob") // of the right form, so the store has to be asked
	s.do("GET", "/user", token(unseen)).fault(http.StatusUnauthorized, "Unauthorized")
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	s.do("GET", "/user", token(unseen)).fault(http.StatusServiceUnavailable, sentence)
	s.do("GET", "/auth/v1/verify", token(unseen)).fault(http.StatusServiceUnavailable, sentence)
}

func TestImpersonation(t *testing.T) {
	s := newSite(t)
	admin := s.logIn("alice")
	s.logIn("bot")
	ask := func(caller, wanted string) answer {
		return s.do("POST", "/tokens", basic(caller, "secret"), body(wanted))
	}
	ask("bot", `{"user":"x"}`).fault(400, "Current user is not a service and cannot request impersonated tokens")
	ask("stranger", `{"user":"x"}`).fault(400, "Could not locate user stranger")
	s.do("PUT", "/api/v1/users/bot", token(admin), body(`{"is_service":true}`)).want(200)
	for name, nicknames := range map[string]string{"carol": `{"slack":"c"}`, "dave": `{"slack":"twin"}`, "erin": `{"slack":"twin"}`} {
		s.do("POST", "/api/v1/users", token(admin), body(`{"name":"`+name+`","nicknames":`+nicknames+`}`)).want(201)
	}
	if name := ask("bot", `{"user":"x"}`).want(201).get("user"); name != "x" {
		t.Errorf("a token for %s", name)
	}
	if event := s.audit.last(); event.User != "x" || event.RealUser != "bot" {
		t.Errorf("audit: %+v", event)
	}
	if name := ask("bot", `{"impersonate_user":"c","nickname_origin":"slack"}`).want(201).get("user"); name != "carol" {
		t.Errorf("a token for %s", name)
	}
	if name := ask("bot", `{"user":"dave","impersonate_user":"c","nickname_origin":"slack"}`).want(201).get("user"); name != "dave" {
		t.Errorf("a token for %s", name)
	}
	ask("bot", `{"impersonate_user":"n","nickname_origin":"slack"}`).fault(400, "Could not locate user n@slack")
	ask("bot", `{"impersonate_user":"n"}`).fault(400, "Nickname origin is not provided for nickname 'n'")
	ask("bot", `{"impersonate_user":"twin","nickname_origin":"slack"}`).fault(400, "twin@slack matched more than one username")
	ask("bot", `{"user":"x","ttl":86401}`).fault(400, "TTL specified 86401 is greater than max allowed 86400.")
	s.do("POST", "/tokens", basic("bot", "secret")).want(201)
}

// hazards 45 and 46
func TestProxyMode(t *testing.T) {
	s := newSite(t, func(settings *api.Settings) { settings.Auth.Mode = conf.ModeProxy })
	as := func(name string) option { return header("X-Forwarded-User", name) }
	s.do("POST", "/tokens", as("bob")).fault(401, refused) // this test is nobody's proxy yet
	s.reconfigure(trustLoopback)
	if name := s.do("POST", "/tokens", as("bob"), body(`{"ttl":60}`)).want(201).get("user"); name != "bob" {
		t.Errorf("a token for %s", name)
	}
	// What the proxy has checked may come along; it is not what counts.
	if name := s.do("POST", "/tokens", as("bob"), basic("admin", "wrong")).want(201).get("user"); name != "bob" {
		t.Errorf("a token for %s", name)
	}
	s.do("POST", "/tokens").fault(401, refused)
	s.do("POST", "/tokens", as("")).fault(401, refused)
	s.do("POST", "/tokens", as(" bob:x")).fault(401, refused)
	s.do("POST", "/tokens", basic("admin", "wrong")).fault(401, refused)
	s.do("POST", "/tokens", basic("admin", "secret")).fault(401, refused)
	s.do("POST", "/tokens", basic("admin", "")).fault(401, refused)
	s.do("POST", "/tokens", header("X_Forwarded_User", "bob")).fault(401, refused)
	s.do("POST", "/tokens", header("X-Remote-User", "bob")).fault(401, refused)
	s.do("POST", "/tokens", as("bob"), as("admin")).fault(400, "X-Forwarded-User is given more than once.")
	if n := s.backend.count(); n != 0 {
		t.Errorf("a backend was asked %d times", n)
	}
}

func TestAPIURL(t *testing.T) {
	s := newSite(t, func(settings *api.Settings) { settings.Auth.APIURL = "https://myhost.example.com/api/" })
	if got := s.do("POST", "/tokens", basic("bob", "secret")).header.Get("X-Api-Url"); got != "https://myhost.example.com/api" {
		t.Errorf("X-API-URL: %s", got)
	}
}

// Where it is not set, the URL is that of the listener: with https over TLS, and none for a unix socket.
func TestAPIURLOfListener(t *testing.T) {
	s := newSite(t)
	logIn := func(client *http.Client, url string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), "POST", url+"/tokens", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("bob", "secret")
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil || response.StatusCode != 201 {
			t.Fatalf("%d, %v", response.StatusCode, err)
		}
		return response
	}
	overTLS := httptest.NewTLSServer(s.handler)
	defer overTLS.Close()
	if got := logIn(overTLS.Client(), overTLS.URL).Header.Get("X-Api-Url"); got != overTLS.URL || !strings.HasPrefix(got, "https://") {
		t.Errorf("X-API-URL: %s", got)
	}
	path := filepath.Join(t.TempDir(), "socket")
	socket, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	overUnix := httptest.NewUnstartedServer(s.handler)
	overUnix.Listener = socket
	overUnix.Start()
	defer overUnix.Close()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	if got, there := logIn(client, "http://localhost").Header["X-Api-Url"]; there {
		t.Errorf("X-API-URL: %s", got)
	}
	if source := s.audit.last().Source; source != "unix" {
		t.Errorf("the source is %q", source)
	}
}

func TestValidate(t *testing.T) {
	s := newSite(t)
	session := s.logIn("bob")
	key, _ := s.makeKey(session)
	validate := func(document string, options ...option) answer {
		return s.do("POST", "/auth/v1/tokens/validate", append(options, body(document))...)
	}
	validate(`{"token":"`+session+`"}`, token(session)).want(200, `{"valid":true}`)
	validate(`{"token":"`+session+`"}`, header("St2-Api-Key", key)).want(200, `{"valid":true}`)
	validate(`{"token":"`+session+`"}`).fault(401, "Unauthorized - One of Token or API key required.")
	validate(`{"token":"`+session+`"}`, token("foobar")).fault(401, "Unauthorized")
	validate(`{"token":"foobar"}`, token(session)).want(200, `{"valid":false}`)
	validate(`{"token":"`+key+`"}`, token(session)).want(200, `{"valid":false}`)
	validate(`{"token":""}`, token(session)).fault(400, "Token is not provided.")
	validate(`{"token":null}`, token(session)).fault(400, "Token is not provided.")
	validate(`{}`, token(session)).fault(400, "Token is not provided.")
	validate(``, token(session)).fault(400, "Token is not provided.")
	validate(`{"token":12345}`, token(session)).fault(400, "token is not of type 'string'.")
	s.clock.advance(24 * time.Hour)
	validate(`{"token":"`+session+`"}`, header("St2-Api-Key", key)).want(200, `{"valid":false}`)
	validate(`{"token":"`+session+`"}`, token(session)).fault(401, "Unauthorized - Token has expired.")
}

func TestSessions(t *testing.T) {
	s := newSite(t)
	first := s.do("POST", "/tokens", basic("bob", "secret"), header("User-Agent", "st2/3.8"))
	second, other, admin := s.logIn("bob"), s.logIn("carol"), s.logIn("alice")
	got := s.do("GET", "/auth/v1/tokens", token(first.get("token"))).want(200)
	shape := `^\[\{"id":"` + first.get("id") + `","user":"bob","created_at":"2026-05-27T12:39:28.650231Z","expiry":"2026-05-28T12:39:28.650231Z",` +
		`"source":"127\.0\.0\.1","user_agent":"st2/3\.8","metadata":\{\},"service":false,"current":true\},\{.*"current":false\}\]$`
	if !regexp.MustCompile(shape).MatchString(got.body) || strings.Contains(got.body, "lkt_") {
		t.Errorf("body %s", got.body)
	}
	if got.header.Get("X-Total-Count") != "2" || got.header.Get("X-Limit") != "50" {
		t.Errorf("headers %v", got.header)
	}
	s.do("GET", "/auth/v1/tokens?user=bob", token(other)).fault(403, "Administrator access required to act for another user.")
	if n := s.do("GET", "/auth/v1/tokens?user=bob", token(admin)).want(200).header.Get("X-Total-Count"); n != "2" {
		t.Errorf("an admin sees %s tokens of bob", n)
	}
	// hazard 27
	s.do("DELETE", "/auth/v1/tokens/"+first.get("id"), token(other)).fault(404, "The resource could not be found.")
	s.do("DELETE", "/auth/v1/tokens/58e3f3330c0517062a3fda43", token(other)).fault(404, "The resource could not be found.")
	s.do("DELETE", "/auth/v1/tokens/x", token(other)).fault(404, "The resource could not be found.")
	s.do("GET", "/user", token(first.get("token"))).want(200)

	s.do("DELETE", "/auth/v1/tokens/"+first.get("id"), token(second)).want(204, "")
	s.do("GET", "/user", token(first.get("token"))).fault(401, "Unauthorized")
	s.do("DELETE", "/auth/v1/tokens/"+first.get("id"), token(second)).fault(404, "The resource could not be found.")
	key, id := s.makeKey(second)
	s.do("DELETE", "/auth/v1/tokens/current", header("St2-Api-Key", key)).fault(400, "The request carries no authentication token that could be revoked.")
	s.do("DELETE", "/auth/v1/tokens/"+id, token(second)).fault(404, "The resource could not be found.") // a key is no session
	s.do("DELETE", "/auth/v1/tokens/current", token(second)).want(204, "")
	s.do("GET", "/user", token(second)).fault(401, "Unauthorized")
	// hazard 30
	for _, bent := range []string{other + " ", " " + other, strings.ToUpper(other), other + "=", other + "%00"} {
		if got := s.do("GET", "/user", header("X-API-Key", bent)); strings.TrimSpace(bent) != other && got.status != 401 {
			t.Errorf("%q: %d", bent, got.status)
		}
	}
	s.do("DELETE", "/auth/v1/tokens/"+s.do("GET", "/auth/v1/tokens", token(other)).body[8:32], token(admin)).want(204, "")
	s.do("GET", "/user", token(other)).fault(401, "Unauthorized")
}

// Whatever an Authorization header holds, the answer is one of those that the contract has for it.
//
// hazard 50
func FuzzAuthorization(f *testing.F) {
	s := newSite(f, allowBasic)
	for _, seed := range []string{
		"", "Basic", "Basic ", "Basic Ym9iOnNlY3JldA==", "Basic Ym9iOgo=", "Basic AAAA", "Basic Og==", "basic Ym9i", "Bearer lkt_x", "ApiKey \xff\x00",
		"Bearer lkt_000000000000000000000000000000000000", "Basic " + strings.Repeat("QUFB", 2000), "Digest username=x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, authorization string) {
		for path, allowed := range map[string][]int{"/auth/v1/tokens": {201, 401}, "/auth/v1/verify": {200, 401}, "/api/v1/user": {200, 401}} {
			r := httptest.NewRequest("POST", path, nil)
			if path == "/api/v1/user" {
				r.Method = "GET"
			}
			r.Header["Authorization"] = []string{authorization}
			w := httptest.NewRecorder()
			s.handler.ServeHTTP(w, r)
			if !slices.Contains(allowed, w.Code) {
				t.Fatalf("%s: %d %s", path, w.Code, w.Body)
			}
		}
		s.clock.advance(time.Hour) // past the throttle
	})
}
