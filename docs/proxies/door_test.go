package proxies_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// front is a proxy in front of a service and behind it a daemon, and what is different about it.
type front struct {
	site    *site
	service *service
	address string

	bearerOnly bool // it takes Authorization: Bearer and no other credential
	query      bool // it takes a credential in the query, and out of it
	outage     int  // its status when the door does not answer
	unsure     int  // its status when the door answers 503
}

// answer is what the client got.
type answer struct {
	status int
	header http.Header
	body   string
	seen   received // what the service got, when it answered
}

// call sends a request as it is written, which no HTTP client would for all of them. Lines are header lines.
func (f *front) call(t *testing.T, method, target, body string, lines ...string) answer {
	t.Helper()
	connection, err := net.Dial("tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	lines = append([]string{method + " " + target + " HTTP/1.1", "Host: service.example.com", "Connection: close"}, lines...)
	if body != "" {
		lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	if _, err := io.WriteString(connection, strings.Join(lines, "\r\n")+"\r\n\r\n"+body); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header, body: string(text)}
	_ = json.Unmarshal(text, &a.seen) // a refusal is not the service's answer
	return a
}

// bearer is the header line that all proxies take.
func bearer(credential string) string { return "Authorization: Bearer " + credential }

// refused fails the test unless the answer has one of these statuses and nothing has reached the service.
func (f *front) refused(t *testing.T, a answer, statuses ...int) {
	t.Helper()
	if !slices.Contains(statuses, a.status) {
		t.Errorf("status %d, want %v: %s", a.status, statuses, a.body)
	}
	if got := f.service.take(); len(got) > 0 {
		t.Errorf("the service got %+v", got)
	}
}

// passed fails the test unless the request has reached the service, once and without any credential.
func (f *front) passed(t *testing.T, a answer) received {
	t.Helper()
	got := f.service.take()
	if a.status != http.StatusOK || len(got) != 1 {
		t.Fatalf("status %d, the service got %d requests: %s", a.status, len(got), a.body)
	}
	f.withoutSecrets(t, got[0])
	return got[0]
}

// withoutSecrets fails the test when a request to the service, in whatever place, holds a credential (hazard 36).
func (f *front) withoutSecrets(t *testing.T, r received) {
	t.Helper()
	text := fmt.Sprintf("%+v", r)
	for _, secret := range f.site.secrets() {
		if strings.Contains(text, secret) {
			t.Errorf("a credential has reached the service: %s", text)
		}
	}
	for _, name := range []string{"Authorization", "X-Auth-Token", "St2-Api-Key", "X-Api-Key"} {
		if values, ok := r.Header[name]; ok {
			t.Errorf("the service got %s: %q", name, values)
		}
	}
}

// testDoor runs all that a proxy with the configuration of this folder must do. The daemon is gone afterwards.
func (f *front) testDoor(t *testing.T) {
	t.Run("without credential", f.testWithout)
	t.Run("bad credential", f.testBad)
	t.Run("good credential", f.testGood)
	t.Run("request goes on whole", f.testWhole)
	t.Run("role", f.testRole)
	t.Run("odd paths", f.testPaths)
	t.Run("query", f.testQuery)
	t.Run("spoofed identity", f.testSpoofed)
	t.Run("spoofed address", f.testSource)
	t.Run("door in trouble", f.testTrouble)
}

// hazard 48: who asks, and with what user agent, changes nothing.
func (f *front) testWithout(t *testing.T) {
	for _, line := range []string{"X-Nothing: x", "User-Agent: kube-probe/1.30", "User-Agent: GoogleHC/1.0", "X-Auth-Token:", "Cookie: auth-token=" + f.site.alice} {
		for _, target := range []string{"/", "/healthz", "/ops/x", "/_latchkey/any", "/auth/v1/verify"} {
			a := f.call(t, "GET", target, "", line)
			f.refused(t, a, http.StatusUnauthorized, http.StatusNotFound)
			if a.status == http.StatusNotFound && target != "/_latchkey/any" {
				t.Errorf("%s: status %d", target, a.status)
			}
			if challenge := a.header["Www-Authenticate"]; a.status == http.StatusUnauthorized && (len(challenge) != 1 || !strings.HasPrefix(challenge[0], "Bearer ")) {
				t.Errorf("%s: challenge %q", target, challenge)
			}
		}
	}
}

// hazard 46: a name without a checked password is nobody, and neither is a name that the client says a proxy has set.
func (f *front) testBad(t *testing.T) {
	for _, line := range []string{
		bearer(f.site.revoked), bearer("lkt_0123456789"), bearer(f.site.alice + "x"), "X-Auth-Token: " + f.site.revoked,
		"X-API-Key: nonsense", "St2-Api-Key: nonsense", "Authorization: ApiKey nonsense",
		"Authorization: Basic YWRtaW46d3Jvbmc=", "Authorization: Basic YWxpY2U6", "Authorization: Negotiate x",
		"X-Forwarded-User: root", "Remote-User: root", "X-Auth-User: root",
	} {
		a := f.call(t, "GET", "/", "", line)
		f.refused(t, a, http.StatusUnauthorized)
		if challenge := a.header["Www-Authenticate"]; len(challenge) != 1 || !strings.HasPrefix(challenge[0], "Bearer ") {
			t.Errorf("%s: challenge %q", line, challenge)
		}
	}
	// Two credentials in one place: two readers could take different ones.
	f.refused(t, f.call(t, "GET", "/", "", bearer(f.site.alice), bearer(f.site.bob)), 400, 401, 500)
}

// identity returns what the service has been told: the values of all identity headers, "" for one that is not there.
func identity(t *testing.T, header http.Header) map[string]string {
	t.Helper()
	told := map[string]string{}
	for _, name := range identityHeaders() {
		if len(header[name]) > 1 {
			t.Errorf("%s is there %d times: %q", name, len(header[name]), header[name])
		}
		told[name] = header.Get(name)
	}
	return told
}

// identityHeaders are those of the door.
func identityHeaders() []string {
	return []string{"X-Auth-User", "X-Auth-Roles", "X-Auth-Groups", "X-Auth-Kind", "X-Auth-Credential-Id", "X-Auth-Workspace", "X-Auth-Expires"}
}

// believedHeaders are other headers by which services believe an identity.
func believedHeaders() []string {
	return []string{"X-Forwarded-User", "Remote-User", "Remote-Groups", "Remote-Name", "Remote-Email"}
}

func (f *front) testGood(t *testing.T) {
	s := f.site
	for _, c := range []struct {
		line, user, roles, groups, kind string
		expires                         bool
	}{
		{bearer(s.alice), "alice", "dev,ops", "staff,wheel", "token", true},
		{bearer(s.bob), "bob", "", "", "token", true},
		{bearer(s.aliceKey), "alice", "dev,ops", "staff,wheel", "apikey", false},
		{bearer(s.robot), "robot", "dev,ops", "", "service", false},
		{"X-Auth-Token: " + s.alice, "alice", "dev,ops", "staff,wheel", "token", true},
		{"X-API-Key: " + s.aliceKey, "alice", "dev,ops", "staff,wheel", "apikey", false},
		{"St2-Api-Key: " + s.aliceKey, "alice", "dev,ops", "staff,wheel", "apikey", false},
		{"Authorization: ApiKey " + s.robot, "robot", "dev,ops", "", "service", false},
	} {
		if f.bearerOnly && !strings.HasPrefix(c.line, "Authorization: Bearer ") {
			f.refused(t, f.call(t, "GET", "/", "", c.line), http.StatusUnauthorized)
			continue
		}
		told := identity(t, f.passed(t, f.call(t, "GET", "/some/where?x=1", "", c.line)).Header)
		sorted := func(list string) string {
			names := strings.Split(list, ",")
			slices.Sort(names)
			return strings.Join(names, ",")
		}
		if told["X-Auth-User"] != c.user || sorted(told["X-Auth-Roles"]) != c.roles || sorted(told["X-Auth-Groups"]) != c.groups || told["X-Auth-Kind"] != c.kind {
			t.Errorf("the service was told %q, want %+v", told, c)
		}
		if len(told["X-Auth-Credential-Id"]) != 24 || (told["X-Auth-Expires"] != "") != c.expires || told["X-Auth-Workspace"] != "" {
			t.Errorf("%s: the service was told %q", c.kind, told)
		}
	}
}

// The request goes on as the client sent it: method, address with all its encoding, body, other headers.
func (f *front) testWhole(t *testing.T) {
	for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH"} {
		body := ""
		if method != "GET" {
			body = `{"n": 1}`
		}
		got := f.passed(t, f.call(t, method, "/a%20b/c?q=%26x&y=1", body, bearer(f.site.bob), "Content-Type: application/json", "X-Other: kept"))
		if got.Method != method || got.Target != "/a%20b/c?q=%26x&y=1" || got.Body != body || got.Header.Get("X-Other") != "kept" {
			t.Errorf("%s: the service got %+v", method, got)
		}
	}
}

