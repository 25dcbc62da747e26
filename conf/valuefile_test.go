package conf

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// KEY_file takes the value from a file or a systemd credential, whichever source names it; a backend's group_file and the pin
// of the backend flat_file are keys of their own.
func TestValueFiles(t *testing.T) {
	password := write(t, "password", "s e#cret \n", 0o600)
	c := mustLoad(t, "[auth]\nbackend = ldap, flat_file\n[backend.ldap]\nbind_password_file = "+password+"\n[backend.flat_file]\nfile_path = /x\ngroup_file = /y\n"+
		"[plugins]\nsha256_flat_file = "+strings.Repeat("aB", 32)+"\n")
	if got := settingsOf(t, c.Backends[0])["bind_password"]; got != "s e#cret " {
		t.Errorf("bind_password %q", got)
	}
	if at := c.Backends[0].Position("bind_password"); at.Line != 4 {
		t.Errorf("bind_password is set at %s", at)
	}
	if got := settingsOf(t, c.Backends[1]); got["group_file"] != "/y" || got["file_path"] != "/x" {
		t.Errorf("settings %v", got)
	}
	if got := c.Plugins.SHA256["flat_file"]; got != strings.Repeat("ab", 32) {
		t.Errorf("pin %q", got)
	}
	credentials := "CREDENTIALS_DIRECTORY=" + filepath.Dir(password)
	for _, c := range []*Config{
		mustLoad(t, "[auth]\nbackend = ldap\n[backend.ldap]\nbind_password_file = credential:password\n", credentials),
		mustLoad(t, "[auth]\nbackend = ldap\n", credentials, "LATCHKEY_BACKEND_LDAP__BIND_PASSWORD_FILE=credential:password"),
	} {
		if got := settingsOf(t, c.Backends[0])["bind_password"]; got != "s e#cret " {
			t.Errorf("bind_password %q", got)
		}
	}
	port := write(t, "port", "1234\r\n", 0o644) // no secret
	if c := mustLoad(t, "[auth]\nport_file = "+port+"\n"); c.Auth.Port != 1234 {
		t.Errorf("port %d", c.Auth.Port)
	}
	if c := mustLoad(t, "[auth]\nport = 1\nport_file = None\n"); c.Auth.Port != 1 {
		t.Errorf("port %d", c.Auth.Port)
	}
}

// Of KEY and KEY_file the one from the later source counts.
func TestValueFilesAndRank(t *testing.T) {
	file := write(t, "port", "1234", 0o600)
	withFile := write(t, "a.conf", "[auth]\nport_file = "+file+"\n", 0o600)
	withKey := write(t, "b.conf", "[auth]\nport = 5678\n", 0o600)
	for _, c := range []struct {
		files []string
		env   []string
		want  int
	}{
		{[]string{withFile, withKey}, nil, 5678},
		{[]string{withKey, withFile}, nil, 1234},
		{[]string{withFile}, []string{"LATCHKEY_AUTH__PORT=1"}, 1},
		{[]string{withKey}, []string{"LATCHKEY_AUTH__PORT_FILE=" + file}, 1234},
	} {
		got, err := Load(c.files, c.env)
		if err != nil {
			t.Fatal(err)
		}
		if got.Auth.Port != c.want {
			t.Errorf("%v %v: port %d, want %d", c.files, c.env, got.Auth.Port, c.want)
		}
	}
	check(t, "[auth]\nport = 1\nport_file = "+file+"\n", "3: [auth] port_file: port is set, too; give one of the two")
}

