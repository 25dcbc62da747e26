package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"latchkey/daemon/client"
)

// Exit codes; exitCodesText tells what they mean.
const (
	exitOK          = 0
	exitError       = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitRefused     = 4
	exitUnreachable = 5
	exitInterrupted = 130 // 128 and SIGINT, as shells have it
)

const exitCodesText = `    0  done
    1  an error that is none of these
    2  the command line or the configuration file is wrong; nothing was sent
    3  there is no such thing, or it is somebody else's
    4  not logged in, or the server refused the credential, the password or the right
    5  the server cannot be reached, or cannot decide now; trying again later may help
  130  interrupted`

// exitCodesTopic is "latchkey help exit-codes".
func exitCodesTopic() *cobra.Command {
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: "latchkey ends with one of these codes:\n\n" + exitCodesText}
}

// usageError is a mistake on the command line or in the configuration file.
type usageError struct{ error }

// Unwrap returns the mistake.
func (e usageError) Unwrap() error { return e.error }

// hinted is an error that knows what to do about it.
type hinted struct {
	error
	hint string
}

// Unwrap returns the error without the hint.
func (e hinted) Unwrap() error { return e.error }

// report prints what went wrong on one line and what to do about it on the next, and returns the exit code.
func (a *app) report(command string, err error) int {
	code, hint := a.judge(command, err)
	fmt.Fprintln(a.stderr, "latchkey:", printable(problem(err)))
	if known, ok := errors.AsType[hinted](err); ok {
		hint = known.hint
	}
	if hint != "" {
		fmt.Fprintln(a.stderr, printable(hint))
	}
	return code
}

// problem returns the line that says what went wrong.
func problem(err error) string {
	if errors.Is(err, context.Canceled) {
		return "interrupted"
	}
	return err.Error()
}

// judge returns the exit code of an error and, where the kind of error is enough to know, what to do about it.
func (a *app) judge(command string, err error) (code int, hint string) {
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage, fmt.Sprintf("See %s --help.", command)
	}
	if errors.Is(err, context.Canceled) {
		return exitInterrupted, ""
	}
	if failed, ok := errors.AsType[*client.ActivationError](err); ok {
		return a.judgeActivation(failed)
	}
	if refused, ok := errors.AsType[*client.Error](err); ok {
		return a.judgeRefusal(refused)
	}
	if lost, ok := errors.AsType[*client.Unreachable](err); ok {
		if _, ok := errors.AsType[*tls.CertificateVerificationError](lost); ok {
			return exitUnreachable, "If a certificate authority of your own has signed the server's certificate, give its file with --cacert."
		}
		if errors.Is(lost, fs.ErrPermission) {
			return exitUnreachable, "This socket is for root."
		}
		return exitUnreachable, "Is this the right server? " + a.server
	}
	if _, ok := errors.AsType[*client.Unexpected](err); ok {
		return exitError, "Is this the right server? " + a.server
	}
	if _, ok := errors.AsType[loginNeeded](err); ok {
		return exitRefused, `Log in with "latchkey login".`
	}
	return exitError, ""
}

// judgeRefusal does the same for a refusal by the server.
func (a *app) judgeRefusal(refused *client.Error) (code int, hint string) {
	switch refused.Status {
	case http.StatusBadRequest:
		if strings.HasPrefix(refused.Message, "Client sent an HTTP request to an HTTPS server") { // net/http's words for it
			return exitError, "Write the server's address with https://. " + a.server
		}
	case http.StatusUnauthorized:
		if a.credential == "" {
			return exitRefused, `Log in with "latchkey login", or set LATCHKEY_AUTH_TOKEN or LATCHKEY_API_KEY.`
		}
		return exitRefused, fmt.Sprintf("The credential is from %s.", a.credential)
	case http.StatusForbidden:
		return exitRefused, "It needs an administrator, or a credential with more rights."
	case http.StatusTooManyRequests:
		return exitRefused, wait(refused.RetryAfter)
	case http.StatusNotFound:
		return exitNotFound, "Somebody else's looks the same as none; an administrator sees all."
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return exitUnreachable, wait(refused.RetryAfter)
	case http.StatusInternalServerError:
		if refused.RequestID != "" {
			return exitError, fmt.Sprintf("The server's log has more under the request id %s.", refused.RequestID)
		}
	}
	return exitError, ""
}

// wait says when to try again.
func wait(after time.Duration) string {
	if after <= 0 {
		return "Try again later."
	}
	return fmt.Sprintf("Try again in %s.", after)
}
