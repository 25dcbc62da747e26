package proxies_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// programs is the folder with the real executables that TestMain builds.
var programs string

// TestMain builds the daemon and the backend flat_file once; the tests run them as an administrator does.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "latchkey-proxies-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		build := exec.Command("go", "build", "-o", dir+"/", "latchkey/cmd/latchkeyd", "latchkey/cmd/latchkey-backend-flat-file")
		if output, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "the programs cannot be built: %v\n%s", err, output)
			return 1
		}
		programs = dir
		return m.Run()
	}())
}

// patience is how long a test waits for something that must come.
const patience = 30 * time.Second

// eventually polls until condition holds, and fails the test when it does not in time.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline, ticker := time.After(patience), time.NewTicker(5*time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("it did not come: %s", what)
		case <-ticker.C:
		}
	}
}

// freeAddress returns an address of loopback that nobody listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	return socket.Addr().String()
}

// installed returns the path of a program of Debian's, and fails the test with the name of the package when it is missing.
func installed(t testing.TB, file, packages string) string {
	t.Helper()
	if filepath.IsAbs(file) {
		if _, err := os.Stat(file); err != nil {
			t.Fatalf("%v; run: apt-get install %s", err, packages)
		}
		return file
	}
	path, err := exec.LookPath(file)
	if err != nil {
		t.Fatalf("%v; run: apt-get install %s", err, packages)
	}
	return path
}

// process is a program under test, with the children that it starts.
type process struct {
	t    testing.TB
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended

	mu     sync.Mutex
	output bytes.Buffer
}

// Write takes what the program prints.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.Write(b)
}

// text returns what the program has printed so far.
func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// launch starts a program in a process group of its own; the test's end ends it.
func launch(t testing.TB, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(name, args...), done: make(chan struct{})}
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent"}, env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the state is read from cmd.ProcessState
		close(p.done)
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			text := p.text()
			t.Logf("output of %s:\n%s", filepath.Base(name), text[max(0, len(text)-4000):])
		}
	})
	return p
}

// stop ends the program in good order, and what is left of its group at once.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
}

// waitFor waits until the program listens on address.
func (p *process) waitFor(address string) {
	p.t.Helper()
	eventually(p.t, p.cmd.Path+" on "+address, func() bool {
		select {
		case <-p.done:
			p.t.Fatalf("%s ended: %v\n%s", p.cmd.Path, p.cmd.ProcessState, p.text())
		default:
		}
		connection, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		_ = connection.Close()
		return true
	})
}