func (f *front) testRole(t *testing.T) {
	for _, target := range []string{"/ops", "/ops/", "/ops/x?y=1", "/OPS/x", "/%6fps/x", "/ops/x?role=nobody"} {
		f.refused(t, f.call(t, "GET", target, "", bearer(f.site.bob)), http.StatusForbidden)
		f.refused(t, f.call(t, "GET", target, "", bearer(f.site.introspector)), http.StatusForbidden)
	}
	f.refused(t, f.call(t, "GET", "/ops/x?role=introspect&roles=introspect", "", bearer(f.site.introspector)), http.StatusForbidden)
	f.refused(t, f.call(t, "GET", "/ops/x", "", bearer(f.site.bob), "X-Auth-Roles: ops"), http.StatusForbidden)
	f.refused(t, f.call(t, "GET", "/ops/x", ""), http.StatusUnauthorized)
	for _, target := range []string{"/ops", "/ops/x", "/OPS/x"} {
		f.passed(t, f.call(t, "GET", target, "", bearer(f.site.alice)))
	}
	f.passed(t, f.call(t, "GET", "/ops/x", "", bearer(f.site.robot)))
	f.passed(t, f.call(t, "GET", "/opsx", "", bearer(f.site.bob)))
}

// hazard 47: whatever way a path is written, no service reads it as one under /ops when the caller lacks the role.
func (f *front) testPaths(t *testing.T) {
	reached := 0
	for _, target := range []string{
		"/ops/x", "//ops/x", "///ops///x", "/./ops/x", "/a/../ops/x", "/a/./../ops/x", "/%6fps/x", "/%6Fps/x", "/o%70s/x", "/%6f%70%73/x",
		"/%2fops/x", "/%2Fops/x", "/ops%2fx", "/ops%2Fx", "/a/..%2fops/x", "/a/%2e%2e/ops/x", "/a/%2E%2E/ops/x", "/a/.%2e/ops/x", "/a%2f..%2fops/x",
		"/a/%252e%252e/ops/x", "/%256fps/x", "/%252fops/x", "/ops%252fx", "/ops;a=b/x", "/ops;/x", "/;/ops/x", "/a/..;/ops/x", "/ops%3bx", "/ops%3b/x",
		"/\\ops\\x", "/ops\\x", "/%5cops%5cx", "/a\\..\\ops\\x", "/a/..%5cops/x", "/ops%23/x", "/ops%3fx", "/ops#/x", "/a#/../ops/x", "/ops%00/x",
		"/%00/ops/x", "/ops/../a", "/ops/%2e%2e/a", "/ops%20/x", "/OPS/x", "/Ops%2Fx", "/ops.", "/ops./x", "/a/b/../../ops", "/..", "/../ops/x",
		"/ops/.", "/ops/..", "http://service.example.com/ops/x", "http://service.example.com//ops/x", "/%c0%afops/x", "/x%2f%2e%2e/%6fps/x",
	} {
		a := f.call(t, "GET", target, "", bearer(f.site.bob))
		for _, got := range f.service.take() {
			reached++
			f.withoutSecrets(t, got)
			if underOps(got.Target) {
				t.Errorf("%s: the service got %s", target, got.Target)
			}
		}
		if a.status >= 500 {
			t.Errorf("%s: status %d", target, a.status)
		}
	}
	if reached > 10 {
		t.Errorf("%d of the paths reached the service", reached)
	}
}

