package api

import (
	"net/http"
	"strings"

	"latchkey/daemon/fault"
	"latchkey/daemon/login"
	"latchkey/daemon/store"
)

// knownUser is a user as an admin sees him.
type knownUser struct {
	Name        string            `json:"name"`
	Groups      []string          `json:"groups"`
	Roles       []string          `json:"roles"`
	IsService   bool              `json:"is_service"`
	Nicknames   map[string]string `json:"nicknames"`
	Enabled     bool              `json:"enabled"`
	LockedUntil string            `json:"locked_until,omitempty"`
	CreatedAt   string            `json:"created_at"`
	LastLoginAt string            `json:"last_login_at,omitempty"`
}

// showUser returns what an answer shows of a user. Whether he is locked is login's to say.
func (h *Handler) showUser(x *exchange, u *store.User) (knownUser, error) {
	until, err := h.login.LockedUntil(x.context(), u.Name)
	if err != nil {
		return knownUser{}, err
	}
	shown := knownUser{
		Name: u.Name, Groups: orEmpty(u.Groups), Roles: orEmpty(h.guard.Identity(u.Name, u.Groups).Roles), IsService: u.IsService,
		Nicknames: u.Nicknames, Enabled: !u.Disabled, LockedUntil: stamp(until), CreatedAt: stamp(u.CreatedAt), LastLoginAt: stamp(u.LastLoginAt),
	}
	if shown.Nicknames == nil {
		shown.Nicknames = map[string]string{}
	}
	return shown, nil
}

// answerUser answers with one user.
func (h *Handler) answerUser(x *exchange, status int, u *store.User) error {
	shown, err := h.showUser(x, u)
	if err != nil {
		return err
	}
	x.private()
	x.json(status, shown)
	return nil
}

// listUsers shows known users in order of name. The cursor is a name, since that is the order; there is no offset.
func (h *Handler) listUsers(x *exchange) error {
	who, err := x.admin()
	if err != nil {
		return err
	}
	query := x.request.URL.Query()
	after := query.Get("after")
	query.Del("after")
	asked, err := pageOf(query, who.Admin, x.settings.API.MaxPageSize)
	if err != nil {
		return err
	}
	if asked.offset != 0 {
		return fault.Invalidf("offset is not for this list; use after.")
	}
	found, total, err := h.users.List(x.context(), after, asked.most())
	if err != nil {
		return err
	}
	list := make([]knownUser, 0, len(found))
	for i := range found {
		shown, err := h.showUser(x, &found[i])
		if err != nil {
			return err
		}
		list = append(list, shown)
	}
	asked.describe(x.Header(), total)
	x.private()
	x.json(http.StatusOK, list)
	return nil
}

// getKnownUser shows one user.
func (h *Handler) getKnownUser(x *exchange) error {
	if _, err := x.admin(); err != nil {
		return err
	}
	found, err := h.users.Get(x.context(), x.request.PathValue("name"))
	if err != nil {
		return err
	}
	return h.answerUser(x, http.StatusOK, &found)
}

// userForm is the body of POST and PUT. Nil fields are not given.
type userForm struct {
	isService *bool
	enabled   *bool
	nicknames map[string]string
	unlock    bool
}

// readUser takes a userForm out of f.
func readUser(f *fields) (userForm, error) {
	var form userForm
	if isService, given := f.boolean("is_service"); given {
		form.isService = &isService
	}
	if enabled, given := f.boolean("enabled"); given {
		form.enabled = &enabled
	}
	if nicknames, given := f.words("nicknames"); given {
		form.nicknames = nicknames
	}
	if until, given := f.text("locked_until"); given {
		if until != "" {
			f.refuse(fault.Invalidf(`locked_until can be "" only, which unlocks.`))
		}
		form.unlock = true
	}
	return form, f.done()
}

// reason returns what the audit log says of the change: "disabled", or all that is changed with plus signs between.
func (f *userForm) reason() string {
	var reasons []string
	say := func(given bool, reason string) {
		if given {
			reasons = append(reasons, reason)
		}
	}
	say(f.enabled != nil && !*f.enabled, "disabled")
	say(f.enabled != nil && *f.enabled, "enabled")
	say(f.isService != nil && *f.isService, "service_set")
	say(f.isService != nil && !*f.isService, "service_unset")
	say(f.nicknames != nil, "nicknames")
	say(f.unlock, "unlocked")
	if len(reasons) == 0 {
		return "unchanged"
	}
	return strings.Join(reasons, "+")
}

// apply changes a user's record inside the store's transaction.
func (f *userForm) apply(u *store.User) error {
	if f.isService != nil {
		u.IsService = *f.isService
	}
	if f.enabled != nil {
		u.Disabled = !*f.enabled
	}
	if f.nicknames != nil {
		u.Nicknames = f.nicknames
	}
	return nil
}

// createUser makes a user known before his first log-in.
func (h *Handler) createUser(x *exchange) error {
	who, err := x.admin()
	if err != nil {
		return err
	}
	f, err := readFields(x.ResponseWriter, x.request)
	if err != nil {
		return err
	}
	name, _ := f.text("name")
	form, err := readUser(f)
	if err != nil {
		return err
	}
	if name, err = login.Canonical(name); err != nil {
		return fault.Invalidf("name cannot be used: %s.", err)
	}
	made, err := h.users.Create(x.context(), name, principal(who), x.origin(), form.apply)
	if err != nil {
		return err
	}
	return h.answerUser(x, http.StatusCreated, &made)
}

// changeUser changes what an admin may say of a user; disabled, all the user's credentials are refused from now on.
func (h *Handler) changeUser(x *exchange) error {
	who, err := x.admin()
	if err != nil {
		return err
	}
	name := x.request.PathValue("name")
	f, err := readFields(x.ResponseWriter, x.request)
	if err != nil {
		return err
	}
	form, err := readUser(f)
	if err != nil {
		return err
	}
	if form.unlock {
		if err := h.makeKnownIfLocked(x, name); err != nil {
			return err
		}
	}
	changed, err := h.users.Change(x.context(), name, principal(who), form.reason(), x.origin(), form.apply)
	if err != nil {
		return err
	}
	if form.unlock {
		if err := h.login.Unlock(x.context(), name); err != nil {
			return err
		}
	}
	return h.answerUser(x, http.StatusOK, &changed)
}

// makeKnownIfLocked makes a user known whose name is locked, so that one can be unlocked who was locked before he ever got
// in.
func (h *Handler) makeKnownIfLocked(x *exchange, name string) error {
	until, err := h.login.LockedUntil(x.context(), name)
	if err != nil || until.IsZero() {
		return err
	}
	if name, err = login.Canonical(name); err != nil {
		return nil // such a name has no user; the caller says that he is not found
	}
	_, err = h.users.Ensure(x.context(), name)
	return err
}

// deleteUser removes a user and all his credentials.
func (h *Handler) deleteUser(x *exchange) error {
	who, err := x.admin()
	if err != nil {
		return err
	}
	if err := h.users.Delete(x.context(), x.request.PathValue("name"), principal(who), x.origin()); err != nil {
		return err
	}
	x.private()
	x.WriteHeader(http.StatusNoContent)
	return nil
}
