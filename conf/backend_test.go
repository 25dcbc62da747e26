package conf

import (
	"strings"
	"testing"
)

// The chain has its order; backend_kwargs are the first backend's, and its section wins over them, key by key.
func TestChain(t *testing.T) {
	c := mustLoad(t, `[auth]
backend = ldap, flat_file
backend_kwargs = {"host": "a", "port": 636, "use_ssl": true, "bind_password": "p#a;s%s$w\"o'r=d"}

[backend.flat_file]
file_path = /etc/latchkey/htpasswd

[backend.ldap]
host = b

[backend.pam]
service = latchkey
`)
	if len(c.Backends) != 2 || c.Backends[0].Name != "ldap" || c.Backends[1].Name != "flat_file" {
		t.Fatalf("backends %+v", c.Backends)
	}
	ldap, file := settingsOf(t, c.Backends[0]), settingsOf(t, c.Backends[1])
	if ldap["host"] != "b" || ldap["port"] != 636.0 || ldap["use_ssl"] != true || ldap["bind_password"] != `p#a;s%s$w"o'r=d` || len(file) != 1 {
		t.Errorf("ldap %v, flat_file %v", ldap, file)
	}
	for key, line := range map[string]int{"host": 9, "port": 3, "bind_password": 3, "unknown": 8, "": 8} {
		if at := c.Backends[0].Position(key); at.Line != line {
			t.Errorf("ldap's %q stands on line %d, want %d", key, at.Line, line)
		}
	}
	want := "latchkey.conf:11: [backend.pam]: pam is not in [auth] backend, so the section is not used\n"
	if got := noticesOf(c); got != want {
		t.Errorf("notices\n%swant\n%s", got, want)
	}
}

// What cannot be a chain, or its settings.
func TestBackendFaults(t *testing.T) {
	const object = `[auth] backend_kwargs: must be one JSON object, such as {"file_path": "/etc/latchkey/htpasswd"}`
	check(t, "[auth]\nbackend = ldap, ldap\n", "2: [auth] backend: ldap is there twice")
	check(t, "[auth]\nbackend = Ldap, my__own, ../x\n",
		`2: [auth] backend: "Ldap": a backend's name is small letters, digits and single underscores, such as flat_file`,
		`2: [auth] backend: "my__own": a backend's name is small letters, digits and single underscores, such as flat_file`,
		`2: [auth] backend: "../x": a backend's name is small letters, digits and single underscores, such as flat_file`)
	check(t, "[backend.]\n[backend.LDAP]\nhost = x\n", "1: [backend.]: after the dot stands a backend's name, such as [backend.ldap]",
		"2: [backend.LDAP]: after the dot stands a backend's name, such as [backend.ldap]")
	check(t, "[auth]\nbackend_kwargs = {\"bind_password\": \"canary}\n", "2: "+object+"; it ends before the object does")
	check(t, "[auth]\nbackend_kwargs = {'file_path': 'canary'}\n", "2: "+object+"; it goes wrong at character 2")
	check(t, "[auth]\nbackend_kwargs = [\"canary\"]\n", "2: "+object)
	check(t, "[auth]\nbackend_kwargs = {\"a\": 1}}\n", "2: "+object)
	check(t, "[auth]\nbackend_kwargs = null\n", "2: "+object)
	c := mustLoad(t, "[auth]\nbackend = ldap\n[backend.ldpa]\nhost = x\n")
	if got := noticesOf(c); got != "latchkey.conf:3: [backend.ldpa]: ldpa is not in [auth] backend, so the section is not used; did you mean ldap?\n" {
		t.Errorf("notices %s", got)
	}
}

// In proxy mode there are no backends, whatever the file has of them.
func TestProxyModeNeedsNoBackend(t *testing.T) {
	c := mustLoad(t, "[auth]\nmode = proxy\n")
	if c.Auth.Mode != ModeProxy || len(c.Backends) != 0 || len(c.Notices) != 0 {
		t.Errorf("mode %s, backends %v, notices %v", c.Auth.Mode, c.Backends, c.Notices)
	}
	c = mustLoad(t, "[auth]\nmode = proxy\nbackend = pam\n")
	if got := noticesOf(c); len(c.Backends) != 0 || got != "latchkey.conf:3: [auth] backend: in proxy mode the web server in front asks for passwords, so it is not used\n" {
		t.Errorf("backends %v, notices %s", c.Backends, got)
	}
}

// A pin is a checksum, of a backend that is used. hazard 57
func TestPins(t *testing.T) {
	sum := strings.Repeat("0f", 32)
	c := mustLoad(t, "[auth]\nbackend = ldap\n[plugins]\nsha256_ldap = "+strings.ToUpper(sum)+"\nsha256_pam = "+sum+"\nsha256_lpad = "+sum+"\n")
	if len(c.Plugins.SHA256) != 1 || c.Plugins.SHA256["ldap"] != sum {
		t.Errorf("pins %v", c.Plugins.SHA256)
	}
	want := "latchkey.conf:5: [plugins] sha256_pam: pam is not in [auth] backend, so nothing is checked\n" +
		"latchkey.conf:6: [plugins] sha256_lpad: lpad is not in [auth] backend, so nothing is checked; did you mean ldap?\n"
	if got := noticesOf(c); got != want {
		t.Errorf("notices\n%swant\n%s", got, want)
	}
	check(t, "[plugins]\nsha256_flat_file = "+sum[2:]+"\n", "2: [plugins] sha256_flat_file: must be 64 hex digits, as sha256sum prints them")
	check(t, "[plugins]\nsha256_ = "+sum+"\n", "2: [plugins] sha256_: after sha256_ stands the name of a backend, such as flat_file")
}

// In proxy mode there is nobody to check a password at the door.
func TestBasicInProxyMode(t *testing.T) {
	check(t, "[auth]\nmode = proxy\n[verify]\nallow_basic = True\n", "4: [verify] allow_basic: in proxy mode no backend checks a password; set it to False")
	mustLoad(t, "[auth]\nmode = proxy\n[verify]\nallow_basic = False\n")
}
