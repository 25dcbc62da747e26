package api

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"latchkey/daemon/access"
	"latchkey/daemon/fault"
	"latchkey/daemon/store"
)

// verifyPath is the door. Envoy puts the client's own path behind it, so everything below it is the same route; it is found
// before the mux, which would redirect some of those paths.
const verifyPath = "/auth/v1/verify"

// The headers that tell a proxy who is at the door, in canonical form.
const (
	headerUser       = "X-Auth-User"
	headerRoles      = "X-Auth-Roles"
	headerGroups     = "X-Auth-Groups"
	headerKind       = "X-Auth-Kind"
	headerCredential = "X-Auth-Credential-Id"
	headerWorkspace  = "X-Auth-Workspace"
	headerExpires    = "X-Auth-Expires"
)

// identityHeaders are the headers by which some service behind a proxy may believe an identity: ours, StackStorm's, and the
// CGI-like names that proxies are often told to use.
func identityHeaders() []string {
	return []string{
		headerUser, headerRoles, headerGroups, headerKind, headerCredential, headerWorkspace, headerExpires,
		"X-Forwarded-User", "Remote-User", "Remote-Groups", "Remote-Name", "Remote-Email",
	}
}

// isVerify reports whether a path is the door's.
func isVerify(path string) bool {
	rest, ok := strings.CutPrefix(path, verifyPath)
	return ok && (rest == "" || rest[0] == '/')
}

// verify answers a proxy's question whether a request may pass: 200 with all identity headers, 401, 403, or 503 when it
// cannot be decided. It reads no body and answers no other status, but 400 for a credential that is given twice, since
// nginx makes a 500 of any other.
func (h *Handler) verify(x *exchange) error {
	if aliased(x.request.Header) {
		return errAlias
	}
	who, err := x.visitor()
	if err != nil {
		return atDoor(err)
	}
	enough, err := satisfies(who.Roles, x.request.URL.RawQuery)
	if err != nil {
		return err
	}
	if !enough {
		x.Header().Set("WWW-Authenticate", challengeScope)
		return errRole
	}
	x.identify(who)
	x.private()
	x.WriteHeader(http.StatusOK)
	return nil
}

// atDoor returns an error as the door answers it: too many guesses from one address is a refusal like any other.
func atDoor(err error) error {
	if known, ok := errors.AsType[*fault.Error](err); ok && known.Kind == fault.Limited {
		return &fault.Error{Kind: fault.Unauthenticated, Reason: known.Reason, Public: sentenceRefused}
	}
	return err
}

// visitor returns whose request the proxy asks about. Beside what any caller may present, that is Basic credentials where
// the configuration allows them, and a credential in the query of the original request, which a trusted proxy repeats.
func (x *exchange) visitor() (access.Caller, error) {
	given, err := present(x.request.Header)
	if err != nil {
		return access.Caller{}, err
	}
	if authorization := x.request.Header.Get("Authorization"); given.text == "" && x.settings.Verify.AllowBasic && isBasic(authorization) {
		return x.basicVisitor(authorization)
	}
	if given.text == "" && x.settings.Auth.QueryCredentials {
		if given, err = x.presentInQueries(); err != nil {
			return access.Caller{}, err
		}
	}
	if given.text == "" {
		return x.anonymous()
	}
	return x.holder(given)
}

// basicVisitor returns the caller whom the Basic credentials at the door prove.
func (x *exchange) basicVisitor(authorization string) (access.Caller, error) {
	who, err := x.handler.basicAtDoor(x, authorization)
	if err != nil {
		return access.Caller{}, err
	}
	return x.handler.guard.Identity(who.User, who.Groups), nil
}

