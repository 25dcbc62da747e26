package audit_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/daemon/audit"
)

// A workspace's part of the log is its own, the last records of it, oldest first.
func TestOfWorkspace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	log, err := audit.Open(path, time.Second, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	for _, event := range []audit.Event{
		{Event: "one", Workspace: "aaaa"},
		{Event: "two", Workspace: "bbbb"},
		{Event: "three", User: "aaaa"},
		{Event: "four", Workspace: "aaaa"},
		{Event: "five", Workspace: "aaaa"},
	} {
		if err := log.Record(t.Context(), event); err != nil {
			t.Fatal(err)
		}
	}
	records, err := log.OfWorkspace("aaaa", 2)
	if err != nil || len(records) != 2 || !strings.Contains(string(records[0]), "four") || !strings.Contains(string(records[1]), "five") {
		t.Errorf("the last two: %s, %v", records, err)
	}
	if records, err = log.OfWorkspace("aaaa", 10); err != nil || len(records) != 3 {
		t.Errorf("all: %s, %v", records, err)
	}
	if records, err = log.OfWorkspace("cccc", 10); err != nil || len(records) != 0 {
		t.Errorf("of none: %s, %v", records, err)
	}
}

// What goes to no file cannot be read again.
func TestOfWorkspaceWithoutFile(t *testing.T) {
	log, err := audit.Open("", time.Second, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if _, err := log.OfWorkspace("aaaa", 1); !errors.Is(err, audit.ErrNotReadable) {
		t.Errorf("error %v", err)
	}
}
