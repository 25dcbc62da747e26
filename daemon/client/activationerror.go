package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"latchkey/daemon/grant"
)

// The reasons that a tool finds by itself; the others are the server's, and docs/licence.md lists all.
const (
	ReasonSettings       = "settings"           // the server's address, the certificates or the configuration file cannot be used
	ReasonNoCredentials  = "no_credentials"     // there is no token at all
	ReasonUnknownToken   = "unknown_token"      // the token has another form, or the server does not know it
	ReasonUnreachable    = "server_unreachable" // the server cannot be asked, and no grant is kept
	ReasonOfflineTooLong = "offline_too_long"   // the server cannot be asked, and the kept grant has expired
	ReasonClock          = "clock_wrong"        // this machine's clock was set back, or differs from the server's by too much
	ReasonNotTrusted     = "grant_not_trusted"  // the grant is not signed with a key that counts, or is for something else
	ReasonCache          = "cache_unusable"     // the folder of grants cannot be used, and without it the clock cannot be watched
	ReasonNotSupported   = "not_supported"      // the server is too old to activate anything
	ReasonRefused        = "refused"            // the server refused without a reason of its own
	ReasonInterrupted    = "interrupted"        // the caller gave up
)

// ActivationError says why a tool was not activated.
type ActivationError struct {
	// Reason is one word: one of the Reason constants, or one that the server gave, such as no_licence_assigned.
	Reason string
	// Sentence says what is wrong and what to do about it, in one line that is safe to print.
	Sentence string
	// Unreachable is set when the server could not be asked, so that trying again later may help.
	Unreachable bool
	// Err is the cause, if there is one.
	Err error
	// Activation is what a tool can tell of itself all the same; it is not activated.
	Activation *Activation
}

// Error returns the sentence and the reason.
func (e *ActivationError) Error() string { return e.Sentence + " (" + e.Reason + ")" }

// Unwrap returns the cause.
func (e *ActivationError) Unwrap() error { return e.Err }

// problem returns an ActivationError of the tool's own.
func problem(reason string, err error, format string, args ...any) *ActivationError {
	return &ActivationError{Reason: reason, Sentence: sentence(fmt.Sprintf(format, args...)), Err: err}
}

// refusedActivation returns the error for an answer of the server that is final.
func refusedActivation(err error, server string) *ActivationError {
	refused, ok := errors.AsType[*Error](err)
	switch {
	case errors.Is(err, context.Canceled):
		return problem(ReasonInterrupted, err, "The activation was interrupted.")
	case !ok:
		return problem(ReasonSettings, err, "%v.", err)
	case refused.Status == 404 || refused.Status == 405:
		return problem(ReasonNotSupported, err, "The server %s does not activate licences: %s", server, refused.Message)
	case refused.Status == 401:
		return problem(ReasonUnknownToken, err, "%s", refused.Message)
	}
	return problem(cmp.Or(refused.Reason, ReasonRefused), err, "%s", refused.Message)
}

// distrusted returns the error for a grant that does not verify.
func distrusted(err error) *ActivationError {
	if errors.Is(err, grant.ErrNotYet) || errors.Is(err, grant.ErrExpired) {
		return problem(ReasonClock, err, "This machine's clock cannot be right: %v. Set it and try again.", err)
	}
	return problem(ReasonNotTrusted, err, "The grant cannot be trusted: %v. Is this the right server?", err)
}

// WriteBanner writes what people are told when a tool ends because it was not activated: what failed, why, what to do, and how to go
// on without a licence. product is the tool's name. An error that is no *ActivationError is shown as it is.
func WriteBanner(w io.Writer, product string, err error) {
	reason, unreachable := err.Error(), false
	if known, ok := errors.AsType[*ActivationError](err); ok {
		unreachable = known.Unreachable
	}
	product = sentence(product)
	todo := `- Please check that your credentials are set up correctly and that you have an active licence:
  set LATCHKEY_AUTH_TOKEN to your auth token, or keep it with "latchkey auth set-token";
  "latchkey licence activate" tries again and tells more.`
	if unreachable {
		todo = `- Please check that this machine reaches the licence server: that its name resolves, that no firewall and no
  proxy is in between, and that LATCHKEY_URL is right. What was activated works without it for 24 hours.`
	}
	fmt.Fprintf(w, `
===============================================
Licence activation failed!

Reason: %s

Due to this error, %s has quit. Its licensed features can only be used with a valid licence.

%s
- If you want to continue using %s without licensed features, set LATCHKEY_ACTIVATE=0.

`, sentence(reason), product, todo, product)
}

// ActivateOrExit activates a tool as Activate does. When that fails it writes the banner to standard error and ends the program with
// exit code 1; nothing that was deferred runs. With LATCHKEY_ACTIVATE=0 it returns an Activation that is not activated.
func ActivateOrExit(ctx context.Context, o ActivateOptions) *Activation {
	activation, err := Activate(ctx, o)
	if err != nil {
		WriteBanner(os.Stderr, o.Product, err)
		os.Exit(1)
	}
	return activation
}
