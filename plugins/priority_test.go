package plugins_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// niceness returns the nice value of a thread, field 19 of its stat file (proc_pid_stat(5)).
func niceness(t *testing.T, stat string) int {
	t.Helper()
	text, err := os.ReadFile(stat)
	if err != nil {
		return 0 // the thread has ended
	}
	fields := strings.Fields(string(text[strings.LastIndex(string(text), ")")+1:])) // from field 3 on
	value, err := strconv.Atoi(fields[19-3])
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}

// threads returns the stat files of a process's threads.
func threads(t *testing.T, pid string) []string {
	t.Helper()
	found, err := filepath.Glob("/proc/" + pid + "/task/*/stat")
	if err != nil || len(found) == 0 {
		t.Fatalf("no threads of %s: %v", pid, err)
	}
	return found
}

// A backend stands back behind the daemon, all of it, and nothing of the daemon stands back with it once the backend has ended.
// hazard 10
func TestPriority(t *testing.T) {
	own := niceness(t, "/proc/self/stat")
	c, _, err := launch(t, "noisy", patience)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ask(t, c); err != nil {
		t.Fatal(err)
	}
	children, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	var pids []string
	for _, file := range children {
		if text, err := os.ReadFile(file); err == nil {
			pids = append(pids, strings.Fields(string(text))...)
		}
	}
	if len(pids) != 1 {
		t.Fatalf("children %q, want one", pids)
	}
	for _, stat := range threads(t, pids[0]) {
		if got := niceness(t, stat); got != min(own+10, 19) {
			t.Errorf("%s has niceness %d, and this process %d", stat, got, own)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for range 1000 { // the thread that started it ends soon after
		nicer := ""
		for _, stat := range threads(t, "self") {
			if got := niceness(t, stat); got > own {
				nicer = fmt.Sprintf("%s still has niceness %d", stat, got)
			}
		}
		if nicer == "" {
			return
		}
	}
	t.Error("a thread of this process stays at a low priority")
}
