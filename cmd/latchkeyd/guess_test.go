package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// passwordRoutes are all routes that look at a password, by what they are.
func passwordRoutes() map[string]request {
	return map[string]request{
		"the documented log-in":          {method: "POST", path: "/auth/v1/tokens"},
		"StackStorm's log-in":            {method: "POST", path: "/tokens"},
		"its log-in under v1":            {method: "POST", path: "/v1/tokens"},
		"its log-in under auth, a slash": {method: "POST", path: "/auth/tokens/"},
		"the door":                       {method: "GET", path: "/auth/v1/verify"},
		"the door, as Envoy asks":        {method: "PUT", path: "/auth/v1/verify/some/path"},
	}
}

// On each route that takes a password, and on all of them together in many spellings of the name, the fifth wrong guess is the
// last: the right password is refused after it, also after a restart; and all the while the same user's token and API key go on
// working. An admin's unlock ends it. hazard 4, hazard 55, hazard 56
func TestGuessingIsStopped(t *testing.T) {
	s := newSite(t, map[string]string{"alice": "secret", "bob": "secret", "root": "toor"})
	s.extra = "[verify]\nallow_basic = True\n"
	s.start()
	token := s.token("alice:secret", "")
	byToken := map[string]string{"X-Auth-Token": token}
	key := s.do(request{method: "POST", path: "/api/v1/apikeys", header: byToken}).want(t, http.StatusCreated).field("key")
	admin := map[string]string{"X-Auth-Token": s.token("root:toor", "")}
	guess := func(r request, auth string) int {
		t.Helper()
		r.auth = auth
		return s.do(r).status
	}
	othersWork := func(what string) {
		t.Helper()
		for _, path := range []string{"/api/v1/user", "/auth/v1/verify"} {
			s.do(request{method: "GET", path: path, header: byToken}).want(t, http.StatusOK)
			s.do(request{method: "GET", path: path, header: map[string]string{"St2-Api-Key": key}}).want(t, http.StatusOK)
		}
		if status := guess(request{method: "POST", path: "/tokens"}, "bob:secret"); status != http.StatusCreated {
			t.Errorf("%s: bob gets %d", what, status)
		}
	}
	unlock := func() {
		t.Helper()
		s.do(request{method: "PUT", path: "/api/v1/users/alice", body: `{"locked_until": ""}`, header: admin}).want(t, http.StatusOK)
		if status := guess(request{method: "POST", path: "/tokens"}, "alice:secret"); status != http.StatusCreated {
			t.Fatalf("status %d after the unlock", status)
		}
	}
	lockedEverywhere := func(what string) {
		t.Helper()
		for other, r := range passwordRoutes() {
			if status := guess(r, "alice:secret"); status != http.StatusUnauthorized {
				t.Errorf("%s: the right password at %s gets %d", what, other, status)
			}
		}
		othersWork(what)
	}
	for what, r := range passwordRoutes() {
		for n := range 5 {
			if status := guess(r, fmt.Sprintf("alice:guess%d", n)); status != http.StatusUnauthorized {
				t.Fatalf("%s: guess %d gets %d", what, n, status)
			}
		}
		lockedEverywhere(what)
		unlock()
	}
	spellings := []string{"alice", "ALICE", "Alice", "aLiCe", "alicE"}
	n := 0
	for _, r := range passwordRoutes() {
		if n < len(spellings) {
			guess(r, spellings[n]+":wrong")
			n++
		}
	}
	lockedEverywhere("five spellings on five routes")
	s.daemon.kill()
	s.start()
	lockedEverywhere("after a restart")
	unlock()
}

// Two hundred guesses at once are five guesses: the right password among them or after them opens nothing, and the audit log
// holds five wrong passwords. hazard 10, hazard 55
func TestGuessesAtOnce(t *testing.T) {
	s := newSite(t, map[string]string{"alice": "secret"})
	s.extra = "[verify]\nallow_basic = True\n"
	s.start()
	client := s.client()
	var routes []request
	for _, r := range passwordRoutes() {
		routes = append(routes, r)
	}
	var all sync.WaitGroup
	var let atomic.Int64
	for n := range 200 {
		all.Go(func() {
			r := routes[n%len(routes)]
			r.auth = fmt.Sprintf("alice:guess%d", n)
			switch a, err := s.try(client, r); {
			case err != nil:
				t.Error(err)
			case a.status != http.StatusUnauthorized && a.status != http.StatusServiceUnavailable:
				let.Add(1)
			}
		})
	}
	all.Wait()
	if let.Load() != 0 {
		t.Errorf("%d guesses were neither refused nor turned away", let.Load())
	}
	if status := s.do(request{method: "POST", path: "/tokens", auth: "alice:secret"}).status; status != http.StatusUnauthorized {
		t.Errorf("the right password after 200 guesses: %d", status)
	}
	if guesses := strings.Count(s.read("audit.log"), `"wrong_password"`); guesses != 5 {
		t.Errorf("%d passwords were looked at, want 5", guesses)
	}
}
