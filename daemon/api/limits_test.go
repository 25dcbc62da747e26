package api_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"latchkey/daemon/api"
)

// raw sends text over a connection of its own and returns the answer, and whether the server closes the connection after
// it.
func (s *site) raw(text string) (got answer, closes bool) {
	s.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(s.t.Context(), "tcp", s.server.Listener.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(conn, text) }() // the server may answer and close before it has read all
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	received, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{t: s.t, status: response.StatusCode, header: response.Header, body: strings.TrimSpace(string(received))}, response.Close
}

// hazard 51
func TestLimits(t *testing.T) {
	s := newSite(t)
	session := s.logIn("bob")
	const tooLarge = "The body is larger than 65536 bytes."
	for _, path := range []string{"/auth/v1/tokens", "/api/v1/apikeys"} {
		// Only the length is sent, so an answer shows that nothing is waited for.
		got, closes := s.raw("POST " + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Basic Ym9iOnNlY3JldA==\r\nX-Auth-Token: " + session +
			"\r\nContent-Length: 1073741824\r\n\r\n")
		got.fault(http.StatusRequestEntityTooLarge, tooLarge)
		if !closes {
			t.Errorf("%s: the connection is kept", path)
		}
	}
	chunk := fmt.Sprintf("%x\r\n%s\r\n", 40000, strings.Repeat(" ", 40000))
	got, _ := s.raw("POST /api/v1/apikeys HTTP/1.1\r\nHost: x\r\nX-Auth-Token: " + session +
		"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + chunk + "0\r\n\r\n")
	got.fault(http.StatusRequestEntityTooLarge, tooLarge)
	many := strings.Repeat(`"k":1,`, 10000)
	s.do("POST", "/api/v1/apikeys", token(session), body("{"+many+`"k":1}`)).fault(http.StatusBadRequest, `Unknown field "k".`)
	s.do("POST", "/api/v1/apikeys", token(session), body(`{"metadata":`+strings.Repeat("[", 60000))).
		fault(http.StatusBadRequest, "The body is nested deeper than 16.")
	s.do("POST", "/api/v1/apikeys", token(session), body(strings.Repeat("[", 100000)+strings.Repeat("]", 100000))).
		fault(http.StatusBadRequest, "The body is nested deeper than 16.")
	s.do("POST", "/api/v1/apikeys", token(session), body("["+strings.Repeat("1,", 100000)+"1]")).fault(http.StatusRequestEntityTooLarge, tooLarge)
	for size, want := range map[int]int{15 << 10: 401, 17 << 10: 431, 1 << 20: 431} {
		got, _ := s.raw("GET /user HTTP/1.1\r\nHost: x\r\nX-Auth-Token: " + strings.Repeat("x", size) + "\r\n\r\n")
		if got.status != want {
			t.Errorf("a header of %d bytes: %d", size, got.status)
		}
	}
}

// hazard 51: who has no credential cannot make the daemon read a document.
func TestCredentialBeforeBody(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/auth/v1/tokens", "/auth/v1/tokens/validate", "/api/v1/apikeys", "/api/v1/servicetokens", "/api/v1/users", "/auth/v1/introspect"} {
		got, _ := s.raw("POST " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 60000\r\n\r\n")
		got.want(http.StatusUnauthorized)
	}
}

func TestRequestIDIsEchoed(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/info", "/nothing", "/user", "/auth/v1/verify", "//"} {
		if got := s.do("GET", path, header("X-Request-ID", "req-1")).header.Get("X-Request-Id"); got != "req-1" {
			t.Errorf("%s: id %q", path, got)
		}
		if got := s.do("GET", path, header("X-Request-ID", "a b")).header.Get("X-Request-Id"); got == "" || got == "a b" {
			t.Errorf("%s: id %q", path, got)
		}
	}
	if !strings.Contains(s.log.String(), "request_id=req-1") {
		t.Error("the log does not have the id")
	}
}

func TestInfo(t *testing.T) {
	s := newSite(t)
	s.clock.advance(90 * time.Second)
	var info map[string]any
	if err := json.Unmarshal([]byte(s.do("GET", "/info").want(200).body), &info); err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]any{
		"version": "1.2.3", "uptime": 90.0, "edition": "community", "is_license_activated": false, "system": runtime.GOOS,
		"server_time_utc": "2026-05-27T12:40:58",
	} {
		if info[field] != want {
			t.Errorf("%s is %v, not %v", field, info[field], want)
		}
	}
	if id, _ := info["session_id"].(string); len(id) != 36 {
		t.Errorf("session_id %v", info["session_id"])
	}
}

