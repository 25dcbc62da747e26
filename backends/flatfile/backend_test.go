package flatfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/plugins"
	"latchkey/plugins/secret"
)

// Hashes of the password "opensesame", made by htpasswd and openssl at low costs.
const (
	right      = "opensesame"
	bcryptHash = "$2y$04$Pzdspz98kWEzXoKjkS6PB.86gpL1EHSW3kV8Q6ybSI6YOaZSCPeuG"
	sha512Hash = "$6$rounds=1000$qVDlXqBja8mWsHPR$.8rF6Bb5IHgAWHN1ED2aGAFWe2wtEtIMv0AmI49z4lrnBBOp6Hd8qLXdLoACil.zebn.hQYeWFKsGOE2QzlBn1"
	shaHash    = "{SHA}F2GPAaOiG5EcklvLUlodIavTBnM="
)

// logged collects log lines; it is safe for concurrent use.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// quiet is a logger for tests that do not look at the log.
func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// write puts a file into a folder and returns its path.
func write(t testing.TB, folder, name, content string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// serve returns a backend for a password file with the given lines. Its clock is an hour ahead, so that every file counts as
// unchanged for a while.
func serve(t testing.TB, o options, log *slog.Logger, lines ...string) *Backend {
	t.Helper()
	o.FilePath = write(t, t.TempDir(), "htpasswd", strings.Join(lines, "\n")+"\n")
	b, err := open(o, log, later, minBcryptCost)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// later is a clock an hour ahead.
func later() time.Time { return time.Now().Add(time.Hour) }

// ask puts a name and a password to the backend.
func ask(t testing.TB, b plugins.Backend, name, password string) plugins.Result {
	t.Helper()
	result, err := b.Authenticate(t.Context(), plugins.Request{Name: name, Password: secret.New(password), Trace: true})
	if err != nil {
		t.Fatalf("%q could not be decided: %v", name, err)
	}
	if text := strings.Join(result.Steps, "\n"); strings.Contains(text, "$") || len(password) > 3 && strings.Contains(text, password) {
		t.Errorf("the steps hold a secret:\n%s", text)
	}
	return result
}

func TestDecisions(t *testing.T) {
	b := serve(t, options{}, quiet(), "alice:"+bcryptHash, "bob:"+shaHash+":a comment", "  carol:"+sha512Hash+"\r", "#dave:"+shaHash, "", "# note",
		"eve:", "Mallory:*", "\u00e9mile:"+shaHash, "oscar:!"+bcryptHash)
	cases := []struct {
		name, password string
		outcome        plugins.Outcome
		reason         string
	}{
		{"alice", right, plugins.Accepted, ""},
		{"bob", right, plugins.Accepted, ""},
		{"carol", right, plugins.Accepted, ""},
		{"\u00e9mile", right, plugins.Accepted, ""},
		{"e\u0301mile", right, plugins.Accepted, ""}, // the same name, decomposed
		{"alice", "opensesam", plugins.Denied, plugins.ReasonWrongPassword},
		{"alice", "", plugins.Denied, plugins.ReasonWrongPassword},
		{"alice", right + "\x00", plugins.Denied, plugins.ReasonWrongPassword},
		{"alice", bcryptHash, plugins.Denied, plugins.ReasonWrongPassword},
		{"bob", shaHash, plugins.Denied, plugins.ReasonWrongPassword},
		{"Alice", right, plugins.UnknownUser, plugins.ReasonUnknownUser},
		{"dave", right, plugins.UnknownUser, plugins.ReasonUnknownUser},
		{"#dave", right, plugins.UnknownUser, plugins.ReasonUnknownUser},
		{"", right, plugins.UnknownUser, plugins.ReasonUnknownUser},
		{"eve", "", plugins.Denied, plugins.ReasonUnusableHash},
		{"eve", right, plugins.Denied, plugins.ReasonUnusableHash},
		{"Mallory", "*", plugins.Denied, plugins.ReasonUnusableHash},
		{"oscar", right, plugins.Denied, plugins.ReasonUnusableHash},
	}
	for _, c := range cases {
		got := ask(t, b, c.name, c.password)
		if got.Outcome != c.outcome || got.Reason != c.reason {
			t.Errorf("Authenticate(%q, %q) = %v %q, want %v %q", c.name, c.password, got.Outcome, got.Reason, c.outcome, c.reason)
		}
		if len(got.Steps) < 2 {
			t.Errorf("Authenticate(%q, %q) explains itself in %q only", c.name, c.password, got.Steps)
		}
	}
	if got := ask(t, b, "e\u0301mile", right); got.Name != "\u00e9mile" { // hazard 5
		t.Errorf("the identity is %q", got.Name)
	}
}

// The trace is given when it is asked for only.
func TestNoStepsUnlessAsked(t *testing.T) {
	b := serve(t, options{}, quiet(), "alice:"+bcryptHash)
	result, err := b.Authenticate(t.Context(), plugins.Request{Name: "alice", Password: secret.New(right)})
	if err != nil || len(result.Steps) != 0 {
		t.Errorf("Authenticate() = %+v, %v", result, err)
	}
}

// A password that is longer than bcrypt looks at is refused, although its first 72 bytes are the right ones. hazard 9
func TestLongPasswordIsNotCut(t *testing.T) {
	long := strings.Repeat("0123456789", 7) + "ab"
	b := serve(t, options{AllowDES: true}, quiet(), "alice:"+byHtpasswd(t, long, "-B", "-C", "4"), "bob:"+byHtpasswd(t, "8letters", "-d"))
	for name, password := range map[string]string{"alice": long, "bob": "8letters"} {
		if got := ask(t, b, name, password); got.Outcome != plugins.Accepted {
			t.Errorf("the right password of %s gets %v %q", name, got.Outcome, got.Reason)
		}
		if got := ask(t, b, name, password+"x"); got.Outcome != plugins.Denied || got.Reason != plugins.ReasonPasswordTooLong {
			t.Errorf("a password of %s that goes on after the right one gets %v %q", name, got.Outcome, got.Reason)
		}
	}
}

// What the log says about lines: their number and the user's name, never a hash. hazard 12, hazard 13
func TestNotices(t *testing.T) {
	var log logged
	lines := []string{
		"alice:" + bcryptHash,
		"bob:$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2g",
		"carol:$6$rounds=abc$salt$canary",
		"dave:" + shaHash,
		"dave:" + shaHash,
		"eve:canary-plain",
		"frank:$2y$31$" + strings.Repeat("a", 53),
		":" + shaHash,
		"grace:aaaaaaaaaaaaa",
		"henry:$6$rounds=1000001$salt$" + strings.Repeat("a", 86),
		"ivan\x01:" + shaHash,
		"judy :" + shaHash,
	}
	b := serve(t, options{}, log.logger(), lines...)
	for _, want := range []string{
		`user \"alice\" has a weak password hash: bcrypt of cost 4 is quickly guessed`,
		`line 2 has a password hash of a scheme that is not known here: user \"bob\" cannot log in`,
		`line 3 has a malformed password hash: user \"carol\" cannot log in`,
		`user \"dave\" has a weak password hash: SHA is quickly guessed`,
		`lines 4 and 5 are both for user \"dave\": he cannot log in`,
		`line 6 has no known password hash; if it is the password itself, it needs allow_plaintext: user \"eve\" cannot log in`,
		`line 7 has a bcrypt hash of cost 31; the highest that is accepted is 16: user \"frank\" cannot log in`,
		`line 8 has no name before the colon: it is left out`,
		`line 9 has a DES crypt hash, which needs allow_des: user \"grace\" cannot log in`,
		`line 10 has a sha512-crypt hash of 1000001 rounds; the most that are accepted are 1000000: user \"henry\" cannot log in`,
		`line 11 has a name that nobody can log in with`,
		`line 12 has a name that nobody can log in with`,
		b.users.path,
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q", want)
		}
	}
	for _, line := range lines {
		if _, stored, _ := strings.Cut(line, ":"); strings.Contains(log.String(), stored) || strings.Contains(log.String(), "canary") {
			t.Errorf("the log shows a hash")
		}
	}
	if t.Failed() {
		t.Log(log.String())
	}
	for name, reason := range map[string]string{
		"bob": plugins.ReasonUnusableHash, "carol": plugins.ReasonUnusableHash, "dave": plugins.ReasonAmbiguousUser,
		"eve": plugins.ReasonUnusableHash, "frank": plugins.ReasonUnusableHash, "grace": plugins.ReasonUnusableHash,
	} {
		for _, line := range lines {
			if _, stored, _ := strings.Cut(line, ":"); ask(t, b, name, stored).Outcome != plugins.Denied {
				t.Errorf("%s can log in with a stored hash", name) // hazard 12
			}
		}
		if got := ask(t, b, name, right); got.Outcome != plugins.Denied || got.Reason != reason {
			t.Errorf("%s gets %v %q, want denied %q", name, got.Outcome, got.Reason, reason)
		}
	}
}

// A file that cannot be read, or is none of the kind, is a fault at the start that names file and line and shows nothing.
func TestUnusableFileAtStart(t *testing.T) {
	folder := t.TempDir()
	pipe := filepath.Join(folder, "pipe")
	makePipe(t, pipe)
	cases := map[string]struct{ path, want string }{
		"missing":      {filepath.Join(folder, "none"), "no such file"},
		"a folder":     {folder, "not a regular file"},
		"a pipe":       {pipe, "not a regular file"},
		"no colon":     {write(t, folder, "colon", "alice:"+shaHash+"\n\ncanary\n"), "line 3: there is no colon in it"},
		"binary":       {write(t, folder, "binary", "alice:"+shaHash+"\ncanary\x00:x\n"), "line 2: it is not text in UTF-8"},
		"latin-1":      {write(t, folder, "latin", "canary\xe9:x\n"), "line 1: it is not text in UTF-8"},
		"a long line":  {write(t, folder, "long", "#"+strings.Repeat("x", maxLine)+"\n"), "line 1: it is longer than 64 KiB"},
		"empty name":   {"", "is required"},
		"relative":     {"htpasswd", "must be an absolute path"},
		"no such path": {"/nonexistent/htpasswd", "no such file"},
	}
	for name, c := range cases {
		for _, key := range []string{keyFilePath, keyGroupFile} {
			settings := map[string]string{keyFilePath: write(t, folder, "good", "alice:"+shaHash+"\n")}
			settings[key] = c.path
			if key == keyGroupFile && c.path == "" {
				continue
			}
			_, err := New(t.Context(), plugins.NewSettings(secret.New(object(settings))), quiet())
			wrong, ok := errors.AsType[*plugins.SettingsError](err)
			if !ok || len(wrong.Faults) != 1 || wrong.Faults[0].Key != key {
				t.Errorf("%s as %s: %v", name, key, err)
				continue
			}
			if text := err.Error(); !strings.Contains(text, c.want) || !strings.Contains(text, c.path) && filepath.IsAbs(c.path) || strings.Contains(text, "canary") {
				t.Errorf("%s as %s: %q, want it to say %q", name, key, text, c.want)
			}
		}
	}
}

// object returns settings as a JSON object.
func object(settings map[string]string) string {
	var parts []string
	for key, value := range settings {
		parts = append(parts, fmt.Sprintf("%q: %q", key, value))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// All faults of the settings are reported at once, and an unknown key with the nearest known one.
func TestSettings(t *testing.T) {
	_, err := New(t.Context(), plugins.NewSettings(secret.New(`{"filepath": "/x", "allow_des": "perhaps"}`)), quiet())
	wrong, ok := errors.AsType[*plugins.SettingsError](err)
	if !ok || len(wrong.Faults) != 2 || !strings.Contains(err.Error(), "did you mean file_path?") {
		t.Errorf("New() = %v", err)
	}
	path := write(t, t.TempDir(), "htpasswd", "alice:opensesame\n")
	b, err := New(t.Context(), plugins.NewSettings(secret.New(fmt.Sprintf(`{"file_path": %q, "allow_plaintext": "True"}`, path))), quiet())
	if err != nil {
		t.Fatal(err)
	}
	if got := ask(t, b, "alice", right); got.Outcome != plugins.Accepted {
		t.Errorf("with allow_plaintext, alice gets %v %q", got.Outcome, got.Reason)
	}
}

func TestGroups(t *testing.T) {
	folder := t.TempDir()
	var log logged
	o := options{
		FilePath:  write(t, folder, "htpasswd", "alice:"+shaHash+"\nbob:"+shaHash+"\n\u00e9mile:"+shaHash+"\n"),
		GroupFile: write(t, folder, "groups", "# groups\nops: alice bob\n\nwheel :alice\nops:\te\u0301mile  alice\nempty:\n: alice\n"),
	}
	b, err := open(o, log.logger(), later, minBcryptCost)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{"alice": {"ops", "wheel"}, "bob": {"ops"}, "\u00e9mile": {"ops"}} {
		if got := ask(t, b, name, right); !slices.Equal(got.Groups, want) {
			t.Errorf("the groups of %s are %q, want %q", name, got.Groups, want)
		}
		if got, err := b.Lookup(t.Context(), name); err != nil || !slices.Equal(got.Groups, want) || got.Outcome != plugins.Accepted {
			t.Errorf("Lookup(%q) = %+v, %v", name, got, err)
		}
	}
	if got := ask(t, b, "alice", "wrong"); got.Groups != nil {
		t.Errorf("somebody who is refused gets the groups %q", got.Groups)
	}
	if !strings.Contains(log.String(), "line 7 has no name before the colon") {
		t.Errorf("the log does not name the line without a group:\n%s", log.String())
	}
}

func TestLookup(t *testing.T) {
	b := serve(t, options{}, quiet(), "alice:"+bcryptHash, "bob:*")
	for name, want := range map[string]plugins.Result{
		"alice": {Outcome: plugins.Accepted, Name: "alice"},
		"bob":   {Outcome: plugins.Accepted, Name: "bob"},
		"carol": {Outcome: plugins.UnknownUser, Reason: plugins.ReasonUnknownUser},
	} {
		if got, err := b.Lookup(t.Context(), name); err != nil || !cmp.Equal(got, want) {
			t.Errorf("Lookup(%q) = %+v, %v; want %+v", name, got, err, want)
		}
	}
}

// A deadline that has passed is "could not decide", not a refusal.
func TestDeadline(t *testing.T) {
	b := serve(t, options{}, quiet(), "alice:"+bcryptHash)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := b.Authenticate(ended, plugins.Request{Name: "alice", Password: secret.New(right)}); !errors.Is(err, context.Canceled) || got.Outcome != plugins.Undecided {
		t.Errorf("Authenticate() = %+v, %v", got, err)
	}
	during, cancel := context.WithCancel(t.Context())
	check := b.verify
	b.verify = func(h hash, password string) bool { cancel(); return check(h, password) }
	if got, err := b.Authenticate(during, plugins.Request{Name: "alice", Password: secret.New(right)}); !errors.Is(err, context.Canceled) || got.Outcome != plugins.Undecided {
		t.Errorf("Authenticate() = %+v, %v", got, err)
	}
	if _, err := b.Lookup(ended, "alice"); !errors.Is(err, context.Canceled) {
		t.Errorf("Lookup() = %v", err)
	}
	if err := b.Check(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Check() = %v", err)
	}
}
