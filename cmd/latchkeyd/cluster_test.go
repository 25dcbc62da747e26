package main

import (
	"net/http"
	"strings"
	"syscall"
	"testing"

	"latchkey/daemon/store/pgstore/pgtest"
)

// newNode prepares an installation whose store is a database.
func newNode(t testing.TB, database string, users map[string]string) *site {
	t.Helper()
	s := newSite(t, users)
	s.config = func(text string) string {
		return strings.Replace(text, "url = bolt:"+s.path("latchkey.db"), "url = "+database, 1)
	}
	return s
}

// newCluster starts n nodes on a new database.
func newCluster(t testing.TB, n int, users map[string]string) []*site {
	t.Helper()
	database := pgtest.Start(t).NewDatabase(t)
	var nodes []*site
	for range n {
		nodes = append(nodes, newNode(t, database, users))
	}
	startAll(nodes)
	return nodes
}

// startAll starts nodes at once, and waits until all are ready and hear one another.
func startAll(nodes []*site) {
	for _, s := range nodes {
		s.daemon = s.launch("--config-file", s.configure())
	}
	for _, s := range nodes {
		s.daemon.waitFor("msg=ready")
		s.daemon.waitFor("what other nodes change is heard")
	}
}

// A log-in on one node is valid on all at once; a log-out, a disabled key, a disabled user and a lock on one are seen by all.
// hazard 24, hazard 56
func TestNodesAreOne(t *testing.T) {
	nodes := newCluster(t, 3, map[string]string{"root": "toor", "alice": "secret", "bob": "secret"})
	a, b, c := nodes[0], nodes[1], nodes[2]
	status := func(s *site, header map[string]string) int {
		t.Helper()
		return s.do(request{method: "GET", path: "/api/v1/user", header: header}).status
	}
	everywhere := func(what string, header map[string]string, want int) {
		t.Helper()
		for _, s := range nodes {
			eventually(t, what, func() bool { return status(s, header) == want })
		}
	}
	token := map[string]string{"X-Auth-Token": a.token("alice:secret", "")}
	for _, s := range nodes {
		if got := status(s, token); got != http.StatusOK {
			t.Fatalf("a token of another node: %d", got)
		}
	}
	admin := map[string]string{"X-Auth-Token": c.token("root:toor", "")}
	key := b.do(request{method: "POST", path: "/api/v1/apikeys", header: token}).want(t, http.StatusCreated)
	byKey := map[string]string{"St2-Api-Key": key.field("key")}
	everywhere("the key", byKey, http.StatusOK)
	c.do(request{method: "PUT", path: "/api/v1/apikeys/" + key.field("id"), header: token, body: `{"enabled": false}`}).want(t, http.StatusOK)
	everywhere("the disabled key", byKey, http.StatusUnauthorized)
	a.do(request{method: "PUT", path: "/api/v1/apikeys/" + key.field("id"), header: token, body: `{"enabled": true}`}).want(t, http.StatusOK)
	everywhere("the enabled key", byKey, http.StatusOK)
	b.do(request{method: "PUT", path: "/api/v1/users/alice", header: admin, body: `{"enabled": false}`}).want(t, http.StatusOK)
	everywhere("the disabled user", byKey, http.StatusUnauthorized)
	c.do(request{method: "PUT", path: "/api/v1/users/alice", header: admin, body: `{"enabled": true}`}).want(t, http.StatusOK)
	everywhere("the enabled user", token, http.StatusOK)
	a.do(request{method: "DELETE", path: "/auth/v1/tokens/current", header: token}).want(t, http.StatusNoContent)
	everywhere("the log-out", token, http.StatusUnauthorized)

	for n := range 4 {
		a.do(request{method: "POST", path: "/auth/v1/tokens", auth: "bob:wrong"}).want(t, http.StatusUnauthorized)
		_ = n
	}
	b.do(request{method: "POST", path: "/auth/v1/tokens", auth: "bob:wrong"}).want(t, http.StatusUnauthorized)
	for _, s := range nodes {
		s.do(request{method: "POST", path: "/auth/v1/tokens", auth: "bob:secret"}).want(t, http.StatusUnauthorized)
	}
}

