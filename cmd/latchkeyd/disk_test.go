package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// On a full disk what needs to be written gets 503 and is not half there, checks go on, readiness tells, and everything works
// again when there is room, without a restart. hazard 69
func TestFullDisk(t *testing.T) {
	s := newSite(t, map[string]string{"alice": "secret"})
	disk := filepath.Join(s.dir, "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=2m"); err != nil {
		t.Fatalf("a small file system cannot be mounted (run the tests as root): %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(disk, unix.MNT_DETACH) })
	s.config = func(text string) string {
		return strings.Replace(text, "bolt:"+s.path("latchkey.db"), "bolt:"+filepath.Join(disk, "latchkey.db"), 1)
	}
	s.start()
	first := s.token("alice:secret", "")
	ballast, err := os.Create(filepath.Join(disk, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	defer ballast.Close()
	for block := make([]byte, 4096); err == nil; {
		_, err = ballast.Write(block)
	}
	check := func(token string, status int) {
		t.Helper()
		s.do(request{method: "GET", path: "/api/v1/user", header: map[string]string{"X-Auth-Token": token}}).want(t, status)
	}
	var acknowledged []string
	full := false
	for range 500 { // what is free inside the store's file is used up first
		a := s.do(request{method: "POST", path: "/auth/v1/tokens", auth: "alice:secret"})
		if full = a.status == http.StatusServiceUnavailable; full {
			break
		}
		acknowledged = append(acknowledged, a.want(t, http.StatusCreated).field("token"))
	}
	if !full {
		t.Fatal("500 tokens fit on a full disk")
	}
	check(first, http.StatusOK)
	ready := func() int {
		t.Helper()
		response, err := http.Get(s.adminURL("/readyz"))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return response.StatusCode
	}
	if got := ready(); got != http.StatusServiceUnavailable {
		t.Errorf("/readyz on a full disk: status %d", got)
	}
	if err := os.Remove(ballast.Name()); err != nil {
		t.Fatal(err)
	}
	if err := ballast.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "log-ins with room again", func() bool {
		return s.do(request{method: "POST", path: "/auth/v1/tokens", auth: "alice:secret"}).status == http.StatusCreated
	})
	eventually(t, "/readyz with room again", func() bool { return ready() == http.StatusOK })
	s.daemon.kill()
	s.start()
	for _, token := range append(acknowledged, first) {
		check(token, http.StatusOK)
	}
}
