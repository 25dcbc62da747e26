package api

import (
	"net/http"
	"time"

	"latchkey/conf"
	"latchkey/daemon/access"
	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
	"latchkey/daemon/login"
	"latchkey/daemon/store"
)

// serviceToken is a service token in an answer; Token is there in the answer to its creation only.
type serviceToken struct {
	ID         store.ID `json:"id"`
	Name       string   `json:"name"`
	Roles      []string `json:"roles"`
	ExpiresAt  string   `json:"expires_at,omitempty"`
	CreatedAt  string   `json:"created_at"`
	CreatedBy  string   `json:"created_by,omitempty"`
	LastUsedAt string   `json:"last_used_at,omitempty"`
	Token      string   `json:"token,omitempty"`
}

func showServiceToken(c *store.Credential) serviceToken {
	return serviceToken{
		ID: c.ID, Name: c.Name, Roles: orEmpty(c.Roles), ExpiresAt: stamp(c.ExpiresAt), CreatedAt: stamp(c.CreatedAt),
		CreatedBy: c.CreatedBy, LastUsedAt: stamp(c.LastUsedAt),
	}
}

// createServiceToken makes a token for a service, with a name, roles and perhaps an end.
func (h *Handler) createServiceToken(x *exchange) error {
	who, err := x.admin()
	if err != nil {
		return err
	}
	f, err := readFields(x.ResponseWriter, x.request)
	if err != nil {
		return err
	}
	name, _ := f.text("name")
	roles, _ := f.texts("roles")
	expiration, _ := f.text("expiration")
	ttl, _ := f.text("ttl")
	if err := f.done(); err != nil {
		return err
	}
	if name, err = login.Canonical(name); err != nil {
		return fault.Invalidf("name cannot be used: %s.", err)
	}
	if err := checkRoles(who, roles); err != nil {
		return err
	}
	expires, err := expiry(expiration, ttl, h.now())
	if err != nil {
		return err
	}
	issued, err := h.engine.Issue(x.context(), credential.Spec{
		Kind: store.KindService, Name: name, Roles: roles, ExpiresAt: expires, CreatedBy: principal(who),
	}, x.origin())
	if err != nil {
		return err
	}
	answer := showServiceToken(&issued.Credential)
	answer.Token = issued.Text.Reveal()
	x.private()
	x.json(http.StatusCreated, answer)
	return nil
}

// checkRoles refuses a list without roles, a name that is none, and a role that the caller cannot give.
func checkRoles(who access.Caller, roles []string) error {
	if len(roles) == 0 {
		return fault.Invalidf("roles is not given.")
	}
	for _, role := range roles {
		if err := conf.CheckRole(role); err != nil {
			return fault.Invalidf("roles: %s.", err)
		}
	}
	return who.CanGrant(roles)
}

// expiry returns the first instant at which a token is refused: after the day that expiration names, in UTC, or after ttl; the
// zero time when neither is given.
func expiry(expiration, ttl string, now time.Time) (time.Time, error) {
	var ends time.Time
	switch {
	case expiration == "" && ttl == "":
		return time.Time{}, nil
	case expiration != "" && ttl != "":
		return time.Time{}, fault.Invalidf("expiration and ttl exclude each other.")
	case expiration != "":
		day, err := time.Parse(time.DateOnly, expiration)
		if err != nil {
			return time.Time{}, fault.Invalidf("expiration is not a date in the form yyyy-MM-dd.")
		}
		ends = day.AddDate(0, 0, 1)
	default:
		life, err := time.ParseDuration(ttl)
		if err != nil {
			return time.Time{}, fault.Invalidf("ttl is not a duration such as 24h or 90m.")
		}
		ends = now.Add(life)
	}
	if !ends.After(now) {
		return time.Time{}, fault.Invalidf("The token would have expired already.")
	}
	return ends, nil
}

// listServiceTokens shows all service tokens.
func (h *Handler) listServiceTokens(x *exchange) error {
	who, err := x.admin()
	if err != nil {
		return err
	}
	asked, err := pageOf(x.request.URL.Query(), who.Admin, x.settings.API.MaxPageSize)
	if err != nil {
		return err
	}
	found, total, err := h.engine.List(x.context(), store.Query{
		Kind: store.KindService, After: asked.after, Offset: asked.offset, Limit: asked.most(),
	})
	if err != nil {
		return err
	}
	return list(x, asked, found, total, showServiceToken)
}

// getServiceToken shows one.
func (h *Handler) getServiceToken(x *exchange) error {
	if _, err := x.admin(); err != nil {
		return err
	}
	id := x.request.PathValue("id")
	if !store.ValidID(id) {
		return errNoRoute
	}
	found, err := h.engine.Get(x.context(), store.ID(id))
	if err != nil {
		return err
	}
	if found.Kind != store.KindService {
		return errNoRoute
	}
	x.private()
	x.json(http.StatusOK, showServiceToken(&found))
	return nil
}

// deleteServiceToken ends a service token.
func (h *Handler) deleteServiceToken(x *exchange) error {
	who, err := x.admin()
	if err != nil {
		return err
	}
	id := x.request.PathValue("id")
	if !store.ValidID(id) {
		return errNoRoute
	}
	if _, err := h.engine.Delete(x.context(), store.ID(id), ownedBy(who, credential.Service), principal(who), x.origin()); err != nil {
		return err
	}
	x.private()
	x.WriteHeader(http.StatusNoContent)
	return nil
}