// Three nodes that start at once on an empty database make one bootstrap token and its tables once; when it has been deleted, no
// restart of any brings it back. hazard 31
func TestNodesBootstrapOnce(t *testing.T) {
	const text = "Zk3vQ9xT7mB2wR8nL5cJ4hFd"
	database := pgtest.Start(t).NewDatabase(t)
	var nodes []*site
	for range 3 {
		s := newNode(t, database, nil)
		s.extra = "[bootstrap]\ntoken_file = " + s.write("bootstrap", text+"\n") + "\nroles = admin\n"
		nodes = append(nodes, s)
	}
	startAll(nodes)
	made := 0
	for _, s := range nodes {
		made += strings.Count(s.daemon.text(), "the bootstrap token was made")
	}
	header := map[string]string{"X-API-Key": text}
	list := nodes[0].do(request{method: "GET", path: "/api/v1/servicetokens", header: header}).want(t, http.StatusOK)
	if made != 1 || strings.Count(list.text, `"id"`) != 1 {
		t.Fatalf("%d were made: %s", made, list.text)
	}
	_, rest, _ := strings.Cut(list.text, `"id":"`)
	nodes[1].do(request{method: "DELETE", path: "/api/v1/servicetokens/" + rest[:24], header: header}).want(t, http.StatusNoContent)
	for _, s := range nodes {
		s.daemon.kill()
	}
	startAll(nodes)
	for _, s := range nodes {
		s.do(request{method: "GET", path: "/api/v1/servicetokens", header: header}).want(t, http.StatusUnauthorized)
	}
}

// The database dies under the daemon and comes back: checks and log-ins are 503 meanwhile, never 401 and never 200 for what is
// revoked, /readyz is red, and everything heals by itself.
func TestDatabaseAway(t *testing.T) {
	server := pgtest.Start(t)
	s := newNode(t, server.NewDatabase(t), map[string]string{"alice": "secret"})
	startAll([]*site{s})
	token := map[string]string{"X-Auth-Token": s.token("alice:secret", "")}
	check := func() int { return s.do(request{method: "GET", path: "/auth/v1/verify", header: token}).status }
	login := func() int { return s.do(request{method: "POST", path: "/auth/v1/tokens", auth: "alice:secret"}).status }
	ready := func() int {
		response, err := http.Get(s.adminURL("/readyz"))
		if err != nil {
			return 0
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
	for _, stop := range []struct {
		what      string
		end, back func(testing.TB)
	}{{"killed", server.Kill, server.Restart}, {"stopped", server.Stop, server.Restart}, {"frozen", server.Freeze, server.Thaw}} {
		if check() != http.StatusOK || login() != http.StatusCreated {
			t.Fatalf("before it was %s", stop.what)
		}
		stop.end(t)
		eventually(t, "503 for a check", func() bool {
			switch status := check(); status {
			case http.StatusOK: // from memory, within the time that the last answer counts
				return false
			case http.StatusServiceUnavailable:
				return true
			default:
				t.Fatalf("%s: a check gets %d", stop.what, status)
				return false
			}
		})
		if status := login(); status != http.StatusServiceUnavailable {
			t.Errorf("%s: a log-in gets %d", stop.what, status)
		}
		eventually(t, "a red /readyz", func() bool { return ready() == http.StatusServiceUnavailable })
		stop.back(t)
		eventually(t, "checks and log-ins", func() bool {
			return check() == http.StatusOK && login() == http.StatusCreated && ready() == http.StatusOK
		})
	}
}

// A daemon that starts while its database is away waits for it, can be stopped meanwhile, and serves as soon as it is there. One that
// the database turns away ends with a sentence that holds no password.
func TestStartWithoutDatabase(t *testing.T) {
	server := pgtest.StartWith(t, pgtest.Options{TCP: true})
	database := server.TCPURL(t, server.NewDatabase(t))
	s := newNode(t, database, map[string]string{"alice": "secret"})
	server.Stop(t)
	s.daemon = s.launch("--config-file", s.configure())
	s.daemon.waitFor("waiting for the database")
	s.daemon.signal(syscall.SIGTERM)
	if code := s.daemon.wait(); code != 0 {
		t.Errorf("exit code %d, and it ended as it was asked to", code)
	}
	s.daemon = s.launch("--config-file", s.configure())
	s.daemon.waitFor("waiting for the database")
	server.Restart(t)
	s.daemon.waitFor("msg=ready")
	s.token("alice:secret", "")
	backup := s.launch("--config-file", s.path("latchkey.conf"), "backup", s.path("copy.db"))
	if code := backup.wait(); code != 1 || !strings.Contains(backup.text(), "pg_dump") {
		t.Errorf("a backup of a database ends with %d and says %s", code, backup.text())
	}

	other := newNode(t, strings.Replace(database, pgtest.Password, "canary", 1), nil)
	p := other.launch("--config-file", other.configure())
	if code := p.wait(); code != 1 || !strings.Contains(p.text(), "password authentication failed") || strings.Contains(p.text(), "canary") {
		t.Errorf("exit code %d with a wrong password:\n%s", code, p.text())
	}
}
