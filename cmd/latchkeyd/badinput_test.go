package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A configuration with five faults gives five lines, each with file and line, no secret, and exit code 2. hazard 64, hazard 38
func TestFiveFaults(t *testing.T) {
	s := newSite(t, nil)
	config := s.write("latchkey.conf", `[auth]
port = 99999
token_tll = 60
backend = ldap
use_ssl = perhaps

[backend.ldap]
bind_password = canary-7c1e

[roles]
Admin = user:alice

[throttle]
window = soon
`)
	for _, args := range [][]string{{"config", "check"}, nil} {
		p := s.launch(append([]string{"--config-file", config}, args...)...)
		if code := p.wait(); code != 2 {
			t.Errorf("%q: exit code %d, want 2", args, code)
		}
		lines := strings.Split(strings.TrimSpace(p.text()), "\n")
		if len(lines) != 5 {
			t.Errorf("%q: %d lines, want 5:\n%s", args, len(lines), p.text())
		}
		for i, line := range []int{2, 3, 5, 11, 14} {
			if want := fmt.Sprintf("%s:%d: ", config, line); i < len(lines) && !strings.HasPrefix(lines[i], want) {
				t.Errorf("%q: %q does not begin with %q", args, lines[i], want)
			}
		}
		if strings.Contains(p.text(), "canary") {
			t.Errorf("a secret is shown:\n%s", p.text())
		}
	}
}

// pluginDir makes a folder with the flat_file backend's executable in it.
func pluginDir(t *testing.T) (dir, executable string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "backends")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	executable = filepath.Join(dir, "latchkey-backend-flat-file")
	content, err := os.ReadFile(program("latchkey-backend-flat-file"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(executable, content, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir, executable
}

// A backend's executable that must not run is named, and the daemon ends with exit code 2. hazard 57, hazard 62
func TestExecutableFaults(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, executable string) (pin string)
		want  string
	}{
		"missing":                  {func(t *testing.T, e string) string { return fails(t, os.Remove(e)) }, "latchkey-backend-flat-file"},
		"not executable":           {func(t *testing.T, e string) string { return fails(t, os.Chmod(e, 0o644)) }, "executable"},
		"world-writable":           {func(t *testing.T, e string) string { return fails(t, os.Chmod(e, 0o757)) }, "writable"},
		"folder is world-writable": {func(t *testing.T, e string) string { return fails(t, os.Chmod(filepath.Dir(e), 0o777)) }, "writable"},
		"not a plugin": {func(t *testing.T, e string) string {
			return fails(t, os.WriteFile(e, []byte("#!/bin/sh\necho hello\n"), 0o755))
		}, "latchkey-backend-flat-file"},
		"wrong checksum": {func(*testing.T, string) string { return strings.Repeat("0", 64) }, "sha256"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, executable := pluginDir(t)
			s := newSite(t, map[string]string{"alice": "secret"})
			s.extra = "[plugins]\ndir = " + dir + "\n"
			if pin := c.spoil(t, executable); pin != "" {
				s.extra += "sha256_flat_file = " + pin + "\n"
			}
			p := s.launch("--config-file", s.configure())
			if code := p.wait(); code != 2 {
				t.Errorf("exit code %d, want 2", code)
			}
			if !strings.Contains(p.text(), c.want) || !strings.Contains(p.text(), dir) {
				t.Errorf("neither the path nor %q is named:\n%s", c.want, p.text())
			}
		})
	}
}

// fails ends the test when spoiling the executable failed, and returns no pin.
func fails(t *testing.T, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return ""
}