// underOps reports whether some reader, however odd, takes an address for one under /ops.
func underOps(target string) bool {
	raw, _, _ := strings.Cut(target, "?")
	for range 3 {
		for _, reading := range []string{raw, strings.ReplaceAll(raw, "\\", "/")} {
			reading = strings.ToLower(reading)
			for segment := range strings.SplitSeq(path.Clean("/"+reading), "/") {
				if segment == "" {
					continue
				}
				if name, _, _ := strings.Cut(segment, ";"); name == "ops" {
					return true
				}
				break // the first one decides
			}
			if strings.HasPrefix(reading, "/ops/") {
				return true
			}
		}
		decoded, err := url.PathUnescape(raw)
		if err != nil {
			break
		}
		raw = decoded
	}
	return false
}

// A credential in the query is taken and does not go on, or is refused.
func (f *front) testQuery(t *testing.T) {
	token, key := "x-auth-token="+f.site.alice, "st2-api-key="+f.site.aliceKey
	for query, rest := range map[string]string{
		token: "", "a=1&" + token: "a=1", token + "&b=2": "b=2", "a=1&" + token + "&b=2%26": "a=1&b=2%26", key: "", "a=1&" + key: "a=1",
		key + "&a=1&" + token: "a=1", token + "&" + key: "",
	} {
		for _, lines := range [][]string{nil, {bearer(f.site.alice)}} {
			a := f.call(t, "GET", "/hook?"+query, "", lines...)
			if !f.query {
				f.refused(t, a, 400, 401, 403, 404)
				continue
			}
			got := f.passed(t, a)
			if at, left, _ := strings.Cut(got.Target, "?"); at != "/hook" || strings.Trim(left, "&") != rest {
				t.Errorf("%s: the service got %s", query, got.Target)
			}
		}
	}
	// What cannot be taken out does not go on at all, whoever asks.
	for _, query := range []string{token + "&" + token, "x%2dauth-token=" + f.site.alice + "&x=x-auth-token", "%78-auth-token=" + f.site.alice, "st2%2Dapi-key=" + f.site.aliceKey} {
		for _, lines := range [][]string{nil, {bearer(f.site.alice)}} {
			a := f.call(t, "GET", "/hook?"+query, "", lines...)
			got := f.service.take()
			if len(got) == 0 && a.status < 400 {
				t.Errorf("%s: status %d", query, a.status)
			}
			for _, r := range got {
				f.withoutSecrets(t, r)
			}
		}
	}
	f.refused(t, f.call(t, "GET", "/hook?x-auth-token="+f.site.revoked, ""), 400, 401, 403, 404)
	// An address that the client says the proxy has set does not go on.
	f.passed(t, f.call(t, "GET", "/", "", bearer(f.site.alice), "X-Forwarded-Uri: /?"+token, "X-Original-URI: /?"+token, "X-Original-URL: http://x/?"+token))
}

