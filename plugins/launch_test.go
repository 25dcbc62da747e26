package plugins_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"latchkey/plugins"
	"latchkey/plugins/plugintest"
	"latchkey/plugins/secret"
)

// TestMain lets the test binary be the backend: started under a backend's name, it is that one.
func TestMain(m *testing.M) {
	variant, ok := strings.CutPrefix(filepath.Base(os.Args[0]), "latchkey-backend-")
	if !ok {
		os.Exit(m.Run())
	}
	switch variant {
	case "silent":
		select {}
	case "exits":
		os.Exit(1)
	case "garbage":
		fmt.Println("hello, I am no plugin")
		select {}
	case "noisy":
		for range 1 << 16 {
			fmt.Fprintln(os.Stderr, strings.Repeat("noise ", 50))
		}
	}
	plugins.Serve(variant, newVariant(variant))
}

// variant is a backend that does one thing wrong.
type variant struct{ name string }

// newVariant returns the factory of a variant.
func newVariant(name string) plugins.Factory {
	return func(_ context.Context, settings plugins.Settings, _ *slog.Logger) (plugins.Backend, error) {
		var known struct {
			Host string `setting:"host"`
		}
		return variant{name}, settings.Decode(&known)
	}
}

// Parallel is for the variant that waits; 0 is out of bounds, as the others are.
func (v variant) Parallel() int { return map[string]int{"hangs": 7, "noisy": 1 << 20}[v.name] }

func (v variant) Authenticate(ctx context.Context, r plugins.Request) (plugins.Result, error) {
	accepted := plugins.Result{Outcome: plugins.Accepted, Name: r.Name}
	switch v.name {
	case "panics":
		panic("canary-" + r.Password.Reveal())
	case "dies":
		os.Exit(3)
	case "hangs":
		select {}
	case "undecided":
		return plugins.Result{}, nil
	case "both":
		return accepted, errors.New("accepted, and yet\nan error")
	case "nameless":
		return plugins.Result{Outcome: plugins.Accepted}, nil
	case "huge":
		accepted.Groups = []string{strings.Repeat("x", 100<<20)}
	case "environ":
		accepted.Groups = os.Environ()
	}
	return accepted, nil
}

// patience bounds what must happen soon.
const patience = 20 * time.Second

// install puts this test's own binary into a folder as a backend.
func install(t *testing.T, name string) (dir, path string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "backends")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, plugins.ExecutableName(name))
	from, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, path
}

// launch starts a variant.
func launch(t *testing.T, name string, call time.Duration) (plugins.Connection, *plugintest.Log, error) {
	t.Helper()
	dir, _ := install(t, name)
	found, err := plugins.Find(name, []string{t.TempDir(), dir}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	log, start := &plugintest.Log{}, patience
	if name == "silent" {
		start = 500 * time.Millisecond
	}
	connection, err := plugins.Launch(t.Context(), found, plugins.LaunchOptions{StartTimeout: start, CallTimeout: call, SocketDir: t.TempDir(), Log: log.Logger()})
	if err == nil {
		t.Cleanup(func() { _ = connection.Close() })
		if err := connection.Client().Configure(t.Context(), plugins.NewSettings(secret.New(`{"host": "h"}`))); err != nil {
			t.Fatal(err)
		}
	}
	return connection, log, err
}

func ask(t *testing.T, c plugins.Connection) (plugins.Result, error) {
	t.Helper()
	return c.Client().Authenticate(t.Context(), plugins.Request{Name: "bob", Password: secret.New("s3cret-pw")})
}

// What is no plugin does not start, and the error names the file. hazard 62
func TestWhatDoesNotStart(t *testing.T) {
	for _, name := range []string{"silent", "exits", "garbage"} {
		t.Run(name, func(t *testing.T) {
			_, _, err := launch(t, name, patience)
			wrong, ok := errors.AsType[*plugins.ExecutableError](err)
			if !ok || !strings.Contains(wrong.Path, "latchkey-backend-"+name) || strings.Contains(wrong.Error(), "\n") {
				t.Fatalf("error %v", err)
			}
		})
	}
}

// What a backend says of how many it can serve at once arrives, within bounds.
func TestParallel(t *testing.T) {
	for name, want := range map[string]int{"hangs": 7, "noisy": plugins.MaxParallel, "environ": 1} {
		c, _, err := launch(t, name, patience)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Client().Parallel(); got != want {
			t.Errorf("%s: %d at once, want %d", name, got, want)
		}
	}
}

// An answer that breaks the contract is an error, and the process lives; "accepted" beside an error is an error. hazard 19,
// hazard 32, hazard 63
func TestAnswersThatBreakTheContract(t *testing.T) {
	for name, want := range map[string]string{
		"panics": "panicked", "undecided": "without a decision", "both": "accepted, and yet an error", "nameless": "without a canonical name", "huge": "longer than",
	} {
		t.Run(name, func(t *testing.T) {
			c, log, err := launch(t, name, patience)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if _, err := ask(t, c); err == nil || !strings.Contains(err.Error(), want) {
					t.Fatalf("error %v, want %q", err, want)
				}
			}
			if strings.Contains(log.String(), "s3cret-pw") {
				t.Error("the password is in the log")
			}
		})
	}
}

// A call that hangs ends at its deadline; a process that dies in a call fails it and is seen to be gone. hazard 18, hazard 62
func TestHangingAndDying(t *testing.T) {
	c, _, err := launch(t, "hangs", 100*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ask(t, c); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v", err)
	}
	if c, _, err = launch(t, "dies", patience); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(t, c); err == nil {
		t.Fatal("a dead process has answered")
	}
	select {
	case <-c.Gone():
	case <-time.After(patience):
		t.Fatal("nobody sees that the process is gone")
	}
}

