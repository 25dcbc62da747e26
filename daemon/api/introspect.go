package api

import (
	"net/http"
	"strings"

	"latchkey/daemon/access"
	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
	"latchkey/daemon/store"
)

// introspection is the answer about a live credential (RFC 7662 section 2.2), with members of our own: kind,
// groups and workspace.
type introspection struct {
	Active    bool       `json:"active"`
	Subject   string     `json:"sub"`
	Username  string     `json:"username"`
	Scope     string     `json:"scope"`
	Expires   int64      `json:"exp,omitempty"`
	Issued    int64      `json:"iat"`
	ID        store.ID   `json:"jti"`
	TokenType string     `json:"token_type"`
	Kind      store.Kind `json:"kind"`
	Groups    []string   `json:"groups,omitempty"`
	Workspace store.ID   `json:"workspace,omitempty"`
}

// introspect tells a service what a credential that it was sent is worth. Unknown, expired and disabled ones are all inactive,
// and nothing more is said of them.
func (h *Handler) introspect(x *exchange) error {
	who, err := x.caller()
	if err != nil {
		return err
	}
	if !who.Admin && !who.Has(access.Introspect) {
		return fault.Forbiddenf("The role introspect is required.")
	}
	token, err := readToken(x)
	if err != nil {
		return err
	}
	x.private()
	holder, err := h.guard.Caller(x.context(), token, credential.AllKinds)
	if err != nil && fault.KindOf(err) != fault.Unauthenticated {
		return err
	}
	if err != nil {
		x.json(http.StatusOK, struct {
			Active bool `json:"active"`
		}{false})
		return nil
	}
	c := &holder.Entry.Credential
	answer := introspection{
		Active: true, Subject: principal(holder), Username: principal(holder), Scope: strings.Join(holder.Roles, " "),
		Issued: c.CreatedAt.Unix(), ID: c.ID, TokenType: "Bearer", Kind: c.Kind, Groups: holder.Groups,
		Workspace: c.Workspace,
	}
	if !c.ExpiresAt.IsZero() {
		answer.Expires = c.ExpiresAt.Unix()
	}
	x.json(http.StatusOK, answer)
	return nil
}
