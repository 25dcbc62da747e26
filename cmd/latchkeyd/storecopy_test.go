package main

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"latchkey/daemon/store/pgstore/pgtest"
)

// A store moves from a file into a database and back by the command, and tokens, keys and locks go on as they were.
func TestStoreCopy(t *testing.T) {
	database := pgtest.Start(t).NewDatabase(t)
	users := map[string]string{"alice": "secret", "bob": "secret"}
	s := newSite(t, users)
	s.start()
	token := map[string]string{"X-Auth-Token": s.token("alice:secret", "")}
	key := map[string]string{"St2-Api-Key": s.do(request{method: "POST", path: "/api/v1/apikeys", header: token}).want(t, http.StatusCreated).field("key")}
	for range 5 {
		s.do(request{method: "POST", path: "/auth/v1/tokens", auth: "bob:wrong"}).want(t, http.StatusUnauthorized)
	}
	works := func(s *site) {
		t.Helper()
		s.do(request{method: "GET", path: "/api/v1/user", header: token}).want(t, http.StatusOK)
		s.do(request{method: "GET", path: "/api/v1/user", header: key}).want(t, http.StatusOK)
		s.do(request{method: "POST", path: "/auth/v1/tokens", auth: "bob:secret"}).want(t, http.StatusUnauthorized)
		s.token("alice:secret", "")
	}
	run := func(code int, want string, args ...string) {
		t.Helper()
		p := s.launch(append([]string{"store", "copy"}, args...)...)
		if got := p.wait(); got != code || !strings.Contains(p.text(), want) {
			t.Fatalf("%q: exit code %d, want %d and %q:\n%s", args, got, code, want, p.text())
		}
		if strings.Contains(p.text(), "canary") {
			t.Errorf("a password is shown:\n%s", p.text())
		}
	}
	file, target := "bolt:"+s.path("latchkey.db"), s.write("url", database+"\n")
	run(1, "another process", "--from", file, "--to", database)
	s.daemon.stop()
	run(0, "all of them the same", "--from", file, "--to-file", target)
	run(1, "copy into a new one", "--from", file, "--to", database)
	node := newNode(t, database, users)
	startAll([]*site{node})
	works(node)
	node.daemon.stop()
	run(0, "all of them the same", "--from", database, "--to", "bolt:"+s.path("back.db"))
	if err := os.Rename(s.path("back.db"), s.path("latchkey.db")); err != nil {
		t.Fatal(err)
	}
	s.start()
	works(s)
	s.daemon.stop()

	run(2, "give either --to or --to-file", "--from", file)
	run(2, "everybody on this host can read a password", "--from", file, "--to", "postgres://u:canary@127.0.0.1:1/x")
	run(2, "--to: must be bolt:", "--from", file, "--to", "mysql://canary@x")
	run(2, "the same store", "--from", file, "--to", file)
	run(1, "no such file", "--from", "bolt:"+s.path("nowhere.db"), "--to", database)
	run(1, "--to: the database cannot be reached: failed to connect", "--from", file, "--to-file", s.write("url", "postgres://u:canary@127.0.0.1:1/x"))
}
