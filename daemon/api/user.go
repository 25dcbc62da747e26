package api

import (
	"net/http"

	"latchkey/daemon/access"
	"latchkey/daemon/store"
)

// whoami is the answer to GET /user, StackStorm's field for field.
type whoami struct {
	Username       string         `json:"username"`
	Authentication authentication `json:"authentication"`
	RBAC           rbac           `json:"rbac"`
}

// authentication says how the caller proved who he is; it has no fields where nobody is asked for a credential.
type authentication struct {
	Method      string `json:"method,omitempty"`
	Location    string `json:"location,omitempty"`
	TokenExpire string `json:"token_expire,omitempty"`
}

type rbac struct {
	Enabled bool     `json:"enabled"`
	Roles   []string `json:"roles"`
	IsAdmin bool     `json:"is_admin"`
}

// expireLayout has no fraction digits, here alone: StackStorm writes this one time so.
const expireLayout = "2006-01-02T15:04:05Z"

// getUser tells a caller who he is.
func (h *Handler) getUser(x *exchange) error {
	who, err := x.caller()
	if err != nil {
		return err
	}
	x.private()
	x.json(http.StatusOK, whoami{
		Username:       principal(who),
		Authentication: x.proof(who),
		RBAC:           rbac{Enabled: true, Roles: orEmpty(who.Roles), IsAdmin: who.Admin},
	})
	return nil
}

// principal returns the name of a caller: the user's, or for a credential without a user its own.
func principal(who access.Caller) string {
	if who.User == "" && who.Entry != nil {
		return who.Entry.Credential.Name
	}
	return who.User
}

// proof says by what and where the caller proved who he is.
func (x *exchange) proof(who access.Caller) authentication {
	if who.Entry == nil {
		return authentication{}
	}
	proof := authentication{Method: "API key", Location: x.presented.location}
	if c := &who.Entry.Credential; c.Kind == store.KindSession {
		proof.Method = "authentication token"
		proof.TokenExpire = c.ExpiresAt.UTC().Format(expireLayout)
	}
	return proof
}
