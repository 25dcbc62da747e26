package pam

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/plugins"
	"latchkey/plugins/secret"
)

// patience bounds what a test waits for.
const patience = 30 * time.Second

// until waits until a condition holds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("after %s not yet: %s", patience, what)
		}
	}
}

// One prompt with echo off is answered, everything else is a refusal without a wait, whatever the stack makes of it.
// hazard 17
func TestPrompts(t *testing.T) {
	module := testModule(t)
	good := module + " ask=off password=" + right
	allow := "account required pam_permit.so"
	cases := []struct {
		name  string
		stack []string
		want  plugins.Outcome
	}{
		{"one prompt", []string{"auth required " + good, allow}, plugins.Accepted},
		{"one prompt and a message", []string{"auth required " + good + " say=hello", allow}, plugins.Accepted},
		{"a second prompt", []string{"auth required " + good, "auth required " + module + " ask=off", allow}, plugins.Denied},
		{"a second prompt that may fail", []string{"auth required " + good, "auth optional " + module + " ask=off", allow}, plugins.Denied},
		{"a prompt with echo on", []string{"auth required " + module + " ask=on", allow}, plugins.Denied},
		{"a prompt with echo on before", []string{"auth optional " + module + " ask=on", "auth required " + good, allow}, plugins.Denied},
		{"a prompt of the account phase", []string{"auth required " + good, "account required " + module + " ask=off"}, plugins.Denied},
		{"an account phase that may fail", []string{"auth required " + good, "account optional " + module + " ask=off", allow}, plugins.Denied},
	}
	for _, c := range cases {
		got := ask(t, newBackend(stack(t, c.stack...), 1), "alice", right)
		if got.Outcome != c.want || c.want == plugins.Denied && got.Reason != plugins.ReasonExtraPrompt {
			t.Errorf("%s gets %v %q\n%s", c.name, got.Outcome, got.Reason, strings.Join(got.Steps, "\n"))
		}
	}
}

// A stack that lets somebody in without a look at the password is an error. hazard 2
func TestStackThatAsksForNothing(t *testing.T) {
	for _, module := range []string{"pam_permit.so", "pam_rootok.so"} {
		b := newBackend(stack(t, "auth sufficient "+module, "account required pam_permit.so"), 1)
		got, err := b.Authenticate(t.Context(), plugins.Request{Name: "root", Password: secret.New("x")})
		if !errors.Is(err, errNobodyAsked) {
			t.Errorf("%s gets %+v, %v", module, got, err)
		}
	}
}

// Modules may change PAM_USER; the identity is what they leave. hazard 5
func TestModuleChangesTheUser(t *testing.T) {
	account, module := addAccount(t), testModule(t)
	b := newBackend(stack(t, "auth required "+module+" ask=off user="+account, "account required pam_permit.so"), 1)
	if got := ask(t, b, "alias", right); got.Outcome != plugins.Accepted || got.Name != account || len(got.Groups) == 0 {
		t.Errorf("Authenticate() = %+v", got)
	}
	b = newBackend(stack(t, "auth required "+module+" ask=off user=a:b", "account required pam_permit.so"), 1)
	if got, err := b.Authenticate(t.Context(), plugins.Request{Name: "alias", Password: secret.New(right)}); err == nil {
		t.Errorf("an impossible PAM_USER gets %+v", got)
	}
}

// What each code of a module becomes. The numbers are those of Linux-PAM's _pam_types.h.
func TestCodes(t *testing.T) {
	const undecided = "undecided"
	module := testModule(t)
	codes := []struct {
		number                int
		name                  string
		authenticate, account string // the reason, or undecided
	}{
		{1, "PAM_OPEN_ERR", undecided, undecided},
		{2, "PAM_SYMBOL_ERR", undecided, undecided},
		{3, "PAM_SERVICE_ERR", undecided, undecided},
		{4, "PAM_SYSTEM_ERR", undecided, undecided},
		{5, "PAM_BUF_ERR", undecided, undecided},
		{6, "PAM_PERM_DENIED", plugins.ReasonPermissionDenied, plugins.ReasonPermissionDenied},
		{7, "PAM_AUTH_ERR", plugins.ReasonUnknownUser, plugins.ReasonPermissionDenied}, // the system has no such account
		{8, "PAM_CRED_INSUFFICIENT", undecided, undecided},
		{9, "PAM_AUTHINFO_UNAVAIL", undecided, undecided},
		{10, "PAM_USER_UNKNOWN", plugins.ReasonUnknownUser, reasonNoAccount},
		{11, "PAM_MAXTRIES", plugins.ReasonAttemptsExhausted, plugins.ReasonAttemptsExhausted},
		{12, "PAM_NEW_AUTHTOK_REQD", plugins.ReasonPasswordExpired, plugins.ReasonPasswordExpired},
		{13, "PAM_ACCT_EXPIRED", plugins.ReasonAccountExpired, plugins.ReasonAccountExpired},
		{14, "PAM_SESSION_ERR", undecided, undecided},
		{16, "PAM_CRED_EXPIRED", plugins.ReasonPasswordExpired, plugins.ReasonPasswordExpired},
		{19, "PAM_CONV_ERR", undecided, undecided},
		{26, "PAM_ABORT", undecided, undecided},
		{27, "PAM_AUTHTOK_EXPIRED", plugins.ReasonPasswordExpired, plugins.ReasonPasswordExpired},
		{28, "PAM_MODULE_UNKNOWN", undecided, undecided},
	}
	name := random(t)
	for _, code := range codes {
		for phase, want := range map[string]string{"auth": code.authenticate, "account": code.account} {
			lines := []string{"auth required " + module + " ask=off", "account required pam_permit.so"}
			if phase == "auth" {
				lines[0] += fmt.Sprintf(" return=%d", code.number)
			} else {
				lines[1] = fmt.Sprintf("account required %s return=%d", module, code.number)
			}
			b := newBackend(stack(t, lines...), 1)
			got, err := b.Authenticate(t.Context(), plugins.Request{Name: name, Password: secret.New(right)})
			outcome := plugins.Denied
			if want == plugins.ReasonUnknownUser {
				outcome = plugins.UnknownUser
			}
			switch {
			case want == undecided && err == nil:
				t.Errorf("%s from %s gets %+v, want an error", code.name, phase, got)
			case want != undecided && (err != nil || got.Outcome != outcome || got.Reason != want):
				t.Errorf("%s from %s gets %+v, %v; want %v %q", code.name, phase, got, err, outcome, want)
			}
		}
	}
}

