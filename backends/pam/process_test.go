package pam

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/plugins"
	"latchkey/plugins/plugintest"
	"latchkey/plugins/secret"
)

// fixture is the backend's command with an account and a stack.
func fixture(account string, o options) plugintest.Fixture {
	return plugintest.Fixture{
		Factory: New, Backend: "pam", Package: "latchkey/cmd/latchkey-backend-pam",
		Settings: fmt.Sprintf(`{"service": %q, "confdir": %q, "min_refusal": "10ms"}`, o.Service, o.ConfDir),
		User:     account, Password: right, Name: account, Groups: []string{account},
		Unknown: account + "x",
	}
}

// The backend keeps the contract with a real account, in process and as a child process.
func TestContract(t *testing.T) {
	plugintest.Run(t, fixture(addAccount(t), stack(t, unix...)))
}

// A module that crashes takes the backend's process with it: the call gets an error, and the caller's process is still there.
// The daemon starts the backend anew (daemon/host). hazard 19
func TestCrashingModule(t *testing.T) {
	f := fixture("alice", stack(t, "auth required "+testModule(t)+" ask=off crash", "account required pam_permit.so"))
	log := &plugintest.Log{}
	connection := f.Launch(t, log)
	if err := connection.Client().Configure(t.Context(), plugins.NewSettings(secret.New(f.Settings))); err != nil {
		t.Fatal(err)
	}
	if got, err := connection.Client().Authenticate(t.Context(), plugins.Request{Name: "alice", Password: secret.New(right)}); err == nil {
		t.Errorf("a module that crashes gets %+v", got)
	}
	select {
	case <-connection.Gone():
	case <-time.After(patience):
		t.Error("the process is still there")
	}
	if strings.Contains(log.String(), right) {
		t.Error("the password is in what the process wrote when it crashed")
	}
}

// A deadline holds across the processes, and the next call is answered while the module still hangs. hazard 18
func TestStuckModuleInTheChild(t *testing.T) {
	release := filepath.Join(t.TempDir(), "release")
	account := addAccount(t)
	o := stack(t, append([]string{
		"auth [success=1 default=ignore] pam_succeed_if.so quiet user = " + account,
		"auth required " + testModule(t) + " wait=" + release,
	}, unix...)...)
	f := fixture(account, o)
	connection := f.Launch(t, &plugintest.Log{})
	client := connection.Client()
	if err := client.Configure(t.Context(), plugins.NewSettings(secret.New(f.Settings))); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if got, err := client.Authenticate(ctx, plugins.Request{Name: "root", Password: secret.New(right)}); err == nil {
		t.Errorf("a module that hangs gets %+v", got)
	}
	if got := ask(t, client, account, right); got.Outcome != plugins.Accepted {
		t.Errorf("beside a module that hangs, the right password gets %+v", got)
	}
	if err := client.Check(t.Context()); err != nil {
		t.Errorf("Check() = %v", err)
	}
	if err := os.WriteFile(release, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// The environment variables with which the test's own program becomes one that asks PAM once.
const (
	askName    = "LATCHKEY_TEST_ASK_NAME"
	askConfDir = "LATCHKEY_TEST_ASK_CONFDIR"
)

// TestMain runs the tests, or asks PAM once as whoever the process belongs to; the password comes on standard input.
func TestMain(m *testing.M) {
	if name := os.Getenv(askName); name != "" {
		os.Exit(askOnce(name, os.Getenv(askConfDir)))
	}
	os.Exit(m.Run())
}

// askOnce prints an outcome and a reason, and what was logged.
func askOnce(name, folder string) int {
	password, err := io.ReadAll(os.Stdin)
	if err != nil {
		return 1
	}
	log := &plugintest.Log{}
	settings := fmt.Sprintf(`{"confdir": %q, "min_refusal": 0}`, folder)
	b, err := New(context.Background(), plugins.NewSettings(secret.New(settings)), log.Logger())
	if err != nil {
		fmt.Println(err)
		return 1
	}
	result, err := b.Authenticate(context.Background(), plugins.Request{Name: name, Password: secret.New(string(password)), Trace: true})
	fmt.Printf("outcome %d, reason %q, error %v, log %q, steps %q\n", result.Outcome, result.Reason, err, log.String(), result.Steps)
	return 0
}

// An unprivileged process in the group shadow checks passwords and accounts, with no_new_privs as under systemd; outside of
// the group it accepts nobody, and says why. hazard 20
func TestWithoutPrivileges(t *testing.T) {
	account := addAccount(t)
	expired := addAccount(t)
	shadowTools(t, "", "chage", "-E0", expired)
	o := stack(t, unix...)
	for _, path := range []string{filepath.Dir(o.ConfDir), o.ConfDir, filepath.Join(o.ConfDir, o.Service)} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		groups, name, password string
		want                   string
	}{
		{"--groups=shadow", account, right, fmt.Sprintf("outcome %d, reason \"\"", plugins.Accepted)},
		{"--groups=shadow", account, "wrong", fmt.Sprintf("outcome %d, reason %q", plugins.Denied, plugins.ReasonWrongPassword)},
		{"--groups=shadow", account + "x", right, fmt.Sprintf("outcome %d, reason %q", plugins.UnknownUser, plugins.ReasonUnknownUser)},
		{"--groups=shadow", expired, right, fmt.Sprintf("outcome %d, reason %q", plugins.Denied, plugins.ReasonAccountExpired)},
		{"--clear-groups", account, right, "this process may not read /etc/shadow"},
	}
	for _, c := range cases {
		file, err := os.Open(program) // the folder of a test's program is for root only
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		run := exec.Command("setpriv", "--reuid=nobody", "--regid=nogroup", c.groups, "--no-new-privs", "--inh-caps=-all", "/proc/self/fd/3")
		run.ExtraFiles = []*os.File{file}
		run.Env = []string{askName + "=" + c.name, askConfDir + "=" + o.ConfDir, "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
		run.Dir = "/"
		run.Stdin = strings.NewReader(c.password)
		output, err := run.CombinedOutput()
		if err != nil {
			t.Fatalf("setpriv (Debian package util-linux): %v: %s", err, output)
		}
		if !bytes.Contains(output, []byte(c.want)) {
			t.Errorf("%s with %q and %s gets %s, want %s", c.name, c.password, c.groups, output, c.want)
		}
		if c.groups == "--clear-groups" && bytes.Contains(output, []byte(fmt.Sprintf("outcome %d", plugins.Accepted))) {
			t.Errorf("without the group shadow, somebody is accepted: %s", output)
		}
		t.Logf("%s", output)
	}
}
