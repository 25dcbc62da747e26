package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// operation is a route of the contract, by a path that can be called.
type operation struct {
	method, path string
	public       bool // it needs no credential of the caller
}

// operations returns all routes of the served contract. Where a path has a variable, something is put in its place.
func (s *site) operations() []operation {
	s.t.Helper()
	var contract struct {
		Paths map[string]map[string]struct {
			Security []map[string][]string `json:"security"`
		} `json:"paths"`
	}
	text := s.do(request{method: "GET", path: "/api/v1/openapi.json"}).want(s.t, http.StatusOK).text
	if err := json.Unmarshal([]byte(text), &contract); err != nil {
		s.t.Fatal(err)
	}
	var all []operation
	for path, methods := range contract.Paths {
		for method, o := range methods {
			if slices.Contains([]string{"parameters", "summary"}, method) {
				continue
			}
			nothing := slices.ContainsFunc(o.Security, func(way map[string][]string) bool { return len(way) == 0 })
			all = append(all, operation{
				strings.ToUpper(method),
				strings.NewReplacer("{id}", "0123456789abcdef01234567", "{name}", "alice", "{workspace}", "acme", "{member}", "alice").Replace(path),
				nothing && path != "/auth/v1/tokens" && path != "/auth/v1/verify",
			})
		}
	}
	if len(all) < 25 {
		s.t.Fatalf("the contract has %d routes only", len(all))
	}
	return all
}

// Without a credential every route that is not public says 401 and with what to come back, and nothing is changed. hazard 40
func TestNothingWithoutACredential(t *testing.T) {
	s := newSite(t, map[string]string{"root": "toor", "alice": "secret"})
	s.start()
	alice := map[string]string{"X-Auth-Token": s.token("alice:secret", "")}
	admin := map[string]string{"X-Auth-Token": s.token("root:toor", "")}
	state := func() string {
		t.Helper()
		var all strings.Builder
		for _, path := range []string{"/api/v1/users", "/api/v1/apikeys", "/api/v1/servicetokens", "/auth/v1/tokens?user=alice"} {
			all.WriteString(s.do(request{method: "GET", path: path, header: admin}).want(t, http.StatusOK).text)
		}
		return all.String()
	}
	before := state()
	for _, o := range s.operations() {
		for _, header := range []map[string]string{nil, {"X-Auth-Token": "lkt_nonsense"}, {"Authorization": "Bearer nonsense"}} {
			if o.public || o.path == "/auth/v1/tokens" && o.method == http.MethodPost && header["X-Auth-Token"] != "" {
				continue
			}
			if o.path == "/api/v1/activate" && header != nil { // a token that licenses nothing is refused with a reason
				s.do(request{method: o.method, path: o.path, body: `{"product": "x", "machine_id": "1"}`, header: header}).want(t, http.StatusForbidden)
				continue
			}
			a := s.do(request{method: o.method, path: o.path, body: "{}", header: header})
			if a.status != http.StatusUnauthorized || len(a.header.Values("WWW-Authenticate")) != 1 {
				t.Errorf("%s %s with %v: %d, challenge %q", o.method, o.path, header, a.status, a.header.Values("WWW-Authenticate"))
			}
		}
		// Nor does a user's own credential open what is an admin's: another's things are not there, and lists are refused.
		if strings.Contains(o.path, "servicetokens") || strings.Contains(o.path, "/users") || strings.Contains(o.path, "introspect") {
			s.do(request{method: o.method, path: o.path, body: "{}", header: alice}).want(t, http.StatusForbidden)
		}
	}
	if after := state(); after != before {
		t.Errorf("something was changed:\n%s\n%s", before, after)
	}
}

