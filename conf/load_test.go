package conf

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// load reads text as a configuration file that only its owner can read.
func load(t *testing.T, text string, environ ...string) (*Config, error) {
	t.Helper()
	return Load([]string{write(t, "latchkey.conf", text, 0o600)}, environ)
}

// write puts a file into a folder of the test's and returns its path.
func write(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// mustLoad is load of what has no fault.
func mustLoad(t *testing.T, text string, environ ...string) *Config {
	t.Helper()
	c, err := load(t, text, environ...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// faultsOf is load of what has some. It returns them one a line, without the folder of the file.
func faultsOf(t *testing.T, text string, environ ...string) string {
	t.Helper()
	c, err := load(t, text, environ...)
	found, ok := errors.AsType[Faults](err)
	if !ok || c != nil {
		t.Fatalf("Load = %v, %v; want faults", c, err)
	}
	return report(found)
}

// report returns faults one a line, without the folders of their files.
func report(faults []Fault) string {
	var lines strings.Builder
	for _, fault := range faults {
		fault.Position.File = filepath.Base(fault.Position.File)
		lines.WriteString(fault.String() + "\n")
	}
	return lines.String()
}

// noticesOf returns a configuration's notices one a line, without the folders of their files.
func noticesOf(c *Config) string {
	var faults []Fault
	for _, notice := range c.Notices {
		faults = append(faults, Fault(notice))
	}
	return report(faults)
}

// settingsOf returns a backend's settings.
func settingsOf(t *testing.T, b Backend) map[string]any {
	t.Helper()
	var values map[string]any
	if err := json.Unmarshal([]byte(b.Settings.Reveal()), &values); err != nil {
		t.Fatal(err)
	}
	return values
}

// check fails the test unless what a faulty file gets is exactly want, whose lines are without the file's name.
func check(t *testing.T, text string, want ...string) {
	t.Helper()
	var lines strings.Builder
	for _, line := range want {
		lines.WriteString("latchkey.conf:" + line + "\n")
	}
	if got := faultsOf(t, text); got != lines.String() {
		t.Errorf("%q gets\n%swant\n%s", text, got, lines.String())
	}
}

// Nothing configured is a configuration: loopback, flat_file, a store below /var/lib.
func TestDefaults(t *testing.T) {
	c, err := Load(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Auth{
		Host: "127.0.0.1", Port: 9100, Mode: ModeStandalone, Enable: true, TokenTTL: 24 * time.Hour, ServiceTokenTTL: 24 * time.Hour,
		QueryCredentials: true,
	}
	if c.Auth != want || len(c.Notices) != 0 {
		t.Errorf("[auth] %+v, notices %v", c.Auth, c.Notices)
	}
	if len(c.Backends) != 1 || c.Backends[0].Name != "flat_file" || c.Backends[0].Settings.Reveal() != "{}" {
		t.Errorf("backends %+v", c.Backends)
	}
}

// Later files win key by key, and the environment wins over files; what lost is not looked at.
func TestPrecedence(t *testing.T) {
	first := write(t, "a.conf", "[auth]\nhost = ::1\nport = no number\ntoken_ttl = 60\n", 0o600)
	second := write(t, "b.conf", "[auth]\nport = 2000\ntoken_ttl = 70\n", 0o600)
	c, err := Load([]string{first, second}, []string{"LATCHKEY_AUTH__TOKEN_TTL=80", "LATCHKEY_URL=https://x", "LATCHKEY_AUTH_TOKEN=lkt_x", "HOME=/"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Auth.Host != "::1" || c.Auth.Port != 2000 || c.Auth.TokenTTL != 80*time.Second {
		t.Errorf("[auth] %+v", c.Auth)
	}
}

// Faults come in the order of the files, then of their lines, then of the variables; all of them at once.
func TestOrderOfFaults(t *testing.T) {
	second := write(t, "a.conf", "[log]\nlevel = loud\n", 0o600)
	first := write(t, "z.conf", "[verify]\nallow_basic = perhaps\n[auth]\nport = 0\n", 0o600)
	_, err := Load([]string{first, second}, []string{"LATCHKEY_STORE__URL=mysql://x", "LATCHKEY_AUTH__MODE=open"})
	found, ok := errors.AsType[Faults](err)
	if !ok {
		t.Fatalf("error %v", err)
	}
	want := `z.conf:2: [verify] allow_basic: must be True or False
z.conf:4: [auth] port: must be a whole number from 1 to 65535
a.conf:2: [log] level: must be debug, info, warning or error
LATCHKEY_AUTH__MODE: [auth] mode: must be standalone or proxy
LATCHKEY_STORE__URL: [store] url: must be bolt:/PATH/OF/FILE, or postgres://USER@HOST/DATABASE
`
	if got := report(found); got != want {
		t.Errorf("faults\n%swant\n%s", got, want)
	}
	if err.Error() != strings.TrimSuffix(strings.ReplaceAll(strings.ReplaceAll(want, "z.conf", first), "a.conf", second), "\n") {
		t.Errorf("Error() = %s", err)
	}
}

// Files that cannot be read are named, each on its line.
func TestUnreadableFiles(t *testing.T) {
	long := write(t, "long.conf", strings.Repeat("#\n", maxFile), 0o600)
	dir := t.TempDir()
	_, err := Load([]string{"/nonexistent/latchkey.conf", dir, long}, nil)
	want := "/nonexistent/latchkey.conf: the file is not there; write it, or name another with --config-file\n" +
		dir + ": the file cannot be read: is a directory\n" +
		long + ": the file cannot be read: it is longer than 1048576 bytes"
	if err == nil || err.Error() != want {
		t.Errorf("error %v\nwant %s", err, want)
	}
}

// Every value that is read has a range, and its fault says which.
func TestRanges(t *testing.T) {
	for text, want := range map[string]string{
		"[auth]\nhost = 0.0.0.0:9100":         `2: [auth] host: must be a host's name or an address such as 0.0.0.0 or ::1; the port has a key of its own`,
		"[auth]\nport = 65536":                `2: [auth] port: must be a whole number from 1 to 65535`,
		"[auth]\ntoken_ttl = 0":               `2: [auth] token_ttl: must be a time from 1s to 87600h: a number of seconds, or with a unit, such as 15m`,
		"[auth]\ntoken_ttl = 24 hours":        `2: [auth] token_ttl: must be a time from 1s to 87600h: a number of seconds, or with a unit, such as 15m`,
		"[auth]\ntoken_ttl = -5m":             `2: [auth] token_ttl: must be a time from 1s to 87600h: a number of seconds, or with a unit, such as 15m`,
		"[auth]\ntoken_ttl = 999999999999999": `2: [auth] token_ttl: must be a time from 1s to 87600h: a number of seconds, or with a unit, such as 15m`,
		"[auth]\napi_url = myhost":            `2: [auth] api_url: must be a URL such as https://myhost.example.com/api/`,
		"[auth]\ndebug = 2":                   `2: [auth] debug: must be True or False`,
		"[throttle]\nfailures = 0":            `2: [throttle] failures: must be a whole number from 1 to 1000`,
		"[throttle]\nqueue = many":            `2: [throttle] queue: must be a whole number from 0 to 65536`,
		"[verify]\nbasic_cache = 11m":         `2: [verify] basic_cache: must be a time from 0 to 10m: a number of seconds, or with a unit, such as 15m`,
		"[admin]\nlisten = 9180":              `2: [admin] listen: must be HOST:PORT, such as 127.0.0.1:9180, or off`,
		"[admin]\nlisten = x:port":            `2: [admin] listen: must be HOST:PORT, such as 127.0.0.1:9180, or off`,
		"[admin]\nsocket = admin.sock":        `2: [admin] socket: must be a path that begins with /; or off`,
		"[log]\nformat = xml":                 `2: [log] format: must be text or json`,
		"[log]\nfile = latchkey.log":          `2: [log] file: must be a path that begins with /`,
		"[plugins]\ndir = backends":           `2: [plugins] dir: must be a path that begins with /`,
		"[store]\nurl = bolt:latchkey.db":     `2: [store] url: the path after bolt: must begin with /`,
		"[store]\nurl = postgres://u:p%@h/db": `2: [store] url: it cannot be read; in the password every character but letters and digits is written as %XX`,
		"[store]\ngrace = 5":                  `2: [store] grace: it is for a database that can be away; a file is not, so leave it out`,
		"[store]\ncache = 0":                  `2: [store] cache: must be a whole number from 1 to 65536`,
		"[auth]\nport = 1\n  2":               `2: [auth] port: the next line is indented and so belongs to this value, which must be on one line; take the white space away`,
	} {
		check(t, text+"\n", want)
	}
	check(t, "[admin]\nsocket = /"+strings.Repeat("x", maxSocketPath)+"\n", "2: [admin] socket: a socket's path has at most 107 bytes; or off")
}

// Times are seconds or have a unit, and are shown without units that are zero.
func TestDurations(t *testing.T) {
	for value, want := range map[string]string{"900": "15m", "15m": "15m", "24h": "24h", "1h30m": "1h30m", "86400": "24h", "90s": "1m30s", "3600s": "1h"} {
		c := mustLoad(t, "[auth]\ntoken_ttl = "+value+"\n")
		if got := shortDuration(c.Auth.TokenTTL); got != want {
			t.Errorf("%s is read as %s, want %s", value, got, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "0", 100 * time.Millisecond: "100ms", 20 * time.Second: "20s", 10 * time.Minute: "10m"} {
		if got := shortDuration(d); got != want {
			t.Errorf("%v is shown as %s, want %s", d, got, want)
		}
	}
}

// Booleans are written as oslo.config takes them.
func TestBooleans(t *testing.T) {
	for _, value := range []string{"True", "true", "YES", "on", "1"} {
		if !mustLoad(t, "[verify]\nallow_basic = "+value+"\n").Verify.AllowBasic {
			t.Errorf("%s is false", value)
		}
	}
	for _, value := range []string{"False", "no", "Off", "0"} {
		if mustLoad(t, "[auth]\nquery_credentials = "+value+"\n").Auth.QueryCredentials {
			t.Errorf("%s is true", value)
		}
	}
}