// hazards 42, 43 and 44: what the client says about itself does not reach the service under any name that a reader takes for one
// of ours.
func (f *front) testSpoofed(t *testing.T) {
	const canary = "admin-canary"
	reached := 0
	for _, name := range append(identityHeaders(), believedHeaders()...) {
		underscore, dot := strings.ReplaceAll(name, "-", "_"), strings.ReplaceAll(name, "-", ".")
		for _, lines := range [][]string{
			{name},
			{strings.ToLower(name)},
			{strings.ToUpper(name)},
			{name, name},
			{underscore},
			{dot},
			{strings.ToUpper(underscore)},
			{strings.Replace(name, "-", "_", 1)},
			{strings.Replace(name, "-", ".", 1)},
			{strings.Replace(underscore, "_", ".", 1)},
			{strings.Replace(underscore, "_", "-", 1)},
			{strings.Replace(dot, ".", "-", 1)},
			{name, underscore, dot},
		} {
			request := []string{bearer(f.site.bob)}
			for _, line := range lines {
				request = append(request, line+": "+canary)
			}
			a := f.call(t, "GET", "/", "", request...)
			for _, got := range f.service.take() {
				reached++
				for header, values := range got.Header {
					if strings.Contains(strings.Join(values, ","), canary) {
						t.Errorf("%q: the service got %s: %q", lines, header, values)
					}
				}
				if told := identity(t, got.Header); told["X-Auth-User"] != "bob" || told["X-Auth-Roles"] != "" || told["X-Auth-Groups"] != "" {
					t.Errorf("%q: the service was told %q", lines, told)
				}
			}
			if a.status != http.StatusOK && a.status != http.StatusForbidden && a.status != http.StatusBadRequest {
				t.Errorf("%q: status %d", lines, a.status)
			}
		}
		// Named in Connection, a header is taken off by a proxy, and it must not be ours that goes.
		f.call(t, "GET", "/", "", bearer(f.site.bob), "Connection: "+name)
		for _, got := range f.service.take() {
			if told := identity(t, got.Header); told["X-Auth-User"] != "bob" {
				t.Errorf("Connection: %s: the service was told %q", name, told)
			}
		}
	}
	if reached == 0 {
		t.Error("none of the requests reached the service")
	}
}