// presentInQueries looks for a credential in the request's own query and then in that of the original request, as Traefik,
// Caddy and nginx tell it.
func (x *exchange) presentInQueries() (presented, error) {
	given, err := presentInQuery(x.request.URL.RawQuery)
	if err != nil || given.text != "" || !x.trusted() {
		return given, err
	}
	for _, name := range [...]string{"X-Forwarded-Uri", "X-Original-Uri", "X-Original-Url"} {
		_, query, _ := strings.Cut(x.request.Header.Get(name), "?")
		query, _, _ = strings.Cut(query, "#")
		if given, err = presentInQuery(query); err != nil || given.text != "" {
			return given, err
		}
	}
	return presented{}, nil
}

// aliased reports whether a request has a header that a service behind the proxy could take for one of identityHeaders: CGI,
// WSGI and PHP write "X-Auth-User", "X_Auth_User" and sometimes "X.Auth.User" as one variable, and a proxy replaces only the
// first.
func aliased(header http.Header) bool {
	for name := range header {
		if !strings.ContainsAny(name, "_.") {
			continue
		}
		plain := http.CanonicalHeaderKey(strings.NewReplacer("_", "-", ".", "-").Replace(name))
		if slices.Contains(identityHeaders(), plain) {
			return true
		}
	}
	return false
}

// satisfies reports whether roles are what the query asks for: one of those in "role", which may be repeated, and all of
// those in "roles", which is a list with commas. A query that asks for roles and cannot be parsed is an Invalid fault, so
// that a mistake in a proxy's configuration opens nothing. Behind Envoy the query is the client's: he can ask for more than
// the proxy does, and never for less.
func satisfies(roles []string, query string) (bool, error) {
	if !strings.Contains(query, "role") {
		return true, nil
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return false, errQuery
	}
	if anyOf := values["role"]; len(anyOf) > 0 && !slices.ContainsFunc(anyOf, func(role string) bool { return slices.Contains(roles, role) }) {
		return false, nil
	}
	for _, list := range values["roles"] {
		for role := range strings.SplitSeq(list, ",") {
			if !slices.Contains(roles, strings.TrimSpace(role)) {
				return false, nil
			}
		}
	}
	return true, nil
}

// identify sets all identity headers, those without a value to the empty one, so that a header that the client sent is
// replaced by the proxy and never passes through.
func (x *exchange) identify(who access.Caller) {
	var kind store.Kind
	var id, workspace store.ID
	var expires string
	if who.Entry != nil {
		c := &who.Entry.Credential
		kind, id, workspace, expires = c.Kind, c.ID, c.Workspace, stamp(c.ExpiresAt)
	}
	x.setHeader(headerUser, principal(who))
	x.setHeader(headerRoles, joined(who.Roles))
	x.setHeader(headerGroups, joined(who.Groups))
	x.setHeader(headerKind, string(kind))
	x.setHeader(headerCredential, string(id))
	x.setHeader(headerWorkspace, string(workspace))
	x.setHeader(headerExpires, expires)
}

// joined returns names with commas between them. A comma, a percent sign or a control character within a name, which a
// directory may well have in a group, is written as in a URL, so that no name can pass for two.
func joined(names []string) string {
	if len(names) == 0 {
		return ""
	}
	if !slices.ContainsFunc(names, func(name string) bool { return strings.ContainsFunc(name, needsEscape) }) {
		return strings.Join(names, ",")
	}
	escaped := make([]string, 0, len(names))
	for _, name := range names {
		var b strings.Builder
		for _, r := range name {
			if needsEscape(r) {
				b.WriteString(url.QueryEscape(string(r)))
				continue
			}
			b.WriteRune(r)
		}
		escaped = append(escaped, b.String())
	}
	return strings.Join(escaped, ",")
}

func needsEscape(r rune) bool { return r == ',' || r == '%' || r < 0x20 || r == 0x7f }

// isBasic reports whether an Authorization header is of the Basic scheme.
func isBasic(authorization string) bool {
	scheme, _, _ := strings.Cut(authorization, " ")
	return strings.EqualFold(scheme, "basic")
}
