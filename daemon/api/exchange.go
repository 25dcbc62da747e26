package api

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"

	"latchkey/daemon/audit"
	"latchkey/daemon/fault"
)

// exchange is one request and its answer on the way through the package. It is the ResponseWriter that the mux hands on, so
// that a request needs no context values and no second copy.
type exchange struct {
	http.ResponseWriter
	request   *http.Request
	handler   *Handler
	settings  *Settings // as they were when the request came
	started   time.Time
	requestID string
	route     *route // nil until it is known, and when there is none
	presented presented
	status    int    // 0 until the answer has begun
	reason    string // why it failed, for the access log
	client    string // cache of source
	values    [10]string
	set       int // how many of values are headers of the answer
}

// setHeader gives the answer a header with one value; name is in canonical form. The first few cost no allocation.
func (x *exchange) setHeader(name, value string) {
	if x.set == len(x.values) {
		x.Header()[name] = []string{value}
		return
	}
	x.values[x.set] = value
	x.set++
	x.Header()[name] = x.values[x.set-1 : x.set : x.set]
}

// WriteHeader notes the status for the access log.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 && status >= http.StatusOK {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write begins an answer with status 200 where WriteHeader was not called.
func (x *exchange) Write(part []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	return x.ResponseWriter.Write(part)
}

// Unwrap is for http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// run gives the request to a route.
func (x *exchange) run(to *route) {
	x.route = to
	if err := to.handle(x); err != nil {
		x.fault(err)
	}
}

// pattern returns the method and the documented path of the route, for logs and audit records.
func (x *exchange) pattern() string {
	if x.route == nil {
		return "none"
	}
	return x.route.pattern
}

// source returns the client's address, without port; "unix" for a unix socket.
func (x *exchange) source() string {
	if x.client == "" {
		x.client = peerOf(x.request, x.settings.Proxy).source(x.request.Header, x.settings.Proxy)
	}
	return x.client
}

// trusted reports whether the forwarded headers of the request are believed.
func (x *exchange) trusted() bool { return peerOf(x.request, x.settings.Proxy).trusted }

// origin returns where the request came from, for audit records.
func (x *exchange) origin() audit.Origin {
	return audit.Origin{
		RequestID: x.requestID, Source: x.source(), UserAgent: x.request.UserAgent(), Route: x.pattern(),
	}
}

// context is the request's.
func (x *exchange) context() context.Context { return x.request.Context() }

// self returns the base URL of the listener that the request came in by, and nothing for a unix socket, which has none.
func (x *exchange) self() string {
	local, ok := x.context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok {
		return ""
	}
	scheme := "http"
	if x.request.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + local.String()
}

// panicked answers for a function that panicked. The log gets the stack and, since the value of a panic may hold what was
// sent, of that only the type, unless it is one of the runtime's own.
func (x *exchange) panicked(trouble any) {
	text := fmt.Sprintf("%T", trouble)
	if known, ok := trouble.(runtime.Error); ok {
		text = known.Error()
	}
	x.handler.log.LogAttrs(context.WithoutCancel(x.context()), slog.LevelError, "panic", slog.String("request_id", x.requestID),
		slog.String("route", x.pattern()), slog.String("panic", text), slog.String("stack", string(debug.Stack())))
	if x.status != 0 {
		return // the answer has begun, nothing can be taken back
	}
	x.fault(&fault.Error{Reason: "panic"})
}