// With the right checksum the daemon starts; when the executable is spoilt while it runs and the process dies, log-ins get 503
// and everything else goes on; and when it is whole again, log-ins work without a restart. hazard 57, hazard 62
func TestExecutableSpoiltWhileRunning(t *testing.T) {
	dir, executable := pluginDir(t)
	content, err := os.ReadFile(executable)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	s := newSite(t, map[string]string{"alice": "secret"})
	s.extra = fmt.Sprintf("[plugins]\ndir = %s\nsha256_flat_file = %s\n", dir, hex.EncodeToString(sum[:]))
	s.start()
	token := s.token("alice:secret", "")
	replace := func(content []byte) {
		t.Helper()
		if err := os.WriteFile(executable+".new", content, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(executable+".new", executable); err != nil {
			t.Fatal(err)
		}
	}
	replace([]byte("#!/bin/sh\ntouch " + s.path("it-ran") + "\n"))
	for _, pid := range children(t, s.daemon.cmd.Process.Pid) {
		child, err := os.FindProcess(pid)
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	login := func() int { return s.do(request{method: "POST", path: "/auth/v1/tokens", auth: "alice:secret"}).status }
	eventually(t, "503 for log-ins", func() bool { return login() == http.StatusServiceUnavailable })
	s.do(request{method: "GET", path: "/api/v1/user", header: map[string]string{"X-Auth-Token": token}}).want(t, 200)
	s.daemon.waitFor("sha256")
	replace(content)
	eventually(t, "log-ins after the executable is whole again", func() bool { return login() == http.StatusCreated })
	if _, err := os.Stat(s.path("it-ran")); err == nil {
		t.Fatal("the planted executable was run")
	}
}

// children returns the process ids of a process's children.
func children(t testing.TB, pid int) []int {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			continue // the thread has ended
		}
		for _, field := range strings.Fields(string(text)) {
			var child int
			if _, err := fmt.Sscan(field, &child); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

// raw sends bytes and returns the status that comes back, 0 when the connection is just closed.
func raw(t *testing.T, s *site, text string) int {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url(""), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, text) }() // the server may answer before it has read all
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}

// Whatever stands in a Basic header gets 401, 400 or 431, and the daemon lives. hazard 50, hazard 51
func TestBentBasicHeaders(t *testing.T) {
	s := newSite(t, map[string]string{"alice": "secret"})
	s.start()
	post := func(authorization string) int {
		return raw(t, s, "POST /auth/v1/tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nAuthorization: "+authorization+"\r\n\r\n")
	}
	for what, c := range map[string]struct {
		header string
		want   int
	}{
		"not base64":     {"Basic !!!", 401},
		"no colon":       {"Basic YWxpY2U=", 401},
		"no padding":     {"Basic YWxpY2U6c2VjcmV0Cg", 401},
		"NUL":            {"Basic YWxpY2U6c2VjAHJldA==", 401},
		"newline":        {"Basic YWxpCmNlOnNlY3JldA==", 401},
		"empty password": {"Basic YWxpY2U6", 401},
		"empty":          {"Basic ", 401},
		"other scheme":   {"Digest username=alice", 401},
		"1 MiB":          {"Basic " + strings.Repeat("YWFh", 1<<18), 431},
		"lower case":     {"basic YWxpY2U6c2VjcmV0", 201},
	} {
		if got := post(c.header); got != c.want {
			t.Errorf("%s: status %d, want %d", what, got, c.want)
		}
	}
	if got := raw(t, s, "POST /auth/v1/tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nAuthorization: Basic YWxpY2U6c2VjcmV0\r\nAuthorization: Basic YWxpY2U6eA==\r\n\r\n"); got != 400 {
		t.Errorf("two Authorization headers: status %d, want 400", got)
	}
	if got := raw(t, s, "POST /auth/v1/tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\nAuthorization: Basic YWxpY2U6c2VjcmV0\r\n\r\n{"); got != 413 {
		t.Errorf("a body of 1 GiB: status %d, want 413", got)
	}
	s.token("alice:secret", "")
}

// A thousand clients that send their headers a byte at a time keep nobody from logging in. hazard 52
func TestSlowClients(t *testing.T) {
	s := newSite(t, map[string]string{"alice": "secret"})
	s.start()
	for range 1000 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url(""), "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "POST /auth/v1/tokens HTTP/1.1\r\nHost: x\r\nX-Slow: "); err != nil {
			t.Fatal(err)
		}
	}
	s.token("alice:secret", "")
}