// A stack that cannot be run is no wrong password.
func TestBrokenStacks(t *testing.T) {
	for name, lines := range map[string][]string{
		"a module that is not there": {"auth required pam_latchkey_none.so", "account required pam_permit.so"},
		"no account phase":           {"auth required " + testModule(t) + " ask=off"},
		"an empty file":              {""},
		"no stack at all":            {"auth nonsense"},
	} {
		b := newBackend(stack(t, lines...), 1)
		if got, err := b.Authenticate(t.Context(), plugins.Request{Name: random(t), Password: secret.New(right)}); err == nil && got.Outcome == plugins.Accepted {
			t.Errorf("%s accepts: %+v", name, got)
		}
	}
	o := stack(t, "auth required pam_latchkey_none.so")
	if got, err := newBackend(o, 1).Authenticate(t.Context(), plugins.Request{Name: "root", Password: secret.New(right)}); err == nil {
		t.Errorf("a module that is not there gets %+v", got)
	}
	if err := os.Remove(filepath.Join(o.ConfDir, o.Service)); err != nil {
		t.Fatal(err)
	}
	if err := newBackend(o, 1).Check(t.Context()); err == nil || !strings.Contains(err.Error(), "there is no PAM service file") {
		t.Errorf("Check() without a service file = %v", err)
	}
}

// A module that does not return costs its caller the deadline and no more; when all workers are stuck, Check says so, and
// when the modules return after all, everything works again. hazard 18
func TestStuckModules(t *testing.T) {
	release := filepath.Join(t.TempDir(), "release")
	b := newBackend(stack(t, "auth required "+testModule(t)+" ask=off wait="+release+" password="+right, "account required pam_permit.so"), 2)
	request := plugins.Request{Name: "alice", Password: secret.New(right)}
	for i := range 2 {
		if err := b.Check(t.Context()); err != nil {
			t.Fatalf("with %d of 2 workers stuck, Check() = %v", i, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		answered := make(chan error, 1)
		go func() {
			_, err := b.Authenticate(ctx, request)
			answered <- err
		}()
		until(t, "the module runs", func() bool { return len(b.workers.slots) == i+1 })
		cancel()
		if err := <-answered; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "did not answer in time") {
			t.Fatalf("a stuck module gets %v", err)
		}
	}
	if err := b.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "only a new process helps") {
		t.Errorf("with all workers stuck, Check() = %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := b.Authenticate(ctx, request); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "all 2 PAM workers are occupied") {
		t.Errorf("with all workers stuck, Authenticate() = %v", err)
	}
	if err := os.WriteFile(release, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, "the workers are free", func() bool { return len(b.workers.slots) == 0 })
	if err := b.Check(t.Context()); err != nil {
		t.Errorf("with no worker stuck, Check() = %v", err)
	}
	if got := ask(t, b, "alice", right); got.Outcome != plugins.Accepted {
		t.Errorf("afterwards alice gets %+v", got)
	}
}

// A program that pam_exec waits for, as it is met in the field. hazard 18
func TestProgramThatDoesNotEnd(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	command(t, "coreutils", "", "mkfifo", pipe)
	b := newBackend(stack(t, "auth required pam_exec.so /bin/cat "+pipe, "account required pam_permit.so"), 1)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if got, err := b.Authenticate(ctx, plugins.Request{Name: "alice", Password: secret.New(right)}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Authenticate() = %+v, %v", got, err)
	}
	writer, err := os.OpenFile(pipe, os.O_WRONLY, 0) // returns when cat has opened the other end
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil { // and this ends cat
		t.Fatal(err)
	}
	until(t, "the worker is free", func() bool { return len(b.workers.slots) == 0 })
}
