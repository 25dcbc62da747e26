package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Visitor is whom Latchkey takes the caller of a service for.
type Visitor struct {
	// User is the user's name, or for a service or CI token the token's. Whoever gives rights by names looks at Kind as well.
	User string
	// Roles and Groups are as they are at this moment.
	Roles, Groups []string
	// Kind is token, apikey, service, developer or ci; empty for Basic credentials, where the server takes them.
	Kind string
	// CredentialID names the credential, for logs; Workspace is the one that it belongs to, if any.
	CredentialID, Workspace string
	// Expires is the first instant at which the credential is refused; zero when it does not expire.
	Expires time.Time
}

// visitorKey is the context key of VisitorOf.
type visitorKey struct{}

// VisitorOf returns who is calling, inside a handler that stands behind Require. It reports false anywhere else.
func VisitorOf(ctx context.Context) (Visitor, bool) {
	who, ok := ctx.Value(visitorKey{}).(Visitor)
	return who, ok
}

// shownHeaders are where a caller may show a credential (docs/http.md, "Showing a credential").
func shownHeaders() []string {
	return []string{"X-Auth-Token", "St2-Api-Key", "X-Api-Key", "Authorization"}
}

// toldHeaders are those in which the server names the caller.
func toldHeaders() []string {
	return []string{
		"X-Auth-User", "X-Auth-Roles", "X-Auth-Groups", "X-Auth-Kind", "X-Auth-Credential-Id", "X-Auth-Workspace", "X-Auth-Expires",
	}
}

// Require returns middleware that lets a request pass when the credential in its headers is good and its bearer has all of the
// roles; without roles any good credential will do. It asks the server about each request (/auth/v1/verify), so a revocation
// counts from the next one on. The handler gets the caller from VisitorOf; the credential and any X-Auth-* header that the
// client made up are taken off the request.
//
// Otherwise the answer is the server's 400, 401 or 403, and 503 when the server cannot be reached or cannot decide, with a
// faultstring as everywhere. A credential in the query is not looked at. The Client's own credentials are not used.
func (c *Client) Require(roles ...string) func(http.Handler) http.Handler {
	query := url.Values{}
	if len(roles) > 0 {
		query.Set("roles", strings.Join(roles, ","))
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			who, err := c.verify(r, query)
			if err != nil {
				refuse(w, err)
				return
			}
			inner := r.Clone(context.WithValue(r.Context(), visitorKey{}, who))
			for _, name := range slices.Concat(shownHeaders(), toldHeaders()) {
				inner.Header.Del(name)
			}
			next.ServeHTTP(w, inner)
		})
	}
}

// verify asks the server about a request.
func (c *Client) verify(r *http.Request, query url.Values) (Visitor, error) {
	limited, cancel := context.WithTimeoutCause(r.Context(), c.timeout, fmt.Errorf("no answer within %s", c.timeout))
	defer cancel()
	question, err := c.request(limited, call{method: http.MethodGet, path: []string{"auth", "v1", "verify"}, query: query}, nil, Credential{})
	if err != nil {
		return Visitor{}, err
	}
	for _, name := range shownHeaders() {
		question.Header[name] = slices.Clone(r.Header[name]) // two of one kind are the server's to refuse
	}
	if id := r.Header.Get("X-Request-Id"); id != "" {
		question.Header.Set("X-Request-Id", id)
	}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		question.Header.Set("X-Forwarded-For", host) // believed if this service is in [proxy] trusted
	}
	answer, err := c.http.Do(question)
	if err != nil {
		return Visitor{}, c.failed(r.Context(), limited, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return Visitor{}, c.failed(r.Context(), limited, err)
	}
	switch {
	case answer.StatusCode >= http.StatusBadRequest:
		return Visitor{}, refusal(answer, text)
	case answer.StatusCode != http.StatusOK:
		return Visitor{}, c.unexpected("the door is answered with HTTP %d", answer.StatusCode)
	}
	return c.visitor(answer.Header)
}

// visitor reads the headers of an acceptance. All of them are always there; an answer without them is not Latchkey's.
func (c *Client) visitor(told http.Header) (Visitor, error) {
	for _, name := range toldHeaders() {
		if len(told[name]) != 1 {
			return Visitor{}, c.unexpected("the door does not tell %s", name)
		}
	}
	who := Visitor{
		User: told.Get("X-Auth-User"), Kind: told.Get("X-Auth-Kind"), CredentialID: told.Get("X-Auth-Credential-Id"),
		Workspace: told.Get("X-Auth-Workspace"),
	}
	var err error
	if who.Roles, err = names(told.Get("X-Auth-Roles")); err == nil {
		who.Groups, err = names(told.Get("X-Auth-Groups"))
	}
	if expires := told.Get("X-Auth-Expires"); expires != "" && err == nil {
		who.Expires, err = time.Parse(time.RFC3339, expires)
	}
	if err != nil || who.User == "" {
		return Visitor{}, c.unexpected("the door tells names or times that cannot be read")
	}
	return who, nil
}

// names reads a list of names with commas between them, in which a name's own commas are written as in a URL.
func names(joined string) ([]string, error) {
	if joined == "" {
		return nil, nil
	}
	list := strings.Split(joined, ",")
	for i := range list {
		name, err := url.PathUnescape(list[i])
		if err != nil {
			return nil, errors.New("a name is not escaped well")
		}
		list[i] = name
	}
	return list, nil
}

// refuse answers a request that may not pass. What went wrong between this service and the server is not the caller's to know.
func refuse(w http.ResponseWriter, err error) {
	status, message := http.StatusServiceUnavailable, "The service cannot decide this now; try again later."
	if refused, ok := errors.AsType[*Error](err); ok {
		switch refused.Status {
		case http.StatusUnauthorized:
			status, message = refused.Status, refused.Message
			w.Header().Set("WWW-Authenticate", cmp.Or(refused.Challenge, "Bearer"))
		case http.StatusBadRequest, http.StatusForbidden, http.StatusRequestHeaderFieldsTooLarge:
			status, message = refused.Status, refused.Message
		}
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"faultstring": message}) // a caller that has gone needs no answer
}
