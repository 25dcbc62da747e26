package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a test waits for something that must come.
const patience = 20 * time.Second

// terminal is a command that runs on a terminal of its own.
type terminal struct {
	t      *testing.T
	master *os.File
	cmd    *exec.Cmd

	mu    sync.Mutex
	shown bytes.Buffer
	more  chan struct{} // gets a value when more has been shown
}

// onTerminal starts latchkey with args on a new terminal; environ is added to an environment without a home. Standard output
// goes to the terminal, too.
func onTerminal(t *testing.T, environ []string, args ...string) *terminal {
	t.Helper()
	master, slave := openTerminal(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, master: master, more: make(chan struct{}, 1)}
	term.cmd = &exec.Cmd{Path: self, Args: append([]string{"latchkey"}, args...)} // by that name TestMain knows what to be
	term.cmd.Env = append([]string{"GORACE=" + noRaceSleep, "TERM=xterm-256color", "HOME=" + t.TempDir()}, environ...)
	term.cmd.Stdin, term.cmd.Stdout, term.cmd.Stderr = slave, slave, slave
	term.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := term.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// The test's end of the slave stays open: it is where the terminal's settings are read, also after the command's end.
	t.Cleanup(func() {
		_ = term.cmd.Process.Kill() // it may have ended
		_ = slave.Close()
		_ = master.Close()
	})
	go term.read()
	return term
}

// openTerminal returns both ends of a new pseudo-terminal (pts(4)).
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// read collects what the terminal shows.
func (x *terminal) read() {
	block := make([]byte, 4096)
	for {
		n, err := x.master.Read(block)
		x.mu.Lock()
		x.shown.Write(block[:n])
		x.mu.Unlock()
		select {
		case x.more <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// text returns what the terminal has shown so far.
func (x *terminal) text() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.shown.String()
}

// waitFor waits until the terminal shows text.
func (x *terminal) waitFor(text string) {
	x.t.Helper()
	deadline := time.After(patience)
	for !strings.Contains(x.text(), text) {
		select {
		case <-x.more:
		case <-deadline:
			x.t.Fatalf("the terminal does not show %q but %q", text, x.text())
		}
	}
}

// waitEcho waits until the terminal shows what is typed, or no longer does.
func (x *terminal) waitEcho(on bool) {
	x.t.Helper()
	deadline, ticker := time.After(patience), time.NewTicker(2*time.Millisecond)
	defer ticker.Stop()
	for x.echo() != on {
		select {
		case <-ticker.C:
		case <-deadline:
			x.t.Fatalf("echo is not %v", on)
		}
	}
}

// echo reports whether the terminal shows what is typed.
func (x *terminal) echo() bool {
	x.t.Helper()
	settings, err := unix.IoctlGetTermios(int(x.master.Fd()), unix.TCGETS)
	if err != nil {
		x.t.Fatal(err)
	}
	return settings.Lflag&unix.ECHO != 0
}

// typed types text.
func (x *terminal) typed(text string) {
	x.t.Helper()
	if _, err := io.WriteString(x.master, text); err != nil {
		x.t.Fatal(err)
	}
}

// wait waits for the command's end and returns its exit code.
func (x *terminal) wait() int {
	x.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- x.cmd.Wait() }()
	select {
	case err := <-ended:
		if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
			x.t.Fatal(err)
		}
	case <-time.After(patience):
		x.t.Fatalf("the command does not end; the terminal shows %q", x.text())
	}
	return x.cmd.ProcessState.ExitCode()
}

// The password is asked for on the terminal and not shown, and nothing in colour is. hazard 25
func TestPromptHidesPassword(t *testing.T) {
	server := newTestServer(t, t.TempDir())
	x := onTerminal(t, []string{"LATCHKEY_URL=" + server.plain.URL}, "auth", "alice")
	x.waitFor("Password of alice: ")
	x.waitEcho(false)
	x.typed("secret\n")
	if code := x.wait(); code != exitOK {
		t.Fatalf("exit code %d: %s", code, x.text())
	}
	x.waitFor("| token    | lkt_")
	if strings.Contains(x.text(), "secret") || strings.Contains(x.text(), "\x1b") || strings.Contains(x.text(), "warning") {
		t.Errorf("the terminal shows %q", x.text())
	}
	x.waitEcho(true)
}

