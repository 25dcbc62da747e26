package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func at() time.Time { return time.Date(2026, 11, 22, 1, 51, 33, 408273999, time.UTC) }

// openLog opens a log that the test closes.
func openLog(t *testing.T, path string, deadline time.Duration) *Log {
	t.Helper()
	l, err := Open(path, deadline, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// lines returns the records of a file.
func lines(t *testing.T, path string) []map[string]any {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	for scanner := bufio.NewScanner(bytes.NewReader(content)); scanner.Scan(); {
		var record map[string]any
		if err := json.Unmarshal(scanner.Bytes(), &record); err != nil {
			t.Fatalf("line %q: %v", scanner.Text(), err)
		}
		all = append(all, record)
	}
	return all
}

// A record is one line whatever a caller sent, with the fields that are allowed and no other. hazard 37, hazard 66
func TestRecordIsOneLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := openLog(t, path, time.Second)
	err := l.Record(t.Context(), Event{
		Event: EventLogin, Outcome: OutcomeRefused, User: "a\n{\"type\":\"ok\"}\x00\u2028\xff", Reason: strings.Repeat("ü", 500),
		Origin: Origin{RequestID: "r", Source: "192.0.2.1", UserAgent: "curl\r\n", Route: "POST /auth/v1/tokens"},
	})
	if err != nil {
		t.Fatal(err)
	}
	all := lines(t, path)
	if len(all) != 1 || all[0]["time"] != "2026-11-22T01:51:33.408273Z" || len(all[0]["reason"].(string)) > maxValue {
		t.Fatalf("records %v", all)
	}
	for field := range all[0] {
		if !strings.Contains(" time event request_id source user_agent route user outcome reason ", " "+field+" ") {
			t.Errorf("field %s", field)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// Many who record at once lose nothing.
func TestManyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := openLog(t, path, 10*time.Second)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for range 20 {
				if err := l.Record(t.Context(), Event{Event: EventLogin}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(lines(t, path)); n != 1000 {
		t.Fatalf("%d records, want 1000", n)
	}
}

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

// A reader of a pipe who does not read hangs nobody for longer than the deadline, and readiness tells. hazard 69
func TestBlockedPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	l := openLog(t, path, 50*time.Millisecond)
	var failed error
	for i := 0; failed == nil && i < 1000; i++ {
		failed = l.Record(t.Context(), Event{Event: EventLogin, Reason: strings.Repeat("x", 200), User: strings.Repeat("u", 250)})
	}
	if failed == nil || l.Check() == nil {
		t.Fatalf("a blocked pipe: %v, ready %v", failed, l.Check())
	}
	go func() { // read what is there, so that the writer can end
		buffer := make([]byte, 1<<16)
		for {
			if _, err := reader.Read(buffer); err != nil {
				return
			}
		}
	}()
	healed := false
	for range 1000 {
		if healed = l.Record(t.Context(), Event{Event: EventLogin}) == nil; healed {
			break
		}
	}
	if !healed || l.Check() != nil {
		t.Fatalf("it does not heal: %v", l.Check())
	}
	_ = l.Close()
	_ = reader.Close()
}

// On a full disk a record fails, no half line stays, and it heals when there is room. hazard 69
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
	if failed == nil || l.Check() == nil {
		t.Fatal("the disk is never full")
	}
	if n := len(lines(t, path)); n != written-1 {
		t.Errorf("%d whole lines, want %d", n, written-1)
	}
	if err := os.Remove(filepath.Join(dir, "ballast")); err != nil {
		t.Fatal(err)
	}
	if err := l.Record(t.Context(), Event{Event: EventLogin}); err != nil || l.Check() != nil {
		t.Fatalf("with room again: %v, %v", err, l.Check())
	}
	if n := len(lines(t, path)); n != written {
		t.Errorf("%d whole lines, want %d", n, written)
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("a\n{\"type\":\"ok\"}", "\xff\x00")
	f.Fuzz(func(t *testing.T, user, agent string) {
		text, err := encode(Event{Time: at(), Event: EventLogin, User: user, Origin: Origin{UserAgent: agent}})
		if err != nil || bytes.Count(text, []byte("\n")) != 1 || !json.Valid(text) || len(text) > 8*maxValue {
			t.Fatalf("%q, %v", text, err)
		}
	})
}
