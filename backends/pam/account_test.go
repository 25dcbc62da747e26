package pam

import (
	"context"
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/plugins"
	"latchkey/plugins/secret"
)

// A real account: its password, its name as the system has it, its groups.
func TestRealAccount(t *testing.T) {
	name := addAccount(t)
	group := addGroup(t, name)
	b := newBackend(stack(t, unix...), maxWorkers)
	got := ask(t, b, name, right)
	groups := []string{name, group}
	slices.Sort(groups)
	if got.Outcome != plugins.Accepted || got.Name != name || got.DisplayName != "Latchkey Test" || !slices.Equal(got.Groups, groups) {
		t.Errorf("the right password gets %+v", got)
	}
	for _, wrong := range []string{"opensesam", "opensesame ", "OPENSESAME", "opensesame\n", strings.Repeat("x", 1024), "\xff"} {
		if got := ask(t, b, name, wrong); got.Outcome != plugins.Denied || got.Reason != plugins.ReasonWrongPassword || got.Groups != nil {
			t.Errorf("a wrong password gets %+v", got)
		}
	}
	if got := ask(t, b, random(t), right); got.Outcome != plugins.UnknownUser {
		t.Errorf("an unknown user gets %+v", got)
	}
	want := plugins.Result{Outcome: plugins.Accepted, Name: name, DisplayName: "Latchkey Test", Groups: groups}
	if got, err := b.Lookup(t.Context(), name); err != nil || !cmp.Equal(got, want) {
		t.Errorf("Lookup() = %+v, %v", got, err)
	}
	for _, nobody := range []string{random(t), "", "a/b", name + "\x00"} {
		if got, err := b.Lookup(t.Context(), nobody); err != nil || got.Outcome != plugins.UnknownUser {
			t.Errorf("Lookup(%q) = %+v, %v", nobody, got, err)
		}
	}
}

