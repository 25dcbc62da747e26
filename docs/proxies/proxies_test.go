// Package proxies_test runs the configuration of this folder: real proxies of Debian's with the very files that are here, but for
// addresses and paths, in front of a service that tells what it received, with a real latchkeyd at the door. For Traefik and
// Envoy, which Debian has no packages of, stand-ins read the files and ask the door as the documentation of the two says.
package proxies_test

import (
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// newFront starts a daemon and a service, and chooses where the proxy is to listen.
func newFront(t *testing.T) *front {
	t.Helper()
	return &front{site: newSite(t, nil), service: newService(t), address: freeAddress(t)}
}

func TestNginx(t *testing.T) {
	t.Parallel()
	program := installed(t, "/usr/sbin/nginx", "nginx-light")
	f := newFront(t)
	f.query, f.outage, f.unsure = true, 500, 500
	dir := t.TempDir()
	copied(t, "nginx-door.conf", filepath.Join(dir, "latchkey-door.conf"))
	copied(t, "nginx.conf", filepath.Join(dir, "latchkey.conf"),
		"127.0.0.1:8080", f.address, "127.0.0.1:9100", f.site.address, "127.0.0.1:8000", f.service.address(),
		"/etc/nginx/latchkey-door.conf", filepath.Join(dir, "latchkey-door.conf"), "/var/log/nginx/latchkey.log", filepath.Join(dir, "access.log"))
	// What Debian's nginx.conf has around conf.d.
	user := ""
	if os.Getuid() == 0 {
		user = "user root;"
	}
	write(t, filepath.Join(dir, "main.conf"), fmt.Sprintf(`%s
daemon off;
worker_processes 1;
pid %[2]s/nginx.pid;
error_log stderr;
events {}
http {
	client_body_temp_path %[2]s/body;
	proxy_temp_path %[2]s/proxy;
	fastcgi_temp_path %[2]s/fastcgi;
	uwsgi_temp_path %[2]s/uwsgi;
	scgi_temp_path %[2]s/scgi;
	include %[2]s/latchkey.conf;
}
`, user, dir))
	launch(t, nil, program, "-e", "stderr", "-p", dir, "-c", filepath.Join(dir, "main.conf")).waitFor(f.address)
	f.testDoor(t)
	f.withoutSecretsIn(t, filepath.Join(dir, "access.log"))
}

func TestCaddy(t *testing.T) {
	t.Parallel()
	program := installed(t, "caddy", "caddy")
	f := newFront(t)
	f.outage, f.unsure = 502, 503
	dir := t.TempDir()
	_, port, _ := strings.Cut(f.address, ":")
	copied(t, "Caddyfile", filepath.Join(dir, "Caddyfile"),
		"http://:8080", "http://:"+port, "127.0.0.1:9100", f.site.address, "127.0.0.1:8000", f.service.address())
	launch(t, []string{"HOME=" + dir, "XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir}, program,
		"run", "--adapter", "caddyfile", "--config", filepath.Join(dir, "Caddyfile")).waitFor(f.address)
	f.testDoor(t)
}

func TestHAProxy(t *testing.T) {
	t.Parallel()
	program := installed(t, "/usr/sbin/haproxy", "haproxy")
	f := newFront(t)
	f.query, f.outage, f.unsure = true, 503, 503
	dir := t.TempDir()
	copied(t, "latchkey.lua", filepath.Join(dir, "latchkey.lua"))
	copied(t, "haproxy.cfg", filepath.Join(dir, "haproxy.cfg"),
		"127.0.0.1:8080", f.address, "127.0.0.1:9100", f.site.address, "127.0.0.1:8000", f.service.address(),
		"/etc/haproxy/latchkey.lua", filepath.Join(dir, "latchkey.lua"), "raw local0 notice", "raw local0 info")
	proxy := launch(t, nil, program, "-db", "-f", filepath.Join(dir, "haproxy.cfg"))
	proxy.waitFor(f.address)
	f.testDoor(t)
	f.withoutSecretsInText(t, proxy.text())
}

func TestApache(t *testing.T) {
	t.Parallel()
	program := installed(t, "/usr/sbin/apache2", "apache2")
	installed(t, "/usr/lib/apache2/modules/mod_auth_openidc.so", "libapache2-mod-auth-openidc")
	dir := t.TempDir()
	f := &front{site: newSite(t, selfSigned(t)), service: newService(t), address: freeAddress(t)}
	f.bearerOnly, f.outage, f.unsure = true, 401, 401
	authority := published(t, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.site.identity.Certificate[0]}))
	write(t, filepath.Join(dir, "token.conf"), "OIDCOAuthIntrospectionClientAuthBearerToken "+f.site.introspector+"\n")
	copied(t, "apache.conf", filepath.Join(dir, "latchkey.conf"),
		"127.0.0.1:8080", f.address, "127.0.0.1:9100", f.site.address, "127.0.0.1:8000", f.service.address(),
		"/etc/latchkey/tls.crt", authority, "/etc/apache2/latchkey-token.conf", filepath.Join(dir, "token.conf"), "/var/log/apache2/latchkey.log", filepath.Join(dir, "access.log"))
	// What Debian's apache2.conf has around sites-enabled, with its modules and those that the file names.
	text, err := os.ReadFile("apache.conf")
	if err != nil {
		t.Fatal(err)
	}
	enabled := regexp.MustCompile(`a2enmod (.+)`).FindSubmatch(text)
	if enabled == nil {
		t.Fatal("apache.conf does not say which modules it needs")
	}
	var main strings.Builder
	for _, module := range append([]string{"mpm_event", "authn_core", "authz_core", "authz_user"}, strings.Fields(string(enabled[1]))...) {
		fmt.Fprintf(&main, "LoadModule %s_module /usr/lib/apache2/modules/mod_%[1]s.so\n", module)
	}
	if os.Getuid() == 0 {
		main.WriteString("User www-data\nGroup www-data\n")
	}
	fmt.Fprintf(&main, "ServerRoot %[1]s\nServerName localhost\nPidFile %[1]s/apache.pid\nDefaultRuntimeDir %[1]s\nMutex file:%[1]s default\nErrorLog /dev/stderr\nStartServers 1\nInclude %[1]s/latchkey.conf\n", dir)
	write(t, filepath.Join(dir, "apache2.conf"), main.String())
	launch(t, nil, program, "-f", filepath.Join(dir, "apache2.conf"), "-D", "FOREGROUND").waitFor(f.address)
	f.testDoor(t)
	f.withoutSecretsIn(t, filepath.Join(dir, "access.log"))
}

// published writes a file that Apache's own user can read, as he can not in a folder of the test's.
func published(t *testing.T, content []byte) string {
	t.Helper()
	file, err := os.CreateTemp("", "latchkey-authority-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(file.Name()) })
	if _, err := file.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := file.Chmod(0o644); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Name()
}

// withoutSecretsIn fails the test when a proxy's log is empty or holds a credential (hazard 36).
func (f *front) withoutSecretsIn(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f.withoutSecretsInText(t, string(text))
}

// withoutSecretsInText is withoutSecretsIn for a log that has been read.
func (f *front) withoutSecretsInText(t *testing.T, text string) {
	t.Helper()
	if !strings.Contains(text, "/hook") {
		t.Error("the proxy's log has no requests")
	}
	for _, secret := range f.site.secrets() {
		if strings.Contains(text, secret) {
			t.Error("the proxy's log holds a credential")
		}
	}
}
