// Package fault is the daemon's one error type for what a caller did or must be told.
//
// A service returns an *Error with a kind and, where the contract fixes it, a sentence for the caller. Package api alone
// turns it into a status, a faultstring and a log line. An error that is no *Error is an internal one: the caller gets 500
// without detail. The reason and the wrapped error are for the log and the audit record and never leave the host.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind is the category of an error; it decides the HTTP status.
type Kind uint8

// The kinds. The zero value is Internal, so that a forgotten kind says nothing to the outside.
const (
	Internal        Kind = iota // 500: a fault of ours
	Invalid                     // 400: the request cannot be understood; Public says what to mend
	Unauthenticated             // 401: no credential, or a bad one
	Forbidden                   // 403: the caller is known and may not do this
	NotFound                    // 404: unknown, or not the caller's to see
	Conflict                    // 409: taken already
	TooLarge                    // 413: the body is over the limit
	Limited                     // 429: too many tries from one address; RetryAfter says when the next one is heard
	Unavailable                 // 503: could not decide, or could not be written; never a no
)

// Error is an error with a category.
type Error struct {
	Kind Kind
	// Public is the sentence for the caller; empty means the kind's own default.
	Public string
	// Reason is a short word for the audit record: lower-case words joined by underscores.
	Reason string
	// Code is a word for programs, which the caller gets beside the sentence; empty where the contract documents none.
	Code string
	// RetryAfter is the time after which a caller may try again; with Unavailable and Limited only, and zero when unknown.
	RetryAfter time.Duration
	// Err is the cause, for the log.
	Err error
}

// Error returns the reason and the cause; it is for logs, not for callers.
func (e *Error) Error() string {
	text := e.Public
	if text == "" {
		text = e.Reason
	}
	if e.Err != nil {
		return text + ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Because returns a copy of e with the given cause.
func (e *Error) Because(err error) *Error {
	copied := *e
	copied.Err = err
	return &copied
}

// Invalidf returns an Invalid error whose sentence for the caller is the formatted text.
func Invalidf(format string, args ...any) *Error {
	return &Error{Kind: Invalid, Reason: "invalid_request", Public: fmt.Sprintf(format, args...)}
}

// NotFoundf returns a NotFound error whose sentence for the caller is the formatted text.
func NotFoundf(format string, args ...any) *Error {
	return &Error{Kind: NotFound, Reason: "not_found", Public: fmt.Sprintf(format, args...)}
}

// Forbiddenf returns a Forbidden error whose sentence for the caller is the formatted text.
func Forbiddenf(format string, args ...any) *Error {
	return &Error{Kind: Forbidden, Reason: "forbidden", Public: fmt.Sprintf(format, args...)}
}

// Conflictf returns a Conflict error whose sentence for the caller is the formatted text; reason is for the audit record.
func Conflictf(reason, format string, args ...any) *Error {
	return &Error{Kind: Conflict, Reason: reason, Public: fmt.Sprintf(format, args...)}
}

// Unavailablef returns an Unavailable error with cause err; reason is for the audit record.
func Unavailablef(reason string, err error) *Error {
	return &Error{Kind: Unavailable, Reason: reason, Err: err}
}

// KindOf returns the kind of the first *Error in err's chain, and Internal when there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}
