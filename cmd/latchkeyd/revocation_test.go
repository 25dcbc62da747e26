package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/daemon/store/pgstore/pgtest"
)

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

// revocations revokes tokens on nodes that go on checking them.
type revocations struct {
	nodes   []*site
	clients []*http.Client
	admin   map[string]string
	longest []atomic.Int64 // for each node, the longest time that it still accepted a token that was revoked
}

// check asks at a node's door.
func (r *revocations) check(node int, token string) (int, error) {
	a, err := r.nodes[node].try(r.clients[node], request{method: "GET", path: "/auth/v1/verify", header: map[string]string{"X-API-Key": token}})
	return a.status, err
}

// watch checks a token on a node until it is refused there. revoked is when its revocation was answered.
func (r *revocations) watch(node int, token string, revoked *atomic.Pointer[time.Time]) error {
	for {
		asked := time.Now()
		status, err := r.check(node, token)
		since := revoked.Load()
		switch {
		case err != nil || status != http.StatusOK && status != http.StatusUnauthorized:
			return fmt.Errorf("node %d: %d, %w", node, status, err)
		case status == http.StatusUnauthorized:
			return nil
		case since != nil && asked.After(*since):
			late := asked.Sub(*since)
			for old := r.longest[node].Load(); int64(late) > old && !r.longest[node].CompareAndSwap(old, int64(late)); old = r.longest[node].Load() {
			}
			if late > 10*time.Second {
				return fmt.Errorf("node %d still accepts a token that was revoked %s ago", node, late)
			}
		}
	}
}

// one makes the nth token on a node, lets all nodes have it in memory, and revokes it on another one while all check it.
func (r *revocations) one(n int) error {
	maker, revoker := n%len(r.nodes), (n+1)%len(r.nodes)
	made, err := r.nodes[maker].try(r.clients[maker], request{
		method: "POST", path: "/api/v1/servicetokens", header: r.admin, body: fmt.Sprintf(`{"name": "t%d", "roles": ["ops"]}`, n),
	})
	if err != nil || made.status != http.StatusCreated {
		return fmt.Errorf("creation: %d, %w", made.status, err)
	}
	token := made.field("token")
	for node := range r.nodes {
		for range 2 { // the second time it is in memory
			if status, err := r.check(node, token); err != nil || status != http.StatusOK {
				return fmt.Errorf("a good token on node %d: %d, %w", node, status, err)
			}
		}
	}
	var watching sync.WaitGroup
	var revoked atomic.Pointer[time.Time]
	failures := make([]error, len(r.nodes))
	for node := range r.nodes {
		watching.Go(func() { failures[node] = r.watch(node, token, &revoked) })
	}
	gone, err := r.nodes[revoker].try(r.clients[revoker], request{method: "DELETE", path: "/api/v1/servicetokens/" + made.field("id"), header: r.admin})
	now := time.Now()
	revoked.Store(&now)
	watching.Wait()
	if err != nil || gone.status != http.StatusNoContent {
		return fmt.Errorf("revocation: %d, %w", gone.status, err)
	}
	return errors.Join(failures...)
}

// run revokes so many tokens and reports, under what the state of the cluster is, how long they were accepted at most.
func (r *revocations) run(t *testing.T, what string, count int) {
	t.Helper()
	var next atomic.Int64
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for n := int(next.Add(1)); n <= count && !t.Failed(); n = int(next.Add(1)) {
				if err := r.one(n); err != nil {
					t.Error(err)
				}
			}
		})
	}
	workers.Wait()
	for node := range r.nodes {
		late := time.Duration(r.longest[node].Swap(0))
		t.Logf("%s: the longest that node %d still accepted a revoked token: %s", what, node, late)
		if late >= time.Second {
			t.Errorf("%s: node %d accepted a revoked token for %s", what, node, late)
		}
	}
}

// TestRevocationsReachAllNodes revokes tokens while checks of them run on three nodes, of which the third is behind a relay that
// first passes, then cuts its line, and then lets it fall silent: a revoked token is accepted nowhere a second after its revocation
// was answered. The longest times are printed. A node whose line is cut is no later than the others, since it reads the database.
func TestRevocationsReachAllNodes(t *testing.T) {
	const count = 1000
	server := pgtest.StartWith(t, pgtest.Options{TCP: true})
	direct := server.TCPURL(t, server.NewDatabase(t))
	relay, relayed := newRelay(t, direct)
	users := map[string]string{"root": "toor", "alice": "secret"}
	nodes := []*site{newNode(t, direct, users), newNode(t, direct, users), newNode(t, relayed, users)}
	startAll(nodes)
	r := &revocations{
		nodes: nodes, clients: []*http.Client{nodes[0].client(), nodes[1].client(), nodes[2].client()},
		admin: map[string]string{"X-Auth-Token": nodes[0].token("root:toor", "")}, longest: make([]atomic.Int64, 3),
	}
	r.run(t, "all lines whole", count)
	said := func(line string) int { return strings.Count(nodes[2].daemon.text(), line) }
	// On a busy machine the line may have been lost and found before.
	const lost, found = "every check reads the database", "what other nodes change is heard"
	eventually(t, "a whole line", func() bool { return said(found) > said(lost) })
	before := said(lost)
	relay.does.Store(relayCuts)
	eventually(t, "the loss of node 2's line", func() bool { return said(lost) > before })
	r.run(t, "the line of node 2 cut", count)
	before = said(found)
	relay.does.Store(relayPasses)
	eventually(t, "the line of node 2", func() bool { return said(found) > before })
	relay.does.Store(relaySwallows)
	r.run(t, "the line of node 2 silent", count)
}
