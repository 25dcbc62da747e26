// Package plugintest holds a backend to the contract of package plugins, in process and as a real child process.
//
// A backend's test makes a Fixture around a real server or file and calls Run, which is about twenty lines. What the suite
// cannot know (locked accounts, groups, fail-over) a backend tests beside it.
package plugintest

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/plugins"
	"latchkey/plugins/secret"
)

// Fixture is a backend and one account that it knows.
type Fixture struct {
	// Factory makes the backend in process.
	Factory plugins.Factory
	// Backend is its name, and Package the import path of its command, such as latchkey/cmd/latchkey-backend-ldap.
	Backend, Package string
	// Settings is the JSON object that configures it.
	Settings string
	// User and Password are an account that may log in; Name is its canonical name and Groups are some of its groups.
	User, Password, Name string
	Groups               []string
	// Unknown is a name that the backend does not know.
	Unknown string
}

// patience bounds each step of the suite.
const patience = 30 * time.Second

// Run runs the suite.
func Run(t *testing.T, f Fixture) {
	t.Helper()
	t.Run("in process", func(t *testing.T) {
		log := &Log{}
		backend, err := f.Factory(t.Context(), f.settings(), log.Logger())
		if err != nil {
			t.Fatalf("the factory: %v", err)
		}
		t.Cleanup(func() {
			if closer, ok := backend.(plugins.Closer); ok {
				if err := closer.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			}
		})
		f.contract(t, backend, log)
		f.refusesUnknownSetting(t)
	})
	t.Run("child process", func(t *testing.T) {
		log := &Log{}
		connection := f.Launch(t, log)
		if err := connection.Client().Configure(t.Context(), f.settings()); err != nil {
			t.Fatalf("Configure: %v", err)
		}
		f.contract(t, connection.Client(), log)
		f.checksRequestsAgain(t, connection.Client())
		if err := connection.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		select {
		case <-connection.Gone():
		case <-time.After(patience):
			t.Error("the process is closed and not gone")
		}
	})
}

func (f Fixture) settings() plugins.Settings { return plugins.NewSettings(secret.New(f.Settings)) }

// Build builds the command at importPath as a backend's executable in a folder of the test's, and returns the folder.
func Build(t testing.TB, backend, importPath string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "backends")
	executable := filepath.Join(dir, plugins.ExecutableName(backend))
	if output, err := exec.Command("go", "build", "-o", executable, importPath).CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", importPath, err, output)
	}
	for _, path := range []string{dir, executable} { // whatever the umask is
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Launch builds the backend's command and starts it as the daemon does; the test's end ends it. It is not configured yet.
func (f Fixture) Launch(t testing.TB, log *Log) plugins.Connection {
	t.Helper()
	found, err := plugins.Find(f.Backend, []string{Build(t, f.Backend, f.Package)}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	connection, err := plugins.Launch(t.Context(), found, plugins.LaunchOptions{
		StartTimeout: patience, CallTimeout: patience, SocketDir: t.TempDir(), Log: log.Logger(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

// contract is what every backend must do, wherever it runs.
func (f Fixture) contract(t *testing.T, backend plugins.Backend, log *Log) {
	t.Helper()
	ask := func(t *testing.T, name, password string) (plugins.Result, error) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		return backend.Authenticate(ctx, plugins.Request{Name: name, Password: secret.New(password), Trace: true})
	}
	want := func(t *testing.T, name, password string, outcome plugins.Outcome) plugins.Result {
		t.Helper()
		result, err := ask(t, name, password)
		if err != nil || result.Outcome != outcome {
			t.Fatalf("name %q: outcome %d, error %v; want outcome %d", name, result.Outcome, err, outcome)
		}
		if outcome != plugins.Accepted && result.Reason == "" {
			t.Errorf("name %q: a refusal without a reason", name)
		}
		return result
	}
	t.Run("right password", func(t *testing.T) {
		result := want(t, f.User, f.Password, plugins.Accepted)
		if result.Name != f.Name {
			t.Errorf("canonical name %q, want %q", result.Name, f.Name)
		}
		for _, group := range f.Groups {
			if !slices.Contains(result.Groups, group) {
				t.Errorf("groups %q, want %q among them", result.Groups, group)
			}
		}
		if len(result.Steps) == 0 {
			t.Error("a trace was asked for and there are no steps")
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		for _, password := range []string{"x" + f.Password, f.Password + "x", strings.ToUpper(f.Password), "*", "\xff\xfe", strings.Repeat("x", 1024)} {
			if password != f.Password {
				want(t, f.User, password, plugins.Denied)
			}
		}
	})
	t.Run("unknown user", func(t *testing.T) { want(t, f.Unknown, f.Password, plugins.UnknownUser) })
	t.Run("hostile names", func(t *testing.T) { f.hostileNames(t, ask) })
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if result, err := backend.Authenticate(ctx, plugins.Request{Name: f.User, Password: secret.New(f.Password)}); err == nil && result.Outcome == plugins.Undecided {
			t.Error("neither a decision nor an error")
		}
	})
	t.Run("many at once", func(t *testing.T) { f.manyAtOnce(t, ask) })
	t.Run("check and lookup", func(t *testing.T) { f.checkAndLookup(t, backend) })
	if text := log.String(); strings.Contains(text, f.Password) {
		t.Errorf("the password is in the log:\n%s", text)
	}
}

// hostileNames are asked with a right password and must not be accepted, nor crash anything.
func (f Fixture) hostileNames(t *testing.T, ask func(*testing.T, string, string) (plugins.Result, error)) {
	for _, name := range []string{
		"*", "(", ")", "a)(uid=*", "a)(|(uid=*", `a\00`, `\2a`, "a,dc=example", "a=b+c=d", "#abcd", "../../etc/passwd", "$6$rounds=abc$", "!", "-", "-x",
		"a b", "é", "\u202e", strings.Repeat("a", 256), f.User + strings.Repeat("a", 250), f.User + "*", "*" + f.User, f.User + ")", "%s%n", "root;id", "'", `"`,
	} {
		result, err := ask(t, name, f.Password)
		if err == nil && result.Outcome == plugins.Accepted {
			t.Errorf("name %q is accepted as %q", name, result.Name)
		}
		if err != nil && strings.Contains(err.Error(), f.Password) {
			t.Errorf("name %q: the password is in the error", name)
		}
		for _, step := range result.Steps {
			if strings.Contains(step, f.Password) {
				t.Errorf("name %q: the password is in the trace: %s", name, step)
			}
		}
	}
	want, err := ask(t, f.User, f.Password)
	if err != nil || want.Outcome != plugins.Accepted {
		t.Errorf("after the hostile names the right one is not accepted: %v, %v", want, err)
	}
}

// manyAtOnce mixes right and wrong answers, so that one caller's state in another's answer shows.
func (f Fixture) manyAtOnce(t *testing.T, ask func(*testing.T, string, string) (plugins.Result, error)) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			name, password, outcome := f.User, f.Password, plugins.Accepted
			switch i % 4 {
			case 1:
				password, outcome = f.Password+"x", plugins.Denied
			case 2:
				name, outcome = f.Unknown, plugins.UnknownUser
			}
			for range 3 {
				result, err := ask(t, name, password)
				if err != nil || result.Outcome != outcome {
					t.Errorf("name %q among others: outcome %d, error %v; want outcome %d", name, result.Outcome, err, outcome)
				}
			}
		})
	}
	wg.Wait()
}