// hazard 53
func TestCORS(t *testing.T) {
	const page = "https://st2.example.com"
	preflight := func(origin string) []option {
		return []option{header("Origin", origin), header("Access-Control-Request-Method", "POST")}
	}
	s := newSite(t)
	for _, origin := range []string{page, "null", "*"} {
		if got := s.do("GET", "/info", header("Origin", origin)); got.header.Get("Access-Control-Allow-Origin") != "" || got.header.Get("Vary") != "" {
			t.Errorf("off, %s: headers %v", origin, got.header)
		}
		s.do("OPTIONS", "/auth/v1/tokens", preflight(origin)...).want(404)
	}
	s.reconfigure(func(settings *api.Settings) { settings.API.AllowOrigin = []string{page, "null", "*"} })
	for _, origin := range []string{"null", "*", "https://st2.example.com.evil.org", "http://st2.example.com", "HTTPS://st2.example.com", ""} {
		got := s.do("OPTIONS", "/auth/v1/tokens", preflight(origin)...).want(404)
		if got.header.Get("Access-Control-Allow-Origin") != "" || got.header.Get("Vary") != "Origin" {
			t.Errorf("%s: headers %v", origin, got.header)
		}
	}
	got := s.do("OPTIONS", "/auth/v1/tokens", preflight(page)...).want(204, "")
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": page, "Access-Control-Allow-Credentials": "true", "Vary": "Origin",
		"Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, DELETE",
		"Access-Control-Allow-Headers": "Authorization, Content-Type, St2-Api-Key, X-API-Key, X-Auth-Token, X-Request-ID",
	} {
		if got.header.Get(name) != want {
			t.Errorf("%s: %s", name, got.header.Get(name))
		}
	}
	got = s.do("POST", "/auth/v1/tokens", basic("bob", "secret"), header("Origin", page)).want(201)
	if got.header.Get("Access-Control-Allow-Origin") != page || !strings.Contains(got.header.Get("Access-Control-Expose-Headers"), "X-API-URL") {
		t.Errorf("headers %v", got.header)
	}
	// At the door the page's preflight is the upstream's business: without a credential it does not pass.
	s.do("OPTIONS", "/auth/v1/verify", preflight(page)...).want(401)
}

// What was sent reaches no log, no audit record and no error text, whatever it was and wherever it stood.
//
// hazards 35, 37 and 38
func TestCanaries(t *testing.T) {
	s := newSite(t, allowBasic, trustLoopback)
	session := s.logIn("bob")
	const canary = "c4n4ry"
	for _, path := range []string{
		"/auth/v1/tokens", "/auth/v1/tokens/validate", "/auth/v1/tokens/" + canary, "/api/v1/apikeys", "/api/v1/apikeys/" + canary, "/api/v1/user",
		"/auth/v1/verify", "/auth/v1/verify/" + canary, "/auth/v1/introspect", "/auth/v1/revoke", "/api/v1/servicetokens", "/api/v1/users", "/info", "/" + canary,
	} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
			for _, options := range [][]option{
				{basic("bob", canary)},
				{token(canary)},
				{header("St2-Api-Key", canary)},
				{header("Authorization", "Bearer "+canary)},
				{header("Authorization", canary)},
				{header("Cookie", canary)},
				{header("X-Request-ID", canary+"!")},
				{header("X-Forwarded-For", canary)},
				{header("X-Forwarded-Uri", "/?x-auth-token="+canary)},
				{token(session), header("Content-Type", canary), body("{}")},
				{token(session), body(`{"token":["` + canary + `"],"user":["` + canary + `"],"metadata":"` + canary + `","name":["` + canary + `"],"ttl":"` + canary + `"}`)},
				{token(session), body(canary)},
				{token(session), body(`"` + canary)},
				{token(session), form("token=" + canary + "&x=%zz" + canary)},
			} {
				for _, query := range []string{"", "?x-auth-token=" + canary, "?st2-api-key=" + canary + "&limit=" + canary + "&after=" + canary + "&offset=" + canary} {
					got := s.do(method, path+query, options...)
					got.header.Del("X-Request-Id")
					if text := fmt.Sprint(got.body, got.header); strings.Contains(text, canary) {
						t.Errorf("%s %s%s: the answer has it: %s", method, path, query, text)
					}
				}
			}
		}
	}
	for line := range strings.Lines(s.log.String()) {
		if strings.Contains(line, canary) || strings.Contains(line, session) {
			t.Fatalf("the log has it: %s", line)
		}
	}
	s.audit.mu.Lock()
	defer s.audit.mu.Unlock()
	for _, event := range s.audit.events {
		if strings.Contains(fmt.Sprintf("%+v", event), canary) {
			t.Fatalf("the audit log has it: %+v", event)
		}
	}
}
