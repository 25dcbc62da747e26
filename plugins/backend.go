package plugins

import (
	"context"
	"log/slog"
	"strings"

	"latchkey/plugins/secret"
)

// Outcome is what a backend decided. The zero value is no decision and is treated as an error by the caller, so that a
// forgotten assignment can never let somebody in or turn an outage into a wrong password.
type Outcome uint8

// The three decisions.
const (
	Undecided   Outcome = iota // no decision: the caller makes an error of it
	Accepted                   // the password is right and the account may be used
	Denied                     // the account is known here and is refused; no other backend is asked
	UnknownUser                // there is no such account here; the next backend of a chain may be asked
)

// Request is one question: may this name log in with this password?
//
// Name is canonical (NFC, no control characters, no outer spaces, 1–256 bytes, no colon) and Password is 1–1024 bytes
// without NUL; the daemon refuses anything else before a backend is asked.
type Request struct {
	Name     string
	Password secret.Text
	// Trace asks for Result.Steps. It is set by `latchkeyd backend test` only.
	Trace bool
}

// Result is a backend's decision.
type Result struct {
	Outcome Outcome
	// Name is the account's one canonical name as the directory spells it. It is required when Outcome is Accepted: the
	// token belongs to this name and not to the one that was typed.
	Name        string
	DisplayName string
	Mail        string
	Groups      []string
	// Reason says why, as one of the Reason constants; it goes to the audit record and never to the caller.
	Reason string
	// Steps are one sentence for each step of the decision, for an administrator; empty unless Request.Trace was set. They
	// hold no secret.
	Steps []string
}

// Reasons for a decision, for the audit record. A backend may add its own: lower-case words joined by underscores.
const (
	ReasonWrongPassword     = "wrong_password"
	ReasonUnknownUser       = "unknown_user"
	ReasonAccountLocked     = "account_locked"
	ReasonAccountExpired    = "account_expired"
	ReasonAccountDisabled   = "account_disabled"
	ReasonPasswordExpired   = "password_must_change"
	ReasonNotInGroup        = "not_in_required_group"
	ReasonPasswordTooLong   = "password_too_long"
	ReasonUnusableHash      = "unusable_hash"
	ReasonAmbiguousUser     = "more_than_one_entry"
	ReasonExtraPrompt       = "pam_extra_prompt"
	ReasonPermissionDenied  = "permission_denied"
	ReasonAttemptsExhausted = "too_many_attempts"
)

// Backend answers whether a name and a password belong together.
type Backend interface {
	// Authenticate decides. A wrong password is a Result, not an error; an error means "could not decide" (server away,
	// file unreadable, deadline passed) and becomes 503, never 401. It must honour ctx and be safe for concurrent use.
	Authenticate(ctx context.Context, request Request) (Result, error)
}

// Checker is an optional ability: a backend that depends on something else (a directory server, a file) says whether it
// could decide now.
type Checker interface {
	// Check returns nil when a log-in could be decided, otherwise an error that says what is missing. It must not block
	// past ctx.
	Check(ctx context.Context) error
}

// Waiter is an optional ability: a backend that waits for somebody else (a directory server) while it decides, instead of
// hashing by itself, says how many calls of Authenticate at a time are of use. Others get as many as there are cores.
type Waiter interface {
	// Parallel returns a number from 1 to MaxParallel; it does not change.
	Parallel() int
}

// MaxParallel is the most calls of Authenticate that a backend gets at a time.
const MaxParallel = 128

// Looker is an optional ability: a backend that can say who somebody is without his password.
type Looker interface {
	// Lookup returns the account's name, groups and mail with Outcome Accepted, or Outcome UnknownUser. It says nothing about
	// whether the account may log in.
	Lookup(ctx context.Context, name string) (Result, error)
}

// Closer is an optional ability: what a backend holds (connections, watchers) is released when its process ends in good
// order.
type Closer interface {
	Close() error
}

// Factory makes a backend from its settings. It validates all of them and returns a *SettingsError that lists every fault,
// not only the first; any other error means that the settings are fine but the backend cannot work (and says why).
type Factory func(ctx context.Context, settings Settings, log *slog.Logger) (Backend, error)

// SettingFault is one wrong setting.
type SettingFault struct {
	Key     string // the setting's key as written, empty when the fault is about the settings as a whole
	Message string // what is wrong and what to do, on one line, without the value of a secret
}

// SettingsError lists all that is wrong with a backend's settings.
type SettingsError struct{ Faults []SettingFault }

// Error returns the faults on one line, joined by semicolons.
func (e *SettingsError) Error() string {
	parts := make([]string, 0, len(e.Faults))
	for _, fault := range e.Faults {
		if fault.Key == "" {
			parts = append(parts, fault.Message)
			continue
		}
		parts = append(parts, fault.Key+": "+fault.Message)
	}
	return strings.Join(parts, "; ")
}
