package pam

import (
	"crypto/rand"
	"encoding/hex"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/plugins"
	"latchkey/plugins/secret"
)

// right is the password of every account that a test makes.
const right = "opensesame"

// quiet is a logger for tests that do not look at the log.
func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// command runs a program with text on its standard input and fails the test when it fails.
func command(t testing.TB, debian, input, name string, arguments ...string) string {
	t.Helper()
	c := exec.Command(name, arguments...)
	c.Stdin = strings.NewReader(input)
	output, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s (Debian package %s): %v: %s", name, strings.Join(arguments, " "), debian, err, output)
	}
	return strings.TrimSpace(string(output))
}

// shadowTools runs a program of Debian's package passwd, which changes /etc/passwd and its like. While another one holds
// their lock, it is tried again.
func shadowTools(t testing.TB, input, name string, arguments ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("these tests make accounts with useradd and must run as root")
	}
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for range 400 {
		c := exec.Command(name, arguments...)
		c.Stdin = strings.NewReader(input)
		output, err := c.CombinedOutput()
		if err == nil {
			return
		}
		if text := string(output); !strings.Contains(text, "lock") && !strings.Contains(text, "try again") {
			t.Fatalf("%s %s (Debian package passwd): %v: %s", name, strings.Join(arguments, " "), err, output)
		}
		<-again.C
	}
	t.Fatalf("%s: the lock of /etc/passwd did not get free", name)
}

// random returns a name that no account has.
func random(t testing.TB) string {
	t.Helper()
	digits := make([]byte, 6)
	if _, err := rand.Read(digits); err != nil {
		t.Fatal(err)
	}
	return "lktest" + hex.EncodeToString(digits)
}

// addAccount makes a real account with the password right and removes it at the end of the test.
func addAccount(t testing.TB) string {
	t.Helper()
	name := random(t)
	hash := command(t, "openssl", right, "openssl", "passwd", "-6", "-stdin")
	shadowTools(t, "", "useradd", "--no-create-home", "--user-group", "--shell", "/bin/bash", "--comment", "Latchkey Test,,,", "--password", hash, name)
	t.Cleanup(func() { shadowTools(t, "", "userdel", name) })
	return name
}

// addGroup makes a real group with one more member and removes it at the end of the test.
func addGroup(t testing.TB, member string) string {
	t.Helper()
	name := random(t)
	shadowTools(t, "", "groupadd", name)
	t.Cleanup(func() { shadowTools(t, "", "groupdel", name) })
	shadowTools(t, "", "usermod", "--append", "--groups", name, member)
	return name
}

// unix is a stack as systemd/latchkey.pam has it.
var unix = []string{"auth required pam_unix.so nodelay", "account required pam_unix.so"}

// stack writes a service file into a folder of the test's and returns settings for it, without a wait for refusals.
func stack(t testing.TB, lines ...string) options {
	t.Helper()
	o := options{Service: "latchkey", ConfDir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(o.ConfDir, o.Service), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return o
}

// testModule builds the module of testdata and returns its path, to be named in a stack.
func testModule(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pam_latchkey_test.so")
	command(t, "gcc, libpam0g-dev", "", "gcc", "-std=gnu99", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-o", path, "testdata/module.c", "-lpam")
	return path
}

// ask puts a name and a password to a backend.
func ask(t testing.TB, b plugins.Backend, name, password string) plugins.Result {
	t.Helper()
	result, err := b.Authenticate(t.Context(), plugins.Request{Name: name, Password: secret.New(password), Trace: true})
	if err != nil {
		t.Fatalf("%q could not be decided: %v", name, err)
	}
	if password != "" && strings.Contains(strings.Join(result.Steps, "\n"), password) {
		t.Errorf("the steps hold the password:\n%s", strings.Join(result.Steps, "\n"))
	}
	return result
}
