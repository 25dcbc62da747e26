package api

import (
	"net/http"

	"latchkey/daemon/fault"
	"latchkey/daemon/store"
	"latchkey/daemon/workspace"
	"latchkey/plugins/secret"
)

// legacyKeyBody is a legacy key in an answer; its text is never shown.
type legacyKeyBody struct {
	ID           store.ID `json:"id"`
	Name         string   `json:"name,omitempty"`
	Member       store.ID `json:"member,omitempty"`
	Subscription store.ID `json:"subscription"`
	CreatedAt    string   `json:"created_at"`
	CreatedBy    string   `json:"created_by,omitempty"`
	LastUsedAt   string   `json:"last_used_at,omitempty"`
}

func showLegacyKey(c *store.Credential) legacyKeyBody {
	return legacyKeyBody{c.ID, c.Name, c.Member, c.Subscription, stamp(c.CreatedAt), c.CreatedBy, stamp(c.LastUsedAt)}
}

// legacyKey answers with a legacy key.
func (x *exchange) legacyKey(status int, c *store.Credential) error {
	x.private()
	x.json(status, showLegacyKey(c))
	return nil
}

// listLegacyKeys shows a workspace's legacy keys.
func (h *Handler) listLegacyKeys(x *exchange) error {
	who, asked, err := x.slice()
	if err != nil {
		return err
	}
	found, total, err := h.workspaces.LegacyKeys(x.context(), who, x.tenant(), asked.after, asked.most())
	if err != nil {
		return err
	}
	return list(x, asked, found, total, showLegacyKey)
}

// addLegacyKey makes a key known.
func (h *Handler) addLegacyKey(x *exchange) error {
	who, f, err := x.form()
	if err != nil {
		return err
	}
	text, given := f.text("key")
	name, _ := f.text("name")
	member, _ := f.text("member")
	subscription, _ := f.text("subscription")
	if err := f.done(); err != nil {
		return err
	}
	if !given {
		return fault.Invalidf("key is not given.")
	}
	c, err := h.workspaces.AddLegacyKey(x.context(), who, x.tenant(), workspace.LegacyKey{
		Text: secret.New(text), Name: name, Member: member, Subscription: store.ID(subscription),
	})
	if err != nil {
		return err
	}
	return x.legacyKey(http.StatusCreated, &c)
}

// assignLegacyKey gives a key to a member, or with "" to nobody.
func (h *Handler) assignLegacyKey(x *exchange) error {
	who, f, err := x.form()
	if err != nil {
		return err
	}
	member, given := f.text("member")
	if err := f.done(); err != nil {
		return err
	}
	if !given {
		return fault.Invalidf(`member is not given; it is a member, or "" for nobody.`)
	}
	c, err := h.workspaces.AssignLegacyKey(x.context(), who, x.tenant(), store.ID(x.request.PathValue("id")), member)
	if err != nil {
		return err
	}
	return x.legacyKey(http.StatusOK, &c)
}

// deleteLegacyKey ends a key.
func (h *Handler) deleteLegacyKey(x *exchange) error {
	who, err := x.actor()
	if err != nil {
		return err
	}
	if err := h.workspaces.DeleteLegacyKey(x.context(), who, x.tenant(), store.ID(x.request.PathValue("id"))); err != nil {
		return err
	}
	return x.gone()
}
