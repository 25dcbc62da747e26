package api

import (
	"errors"
	"net/http"

	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
	"latchkey/daemon/licence"
)

// activationBody is what a tool is given. Notice is for the holder of a legacy key.
type activationBody struct {
	Grant     string `json:"grant"`
	ExpiresAt string `json:"expires_at"`
	Notice    string `json:"notice,omitempty"`
}

// activate decides whether a tool may be used, by the token or the legacy key that it presents. A key that is not known is a guess,
// and the source has only so many of them.
func (h *Handler) activate(x *exchange) error {
	given, err := present(x.request.Header)
	if err != nil {
		return err
	}
	x.presented = given
	if given.text == "" {
		return errNone
	}
	f, err := readFields(x.ResponseWriter, x.request)
	if err != nil {
		return err
	}
	product, _ := f.text("product")
	version, _ := f.text("version")
	machine, _ := f.text("machine_id")
	ci, _ := f.boolean("ci")
	if err := f.done(); err != nil {
		return err
	}
	if given.kinds == credential.Session {
		given.text = "" // the header of session tokens, of which none activates
	}
	right := func() {}
	if credential.Guessable(given.text) {
		if right, err = h.login.Guess(x.source()); err != nil {
			return err
		}
	}
	activation, err := h.licences.Activate(x.context(), licence.Request{
		Text: given.text, Product: product, Version: version, MachineID: machine, CI: ci, Origin: x.origin(),
	})
	if known, ok := errors.AsType[*fault.Error](err); !ok || known.Code != string(licence.UnknownToken) {
		right()
	}
	if err != nil {
		return err
	}
	x.private()
	x.json(http.StatusOK, activationBody{activation.Grant, stamp(activation.ExpiresAt), activation.Notice})
	return nil
}

// getKeys shows the public keys under which grants can be verified (RFC 7517). They are no secret and rotate with overlap, so anybody
// may keep them for a while.
func (h *Handler) getKeys(x *exchange) error {
	keys, err := h.licences.Keys()
	if err != nil {
		return err
	}
	x.setHeader("Cache-Control", "public, max-age=300")
	x.body(http.StatusOK, keys)
	return nil
}