// A backend that writes without end does not fill the log. hazard 62
func TestNoisyBackend(t *testing.T) {
	c, log, err := launch(t, "noisy", patience)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ask(t, c); err != nil {
		t.Fatal(err)
	}
	if n := len(log.String()); n > 1<<20 {
		t.Fatalf("%d bytes in the log", n)
	}
}

// A backend gets nothing of the daemon's environment, and its socket is in a folder that nobody else can enter. hazard 25,
// hazard 59
func TestEnvironment(t *testing.T) {
	t.Setenv("LATCHKEY_CANARY", "canary-9d2e")
	c, _, err := launch(t, "environ", patience)
	if err != nil {
		t.Fatal(err)
	}
	result, err := ask(t, c)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(result.Groups, "\n")
	if strings.Contains(all, "canary") || strings.Contains(all, "HOME=") {
		t.Errorf("the environment is:\n%s", all)
	}
	for _, variable := range result.Groups {
		if dir, ok := strings.CutPrefix(variable, "PLUGIN_UNIX_SOCKET_DIR="); ok {
			info, err := os.Stat(dir)
			if err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("folder of the socket: %v, %v", info, err)
			}
			return
		}
	}
	t.Error("the socket has no folder of its own")
}

// Wrong settings come back as faults with the nearest key.
func TestConfigureFaults(t *testing.T) {
	dir, _ := install(t, "good")
	found, err := plugins.Find("good", []string{dir}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	c, err := plugins.Launch(t.Context(), found, plugins.LaunchOptions{StartTimeout: patience, CallTimeout: patience, SocketDir: t.TempDir(), Log: (&plugintest.Log{}).Logger()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := ask(t, c); err == nil {
		t.Error("a backend without settings has answered")
	}
	err = c.Client().Configure(t.Context(), plugins.NewSettings(secret.New(`{"hots": "canary"}`)))
	if wrong, ok := errors.AsType[*plugins.SettingsError](err); !ok || wrong.Error() != "hots: unknown setting; did you mean host?" {
		t.Fatalf("error %v", err)
	}
	if _, err := c.Client().Lookup(t.Context(), "bob"); err == nil {
		t.Error("an unconfigured backend looks up")
	}
}

// An executable that others could have changed is not run. hazard 57
func TestFind(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(dir, path string) error
		want  string
	}{
		"missing":         {func(_, path string) error { return os.Remove(path) }, "is not there"},
		"not executable":  {func(_, path string) error { return os.Chmod(path, 0o644) }, "not executable"},
		"world-writable":  {func(_, path string) error { return os.Chmod(path, 0o757) }, "world-writable"},
		"group-writable":  {func(_, path string) error { return os.Chmod(path, 0o775) }, "group- or world-writable"},
		"folder writable": {func(dir, _ string) error { return os.Chmod(dir, 0o777) }, "world-writable"},
		"foreign owner":   {func(_, path string) error { return os.Chown(path, 12345, -1) }, "belongs neither"},
		"link": {func(_, path string) error {
			return errors.Join(os.Rename(path, path+".real"), os.Symlink(path+".real", path))
		}, "symbolic link"},
		"folder": {func(_, path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o755)) }, "is no file"},
		"pipe":   {func(_, path string) error { return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o755)) }, "is no file"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, path := install(t, "good")
			if err := c.spoil(dir, path); err != nil {
				t.Fatal(err)
			}
			_, err := plugins.Find("good", []string{dir}, "")
			wrong, ok := errors.AsType[*plugins.ExecutableError](err)
			if !ok || !strings.Contains(err.Error(), c.want) || !strings.Contains(wrong.Path, dir) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
		})
	}
	dir, path := install(t, "good")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	if found, err := plugins.Find("good", []string{dir}, strings.ToUpper(hex.EncodeToString(sum[:]))); err != nil {
		t.Errorf("the right checksum: %v", err)
	} else {
		found.Close()
	}
	if _, err := plugins.Find("good", []string{dir}, strings.Repeat("0", 64)); err == nil || !strings.Contains(err.Error(), "sha256_good") {
		t.Errorf("a wrong checksum: %v", err)
	}
	if _, err := plugins.Find("../evil", []string{dir}, ""); err == nil {
		t.Error("a name with a path is looked for")
	}
}

// What was checked is what runs, whatever the name means by then. hazard 57
func TestSwappedBetweenCheckAndStart(t *testing.T) {
	dir, path := install(t, "good")
	found, err := plugins.Find("good", []string{dir}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	marker := filepath.Join(t.TempDir(), "it-ran")
	if err := os.WriteFile(path+".evil", []byte("#!/bin/sh\ntouch "+marker+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".evil", path); err != nil {
		t.Fatal(err)
	}
	c, err := plugins.Launch(t.Context(), found, plugins.LaunchOptions{StartTimeout: patience, CallTimeout: patience, SocketDir: t.TempDir(), Log: (&plugintest.Log{}).Logger()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := os.Stat(marker); err == nil {
		t.Fatal("the planted executable was run")
	}
}

// The library that starts backends is new enough not to end a process that is not its child. hazard 61
func TestLibraryVersion(t *testing.T) {
	text, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	var major, minor, patch int
	for line := range strings.SplitSeq(string(text), "\n") {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "github.com/hashicorp/go-plugin v"); ok {
			if _, err := fmt.Sscanf(rest, "%d.%d.%d", &major, &minor, &patch); err != nil {
				t.Fatal(err)
			}
		}
	}
	if major*10000+minor*100+patch < 10602 {
		t.Fatalf("go-plugin v%d.%d.%d; it must be 1.6.2 or later", major, minor, patch)
	}
}