// checkAndLookup asks for the optional abilities.
func (f Fixture) checkAndLookup(t *testing.T, backend plugins.Backend) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if checker, ok := backend.(plugins.Checker); ok {
		if err := checker.Check(ctx); err != nil {
			t.Errorf("Check: %v", err)
		}
	}
	looker, ok := backend.(plugins.Looker)
	if !ok {
		return
	}
	found, err := looker.Lookup(ctx, f.User)
	if errors.Is(err, plugins.ErrUnsupported) {
		return
	}
	if err != nil || found.Outcome != plugins.Accepted || found.Name != f.Name {
		t.Errorf("Lookup(%q) = %+v, %v; want the name %q", f.User, found, err, f.Name)
	}
	if unknown, err := looker.Lookup(ctx, f.Unknown); err != nil || unknown.Outcome != plugins.UnknownUser {
		t.Errorf("Lookup(%q) = %+v, %v; want no such user", f.Unknown, unknown, err)
	}
}

// refusesUnknownSetting makes the backend with one setting too many.
func (f Fixture) refusesUnknownSetting(t *testing.T) {
	t.Run("unknown setting", func(t *testing.T) {
		object := strings.TrimSuffix(strings.TrimSpace(f.Settings), "}")
		if strings.TrimSpace(object) != "{" {
			object += ", "
		}
		settings := plugins.NewSettings(secret.New(object + `"no_such_setting": "canary-value"}`))
		_, err := f.Factory(t.Context(), settings, (&Log{}).Logger())
		wrong, ok := errors.AsType[*plugins.SettingsError](err)
		if !ok {
			t.Fatalf("error %v, want a *plugins.SettingsError", err)
		}
		if !strings.Contains(wrong.Error(), "no_such_setting") || strings.Contains(wrong.Error(), "canary-value") {
			t.Errorf("the fault does not name the key, or shows its value: %v", wrong)
		}
	})
}

// checksRequestsAgain sends a child what the daemon never does.
func (f Fixture) checksRequestsAgain(t *testing.T, client *plugins.Client) {
	t.Run("bounds of a request", func(t *testing.T) {
		for _, r := range []plugins.Request{
			{Name: f.User},
			{Password: secret.New("x")},
			{Name: f.User + "\x00x", Password: secret.New(f.Password)},
			{Name: f.User, Password: secret.New(f.Password + "\x00")},
			{Name: f.User, Password: secret.New(strings.Repeat("x", 1025))},
			{Name: strings.Repeat("x", 257), Password: secret.New(f.Password)},
			{Name: f.User, Password: secret.New(strings.Repeat("x", plugins.MaxMessage+1))},
		} {
			if result, err := client.Authenticate(t.Context(), r); err == nil {
				t.Errorf("name of %d bytes, password of %d: outcome %d, want an error", len(r.Name), r.Password.Len(), result.Outcome)
			}
		}
	})
}

// Log is a log that a test can look at. Its zero value is empty.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write appends to the log.
func (l *Log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

// String returns what was logged so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Logger returns a logger that writes to the log, on every level.
func (l *Log) Logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
