package api

import (
	"net/http"

	"latchkey/daemon/credential"
	"latchkey/daemon/store"
)

// tokenBody is a developer or a CI token in an answer; Token is there when it was made or rotated.
type tokenBody struct {
	ID         store.ID `json:"id"`
	Name       string   `json:"name,omitempty"`
	CreatedAt  string   `json:"created_at"`
	CreatedBy  string   `json:"created_by,omitempty"`
	ExpiresAt  string   `json:"expires_at,omitempty"`
	LastUsedAt string   `json:"last_used_at,omitempty"`
	Token      string   `json:"token,omitempty"`
}

func showToken(c *store.Credential) tokenBody {
	return tokenBody{
		ID: c.ID, Name: c.Name, CreatedAt: stamp(c.CreatedAt), CreatedBy: c.CreatedBy, ExpiresAt: stamp(c.ExpiresAt),
		LastUsedAt: stamp(c.LastUsedAt),
	}
}

// issued answers with a token and its text.
func (x *exchange) issued(status int, issued *credential.Issued) error {
	body := showToken(&issued.Credential)
	body.Token = issued.Text.Reveal()
	x.private()
	x.json(status, body)
	return nil
}

// getDeveloperToken shows the caller's own developer token, without its text.
func (h *Handler) getDeveloperToken(x *exchange) error {
	who, err := x.actor()
	if err != nil {
		return err
	}
	c, err := h.workspaces.DeveloperToken(x.context(), who, x.tenant())
	if err != nil {
		return err
	}
	x.private()
	x.json(http.StatusOK, showToken(&c))
	return nil
}

// rotateDeveloperToken gives the caller's own developer token a new text.
func (h *Handler) rotateDeveloperToken(x *exchange) error {
	who, err := x.actor()
	if err != nil {
		return err
	}
	issued, err := h.workspaces.RotateDeveloperToken(x.context(), who, x.tenant())
	if err != nil {
		return err
	}
	return x.issued(http.StatusOK, &issued)
}

// listCITokens shows a workspace's CI tokens.
func (h *Handler) listCITokens(x *exchange) error {
	who, asked, err := x.slice()
	if err != nil {
		return err
	}
	found, total, err := h.workspaces.CITokens(x.context(), who, x.tenant(), asked.after, asked.most())
	if err != nil {
		return err
	}
	return list(x, asked, found, total, showToken)
}

// createCIToken makes one.
func (h *Handler) createCIToken(x *exchange) error {
	who, f, err := x.form()
	if err != nil {
		return err
	}
	name, _ := f.text("name")
	expiration, _ := f.text("expiration")
	ttl, _ := f.text("ttl")
	if err := f.done(); err != nil {
		return err
	}
	expires, err := expiry(expiration, ttl, h.now())
	if err != nil {
		return err
	}
	issued, err := h.workspaces.CreateCIToken(x.context(), who, x.tenant(), name, expires)
	if err != nil {
		return err
	}
	return x.issued(http.StatusCreated, &issued)
}

// rotateCIToken gives one a new text.
func (h *Handler) rotateCIToken(x *exchange) error {
	who, err := x.actor()
	if err != nil {
		return err
	}
	issued, err := h.workspaces.RotateCIToken(x.context(), who, x.tenant(), store.ID(x.request.PathValue("id")))
	if err != nil {
		return err
	}
	return x.issued(http.StatusOK, &issued)
}

// deleteCIToken ends one.
func (h *Handler) deleteCIToken(x *exchange) error {
	who, err := x.actor()
	if err != nil {
		return err
	}
	if err := h.workspaces.DeleteCIToken(x.context(), who, x.tenant(), store.ID(x.request.PathValue("id"))); err != nil {
		return err
	}
	return x.gone()
}
