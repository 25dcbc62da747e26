package api

import (
	"encoding/json"
	"net/http"
	"strings"

	"latchkey/conf"
	"latchkey/daemon/audit"
	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
	"latchkey/daemon/login"
	"latchkey/daemon/store"
)

// createdToken is the answer to a log-in, StackStorm's field for field.
type createdToken struct {
	User     string          `json:"user"`
	Token    string          `json:"token"`
	Expiry   string          `json:"expiry"`
	ID       store.ID        `json:"id"`
	Metadata json.RawMessage `json:"metadata"`
	Service  bool            `json:"service"`
}

// listedToken is one of the caller's log-ins.
type listedToken struct {
	ID        store.ID        `json:"id"`
	User      string          `json:"user"`
	CreatedAt string          `json:"created_at"`
	Expiry    string          `json:"expiry"`
	Source    string          `json:"source,omitempty"`
	UserAgent string          `json:"user_agent,omitempty"`
	Metadata  json.RawMessage `json:"metadata"`
	Service   bool            `json:"service"`
	Current   bool            `json:"current"`
}

// createToken logs in. Credentials of other kinds are not looked at, since clients send stale ones along. The password is
// checked before the body is read, so that nobody can make the daemon read documents without one.
func (h *Handler) createToken(x *exchange) error {
	if err := checkLength(x, x.request); err != nil {
		return err
	}
	who, err := h.authenticate(x)
	if err != nil {
		return err
	}
	wanted, err := sessionRequest(x)
	if err != nil {
		return err
	}
	issued, err := h.login.Session(x.context(), who, wanted, x.origin())
	if err != nil {
		return err
	}
	if url := x.apiURL(); url != "" {
		x.Header().Set("X-API-URL", url)
	}
	x.private()
	x.json(http.StatusCreated, createdToken{
		User: issued.Credential.User, Token: issued.Text.Reveal(), Expiry: stamp(issued.Credential.ExpiresAt),
		ID: issued.Credential.ID, Metadata: document(issued.Credential.Metadata), Service: issued.Credential.Service,
	})
	return nil
}

// authenticate returns who logs in: the user whom the Basic credentials prove or, in proxy mode, whom the web server in
// front names. In proxy mode a Basic header proves nothing.
func (h *Handler) authenticate(x *exchange) (login.Identity, error) {
	authorization, err := single(x.request.Header, "Authorization")
	if err != nil {
		return login.Identity{}, err
	}
	if x.settings.Auth.Mode == conf.ModeProxy {
		return h.forwarded(x)
	}
	if authorization == "" {
		return login.Identity{}, errNoLogin
	}
	return h.basic(x, authorization)
}

// basic returns whom the Basic credentials of an Authorization header prove. What cannot be parsed is refused like a wrong
// password.
func (h *Handler) basic(x *exchange, authorization string) (login.Identity, error) {
	name, password, ok := parseBasic(authorization)
	if !ok {
		return login.Identity{}, x.refused(audit.EventLogin, errBentBasic)
	}
	return h.login.Password(x.context(), login.Attempt{Name: name, Password: password, Origin: x.origin()})
}

// forwarded returns the user whom a trusted web server names.
func (h *Handler) forwarded(x *exchange) (login.Identity, error) {
	if !x.trusted() {
		return login.Identity{}, x.refused(audit.EventLogin, errNotTrusted)
	}
	name, err := single(x.request.Header, "X-Forwarded-User")
	if err != nil {
		return login.Identity{}, err
	}
	if name == "" {
		return login.Identity{}, errNoLogin
	}
	return h.login.Forwarded(x.context(), name, x.origin())
}

// sessionRequest reads the body of a log-in. Unknown fields do not matter here, as they do not to StackStorm.
func sessionRequest(x *exchange) (login.SessionRequest, error) {
	f, err := readFields(x.ResponseWriter, x.request)
	if err != nil {
		return login.SessionRequest{}, err
	}
	wanted := login.SessionRequest{TTL: f.seconds("ttl")}
	wanted.User, _ = f.text("user")
	wanted.ImpersonateUser, _ = f.text("impersonate_user")
	wanted.NicknameOrigin, _ = f.text("nickname_origin")
	return wanted, f.err()
}

// apiURL returns what X-API-URL says: [auth] api_url without its trailing slash, and otherwise the listener's own URL.
func (x *exchange) apiURL() string {
	if url := x.settings.Auth.APIURL; url != "" {
		return strings.TrimRight(url, "/")
	}
	return x.self()
}

// listTokens shows the caller's live tokens, or for an admin those of the user whom the query names.
func (h *Handler) listTokens(x *exchange) error {
	who, err := x.caller()
	if err != nil {
		return err
	}
	query := x.request.URL.Query()
	owner, err := whose(who, query.Get("user"))
	if err != nil {
		return err
	}
	asked, err := pageOf(query, who.Admin, x.settings.API.MaxPageSize)
	if err != nil {
		return err
	}
	found, total, err := h.engine.List(x.context(), store.Query{
		Kind: store.KindSession, User: owner, Live: h.now(), After: asked.after, Offset: asked.offset, Limit: asked.most(),
	})
	if err != nil {
		return err
	}
	list := make([]listedToken, 0, len(found))
	for _, c := range found {
		list = append(list, listedToken{
			ID: c.ID, User: c.User, CreatedAt: stamp(c.CreatedAt), Expiry: stamp(c.ExpiresAt), Source: c.Source,
			UserAgent: c.UserAgent, Metadata: document(c.Metadata), Service: c.Service,
			Current: who.Entry != nil && who.Entry.Credential.ID == c.ID,
		})
	}
	asked.describe(x.Header(), total)
	x.private()
	x.json(http.StatusOK, list)
	return nil
}

// deleteToken revokes one of the caller's tokens, or any for an admin; "current" is the one that the request carries.
func (h *Handler) deleteToken(x *exchange) error {
	who, err := x.caller()
	if err != nil {
		return err
	}
	id := store.ID(x.request.PathValue("id"))
	if id == "current" {
		if who.Entry == nil || who.Entry.Credential.Kind != store.KindSession {
			return fault.Invalidf("The request carries no authentication token that could be revoked.")
		}
		id = who.Entry.Credential.ID
	}
	if !store.ValidID(string(id)) {
		return errNoRoute
	}
	if _, err := h.engine.Delete(x.context(), id, ownedBy(who, credential.Session), principal(who), x.origin()); err != nil {
		return err
	}
	x.private()
	x.WriteHeader(http.StatusNoContent)
	return nil
}
