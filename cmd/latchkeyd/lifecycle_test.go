package main

import (
	"crypto/tls"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// curl runs curl and returns what it prints.
func curl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("curl", append([]string{"-s", "-S", "--max-time", "30"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("curl %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// The life of a token and a key, by curl over TLS as the documentation tells it, and all of it still true after a restart.
func TestLifeOfTokensAndKeys(t *testing.T) {
	s := newSite(t, map[string]string{"alice": "pa:ss wörd"})
	s.secure()
	s.start()

	const withStatus = "\n%{http_code}"
	if out := curl(t, "-k", "-w", withStatus, "-X", "POST", s.url("/auth/v1/tokens")); !strings.HasSuffix(out, "\n401") {
		t.Fatalf("without credentials: %s", out)
	}
	if out := curl(t, "--cacert", s.path("ca.crt"), "-w", withStatus, "-X", "POST", "-u", "alice:pa:ss wörd", s.url("/auth/v1/tokens")); !strings.HasSuffix(out, "\n201") {
		t.Fatalf("with --cacert: %s", out)
	}
	plain := strings.Replace(s.url("/auth/v1/tokens"), "https:", "http:", 1)
	if out := curl(t, "-w", withStatus, "-X", "POST", "-u", "alice:pa:ss wörd", plain); strings.HasSuffix(out, "\n201") {
		t.Fatalf("plain HTTP is served beside TLS: %s", out)
	}

	login := s.do(request{method: "POST", path: "/auth/v1/tokens", auth: "alice:pa:ss wörd", body: `{"ttl": 600}`}).want(t, 201)
	if got := login.header.Get("X-API-URL"); got != s.url("") {
		t.Errorf("X-API-URL %q, want %q", got, s.url(""))
	}
	expiry, err := time.Parse("2006-01-02T15:04:05.000000Z", login.field("expiry"))
	if err != nil || time.Until(expiry) > 600*time.Second || time.Until(expiry) < 570*time.Second {
		t.Errorf("expiry %q is not ten minutes from now: %v", login.field("expiry"), err)
	}
	token := login.field("token")
	large := s.do(request{method: "POST", path: "/auth/v1/tokens", auth: "alice:pa:ss wörd", body: `{"ttl": 86460}`}).want(t, 400)
	if got := large.field("faultstring"); got != "TTL specified 86460 is greater than max allowed 86400." {
		t.Errorf("faultstring %q", got)
	}

	byHeader := map[string]string{"X-Auth-Token": token}
	created := s.do(request{method: "POST", path: "/api/v1/apikeys", header: byHeader, body: `{"metadata": {"used_by": "jira"}}`}).want(t, 201)
	key, id := created.field("key"), created.field("id")

	works := func(what string, r request, status int) {
		t.Helper()
		r.method = "GET"
		if a := s.do(r); a.status != status {
			t.Errorf("%s: status %d, want %d: %s", what, a.status, status, a.text)
		}
	}
	everything := func(tokenStatus, keyStatus int) {
		t.Helper()
		works("X-Auth-Token", request{path: "/api/v1/user", header: byHeader}, tokenStatus)
		works("?x-auth-token=", request{path: "/api/v1/user?x-auth-token=" + token}, tokenStatus)
		works("St2-Api-Key", request{path: "/api/v1/user", header: map[string]string{"St2-Api-Key": key}}, keyStatus)
		works("?st2-api-key=", request{path: "/api/v1/user?st2-api-key=" + key}, keyStatus)
	}
	everything(200, 200)

	s.daemon.stop()
	s.start()
	everything(200, 200)

	s.do(request{method: "PUT", path: "/api/v1/apikeys/" + id, header: byHeader, body: `{"enabled": false}`}).want(t, 200)
	everything(200, 401)
	s.daemon.kill()
	s.start()
	everything(200, 401)
	s.do(request{method: "PUT", path: "/api/v1/apikeys/" + id, header: byHeader, body: `{"enabled": true}`}).want(t, 200)
	everything(200, 200)

	short := s.token("alice:pa:ss wörd", `{"ttl": 1}`)
	eventually(t, "the end of a token of one second", func() bool {
		a := s.do(request{method: "GET", path: "/api/v1/user", header: map[string]string{"X-Auth-Token": short}})
		return a.status == 401 && a.field("faultstring") == "Unauthorized - Token has expired."
	})
	s.do(request{method: "DELETE", path: "/auth/v1/tokens/current", header: byHeader}).want(t, 204)
	everything(401, 200)
	s.daemon.kill()
	s.start()
	everything(401, 200)
	works("the expired token", request{path: "/api/v1/user", header: map[string]string{"X-Auth-Token": short}}, 401)
}

// A renewed certificate is served from the next connection on, and a pair that does not fit leaves the old one.
func TestCertificateRenewal(t *testing.T) {
	s := newSite(t, map[string]string{"alice": "secret"})
	s.secure()
	s.start()
	serial := func() int64 {
		t.Helper()
		conn, err := tls.Dial("tcp", strings.TrimPrefix(s.url(""), "https://"), &tls.Config{RootCAs: s.tls.pool})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if got := serial(); got != 2 {
		t.Fatalf("serial number %d, want 2", got)
	}
	s.write("tls.crt", "half a certificate")
	if got := serial(); got != 2 {
		t.Fatalf("serial number %d after a broken renewal, want 2", got)
	}
	s.certify(3)
	if got := serial(); got != 3 {
		t.Fatalf("serial number %d after the renewal, want 3", got)
	}
	if _, err := tls.Dial("tcp", strings.TrimPrefix(s.url(""), "https://"),
		&tls.Config{RootCAs: s.tls.pool, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Fatal("TLS 1.1 is accepted")
	}
}

// SIGHUP takes over a new configuration; a faulty one changes nothing and is told in the log, by file and line.
func TestReload(t *testing.T) {
	s := newSite(t, map[string]string{"alice": "secret"})
	s.auth = "token_ttl = 600\n"
	s.start()
	token := s.token("alice:secret", "")
	s.auth = "token_ttl = 60\ntoken_tll = 3\n"
	s.configure()
	s.daemon.signal(syscall.SIGHUP)
	s.daemon.waitFor("token_ttl?")
	if !strings.Contains(s.daemon.text(), "latchkey.conf:5") {
		t.Errorf("the fault has no line:\n%s", s.daemon.text())
	}
	s.do(request{method: "POST", path: "/auth/v1/tokens", auth: "alice:secret", body: `{"ttl": 600}`}).want(t, 201)
	s.auth = "token_ttl = 60\n"
	s.configure()
	s.daemon.signal(syscall.SIGHUP)
	s.daemon.waitFor("the configuration was read anew")
	s.do(request{method: "POST", path: "/auth/v1/tokens", auth: "alice:secret", body: `{"ttl": 600}`}).want(t, 400)
	s.do(request{method: "POST", path: "/auth/v1/tokens", auth: "alice:secret"}).want(t, 201)
	s.do(request{method: "GET", path: "/api/v1/user", header: map[string]string{"X-Auth-Token": token}}).want(t, 200)
}

// A backup is made while the daemon serves and while it is down, and a daemon starts from it.
func TestBackup(t *testing.T) {
	s := newSite(t, map[string]string{"alice": "secret"})
	s.start()
	token := s.token("alice:secret", "")
	config := s.path("latchkey.conf")
	backup := func(name string, code int) string {
		t.Helper()
		p := launch(t, nil, program("latchkeyd"), "--config-file", config, "backup", s.path(name))
		if got := p.wait(); got != code {
			t.Fatalf("exit code %d, want %d: %s", got, code, p.text())
		}
		return p.text()
	}
	backup("serving.db", 0)
	if out := backup("serving.db", 1); !strings.Contains(out, "is there already") {
		t.Errorf("an existing file: %s", out)
	}
	info, err := os.Stat(s.path("serving.db"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup: %v, %v", info, err)
	}
	s.do(request{method: "DELETE", path: "/auth/v1/tokens/current", header: map[string]string{"X-Auth-Token": token}}).want(t, 204)
	s.daemon.stop()
	backup("down.db", 0)
	for name, status := range map[string]int{"serving.db": 200, "down.db": 401} {
		if err := os.Rename(s.path(name), s.path("latchkey.db")); err != nil {
			t.Fatal(err)
		}
		s.start()
		s.do(request{method: "GET", path: "/api/v1/user", header: map[string]string{"X-Auth-Token": token}}).want(t, status)
		s.daemon.stop()
	}
}

// Requests under way are answered before the daemon ends.
func TestDrain(t *testing.T) {
	s := newSite(t, map[string]string{"alice": "secret"})
	s.start()
	client := s.client()
	answers := make(chan int, 64)
	for range 16 {
		go func() {
			a, err := s.try(client, request{method: "POST", path: "/auth/v1/tokens", auth: "alice:secret"})
			if err != nil {
				a.status = 0
			}
			answers <- a.status
		}()
	}
	if status := <-answers; status != http.StatusCreated {
		t.Fatalf("status %d", status)
	}
	s.daemon.signal(syscall.SIGTERM)
	for range 15 {
		if status := <-answers; status != http.StatusCreated && status != 0 {
			t.Errorf("status %d while draining", status)
		}
	}
	if code := s.daemon.wait(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	eventually(t, "the end of the backends", func() bool {
		out, err := exec.Command("pgrep", "-f", program("latchkey-backend-flat-file")).Output()
		return err != nil && len(out) == 0
	})
}
