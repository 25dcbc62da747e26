package api

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"latchkey/daemon/access"
	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
	"latchkey/daemon/login"
	"latchkey/daemon/store"
)

// masked stands for what only an admin who asks is shown.
const masked = "********"

// errNoKey is the answer for a key that is not there and for one that is another's: they cannot be told apart.
var errNoKey = fault.NotFoundf("ApiKey with that key or id is not found.")

// listedKey is an API key as everybody but its maker sees it, StackStorm's field for field.
type listedKey struct {
	ID        store.ID        `json:"id"`
	UID       string          `json:"uid"`
	User      string          `json:"user"`
	KeyHash   string          `json:"key_hash"`
	Metadata  json.RawMessage `json:"metadata"`
	CreatedAt string          `json:"created_at"`
	Enabled   bool            `json:"enabled"`
}

// createdKey is the one answer that shows a key. Key is null, StackStorm's way, when a hash was loaded and no key was made.
type createdKey struct {
	ID        store.ID        `json:"id"`
	UID       string          `json:"uid"`
	User      string          `json:"user"`
	Key       *string         `json:"key"`
	Metadata  json.RawMessage `json:"metadata"`
	CreatedAt string          `json:"created_at"`
	Enabled   bool            `json:"enabled"`
}

// showKey returns what an answer shows of an API key. The uid holds the hash, as StackStorm's does, so both are masked.
func showKey(c *store.Credential, secrets bool) listedKey {
	shown := listedKey{
		ID: c.ID, UID: masked, User: c.User, KeyHash: masked, Metadata: document(c.Metadata), CreatedAt: stamp(c.CreatedAt),
		Enabled: !c.Disabled,
	}
	if secrets {
		shown.KeyHash = c.Digest.Hex()
		shown.UID = "api_key:" + shown.KeyHash
	}
	return shown
}

// showsSecrets reports whether masked fields are shown: to an admin who asks.
func showsSecrets(who access.Caller, query url.Values) bool {
	asked := query.Get("show_secrets")
	return who.Admin && (strings.EqualFold(asked, "true") || asked == "1")
}

// keyForm is the body of POST and PUT. An empty user or hash is as good as none, since StackStorm's clients send such.
type keyForm struct {
	id       string
	user     string
	metadata json.RawMessage // nil: not given
	enabled  *bool
	digest   store.Digest // empty: not given, or masked
	masked   bool         // the hash was given in its masked form
}

// readKey reads a keyForm. The fields uid and created_at belong to a body that was got with GET; they change nothing.
func readKey(x *exchange) (keyForm, error) {
	f, err := readFields(x.ResponseWriter, x.request)
	if err != nil {
		return keyForm{}, err
	}
	var form keyForm
	form.id, _ = f.text("id")
	form.user, _ = f.text("user")
	if metadata, given := f.object("metadata"); given {
		form.metadata = metadata
	}
	if enabled, given := f.boolean("enabled"); given {
		form.enabled = &enabled
	}
	hash, _ := f.text("key_hash")
	_, _ = f.text("uid")
	_, _ = f.text("created_at")
	if err := f.done(); err != nil {
		return keyForm{}, err
	}
	if form.id != "" && !store.ValidID(form.id) {
		return keyForm{}, fault.Invalidf("id is not 24 lower-case hex digits.")
	}
	form.masked = hash == masked
	if hash != "" && !form.masked {
		form.digest, err = parseHash(hash)
	}
	return form, err
}

// parseHash returns the digest of a key_hash: SHA-512 in hex as StackStorm has it, or SHA-256 as Latchkey has it.
func parseHash(hash string) (store.Digest, error) {
	digest, err := hex.DecodeString(hash)
	if err != nil || (len(digest) != sha512.Size && len(digest) != sha256.Size) {
		return "", fault.Invalidf("key_hash is not a SHA-512 or SHA-256 in hex digits.")
	}
	return store.Digest(digest), nil
}

// listKeys shows the caller's keys, or an admin everybody's.
func (h *Handler) listKeys(x *exchange) error {
	who, err := x.caller()
	if err != nil {
		return err
	}
	query := x.request.URL.Query()
	user := query.Get("user")
	if !who.Admin {
		if user, err = whose(who, user); err != nil {
			return err
		}
	}
	asked, err := pageOf(query, who.Admin, x.settings.API.MaxPageSize)
	if err != nil {
		return err
	}
	found, total, err := h.engine.List(x.context(), store.Query{
		Kind: store.KindAPIKey, User: user, After: asked.after, Offset: asked.offset, Limit: asked.most(),
	})
	if err != nil {
		return err
	}
	list := make([]listedKey, 0, len(found))
	for i := range found {
		list = append(list, showKey(&found[i], showsSecrets(who, query)))
	}
	asked.describe(x.Header(), total)
	x.private()
	x.json(http.StatusOK, list)
	return nil
}

