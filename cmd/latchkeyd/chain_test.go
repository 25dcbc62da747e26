package main

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"latchkey/backends/ldap/slapdtest"
)

// A chain of a real directory and a file: the file is asked where the directory does not know the user and while it is away,
// never after a wrong password; and while the directory is away nobody is told that his password was wrong.
func TestChainOfDirectoryAndFile(t *testing.T) {
	directory := slapdtest.Start(t, slapdtest.Options{})
	host, portText, err := net.SplitHostPort(directory.Address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, map[string]string{"local": "file-password", "alice": "file-password"})
	s.auth = "backend = ldap, flat_file\n"
	s.extra = fmt.Sprintf("[backend.ldap]\nhost = %s\nport = %d\nbind_dn = %s\nbind_password_file = %s\nbase_ou = dc=example,dc=com\ngroup_dns = cn=st2users\nnetwork_timeout = 2\n\n[backend.flat_file]\nfile_path = %s\n",
		host, port, slapdtest.ServiceDN, s.write("ldap.password", slapdtest.ServicePassword+"\n"), s.path("htpasswd"))
	s.start()
	login := func(auth string) answer {
		return s.do(request{method: "POST", path: "/auth/v1/tokens", auth: auth})
	}
	login("alice:"+slapdtest.AlicePassword).want(t, http.StatusCreated)
	login("local:file-password").want(t, http.StatusCreated)
	if a := login("alice:file-password").want(t, http.StatusUnauthorized); a.field("faultstring") != "Invalid or missing credentials" {
		t.Errorf("answer %s", a.text)
	}
	p := launch(t, nil, program("latchkeyd"), "--config-file", s.path("latchkey.conf"), "backend", "test", "-u", "nobody", "--password-stdin")
	if code := p.wait(); code != 1 || !strings.Contains(p.text(), "no backend is asked") {
		t.Errorf("backend test without a password: code %d\n%s", code, p.text())
	}
	directory.Stop(t)
	login("local:file-password").want(t, http.StatusCreated)
	login("local:wrong").want(t, http.StatusServiceUnavailable)
	login("alice:"+slapdtest.AlicePassword).want(t, http.StatusServiceUnavailable)
}
