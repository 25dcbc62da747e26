package pam

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"latchkey/plugins"
	"latchkey/plugins/secret"
)

var (
	_ plugins.Factory = New
	_ plugins.Backend = (*Backend)(nil)
	_ plugins.Checker = (*Backend)(nil)
	_ plugins.Looker  = (*Backend)(nil)
)

// shadow is the file that pam_unix reads, needsShadow what is the matter when it cannot.
const (
	shadow      = "/etc/shadow"
	needsShadow = "this process may not read " + shadow + ", without which pam_unix accepts nobody; the systemd drop-in for PAM gives it the group shadow"
)

// Backend asks the host's PAM. It is made by New and safe for concurrent use.
type Backend struct {
	options options
	workers *pool
	// transact and find are what calls into C; they are fields so that a test can do without.
	transact func(o options, name string, password secret.Text) (*transcript, error)
	find     func(name string) (account, error)
	// shadowless is whether the process was found unable to read the shadow file.
	shadowless bool
}

// New returns the backend that its settings describe. A fault of the settings is a *plugins.SettingsError; a service without
// a file is one.
func New(_ context.Context, settings plugins.Settings, log *slog.Logger) (plugins.Backend, error) {
	o, err := decode(settings)
	if err != nil {
		return nil, err
	}
	b := newBackend(o, maxWorkers)
	if file, err := os.Open(shadow); err == nil {
		_ = file.Close()
	} else if b.shadowless = errors.Is(err, os.ErrPermission); b.shadowless {
		log.Warn(needsShadow)
	}
	return b, nil
}

func newBackend(o options, workers int) *Backend {
	return &Backend{options: o, workers: newPool(workers), transact: transact, find: findAccount}
}

// Authenticate asks PAM whether the password is right and the account may be used. It returns an error when ctx ends before
// PAM has answered. A refusal is answered at the earliest after min_refusal.
func (b *Backend) Authenticate(ctx context.Context, request plugins.Request) (plugins.Result, error) {
	earliest := time.NewTimer(b.options.MinRefusal)
	defer earliest.Stop()
	result, err := b.decide(ctx, request)
	if err != nil {
		return plugins.Result{}, err
	}
	if !request.Trace {
		result.Steps = nil
	}
	if result.Outcome == plugins.Accepted {
		return result, nil
	}
	select {
	case <-earliest.C:
		return result, nil
	case <-ctx.Done():
		return plugins.Result{}, fmt.Errorf("the deadline is shorter than min_refusal: %w", ctx.Err())
	}
}

// decide answers as soon as it can.
func (b *Backend) decide(ctx context.Context, request plugins.Request) (plugins.Result, error) {
	// The daemon refuses these before a backend is asked. They are refused again because C would take what stands before a
	// NUL for the whole, and some modules cut a name that is too long.
	switch password := request.Password; {
	case !possible(request.Name):
		return plugins.Result{
			Outcome: plugins.UnknownUser, Reason: plugins.ReasonUnknownUser, Steps: []string{"no account can have this name; PAM was not asked"},
		}, nil
	case password.Empty() || password.Len() > maxPassword || strings.IndexByte(password.Reveal(), 0) >= 0:
		return plugins.Result{
			Outcome: plugins.Denied, Reason: plugins.ReasonWrongPassword, Steps: []string{"no account can have this password; PAM was not asked"},
		}, nil
	}
	return run(ctx, b.workers, func() (plugins.Result, error) {
		t, err := b.transact(b.options, request.Name, request.Password)
		if err != nil {
			return plugins.Result{}, err
		}
		outcome, reason, err := t.decide()
		if err != nil && b.shadowless {
			return plugins.Result{}, fmt.Errorf("%w (%s)", err, needsShadow)
		}
		if err != nil {
			return plugins.Result{}, err
		}
		steps := b.explain(t)
		if outcome == plugins.Accepted {
			return b.accept(t.user, steps)
		}
		return b.refuse(request.Name, outcome, reason, steps), nil
	})
}

// accept returns the result for a user whom PAM accepted under a name.
func (b *Backend) accept(name string, steps []string) (plugins.Result, error) {
	if !canonical(name) {
		return plugins.Result{}, errors.New("PAM changed the name to one that no account can have")
	}
	a, err := b.find(name)
	if err != nil {
		return plugins.Result{}, err
	}
	if !canonical(a.name) {
		return plugins.Result{}, errors.New("the system spells the account's name in a way that no account can have")
	}
	if a.known {
		steps = append(steps, fmt.Sprintf("the system knows the account %q, in the groups %q", a.name, a.groups))
	} else {
		steps = append(steps, fmt.Sprintf("the system has no account %q, so there are no groups", a.name))
	}
	return plugins.Result{Outcome: plugins.Accepted, Name: a.name, DisplayName: a.displayName, Groups: a.groups, Steps: steps}, nil
}

// refuse returns the result for a user whom PAM refused. Many stacks end with pam_deny, which makes a wrong password of an
// unknown user, so the system is asked whether there is such an account: the next backend of a chain may know him.
func (b *Backend) refuse(name string, outcome plugins.Outcome, reason string, steps []string) plugins.Result {
	if outcome == plugins.Denied && reason == plugins.ReasonWrongPassword {
		if a, err := b.find(name); err == nil && !a.known {
			outcome, reason = plugins.UnknownUser, plugins.ReasonUnknownUser
			steps = append(steps, fmt.Sprintf("the system has no account %q", name))
		}
	}
	if b.shadowless {
		steps = append(steps, needsShadow)
	}
	return plugins.Result{Outcome: outcome, Reason: reason, Steps: steps}
}

// explain returns the steps of a transaction for an administrator.
func (b *Backend) explain(t *transcript) []string {
	path, err := b.options.serviceFile()
	if err != nil {
		path = "the service other, because " + err.Error()
	}
	steps := append([]string{"PAM reads " + path}, t.conversation.messages...)
	steps = append(steps, "pam_authenticate: "+outcomeOf(t.authenticate))
	if t.authenticate == nil {
		steps = append(steps, fmt.Sprintf("PAM_USER is %q", t.user), "pam_acct_mgmt: "+outcomeOf(t.account))
	}
	if t.conversation.extra {
		steps = append(steps, "a prompt without an answer is a refusal, whatever PAM says")
	}
	return steps
}

// outcomeOf returns PAM's words for a code.
func outcomeOf(err error) string {
	if err == nil {
		return "success"
	}
	return err.Error()
}

// Lookup returns the account that the system has under a name. It does not ask PAM.
func (b *Backend) Lookup(ctx context.Context, name string) (plugins.Result, error) {
	unknown := plugins.Result{Outcome: plugins.UnknownUser, Reason: plugins.ReasonUnknownUser}
	if !possible(name) {
		return unknown, nil
	}
	a, err := run(ctx, b.workers, func() (account, error) { return b.find(name) })
	switch {
	case err != nil:
		return plugins.Result{}, err
	case !a.known:
		return unknown, nil
	case !canonical(a.name):
		return plugins.Result{}, errors.New("the system spells the account's name in a way that no account can have")
	}
	return plugins.Result{Outcome: plugins.Accepted, Name: a.name, DisplayName: a.displayName, Groups: a.groups}, nil
}

// Check returns an error when the service has no file or every worker is stuck in a module; a new process helps against the
// latter.
func (b *Backend) Check(ctx context.Context) error {
	if _, err := b.options.serviceFile(); err != nil {
		return err
	}
	if err := b.workers.exhausted(); err != nil {
		return err
	}
	return ctx.Err()
}
