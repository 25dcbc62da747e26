package api

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"latchkey/daemon/fault"
)

// The challenges of answers with status 401 (RFC 9110 section 11.6.1). Each is one header line, because nginx passes on only
// the first, and none asks for Basic where a browser would open its password window over a page's own call.
const (
	challengeLogin   = `Basic realm="latchkey", charset="UTF-8"`
	challengeNone    = `Bearer realm="latchkey"`
	challengeInvalid = `Bearer realm="latchkey", error="invalid_token"`
	challengeScope   = `Bearer realm="latchkey", error="insufficient_scope"`
	challengeEither  = challengeNone + ", " + challengeLogin
)

// The sentences that are StackStorm's and that no service knows.
const (
	sentenceRefused = "Invalid or missing credentials"
	sentenceNone    = "Unauthorized - One of Token or API key required."
)

var (
	errNoRoute     = &fault.Error{Kind: fault.NotFound, Reason: "no_route"}
	errNone        = &fault.Error{Kind: fault.Unauthenticated, Reason: "no_credential", Public: sentenceNone}
	errNoLogin     = &fault.Error{Kind: fault.Unauthenticated, Reason: "no_credential", Public: sentenceRefused}
	errBentBasic   = &fault.Error{Kind: fault.Unauthenticated, Reason: "basic_malformed", Public: sentenceRefused}
	errNotTrusted  = &fault.Error{Kind: fault.Unauthenticated, Reason: "peer_not_trusted", Public: sentenceRefused}
	errNotOwner    = fault.Forbiddenf("Administrator access required to act for another user.")
	errAlias       = &fault.Error{Kind: fault.Forbidden, Reason: "header_alias", Public: "A header of the request could be taken for an identity header."}
	errRole        = &fault.Error{Kind: fault.Forbidden, Reason: "role_missing", Public: "A role that is required here is missing."}
	errQuery       = fault.Invalidf("The query cannot be read.")
	errMemberToken = &fault.Error{Kind: fault.Forbidden, Reason: "member_token", Public: "A developer or CI token is for its workspace; log in, or use an API key."}
	errNoUser      = fault.Forbiddenf("The credential belongs to no user of its own; name one in user.")
)

// outcome returns the status of a kind of error, and the sentence for the caller when the error has none of its own.
func outcome(kind fault.Kind) (status int, sentence string) {
	switch kind {
	case fault.Invalid:
		return http.StatusBadRequest, "The request cannot be understood."
	case fault.Unauthenticated:
		return http.StatusUnauthorized, "Unauthorized"
	case fault.Forbidden:
		return http.StatusForbidden, "Access was denied to this resource."
	case fault.NotFound:
		return http.StatusNotFound, "The resource could not be found."
	case fault.Conflict:
		return http.StatusConflict, "It is taken already."
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge, "The request is too large."
	case fault.Limited:
		return http.StatusTooManyRequests, "Too many tries from this address; wait before the next one."
	case fault.Unavailable:
		return http.StatusServiceUnavailable, "The service cannot decide this now; try again later."
	case fault.Internal:
	}
	return http.StatusInternalServerError, "Internal Server Error"
}

// fault answers with an error: the one place that makes a status, a faultstring and a log line of it. An error that is no
// *fault.Error is an internal one. The cause is logged where an administrator should look after it, and never sent.
func (x *exchange) fault(err error) {
	known, ok := errors.AsType[*fault.Error](err)
	if !ok {
		known = &fault.Error{Reason: "internal", Err: err}
	}
	status, sentence := outcome(known.Kind)
	if known.Public != "" {
		sentence = known.Public
	}
	header := x.Header()
	header.Set("Cache-Control", "no-store")
	if known.Kind == fault.Unauthenticated {
		header.Set("WWW-Authenticate", x.challenge())
	}
	if known.RetryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(known.RetryAfter.Seconds()))))
	} else if known.Kind == fault.Unavailable {
		header.Set("Retry-After", "1")
	}
	x.reason = known.Reason
	if status >= http.StatusInternalServerError {
		x.complain(known.Reason, err)
	}
	x.json(status, faultBody{sentence, known.Code})
}

// faultBody is the body of every error, with the field that StackStorm's clients print, and where the contract has one a word for
// programs.
type faultBody struct {
	Faultstring string `json:"faultstring"`
	Reason      string `json:"reason,omitempty"`
}

// complain logs an error that is ours. When the client has gone away, that is what ended the work, and nobody need look.
func (x *exchange) complain(reason string, err error) {
	level := slog.LevelError
	if x.request.Context().Err() != nil {
		level = slog.LevelDebug
	}
	x.handler.log.LogAttrs(context.WithoutCancel(x.request.Context()), level, "request failed",
		slog.String("request_id", x.requestID), slog.String("route", x.pattern()), slog.String("reason", reason), slog.Any("error", err))
}

// challenge returns the WWW-Authenticate line for what was asked and what was presented.
func (x *exchange) challenge() string {
	switch {
	case x.route != nil && x.route.login:
		return challengeLogin
	case x.presented.text != "":
		return challengeInvalid
	case x.route == x.handler.verifying && x.settings.Verify.AllowBasic:
		return challengeEither
	}
	return challengeNone
}

// finish ends every request: it turns a panic into a 500 without detail, tells the observer, and writes the access log. The
// log has the route's pattern and not the path, because a path can hold a key, and no query.
func (x *exchange) finish() {
	if trouble := recover(); trouble != nil {
		if trouble == http.ErrAbortHandler { // which net/http understands
			panic(trouble)
		}
		x.panicked(trouble)
	}
	duration := x.handler.now().Sub(x.started)
	if observe := x.handler.observe; observe != nil {
		observe(Observation{Route: x.pattern(), Status: x.status, Duration: duration})
	}
	level := slog.LevelInfo
	if x.route != nil && x.route.quiet && x.status < http.StatusBadRequest {
		level = slog.LevelDebug
	}
	log := x.handler.log
	if !log.Enabled(x.request.Context(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", knownMethod(x.request.Method)), slog.String("route", x.pattern()), slog.Int("status", x.status),
		slog.Duration("duration", duration.Round(time.Microsecond)),
		slog.String("request_id", x.requestID), slog.String("source", x.source()),
	}
	if x.reason != "" {
		attrs = append(attrs, slog.String("reason", x.reason))
	}
	log.LogAttrs(context.WithoutCancel(x.request.Context()), level, "request", attrs...)
}

// knownMethod returns a method as it can stand in a log: one of HTTP's own, and "other" for whatever else was sent. A method is any
// word, and where a client miscounts its last body, that body's end is a part of the next request's.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodConnect,
		http.MethodOptions, http.MethodTrace:
		return method
	}
	return "other"
}

// wrongMethod answers 405 on a path of ours; allowed are the methods that it has (RFC 9110 section 15.5.6).
func (x *exchange) wrongMethod(allowed string) {
	x.Header().Set("Allow", allowed)
	x.reason = "method_not_allowed"
	x.json(http.StatusMethodNotAllowed, faultBody{Faultstring: "The method is not allowed for this resource."})
}