// No answer of any route sets a cookie or sends anybody elsewhere, whatever target is asked for and however bent the path is, on
// the API, on root's socket and on the admin listener. hazard 54
func TestNoCookieAndNoRedirect(t *testing.T) {
	s := newSite(t, map[string]string{"root": "toor"})
	s.start()
	admin := map[string]string{"X-Auth-Token": s.token("root:toor", ""), "X-Forwarded-Uri": "//evil.example/", "Cookie": "a=b"}
	public := s.client()
	public.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	local := &http.Client{CheckRedirect: public.CheckRedirect, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", s.path("admin.sock"))
		},
	}}
	t.Cleanup(local.CloseIdleConnections)
	look := func(client *http.Client, method, url string) {
		t.Helper()
		call, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		for key, value := range admin {
			call.Header.Set(key, value)
		}
		response, err := client.Do(call)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Fatal(err)
		}
		if response.StatusCode/100 == 3 || response.Header.Get("Location") != "" || response.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s %s: %d, %v", method, url, response.StatusCode, response.Header)
		}
	}
	for _, o := range s.operations() {
		if o.method == http.MethodDelete && o.path == "/auth/v1/tokens/current" {
			continue
		}
		for _, path := range []string{
			o.path + "?rd=//evil.example/&redirect=https://evil.example/&next=/%5Cevil.example", o.path + "/", "/" + o.path, o.path + "//",
			"/x/.." + o.path, o.path + "/./", o.path + "%2f..",
		} {
			look(public, o.method, s.url(path))
			look(local, o.method, "http://local"+path)
		}
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "//healthz", "/healthz/", "/x/../metrics", "/", "//evil.example/..", "/local/../healthz"} {
		look(public, http.MethodGet, s.adminURL(path))
		look(local, http.MethodGet, "http://local"+path)
	}
}

// memory returns how many bytes a process has resident now, and had at most.
func memory(t *testing.T, pid int) (now, most int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	field := func(name string) int {
		found := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(text)
		if found == nil {
			t.Fatalf("no %s in %s", name, text)
		}
		n, err := strconv.Atoi(string(found[1]))
		if err != nil {
			t.Fatal(err)
		}
		return n << 10
	}
	return field("VmRSS"), field("VmHWM")
}

// Bodies that are too large, too deep or of too many parts are refused from every side at once, and the daemon's memory stays
// where it was. hazard 51
func TestLargeBodiesTakeNoMemory(t *testing.T) {
	const clients, allowed = 50, 20 << 20
	s := newSite(t, map[string]string{"alice": "secret"})
	s.start()
	header := map[string]string{"X-Auth-Token": s.token("alice:secret", "")}
	ordinary := func(n int) request {
		return request{method: "POST", path: "/api/v1/apikeys", header: header, body: `{"metadata": {"n": 1}}`}
	}
	s.together(clients, ordinary)
	s.together(clients, ordinary)
	before, _ := memory(t, s.daemon.cmd.Process.Pid)
	for what, c := range map[string]struct {
		body   string
		status int
	}{
		"100,000 nested arrays":  {strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000), 400},
		"50,000 nested objects":  {strings.Repeat(`{"a":`, 50_000), 400},
		"a million keys":         {"{" + strings.Repeat(`"k":1,`, 1_000_000) + `"k":1}`, 413},
		"nested arrays in a key": {`{"metadata":` + strings.Repeat("[", 60_000), 400},
	} {
		head := fmt.Sprintf("POST /api/v1/apikeys HTTP/1.1\r\nHost: x\r\nX-Auth-Token: %s\r\nContent-Length: %d\r\n\r\n", header["X-Auth-Token"], len(c.body))
		for range clients {
			// An answer that comes before all was sent can be lost when the connection is reset, which looks like 0.
			if status := raw(t, s, head+c.body); status != c.status && (status != 0 || len(c.body) < 1<<20) {
				t.Fatalf("%s: status %d, want %d", what, status, c.status)
			}
		}
	}
	for range clients { // 1 GiB each, of which the daemon reads nothing
		head := "POST /api/v1/apikeys HTTP/1.1\r\nHost: x\r\nX-Auth-Token: " + header["X-Auth-Token"] + "\r\nContent-Length: 1073741824\r\n\r\n"
		if status := raw(t, s, head+strings.Repeat(" ", 1<<20)); status != http.StatusRequestEntityTooLarge && status != 0 {
			t.Fatalf("1 GiB: status %d", status)
		}
		if status := raw(t, s, head); status != http.StatusRequestEntityTooLarge {
			t.Fatalf("1 GiB, announced: status %d", status)
		}
	}
	if _, most := memory(t, s.daemon.cmd.Process.Pid); most > before+allowed {
		t.Errorf("the daemon held %d bytes before and at most %d", before, most)
	}
	s.together(1, ordinary)
}