// createKey makes a key for the caller, or for an admin for anybody. With key_hash it loads one that was made elsewhere.
func (h *Handler) createKey(x *exchange) error {
	who, err := x.caller()
	if err != nil {
		return err
	}
	form, err := readKey(x)
	if err != nil {
		return err
	}
	if form.masked {
		return fault.Invalidf("key_hash is masked; an admin gets it with show_secrets=True.")
	}
	owner, err := h.keyOwner(x, who, form.user)
	if err != nil {
		return err
	}
	spec := credential.Spec{
		Kind: store.KindAPIKey, User: owner, Metadata: form.metadata, Disabled: form.enabled != nil && !*form.enabled,
		ID: store.ID(form.id), Digest: form.digest,
	}
	if by := principal(who); by != owner {
		spec.CreatedBy = by
	}
	issued, err := h.engine.Issue(x.context(), spec, x.origin())
	if err != nil {
		return err
	}
	made := &issued.Credential
	answer := createdKey{
		ID: made.ID, UID: masked, User: made.User, Metadata: document(made.Metadata), CreatedAt: stamp(made.CreatedAt),
		Enabled: !made.Disabled,
	}
	if text := issued.Text.Reveal(); text != "" {
		answer.Key = &text
	}
	x.private()
	x.json(http.StatusCreated, answer)
	return nil
}

// keyOwner returns whom a key is for: the caller, or the user whom an admin names and who becomes known by it.
func (h *Handler) keyOwner(x *exchange, who access.Caller, asked string) (string, error) {
	name, err := whose(who, asked)
	if err != nil {
		return "", err
	}
	if name, err = login.Canonical(name); err != nil {
		return "", fault.Invalidf("user cannot be used: %s.", err)
	}
	if _, err := h.users.Ensure(x.context(), name); err != nil {
		return "", err
	}
	return name, nil
}

// findKey returns the key that the path names by its id or by its own text, if the caller may see it.
func (h *Handler) findKey(x *exchange, who access.Caller) (store.Credential, error) {
	var found store.Credential
	var err error
	if name := x.request.PathValue("id"); store.ValidID(name) {
		found, err = h.engine.Get(x.context(), store.ID(name))
	} else {
		found, err = h.engine.Find(x.context(), name)
	}
	if err != nil {
		return store.Credential{}, keyGone(err)
	}
	if found.Kind != store.KindAPIKey || !owns(who, &found) {
		return store.Credential{}, errNoKey
	}
	return found, nil
}

// getKey shows one key.
func (h *Handler) getKey(x *exchange) error {
	who, err := x.caller()
	if err != nil {
		return err
	}
	found, err := h.findKey(x, who)
	if err != nil {
		return err
	}
	x.private()
	x.json(http.StatusOK, showKey(&found, showsSecrets(who, x.request.URL.Query())))
	return nil
}

// changeKey enables, disables or describes a key anew. Fields that are not given stay as they are.
func (h *Handler) changeKey(x *exchange) error {
	who, err := x.caller()
	if err != nil {
		return err
	}
	found, err := h.findKey(x, who)
	if err != nil {
		return err
	}
	form, err := readKey(x)
	if err != nil {
		return err
	}
	if form.id != "" && form.id != string(found.ID) {
		return fault.Invalidf("Update of id is not allowed.")
	}
	if form.user == "" {
		form.user = found.User
	}
	if form.user != found.User {
		if form.user, err = h.keyOwner(x, who, form.user); err != nil {
			return err
		}
	}
	changed, err := h.engine.Change(x.context(), found.ID, ownedBy(who, credential.APIKey), principal(who), x.origin(), form.apply)
	if err != nil {
		return keyGone(err)
	}
	x.private()
	x.json(http.StatusOK, showKey(&changed, false))
	return nil
}

// apply changes a key's record inside the store's transaction.
func (f *keyForm) apply(c *store.Credential) error {
	if f.digest != "" && f.digest != c.Digest {
		return fault.Invalidf("Update of key_hash is not allowed.")
	}
	c.User = f.user
	if f.metadata != nil {
		c.Metadata = f.metadata
	}
	if f.enabled != nil {
		c.Disabled = !*f.enabled
	}
	return nil
}

// deleteKey deletes a key for good.
func (h *Handler) deleteKey(x *exchange) error {
	who, err := x.caller()
	if err != nil {
		return err
	}
	found, err := h.findKey(x, who)
	if err != nil {
		return err
	}
	if _, err := h.engine.Delete(x.context(), found.ID, ownedBy(who, credential.APIKey), principal(who), x.origin()); err != nil {
		return keyGone(err)
	}
	x.private()
	x.WriteHeader(http.StatusNoContent)
	return nil
}

// keyGone gives a key that vanished between two steps the sentence of one that never was.
func keyGone(err error) error {
	if known, ok := errors.AsType[*fault.Error](err); ok && known.Kind == fault.NotFound {
		return errNoKey
	}
	return err
}
