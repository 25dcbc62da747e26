package audit

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// After logrotate has moved the file away, a new one is begun; what is looser or a link is not used as it is.
func TestReopen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "audit.log")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	l := openLog(t, path, time.Second)
	record := func() {
		t.Helper()
		if err := l.Record(t.Context(), Event{Event: EventLogin}); err != nil {
			t.Fatal(err)
		}
	}
	record()
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	record()
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	record()
	if old, fresh := len(lines(t, path+".1")), len(lines(t, path)); old != 2 || fresh != 1 {
		t.Errorf("%d and %d records", old, fresh)
	}
	if info, err := os.Stat(path + ".1"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.Symlink(path, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(dir, "link"), time.Second, at); err == nil || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("a link: %v", err)
	}
}

// On a full disk a record fails, no half line stays, and it heals when there is room; then a line tells how many are missing.
// hazard 69
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatalf("a small file system cannot be mounted (run the tests as root): %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	path := filepath.Join(dir, "audit.log")
	l := openLog(t, path, 5*time.Second)
	if err := os.WriteFile(filepath.Join(dir, "ballast"), make([]byte, 32<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	written := 0
	var failed error
	for ; failed == nil && written < 10_000; written++ {
		failed = l.Record(t.Context(), Event{Event: EventLogin, User: strings.Repeat("u", 200)})
	}
	written--
	if !errors.Is(failed, unix.ENOSPC) || !errors.Is(l.Check(), unix.ENOSPC) {
		t.Fatalf("the disk is full: %v, ready %v", failed, l.Check())
	}
	if err := l.Record(t.Context(), Event{Event: EventLogin, User: strings.Repeat("u", 200)}); err == nil {
		t.Error("the disk is still full")
	}
	if n := len(lines(t, path)); n != written {
		t.Errorf("%d whole lines, want %d", n, written)
	}
	if err := os.Remove(filepath.Join(dir, "ballast")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.Check(); err != nil { // nobody has to try first
			t.Fatalf("with room again: %v", err)
		}
	}
	if err := l.Record(t.Context(), Event{Event: EventDaemonStop}); err != nil {
		t.Fatalf("with room again: %v", err)
	}
	all := lines(t, path)[written:]
	if len(all) != 2 || all[0]["event"] != EventGap || all[0]["reason"] != "unwritten_2" || all[1]["event"] != EventDaemonStop {
		t.Errorf("after the gap: %v", all)
	}
}

// Half a line that a crash has left spoils no other.
func TestTornLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(path, []byte(`{"event":"login"}`+"\n"+`{"event":"lo`), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		l := openLog(t, path, time.Second)
		if err := l.Record(t.Context(), Event{Time: at(), Event: EventDaemonStart}); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(content), "\n{\"time\""); n != 2 || strings.Count(string(content), "\n") != 4 {
		t.Errorf("the log is now\n%s", content)
	}
}

// What is at the path decides whether it can be a log, and is made the daemon's alone.
func TestOpen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "audit.log")
	for _, mode := range []os.FileMode{0o644, 0o777, 0o400} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		openLog(t, path, time.Second)
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
			t.Errorf("mode %v became %v, %v", mode, info.Mode(), err)
		}
	}
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "nowhere"), filepath.Join(dir, "dangling")); err != nil {
		t.Fatal(err)
	}
	for name, why := range map[string]string{
		"pipe": "nobody reads this pipe", "dangling": "symbolic link", ".": "is a directory", "missing/audit.log": "no such file",
	} {
		if l, err := Open(filepath.Join(dir, name), time.Second, at); err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v, %v; want %q", name, l, err, why)
		}
	}
	l := openLog(t, "", time.Second)
	if err := errors.Join(l.Record(t.Context(), Event{}), l.Check(), l.Reopen(), l.Close(), Discard{}.Record(t.Context(), Event{})); err != nil {
		t.Errorf("a log that keeps nothing: %v", err)
	}
}

// When the file cannot be opened again the old one stays in use.
func TestReopenFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "audit.log")
	l := openLog(t, path, time.Second)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a folder in its place: %v", err)
	}
	if err := l.Record(t.Context(), Event{Event: EventLogin}); err != nil {
		t.Fatal(err)
	}
	if n := len(lines(t, path+".1")); n != 1 {
		t.Errorf("%d records in the old file", n)
	}
}

// childStdout in the environment makes the test binary a process that records on standard output.
const childStdout = "AUDIT_TEST_STDOUT"

func TestMain(m *testing.M) {
	if _, ok := os.LookupEnv(childStdout); !ok {
		os.Exit(m.Run())
	}
	l, err := Open(Stdout, time.Second, at)
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(os.Stderr, "first:", l.Record(context.Background(), Event{Event: EventDaemonStart}))
	_, _ = io.Copy(io.Discard, os.Stdin) // until the reader has gone
	fmt.Fprintln(os.Stderr, "second:", l.Record(context.Background(), Event{Event: EventDaemonStop}))
	fmt.Fprintln(os.Stderr, "close:", errors.Join(l.Reopen(), l.Close()))
}

// Standard output takes lines, and a reader of it who goes away is an error and not the end of the process.
func TestStdout(t *testing.T) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childStdout+"=1")
	var said bytes.Buffer
	child.Stderr = &said
	input, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil || line != `{"time":"2026-11-22T01:51:33.408273Z","event":"daemon.start"}`+"\n" {
		t.Errorf("the first line is %q, %v", line, err)
	}
	if err := errors.Join(output.Close(), input.Close()); err != nil {
		t.Error(err)
	}
	if err := child.Wait(); err != nil {
		t.Errorf("the process ended with %v", err)
	}
	if text := said.String(); !strings.Contains(text, "first: <nil>") || !strings.Contains(text, "second: audit log stdout: write stdout: broken pipe") ||
		!strings.Contains(text, "close: <nil>") {
		t.Errorf("the process says\n%s", text)
	}
}
