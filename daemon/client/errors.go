package client

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Error is a refusal: the server answered with a status of 400 or more.
type Error struct {
	// Status is the HTTP status.
	Status int
	// Message is the server's sentence, one line; the status's own words when there was none.
	Message string
	// Reason is the server's word for why it refused, for programs; empty where it gives none.
	Reason string
	// RetryAfter is how long the server asks to wait before the next try; zero when it does not say.
	RetryAfter time.Duration
	// RequestID is the request's name in the server's log; empty when it gave none.
	RequestID string
	// Challenge is what the server asks for, as WWW-Authenticate of RFC 9110 section 11.6.1; with status 401 only.
	Challenge string
}

// Error returns the server's sentence.
func (e *Error) Error() string { return e.Message }

// Unreachable means that there was no answer: no connection, no trust in the server's certificate, or no answer in time.
type Unreachable struct {
	// Server is the server's address, as Client.URL returns it.
	Server string
	// Err is the cause.
	Err error
}

// Error names the server and the cause.
func (e *Unreachable) Error() string { return fmt.Sprintf("cannot reach %s: %v", e.Server, e.Err) }

// Unwrap returns the cause.
func (e *Unreachable) Unwrap() error { return e.Err }

// Unexpected means that something answered that is not Latchkey, or an answer that docs/http.md does not have.
type Unexpected struct {
	// Server is the server's address, as Client.URL returns it.
	Server string
	// Reason says what is odd about the answer.
	Reason string
}

// Error names the server and what is odd.
func (e *Unexpected) Error() string {
	return fmt.Sprintf("%s does not answer as Latchkey does: %s", e.Server, e.Reason)
}

// maxSentence is how many bytes of a server's sentence are kept.
const maxSentence = 400

// sentence returns text as one line that is safe to print: what is not printable becomes a space, and it is cut.
func sentence(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= maxSentence {
		return text
	}
	cut := maxSentence
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// isControl reports whether a rune is one that a terminal may obey rather than show.
func isControl(r rune) bool { return unicode.IsControl(r) }

// isStatus reports whether err is a refusal with this status.
func isStatus(err error, status int) bool {
	refused, ok := errors.AsType[*Error](err)
	return ok && refused.Status == status
}
