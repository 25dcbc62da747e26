package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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

// A line whose writer hung is followed by one that says that its caller had gone; one that had not been begun is not written.
func TestLate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := openLog(t, path, 50*time.Millisecond)
	hang, hanging := make(chan struct{}), make(chan struct{})
	begun := &record{event: Event{Time: at(), Event: EventIssue, User: "bob", CredentialID: "c"}, done: make(chan error, 1)}
	if !begun.take() || !begun.leave() || begun.leave() || begun.take() {
		t.Fatal("a record that was begun can be left, once")
	}
	l.missing.Add(1) // as Record counts it
	var waiters sync.WaitGroup
	waiters.Go(func() {
		err := l.send(&record{done: make(chan error, 1), act: func() error {
			close(hanging)
			<-hang
			l.writeLines([]*record{begun})
			return nil
		}})
		if !errors.Is(err, errDeadline) {
			t.Errorf("what hangs: %v", err)
		}
	})
	<-hanging
	for range 3 {
		waiters.Go(func() {
			if err := l.Record(t.Context(), Event{Event: EventRevoke, User: "eve"}); !errors.Is(err, errDeadline) {
				t.Errorf("behind what hangs: %v", err)
			}
		})
	}
	waiters.Wait()
	if err := l.Check(); !errors.Is(err, errDeadline) {
		t.Errorf("ready: %v", err)
	}
	close(hang)
	for deadline := time.Now().Add(10 * time.Second); l.Check() != nil && time.Now().Before(deadline); {
	}
	var events []string
	for _, line := range lines(t, path) {
		events = append(events, line["event"].(string)+" "+fmt.Sprint(line["user"], " ", line["reason"]))
	}
	// The gap counts the record that was begun too: nobody knew then that it would be written.
	want := []string{EventGap + " <nil> unwritten_4", EventIssue + " bob <nil>", EventLate + " bob " + EventIssue}
	if !slices.Equal(events, want) {
		t.Errorf("the log has\n%q, want\n%q", events, want)
	}
}

// Who hangs up is recorded all the same.
func TestWhoHangsUpIsRecorded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := openLog(t, path, time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Record(ctx, Event{Event: EventLogin, Outcome: OutcomeRefused}); err != nil || l.Check() != nil {
		t.Errorf("%v, ready %v", err, l.Check())
	}
	if n := len(lines(t, path)); n != 1 {
		t.Errorf("%d records", n)
	}
}

// A log that is closed has what was sent before, and refuses what comes later.
func TestClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := openLog(t, path, 10*time.Second)
	var senders sync.WaitGroup
	var written atomic.Int64
	for range 50 {
		senders.Go(func() {
			switch err := l.Record(t.Context(), Event{Event: EventLogin}); {
			case err == nil:
				written.Add(1)
			case !errors.Is(err, errClosed):
				t.Error(err)
			}
		})
	}
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Error(err)
	}
	senders.Wait()
	if n := len(lines(t, path)); n != int(written.Load()) {
		t.Errorf("%d records in the file, %d acknowledged", n, written.Load())
	}
	if err := l.Record(t.Context(), Event{}); !errors.Is(err, errClosed) {
		t.Errorf("after Close: %v", err)
	}
	if !errors.Is(l.Check(), errClosed) || !errors.Is(l.Reopen(), errClosed) {
		t.Errorf("after Close: %v, %v", l.Check(), l.Reopen())
	}
}

// BenchmarkRecord is what a record costs its caller when 64 of them record at once.
func BenchmarkRecord(b *testing.B) {
	l, err := Open(filepath.Join(b.TempDir(), "audit.log"), 10*time.Second, at)
	if err != nil {
		b.Fatal(err)
	}
	event := Event{
		Event: EventIssue, Origin: Origin{RequestID: "0123456789abcdef", Source: "192.0.2.17", UserAgent: "python-requests/2.31.0", Route: "POST /auth/v1/tokens"},
		User: "bob", Kind: "token", CredentialID: "574840001878c10d0b6e8fbf", Backend: "ldap", Outcome: OutcomeOK,
	}
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if err := l.Record(b.Context(), event); err != nil {
				b.Error(err)
			}
		}
	})
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
}
