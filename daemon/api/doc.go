// Package api is the daemon's HTTP contract, which docs/http.md tells to those who call it: StackStorm's routes under every
// prefix that a StackStorm client uses, and Latchkey's own.
//
// A request goes through here in one pass: Handler.ServeHTTP gives it an id and finds its route, the route's function takes
// the credential (presented.go, basic.go) and the body (body.go), calls a service, and writes the answer (respond.go). A
// function returns an error instead of an answer, and errors.go alone makes a status, a faultstring and a log line of it.
//
// What always holds: the first credential that is present decides, even when it is bad; credentials are looked at before a
// body is read; a body is never larger than 64 KiB and a document never deeper than 16; the value of a credential, a query
// or a header reaches no log and no error text; every refused log-in has the same bytes; nothing that was sent makes a 500
// or a redirect; forwarded headers are believed from trusted peers only.
//
// What it does not do: it decides nothing. Who may log in is package login's, what a credential is worth package
// credential's, who may do what package access's. It opens no listener and sets no timeouts: package daemon does.
package api