// Ctrl-C at the question ends with 130 and leaves the terminal as it was, and so does SIGTERM.
func TestPromptInterrupted(t *testing.T) {
	server := newTestServer(t, t.TempDir())
	for name, interrupt := range map[string]func(*terminal){
		"Ctrl-C":  func(x *terminal) { x.typed("sec\x03") },
		"SIGTERM": func(x *terminal) { _ = x.cmd.Process.Signal(syscall.SIGTERM) },
	} {
		x := onTerminal(t, []string{"LATCHKEY_URL=" + server.plain.URL}, "login", "alice")
		x.waitFor("Password of alice: ")
		x.waitEcho(false)
		interrupt(x)
		if code := x.wait(); code != exitInterrupted {
			t.Errorf("%s: exit code %d: %s", name, code, x.text())
		}
		x.waitEcho(true)
		x.waitFor("latchkey: interrupted")
	}
	if n := server.requests.Load(); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// An empty answer is no password.
func TestPromptEmpty(t *testing.T) {
	x := onTerminal(t, nil, "auth", "alice")
	x.waitFor("Password of alice: ")
	x.waitEcho(false)
	x.typed("\n")
	if code := x.wait(); code != exitUsage {
		t.Errorf("exit code %d: %s", code, x.text())
	}
	x.waitFor("the password is empty")
}

// On a terminal a secret among the arguments is warned of, and so is a connection that anybody can read.
func TestWarnings(t *testing.T) {
	for warning, args := range map[string][]string{
		"warning: -p shows the password":        {"--url", "http://127.0.0.1:1", "auth", "alice", "-p", "secret"},
		"warning: --token and --api-key show":   {"--url", "http://127.0.0.1:1", "whoami", "--token", "lkt_x"},
		"warning: everybody on this host can":   {"--url", "http://127.0.0.1:1", "token", "validate", "lkt_x"},
		"warning: the connection is not encryp": {"--url", "http://host.invalid", "whoami"},
	} {
		x := onTerminal(t, nil, args...)
		if code := x.wait(); code != exitUnreachable {
			t.Errorf("%q: exit code %d", args, code)
		}
		x.waitFor(warning)
	}
}

// Only "yes" confirms.
func TestConfirm(t *testing.T) {
	server := newTestServer(t, t.TempDir())
	environ := []string{"LATCHKEY_URL=unix://" + server.socket}
	if code := onTerminal(t, environ, "user", "create", "bob").wait(); code != exitOK {
		t.Fatalf("exit code %d", code)
	}
	for _, test := range []struct {
		answer string
		code   int
	}{{"no\n", exitError}, {"\n", exitError}, {"\x04", exitError}, {"yes\n", exitOK}} {
		x := onTerminal(t, environ, "user", "delete", "bob")
		x.waitFor("Type yes to go on: ")
		x.typed(test.answer)
		if code := x.wait(); code != test.code {
			t.Errorf("%q: exit code %d: %s", test.answer, code, x.text())
		}
	}
	if code := onTerminal(t, environ, "user", "get", "bob").wait(); code != exitNotFound {
		t.Errorf("exit code %d after the deletion", code)
	}
}

// A call that hangs ends with SIGINT, with the shells' code for it.
func TestInterruptedCall(t *testing.T) {
	server := newTestServer(t, t.TempDir())
	asked := make(chan struct{})
	server.handle(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { close(asked); <-r.Context().Done() }))
	x := onTerminal(t, []string{"LATCHKEY_URL=" + server.plain.URL}, "whoami", "-t", "lkt_x")
	select {
	case <-asked:
	case <-time.After(patience):
		t.Fatal("nothing was asked")
	}
	x.typed("\x03")
	if code := x.wait(); code != exitInterrupted {
		t.Errorf("exit code %d: %s", code, x.text())
	}
}
