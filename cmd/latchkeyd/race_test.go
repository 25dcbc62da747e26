package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
)

// together makes the same call from n clients at once and returns how often each status came back.
func (s *site) together(n int, call func(n int) request) map[int]int {
	s.t.Helper()
	client := s.client()
	statuses := map[int]int{}
	var mu sync.Mutex
	var ready, all sync.WaitGroup
	ready.Add(n)
	for i := range n {
		all.Go(func() {
			r := call(i)
			ready.Done()
			ready.Wait()
			a, err := s.try(client, r)
			if err != nil {
				s.t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			statuses[a.status]++
		})
	}
	all.Wait()
	return statuses
}

// read returns a file of the site's folder.
func (s *site) read(name string) string {
	s.t.Helper()
	content, err := os.ReadFile(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(content)
}

// A hundred clients at once revoke one token, log out with it, delete one key and one service token: each is ended by exactly one
// of them, and the others are told that it is not there. hazard 27, hazard 31
func TestRevocationsRace(t *testing.T) {
	const clients = 100
	s := newSite(t, map[string]string{"root": "toor", "alice": "secret"})
	s.start()
	admin := map[string]string{"X-Auth-Token": s.token("root:toor", "")}
	one := func(what string, statuses map[int]int, others int) {
		t.Helper()
		if statuses[http.StatusNoContent] != 1 || statuses[others] != clients-1 {
			t.Errorf("%s: statuses %v, want one 204 and %d of %d", what, statuses, clients-1, others)
		}
	}
	login := s.do(request{method: "POST", path: "/auth/v1/tokens", auth: "alice:secret"}).want(t, http.StatusCreated)
	one("a token, by an admin", s.together(clients, func(int) request {
		return request{method: "DELETE", path: "/auth/v1/tokens/" + login.field("id"), header: admin}
	}), http.StatusNotFound)
	own := map[string]string{"X-Auth-Token": s.token("alice:secret", "")}
	statuses := s.together(clients, func(int) request {
		return request{method: "DELETE", path: "/auth/v1/tokens/current", header: own}
	})
	if statuses[http.StatusNoContent] != 1 || statuses[http.StatusUnauthorized]+statuses[http.StatusNotFound] != clients-1 {
		t.Errorf("log-outs: statuses %v, want one 204, and 401 or 404", statuses)
	}
	key := s.do(request{method: "POST", path: "/api/v1/apikeys", header: admin}).want(t, http.StatusCreated)
	one("an API key", s.together(clients, func(int) request {
		return request{method: "DELETE", path: "/api/v1/apikeys/" + key.field("id"), header: admin}
	}), http.StatusNotFound)
	service := s.do(request{method: "POST", path: "/api/v1/servicetokens", header: admin, body: `{"name": "ci", "roles": ["ops"]}`}).want(t, http.StatusCreated)
	one("a service token", s.together(clients, func(int) request {
		return request{method: "DELETE", path: "/api/v1/servicetokens/" + service.field("id"), header: admin}
	}), http.StatusNotFound)
	s.together(clients, func(int) request {
		return request{method: "POST", path: "/auth/v1/revoke", body: "token=" + own["X-Auth-Token"], header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}
	})
}

// A hundred loads of one StackStorm key, and a hundred of one new user, make exactly one. hazard 31
func TestCreationsRace(t *testing.T) {
	const clients = 100
	s := newSite(t, map[string]string{"root": "toor"})
	s.start()
	admin := map[string]string{"X-Auth-Token": s.token("root:toor", "")}
	hash := strings.Repeat("ab", 64)
	for what, call := range map[string]func(n int) request{
		"one key_hash": func(n int) request {
			return request{method: "POST", path: "/api/v1/apikeys", header: admin, body: fmt.Sprintf(`{"user": "bob", "key_hash": %q}`, hash)}
		},
		"one id": func(n int) request {
			return request{method: "POST", path: "/api/v1/apikeys", header: admin, body: fmt.Sprintf(`{"id": "58e3f3330c0517062a3fda43", "user": "bob", "key_hash": "%0128x"}`, n)}
		},
		"one user": func(int) request {
			return request{method: "POST", path: "/api/v1/users", header: admin, body: `{"name": "carol"}`}
		},
	} {
		if statuses := s.together(clients, call); statuses[http.StatusCreated] != 1 || statuses[http.StatusConflict] != clients-1 {
			t.Errorf("%s: statuses %v, want one 201 and %d of 409", what, statuses, clients-1)
		}
	}
}