// hazard 45: the address in the audit log is the client's, and not what he says.
func (f *front) testSource(t *testing.T) {
	f.call(t, "GET", "/", "", bearer("lkt_nonsense"), "X-Forwarded-For: 203.0.113.9", "Forwarded: for=203.0.113.9", "X-Real-IP: 203.0.113.9")
	log, err := os.ReadFile(filepath.Join(f.site.dir, "audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(log), "203.0.113.9") {
		t.Error("the audit log holds the address that the client has made up")
	}
	if !f.bearerOnly && !strings.Contains(string(log), `"event":"credential.check"`) {
		t.Errorf("the audit log does not hold the refusal:\n%s", log)
	}
	for _, secret := range f.site.secrets() {
		if strings.Contains(string(log), secret) {
			t.Error("the audit log holds a credential")
		}
	}
}

// A door that does not answer, or not as a door does, opens nothing.
func (f *front) testTrouble(t *testing.T) {
	f.site.daemon.stop()
	for _, line := range []string{"X-Nothing: x", bearer(f.site.alice)} {
		for _, target := range []string{"/", "/ops/x"} {
			a := f.call(t, "GET", target, "", line)
			if f.bearerOnly && line != bearer(f.site.alice) {
				f.refused(t, a, http.StatusUnauthorized)
				continue
			}
			f.refused(t, a, f.outage)
		}
	}
	stub := f.stub(t)
	for status, want := range map[int]int{
		http.StatusServiceUnavailable: f.unsure, http.StatusUnauthorized: 401, http.StatusForbidden: 403,
		http.StatusTooManyRequests: 0, http.StatusInternalServerError: 0, http.StatusFound: 0, http.StatusNotFound: 0,
	} {
		stub.answer(status)
		a := f.call(t, "GET", "/", "", bearer(f.site.alice))
		if got := f.service.take(); len(got) > 0 || a.status == http.StatusOK || want != 0 && a.status != want && !f.bearerOnly {
			t.Errorf("door %d: status %d, the service got %+v", status, a.status, got)
		}
	}
	// A door that says yes and not to whom: hazard 42 for what is no Latchkey, or an old one.
	stub.answer(http.StatusOK)
	f.call(t, "GET", "/", "", bearer(f.site.alice), "X-Auth-User: admin-canary", "X-Auth-Roles: admin-canary")
	for _, got := range f.service.take() {
		if text := fmt.Sprintf("%+v", got.Header); strings.Contains(text, "canary") {
			t.Errorf("the service got %s", text)
		}
	}
}
