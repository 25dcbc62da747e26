package flatfile

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"latchkey/plugins"
)

var (
	_ plugins.Factory = New
	_ plugins.Backend = (*Backend)(nil)
	_ plugins.Checker = (*Backend)(nil)
	_ plugins.Looker  = (*Backend)(nil)
)

// decoyCost is the bcrypt cost of a refusal when no line of the password file can let anybody in.
const decoyCost = 10

// Backend answers out of a password file and a group file. It is made by New and safe for concurrent use.
type Backend struct {
	users  *source[*table]
	groups *source[*memberships] // nil without a group_file
	// verify checks a password against one hash. It is a field so that a test can count the checks of a decision.
	verify func(h hash, password string) bool
}

// New returns the backend that its settings describe and reads its files. A fault of the settings is a
// *plugins.SettingsError, and so is a file that cannot be used: it names the file and, where one is to blame, the line.
func New(_ context.Context, settings plugins.Settings, log *slog.Logger) (plugins.Backend, error) {
	options, err := decode(settings)
	if err != nil {
		return nil, err
	}
	return open(options, log, time.Now, decoyCost)
}

// open reads the files that the options name. The time and the cost of a refusal by an empty file come in for the tests.
func open(o options, log *slog.Logger, now func() time.Time, decoyCost int) (*Backend, error) {
	policy := policy{plain: o.AllowPlaintext, des: o.AllowDES, decoyCost: decoyCost}
	b := &Backend{
		users: &source[*table]{path: o.FilePath, now: now, log: log, parse: func(content []byte) (*table, []string, error) {
			t, err := readTable(content, policy)
			if err != nil {
				return nil, nil, err
			}
			return t, t.notices, nil
		}},
		verify: func(h hash, password string) bool { return h.matches(password) },
	}
	var faults []plugins.SettingFault
	if err := b.users.open(); err != nil {
		faults = append(faults, plugins.SettingFault{Key: keyFilePath, Message: err.Error()})
	}
	if o.GroupFile != "" {
		b.groups = &source[*memberships]{path: o.GroupFile, now: now, log: log, parse: func(content []byte) (*memberships, []string, error) {
			m, err := readGroups(content)
			if err != nil {
				return nil, nil, err
			}
			return m, m.notices, nil
		}}
		if err := b.groups.open(); err != nil {
			faults = append(faults, plugins.SettingFault{Key: keyGroupFile, Message: err.Error()})
		}
	}
	if len(faults) > 0 {
		return nil, &plugins.SettingsError{Faults: faults}
	}
	return b, nil
}

// Authenticate says whether the file has the user and the password is his. It reads the files anew when they have changed.
// Every refusal costs the same work, whatever the reason.
func (b *Backend) Authenticate(ctx context.Context, request plugins.Request) (plugins.Result, error) {
	if err := ctx.Err(); err != nil {
		return plugins.Result{}, fmt.Errorf("before the password was checked: %w", err)
	}
	t, read := b.users.current()
	steps := &steps{wanted: request.Trace}
	steps.add("%s, as it was at %s, has %d users who can log in and %d who cannot", b.users.path, read.UTC().Format(time.RFC3339),
		t.usable, t.refused)
	result := b.decide(t, request, steps)
	if err := ctx.Err(); err != nil {
		return plugins.Result{}, fmt.Errorf("while the password was checked: %w", err)
	}
	result.Steps = steps.sentences
	return result, nil
}

// decide answers out of one state of the password file.
func (b *Backend) decide(t *table, request plugins.Request, steps *steps) plugins.Result {
	password := request.Password.Reveal()
	e, found := t.entries[norm.NFC.String(request.Name)]
	switch {
	case !found:
		b.spend(t.decoys, password)
		steps.add("no line is for user %q; upper and lower case are told apart", request.Name)
		return plugins.Result{Outcome: plugins.UnknownUser, Reason: plugins.ReasonUnknownUser}
	case e.refused != "":
		b.spend(t.decoys, password)
		steps.add("user %q cannot log in: %s", e.name, e.why)
		return plugins.Result{Outcome: plugins.Denied, Reason: e.refused}
	}
	steps.add("line %d is for user %q and has a hash of scheme %s", e.line, e.name, e.hash.describe())
	reason := plugins.ReasonWrongPassword
	right := b.verify(e.hash, within(e.hash, password))
	switch limit := e.hash.limit(); {
	case password == "" || strings.IndexByte(password, 0) >= 0:
		right = false
		steps.add("an empty password, or one with a NUL byte, is never right")
	case limit > 0 && len(password) > limit:
		right, reason = false, plugins.ReasonPasswordTooLong
		steps.add("the password is longer than the %d bytes that %s looks at, and is refused for that", limit, e.hash.scheme)
	}
	if !right {
		b.spend(e.padding, password)
		if reason == plugins.ReasonWrongPassword {
			steps.add("the password is not the right one")
		}
		return plugins.Result{Outcome: plugins.Denied, Reason: reason}
	}
	steps.add("the password is the right one")
	groups := b.groupsOf(e.name)
	if b.groups != nil {
		steps.add("%s has the user in the groups %q", b.groups.path, groups)
	}
	return plugins.Result{Outcome: plugins.Accepted, Name: e.name, Groups: groups}
}

// spend checks a password against hashes that nobody has and forgets the outcome.
func (b *Backend) spend(decoys []hash, password string) {
	for _, decoy := range decoys {
		b.verify(decoy, within(decoy, password))
	}
}

// within returns as much of a password as the hash's scheme looks at, so that one that is too long costs as much as another.
func within(h hash, password string) string {
	if limit := h.limit(); limit > 0 && len(password) > limit {
		return password[:limit]
	}
	return password
}

// Lookup returns the user's name and groups if the file has a line for him, whether he can log in or not.
func (b *Backend) Lookup(ctx context.Context, name string) (plugins.Result, error) {
	if err := ctx.Err(); err != nil {
		return plugins.Result{}, fmt.Errorf("before the user was looked up: %w", err)
	}
	t, _ := b.users.current()
	e, found := t.entries[norm.NFC.String(name)]
	if !found {
		return plugins.Result{Outcome: plugins.UnknownUser, Reason: plugins.ReasonUnknownUser}, nil
	}
	return plugins.Result{Outcome: plugins.Accepted, Name: e.name, Groups: b.groupsOf(e.name)}, nil
}

// groupsOf returns the groups that the group file has for a user.
func (b *Backend) groupsOf(name string) []string {
	if b.groups == nil {
		return nil
	}
	m, _ := b.groups.current()
	return m.of(name)
}

// Check reads changed files and returns nil: what was read at the start, or last without a fault, can always answer. A file
// that has become unusable since is reported in the log.
func (b *Backend) Check(ctx context.Context) error {
	b.users.current()
	if b.groups != nil {
		b.groups.current()
	}
	return ctx.Err()
}

// steps collects the sentences for an administrator, if they are wanted.
type steps struct {
	wanted    bool
	sentences []string
}

// add keeps one sentence.
func (s *steps) add(format string, arguments ...any) {
	if s.wanted {
		s.sentences = append(s.sentences, fmt.Sprintf(format, arguments...))
	}
}
