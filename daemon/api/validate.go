package api

import (
	"net/http"

	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
)

// validateToken tells a caller whether a session token would be accepted now. Why it would not be stays unsaid.
func (h *Handler) validateToken(x *exchange) error {
	if _, err := x.caller(); err != nil {
		return err
	}
	f, err := readFields(x.ResponseWriter, x.request)
	if err != nil {
		return err
	}
	token, _ := f.text("token")
	if err := f.err(); err != nil {
		return err
	}
	if token == "" {
		return fault.Invalidf("Token is not provided.")
	}
	_, err = h.engine.Check(x.context(), token, credential.Session)
	if err != nil && fault.KindOf(err) != fault.Unauthenticated {
		return err
	}
	x.private()
	x.json(http.StatusOK, struct {
		Valid bool `json:"valid"`
	}{err == nil})
	return nil
}
