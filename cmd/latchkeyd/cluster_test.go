package main

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

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
	if code := s.daemon.wait(); code == 2 {
		t.Errorf("exit code %d, as for a faulty configuration", code)
	}
	s.daemon = s.launch("--config-file", s.configure())
	s.daemon.waitFor("waiting for the database")
	server.Restart(t)
	s.daemon.waitFor("msg=ready")
	s.token("alice:secret", "")

	other := newNode(t, strings.Replace(database, pgtest.Password, "canary", 1), nil)
	p := other.launch("--config-file", other.configure())
	if code := p.wait(); code != 1 || !strings.Contains(p.text(), "password authentication failed") || strings.Contains(p.text(), "canary") {
		t.Errorf("exit code %d with a wrong password:\n%s", code, p.text())
	}
}

// relay passes connections on to a database, and can spoil the one that listens for notifications.
type relay struct {
	listener net.Listener
	target   string
	does     atomic.Int32
	all      sync.WaitGroup
}

// What a relay does to the line.
const (
	relayPasses   = iota
	relayCuts     // it closes the line, and each new one
	relaySwallows // the line stays open and nothing goes through it any more, as behind a firewall that has forgotten it
)

// newRelay starts a relay to the database of a URL and returns the URL through it.
func newRelay(t testing.TB, database string) (*relay, string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: listener, target: u.Host}
	r.all.Go(r.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		r.all.Wait()
	})
	u.Host = listener.Addr().String()
	return r, u.String()
}

func (r *relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", r.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		var listens atomic.Bool
		r.all.Go(func() { r.pass(server, client, &listens) })
		r.all.Go(func() { r.pass(client, server, &listens) })
	}
}

// pass copies from one side to the other until either is closed.
func (r *relay) pass(to, from net.Conn, listens *atomic.Bool) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if strings.Contains(string(buffer[:n]), "LISTEN latchkey_changed") {
			listens.Store(true)
		}
		if listens.Load() {
			switch r.does.Load() {
			case relayCuts:
				return
			case relaySwallows:
				n = 0
			}
		}
		if _, failed := to.Write(buffer[:n]); failed != nil || err != nil {
			return
		}
	}
}

// TestRevocationsReachAllNodes revokes tokens while checks of them run on three nodes, of which the third is behind a relay that
// first passes, then cuts its line, and then lets it fall silent: a revoked token is accepted nowhere a second after its revocation
// was answered. The longest times are printed. A node whose line is cut is no later than the others, since it reads the database.
func TestRevocationsReachAllNodes(t *testing.T) {
	const revocations = 1000
	server := pgtest.StartWith(t, pgtest.Options{TCP: true})
	direct := server.TCPURL(t, server.NewDatabase(t))
	relay, relayed := newRelay(t, direct)
	users := map[string]string{"root": "toor", "alice": "secret"}
	nodes := []*site{newNode(t, direct, users), newNode(t, direct, users), newNode(t, relayed, users)}
	startAll(nodes)
	admin := map[string]string{"X-Auth-Token": nodes[0].token("root:toor", "")}
	var longest [3]atomic.Int64
	clients := []*http.Client{nodes[0].client(), nodes[1].client(), nodes[2].client()}
	one := func(n int) error {
		made, err := nodes[n%3].try(clients[n%3], request{method: "POST", path: "/api/v1/servicetokens", header: admin, body: fmt.Sprintf(`{"name": "t%d", "roles": ["ops"]}`, n)})
		if err != nil || made.status != http.StatusCreated {
			return fmt.Errorf("creation: %d, %w", made.status, err)
		}
		header := map[string]string{"X-API-Key": made.field("token")}
		check := func(node int) (int, error) {
			a, err := nodes[node].try(clients[node], request{method: "GET", path: "/auth/v1/verify", header: header})
			return a.status, err
		}
		for node := range 3 {
			for range 2 { // the second time it is in memory
				if status, err := check(node); err != nil || status != http.StatusOK {
					return fmt.Errorf("a good token on node %d: %d, %w", node, status, err)
				}
			}
		}
		var watching sync.WaitGroup
		var revoked atomic.Pointer[time.Time]
		errs := make(chan error, 3)
		for node := range 3 {
			watching.Go(func() {
				for {
					asked := time.Now()
					status, err := check(node)
					since := revoked.Load()
					switch {
					case err != nil || status != http.StatusOK && status != http.StatusUnauthorized:
						errs <- fmt.Errorf("node %d: %d, %w", node, status, err)
						return
					case status == http.StatusUnauthorized:
						return
					case since != nil && asked.After(*since):
						late := int64(asked.Sub(*since))
						for old := longest[node].Load(); late > old && !longest[node].CompareAndSwap(old, late); old = longest[node].Load() {
						}
						if time.Duration(late) > 10*time.Second {
							errs <- fmt.Errorf("node %d still accepts a token that was revoked %s ago", node, time.Duration(late))
							return
						}
					}
				}
			})
		}
		gone, err := nodes[(n+1)%3].try(clients[(n+1)%3], request{method: "DELETE", path: "/api/v1/servicetokens/" + made.field("id"), header: admin})
		now := time.Now()
		revoked.Store(&now)
		watching.Wait()
		if err != nil || gone.status != http.StatusNoContent {
			return fmt.Errorf("revocation: %d, %w", gone.status, err)
		}
		select {
		case err := <-errs:
			return err
		default:
			return nil
		}
	}
	run := func(from, to int) {
		t.Helper()
		var next atomic.Int64
		next.Store(int64(from))
		var workers sync.WaitGroup
		for range 4 {
			workers.Go(func() {
				for n := int(next.Add(1)) - 1; n < to && !t.Failed(); n = int(next.Add(1)) - 1 {
					if err := one(n); err != nil {
						t.Error(err)
					}
				}
			})
		}
		workers.Wait()
	}
	report := func(what string) {
		t.Helper()
		for node := range 3 {
			late := time.Duration(longest[node].Swap(0))
			t.Logf("%s: the longest that node %d still accepted a revoked token: %s", what, node, late)
			if late >= time.Second {
				t.Errorf("%s: node %d accepted a revoked token for %s", what, node, late)
			}
		}
	}
	run(0, revocations)
	report("all lines whole")
	relay.does.Store(relayCuts)
	nodes[2].daemon.waitFor("every check reads the database")
	run(revocations, 2*revocations)
	report("the line of node 2 cut")
	relay.does.Store(relayPasses)
	eventually(t, "the line of node 2", func() bool {
		return strings.Count(nodes[2].daemon.text(), "what other nodes change is heard") == 2
	})
	relay.does.Store(relaySwallows)
	run(2*revocations, 3*revocations)
	report("the line of node 2 silent")
}
