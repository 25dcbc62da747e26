package host_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/conf"
	"latchkey/daemon/host"
	"latchkey/plugins"
	"latchkey/plugins/plugintest"
	"latchkey/plugins/secret"
)

// patience bounds what must happen soon.
const patience = 20 * time.Second

// house is a real backend's executable in a folder, and a configuration that names it.
type house struct {
	options  host.Options
	backends []conf.Backend
	log      *plugintest.Log
	dir      string

	mu     sync.Mutex
	pauses []time.Duration
}

// newHouse builds the flat_file backend and gives it a file with one user, bob.
func newHouse(t *testing.T) *house {
	t.Helper()
	users := filepath.Join(t.TempDir(), "htpasswd")
	// bcrypt, cost 4, of "right".
	if err := os.WriteFile(users, []byte("bob:"+bobHash+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := &house{log: &plugintest.Log{}, dir: plugintest.Build(t, "flat_file", "latchkey/cmd/latchkey-backend-flat-file")}
	h.backends = []conf.Backend{{Name: "flat_file", Settings: secret.New(fmt.Sprintf(`{"file_path": %q}`, users))}}
	h.options = host.Options{
		Plugins: conf.Plugins{Dir: h.dir, StartTimeout: patience, CallTimeout: patience},
		Log:     h.log.Logger(),
		Pause: func(_ context.Context, d time.Duration) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.pauses = append(h.pauses, d)
		},
	}
	return h
}

// bobHash is bcrypt of "right" with the lowest cost.
const bobHash = "$2a$04$UvbgeUy1xVbYk6ufmQuX7e0MKqI7cnV0y9eSLfVpG3/bFSTh2lLEq"

func start(t *testing.T, h *house) *host.Host {
	t.Helper()
	running, err := host.Start(t.Context(), h.backends, h.options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = running.Close() })
	return running
}

// eventually polls until condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
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

// processes returns the ids of this test's children that run the backend.
func processes(t *testing.T, h *house) []int {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			continue // the thread has ended
		}
		for _, field := range strings.Fields(string(text)) {
			line, err := os.ReadFile("/proc/" + field + "/cmdline")
			if err == nil && strings.HasPrefix(string(line), h.dir) {
				var pid int
				if _, err := fmt.Sscan(field, &pid); err == nil {
					found = append(found, pid)
				}
			}
		}
	}
	return found
}

func ask(b *host.Backend) (plugins.Result, error) {
	return b.Authenticate(context.Background(), plugins.Request{Name: "bob", Password: secret.New("wrong")})
}

// A backend that is killed is started again, and its calls fail at once meanwhile; Close ends the process. hazard 60,
// hazard 62
func TestKilledBackendComesBack(t *testing.T) {
	h := newHouse(t)
	running := start(t, h)
	backend := running.Chain()[0]
	if result, err := ask(backend); err != nil || result.Outcome != plugins.Denied {
		t.Fatalf("%+v, %v", result, err)
	}
	for range 2 {
		before := processes(t, h)
		if len(before) != 1 {
			t.Fatalf("%d processes", len(before))
		}
		child, err := os.FindProcess(before[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Kill(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a new process", func() bool {
			now := processes(t, h)
			_, err := ask(backend)
			return len(now) == 1 && now[0] != before[0] && err == nil
		})
	}
	if err := running.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
	if err := running.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	eventually(t, "the end of the process", func() bool { return len(processes(t, h)) == 0 })
	if _, err := ask(backend); err == nil {
		t.Error("a closed backend has answered")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, d := range h.pauses {
		if d != time.Second {
			t.Errorf("pauses %v: a backend that worked begins with the first again", h.pauses)
		}
	}
}

// A backend that cannot be started again is tried with growing pauses, readiness tells, and when it can be, it is. hazard 62
func TestPausesGrow(t *testing.T) {
	h := newHouse(t)
	running := start(t, h)
	executable := filepath.Join(h.dir, plugins.ExecutableName("flat_file"))
	if err := os.Rename(executable, executable+".away"); err != nil {
		t.Fatal(err)
	}
	child, err := os.FindProcess(processes(t, h)[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "pauses of 30 s", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.pauses) > 8 && h.pauses[len(h.pauses)-1] == 30*time.Second
	})
	if running.Check(t.Context()) == nil {
		t.Error("ready without a backend")
	}
	if err := os.Rename(executable+".away", executable); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the backend", func() bool { _, err := ask(running.Chain()[0]); return err == nil })
	h.mu.Lock()
	defer h.mu.Unlock()
	want := []time.Duration{1, 2, 4, 8, 16, 30, 30}
	for i, seconds := range want {
		if h.pauses[i] != seconds*time.Second {
			t.Fatalf("pauses %v", h.pauses[:len(want)])
		}
	}
}

// Faults of settings come back with their place, and nothing is left running; an executable's fault is one of its own kind.
func TestFaults(t *testing.T) {
	h := newHouse(t)
	h.backends = append(h.backends, conf.Backend{Name: "flat_file", Settings: secret.New(`{"file_pth": "canary"}`)})
	_, err := host.Start(t.Context(), h.backends, h.options)
	faults, ok := errors.AsType[conf.Faults](err)
	if !ok || len(faults) == 0 || !strings.Contains(faults.Error(), "did you mean file_path?") || strings.Contains(faults.Error(), "canary") {
		t.Fatalf("error %v", err)
	}
	eventually(t, "the end of all processes", func() bool { return len(processes(t, h)) == 0 })
	h.backends = []conf.Backend{{Name: "nothing"}}
	if _, err = host.Start(t.Context(), h.backends, h.options); err == nil {
		t.Fatal("a backend that is not there was started")
	}
	if wrong, ok := errors.AsType[*host.ExecutableError](err); !ok || wrong.Backend != "nothing" {
		t.Fatalf("error %v", err)
	}
}
