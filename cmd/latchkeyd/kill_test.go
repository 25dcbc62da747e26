package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// kills is how often TestKillLosesNothing pulls the plug.
const kills = 100

// ledger is what the daemon has acknowledged.
type ledger struct {
	acknowledged atomic.Int64

	mu      sync.Mutex
	live    map[string]string // credential text → header that it is sent in
	revoked map[string]string
}

func (l *ledger) add(text, header string) {
	l.acknowledged.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.live[text] = header
}

// take removes a live token, so that its state is open while a revocation is under way.
func (l *ledger) take() (string, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for text, header := range l.live {
		if header == "X-Auth-Token" {
			delete(l.live, text)
			return text, true
		}
	}
	return "", false
}

func (l *ledger) revoke(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.revoked[text] = "X-Auth-Token"
}

// A daemon that is killed at any moment under load has lost nothing that it acknowledged: no token, no key, no revocation.
func TestKillLosesNothing(t *testing.T) {
	s := newSite(t, map[string]string{"alice": "secret"})
	known := &ledger{live: map[string]string{}, revoked: map[string]string{}}
	client := s.client()
	client.Timeout = 10 * time.Second
	tokens, keys := 0, 0
	for range kills {
		s.start()
		var wg sync.WaitGroup
		stop := make(chan struct{})
		for worker := range 4 {
			wg.Go(func() { load(s, client, known, worker, stop) })
		}
		moment := known.acknowledged.Load() + 1 + rand.Int64N(40) // the plug is pulled at a random moment of the load
		eventually(t, "answers under load", func() bool { return known.acknowledged.Load() >= moment })
		s.daemon.kill()
		close(stop)
		wg.Wait()
		client.CloseIdleConnections()
	}
	s.start()
	for text, header := range known.live {
		s.do(request{method: "GET", path: "/api/v1/user", header: map[string]string{header: text}}).want(t, http.StatusOK)
		if header == "X-Auth-Token" {
			tokens++
		} else {
			keys++
		}
	}
	for text, header := range known.revoked {
		s.do(request{method: "GET", path: "/api/v1/user", header: map[string]string{header: text}}).want(t, http.StatusUnauthorized)
	}
	t.Logf("%d kills: %d tokens, %d keys and %d revocations were acknowledged, and all are there", kills, tokens, keys, len(known.revoked))
	if tokens == 0 || keys == 0 || len(known.revoked) == 0 {
		t.Fatal("the load did nothing")
	}
}

// load logs in, makes keys and revokes until stop, and notes what was acknowledged.
func load(s *site, client *http.Client, known *ledger, worker int, stop <-chan struct{}) {
	for round := 0; ; round++ {
		select {
		case <-stop:
			return
		default:
		}
		a, err := s.try(client, request{method: "POST", path: "/auth/v1/tokens", auth: "alice:secret"})
		if err != nil || a.status != http.StatusCreated {
			continue
		}
		token := a.field("token")
		known.add(token, "X-Auth-Token")
		auth := map[string]string{"X-Auth-Token": token}
		body := fmt.Sprintf(`{"metadata": {"worker": "%d-%d"}}`, worker, round)
		if a, err := s.try(client, request{method: "POST", path: "/api/v1/apikeys", header: auth, body: body}); err == nil && a.status == http.StatusCreated {
			known.add(a.field("key"), "St2-Api-Key")
		}
		if old, ok := known.take(); ok && round%2 == 1 {
			revoked := map[string]string{"X-Auth-Token": old}
			if a, err := s.try(client, request{method: "DELETE", path: "/auth/v1/tokens/current", header: revoked}); err == nil && a.status == http.StatusNoContent {
				known.revoke(old)
			}
		} else if ok {
			known.add(old, "X-Auth-Token")
		}
	}
}

// A daemon that is killed at any moment of its first start leaves no store that a later start stumbles over. hazard 68
func TestKillDuringFirstStart(t *testing.T) {
	const rounds = 40
	for range rounds {
		s := newSite(t, map[string]string{"alice": "secret"})
		p := s.launch("--config-file", s.configure())
		moment := rand.IntN(4) // which sign of life the plug is pulled at
		eventually(t, "a sign of life", func() bool {
			switch moment {
			case 0:
				return true
			case 1:
				return len(children(t, p.cmd.Process.Pid)) > 0
			case 2:
				names, err := os.ReadDir(s.dir)
				return err == nil && len(names) > 2
			}
			_, err := os.Stat(s.path("latchkey.db"))
			return err == nil
		})
		p.kill()
		s.start()
		s.token("alice:secret", "")
		s.daemon.kill()
	}
}