// An account that may not be used is refused although the password is right. hazard 14
func TestAccountThatMayNotBeUsed(t *testing.T) {
	noLogin := filepath.Join(t.TempDir(), "nologin")
	if err := os.WriteFile(noLogin, []byte("Closed for the night.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	closed := append([]string{"account required pam_nologin.so file=" + noLogin}, unix...)
	shells := append([]string{"auth required pam_shells.so"}, unix...)
	nothing := func(string) {}
	do := func(program string, arguments ...string) func(string) {
		return func(name string) { shadowTools(t, "", program, append(arguments, name)...) }
	}
	cases := []struct {
		name    string
		stack   []string
		prepare func(account string)
		reason  string // empty when the account may be used
	}{
		{"untouched", unix, nothing, ""},
		{"usermod -L", unix, do("usermod", "-L"), plugins.ReasonWrongPassword},
		{"passwd -l", unix, do("passwd", "-l"), plugins.ReasonWrongPassword},
		{"chage -E0", unix, do("chage", "-E0"), plugins.ReasonAccountExpired},
		{"chage -d0", unix, do("chage", "-d0"), plugins.ReasonPasswordExpired},
		{"chage -M1 -I0, changed long ago", unix, do("chage", "-M1", "-I0", "-d", "2020-01-01"), plugins.ReasonPasswordExpired},
		{"nologin file", closed, nothing, plugins.ReasonPermissionDenied},
		{"nologin shell", shells, do("usermod", "-s", "/usr/sbin/nologin"), plugins.ReasonWrongPassword},
		{"a good shell", shells, nothing, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			account := addAccount(t)
			c.prepare(account)
			b := newBackend(stack(t, c.stack...), maxWorkers)
			got := ask(t, b, account, right)
			if (got.Outcome == plugins.Accepted) != (c.reason == "") || got.Outcome == plugins.UnknownUser || got.Reason != c.reason {
				t.Errorf("the right password gets %v %q, want %q\n%s", got.Outcome, got.Reason, c.reason, strings.Join(got.Steps, "\n"))
			}
			if got := ask(t, b, account, "wrong"); got.Outcome != plugins.Denied {
				t.Errorf("a wrong password gets %v %q", got.Outcome, got.Reason)
			}
		})
	}
}

// An account without a password does not log in, not even where the stack would let it. hazard 15
func TestAccountWithoutPassword(t *testing.T) {
	account := addAccount(t)
	shadowTools(t, "", "passwd", "-d", account)
	for _, module := range []string{"pam_unix.so nodelay", "pam_unix.so nullok nodelay"} {
		b := newBackend(stack(t, "auth required "+module, "account required pam_unix.so"), maxWorkers)
		for _, password := range []string{"", "x", right, "\x00", "\x00x"} {
			if got := ask(t, b, account, password); got.Outcome != plugins.Denied {
				t.Errorf("%s: the password %q gets %v %q", module, password, got.Outcome, got.Reason)
			}
		}
	}
}

// What C would cut or a module would misread does not reach PAM. hazard 16
func TestImpossibleNamesAndPasswords(t *testing.T) {
	account := addAccount(t)
	b := newBackend(stack(t, unix...), maxWorkers)
	for _, name := range []string{
		"", account + "\x00x", account + "\x00", account + ":x", account + "/", "../" + account, account + "\n", " " + account, account + " ",
		account + "\xff", account + strings.Repeat("x", maxName), strings.Repeat("x", 300),
	} {
		if got := ask(t, b, name, right); got.Outcome != plugins.UnknownUser {
			t.Errorf("the name %q gets %v %q", name, got.Outcome, got.Reason)
		}
	}
	for _, password := range []string{"", right + "\x00", right + "\x00x", right + strings.Repeat("x", maxPassword)} {
		if got := ask(t, b, account, password); got.Outcome != plugins.Denied {
			t.Errorf("a password of %d bytes gets %v %q", len(password), got.Outcome, got.Reason)
		}
	}
	for _, name := range []string{"-x", "*", "%s%n", "a b", "é", strings.ToUpper(account), account + "x", account[:len(account)-1], strings.Repeat("x", maxName)} {
		if got := ask(t, b, name, right); got.Outcome == plugins.Accepted {
			t.Errorf("the name %q is accepted", name)
		}
	}
}

// The stack that most Debian services use makes a wrong password of an unknown user; the next backend of a chain must be asked
// all the same.
func TestStackThatEndsWithDeny(t *testing.T) {
	account := addAccount(t)
	b := newBackend(stack(t,
		"auth [success=1 default=ignore] pam_unix.so nullok nodelay", "auth requisite pam_deny.so", "auth required pam_permit.so",
		"account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so", "account requisite pam_deny.so", "account required pam_permit.so"), maxWorkers)
	for _, c := range []struct {
		name, password string
		want           plugins.Outcome
	}{{account, right, plugins.Accepted}, {account, "wrong", plugins.Denied}, {random(t), right, plugins.UnknownUser}} {
		if got := ask(t, b, c.name, c.password); got.Outcome != c.want {
			t.Errorf("%s with %q gets %v %q, want %v", c.name, c.password, got.Outcome, got.Reason, c.want)
		}
	}
}

// The file that is shipped is a stack that works.
func TestShippedService(t *testing.T) {
	shipped, err := os.ReadFile("../../systemd/latchkey.pam")
	if err != nil {
		t.Fatal(err)
	}
	account := addAccount(t)
	b := newBackend(stack(t, string(shipped)), maxWorkers)
	if got := ask(t, b, account, right); got.Outcome != plugins.Accepted {
		t.Errorf("the right password gets %v %q", got.Outcome, got.Reason)
	}
	if got := ask(t, b, account, "wrong"); got.Outcome != plugins.Denied {
		t.Errorf("a wrong password gets %v %q", got.Outcome, got.Reason)
	}
	if got := ask(t, b, random(t), right); got.Outcome != plugins.UnknownUser {
		t.Errorf("an unknown user gets %v %q", got.Outcome, got.Reason)
	}
}

// Many log-ins of several accounts at once: nobody gets another's answer. hazard 19
func TestManyAtOnce(t *testing.T) {
	names := []string{addAccount(t), addAccount(t), addAccount(t)}
	b := newBackend(stack(t, unix...), maxWorkers)
	var wg sync.WaitGroup
	for i := range 24 {
		name, password, want := names[i%3], right, plugins.Accepted
		switch i % 4 {
		case 1:
			password, want = "wrong", plugins.Denied
		case 2:
			name, want = name+"x", plugins.UnknownUser
		}
		wg.Go(func() {
			for range 5 {
				result, err := b.Authenticate(t.Context(), plugins.Request{Name: name, Password: secret.New(password)})
				if err != nil || result.Outcome != want || want == plugins.Accepted && result.Name != name {
					t.Errorf("%s with %q gets %+v, %v; want %v", name, password, result, err, want)
				}
			}
		})
	}
	wg.Wait()
	if err := b.Check(t.Context()); err != nil {
		t.Errorf("Check() = %v", err)
	}
}

// A look-up that the system cannot do is no decision; an account that only PAM knows has the name that PAM gives it.
func TestSystemLookUp(t *testing.T) {
	down := errors.New("the directory is away")
	accepted := func(options, string, secret.Text) (*transcript, error) {
		return &transcript{conversation: &conversation{asked: true}, user: "alice"}, nil
	}
	b := newBackend(options{}, 1)
	b.transact = accepted
	b.find = func(string) (account, error) { return account{}, down }
	if got, err := b.Authenticate(t.Context(), plugins.Request{Name: "alice", Password: secret.New("x")}); !errors.Is(err, down) || got.Outcome != plugins.Undecided {
		t.Errorf("Authenticate() = %+v, %v", got, err)
	}
	if _, err := b.Lookup(t.Context(), "alice"); !errors.Is(err, down) {
		t.Errorf("Lookup() = %v", err)
	}
	b.find = func(name string) (account, error) { return account{name: name}, nil }
	if got := ask(t, b, "alice", "x"); got.Outcome != plugins.Accepted || got.Name != "alice" || got.Groups != nil {
		t.Errorf("Authenticate() = %+v", got)
	}
	// The system's spelling counts. hazard 5
	b.find = func(string) (account, error) { return account{known: true, name: "Alice"}, nil }
	if got := ask(t, b, "alice", "x"); got.Name != "Alice" {
		t.Errorf("the identity is %q", got.Name)
	}
	for _, impossible := range []string{"", "a\nb", "a/b", "e\u0301"} {
		b.find = func(string) (account, error) { return account{known: true, name: impossible}, nil }
		if got, err := b.Authenticate(t.Context(), plugins.Request{Name: "alice", Password: secret.New("x")}); err == nil {
			t.Errorf("the system's name %q gets %+v", impossible, got)
		}
		if got, err := b.Lookup(t.Context(), "alice"); err == nil {
			t.Errorf("the system's name %q gets %+v", impossible, got)
		}
	}
}

// findAccount agrees with the system.
func TestFindAccount(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if a, err := findAccount(me.Username); err != nil || !a.known || a.name != me.Username || len(a.groups) == 0 {
		t.Errorf("findAccount(%q) = %+v, %v", me.Username, a, err)
	}
	nobody := random(t)
	if a, err := findAccount(nobody); err != nil || a.known || a.name != nobody {
		t.Errorf("findAccount(%q) = %+v, %v", nobody, a, err)
	}
}

// A context that has ended already asks nobody.
func TestEndedContext(t *testing.T) {
	b := newBackend(options{}, 1)
	b.transact = func(options, string, secret.Text) (*transcript, error) {
		t.Error("PAM was asked")
		return nil, errors.New("unwanted")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := b.Authenticate(ctx, plugins.Request{Name: "alice", Password: secret.New("x")}); !errors.Is(err, context.Canceled) {
		t.Errorf("Authenticate() = %+v, %v", got, err)
	}
}