// A file with a value that cannot be used is named, and nothing of what is in it is shown.
func TestBadValueFiles(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	empty, long := write(t, "empty", "\n", 0o600), write(t, "long", strings.Repeat("canary", maxValueFile), 0o600)
	binary, lines := write(t, "binary", "canary\x00", 0o600), write(t, "lines", "canary\ncanary\n", 0o600)
	for name, want := range map[string]string{
		"/nonexistent/x":        "/nonexistent/x cannot be read: no such file or directory",
		"relative":              "must be a path that begins with /, or credential:NAME",
		dir:                     dir + " is no file",
		fifo:                    fifo + " is no file",
		empty:                   empty + " is empty",
		long:                    long + " is longer than 65536 bytes",
		lines:                   lines + " has several lines, and the value is one",
		binary:                  binary + " holds a control character or is not UTF-8",
		"credential:x":          "there are no credentials: $CREDENTIALS_DIRECTORY is not set, which systemd does for LoadCredential=",
		"credential:":           "after credential: stands the name that LoadCredential= has in the unit",
		"credential:../x":       "after credential: stands the name that LoadCredential= has in the unit",
		"credential:/etc/passw": "after credential: stands the name that LoadCredential= has in the unit",
	} {
		check(t, "[bootstrap]\nroles = ops\ntoken_file = "+name+"\n", "3: [bootstrap] token_file: "+want)
	}
}

// A secret of ours must not be in a file that everybody on the host can read, nor must a file that holds a value. hazard 65
func TestSecretsForAllToRead(t *testing.T) {
	const strong = "Zk3vQ8xN1pR7tW2mB5cY9dL4"
	for text, line := range map[string]string{
		"[auth]\nbackend = ldap\n[backend.ldap]\nbind_password = canary\n": "4: [backend.ldap] bind_password",
		"[bootstrap]\nroles = admin\ntoken = " + strong + "\n":             "3: [bootstrap] token",
	} {
		for _, mode := range []os.FileMode{0o644, 0o604} {
			path := write(t, "latchkey.conf", text, mode)
			_, err := Load([]string{path}, nil)
			want := path + ":" + line + ": it is a secret, and everybody on this host can read the file; run: chmod o-r " + path
			if err == nil || err.Error() != want {
				t.Errorf("mode %o: %v\nwant %s", mode, err, want)
			}
		}
		if _, err := Load([]string{write(t, "latchkey.conf", text, 0o640)}, nil); err != nil {
			t.Errorf("mode 0640: %v", err)
		}
	}
	for _, text := range []string{"[auth]\nport = 1\n", "[auth]\nbackend = ldap\n[backend.ldap]\nbind_dn = cn=x\nbind_password_file = " + write(t, "p", "x", 0o600) + "\n"} {
		if _, err := Load([]string{write(t, "latchkey.conf", text, 0o644)}, nil); err != nil {
			t.Errorf("no secret is inside: %v", err)
		}
	}
	open := write(t, "password", "canary\n", 0o644)
	check(t, "[auth]\nbackend = ldap\n[backend.ldap]\nbind_password_file = "+open+"\n",
		"4: [backend.ldap] bind_password_file: everybody on this host can read "+open+"; run: chmod o-r "+open)
}

// Variables with our prefix and two underscores are settings; a wrong one is a fault.
func TestEnvironment(t *testing.T) {
	c, err := Load(nil, []string{"LATCHKEY_ROLES__OPS=user:alice", "LATCHKEY_AUTH__HOST=", "LATCHKEY_BACKEND_MY_OWN__X=1", "LATCHKEY_AUTH__BACKEND=my_own"})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Roles) != 1 || c.Roles[0].Name != "ops" || c.Auth.Host != "127.0.0.1" || settingsOf(t, c.Backends[0])["x"] != "1" {
		t.Errorf("config %+v", c)
	}
	_, err = Load(nil, []string{
		"LATCHKEY_AUHT__PORT=1", "LATCHKEY_AUTH__PROT=1", "LATCHKEY_API__HOST=x", "LATCHKEY_LOG__LEVEL=\x00canary", "LATCHKEY_AUTH__\nX=1", "LATCHKEY_STORE__URL=\xff",
	})
	found, ok := errors.AsType[Faults](err)
	want := `LATCHKEY_API__HOST: [api] host means something to StackStorm only; remove the variable
LATCHKEY_AUHT__PORT: there is no section [auht]; did you mean auth?
LATCHKEY_AUTH__PROT: [auth] prot: there is no such key; did you mean port?
LATCHKEY_LOG__LEVEL: [log] level: the value holds a control character or is not UTF-8
LATCHKEY_STORE__URL: [store] url: the value holds a control character or is not UTF-8
`
	if !ok || report(found) != want {
		t.Errorf("faults\n%swant\n%s", report(found), want)
	}
}
