package api

import (
	"mime"
	"net/http"
	"net/url"

	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
)

// revoke ends the credential whose text is in the body (RFC 7009 section 2). Whoever holds the text may do that: it is how a
// leaked one is put out of use by its finder. The answer is 200 whether or not there was such a credential.
func (h *Handler) revoke(x *exchange) error {
	token, err := readToken(x)
	if err != nil {
		return err
	}
	found, err := h.engine.Find(x.context(), token)
	if err == nil {
		// The text is the proof, so the owner of it acts.
		by := found.User
		if by == "" {
			by = found.Name
		}
		_, err = h.engine.Delete(x.context(), found.ID, credential.Owner{Any: true, Kinds: revocable}, by, x.origin())
	}
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	x.private()
	x.WriteHeader(http.StatusOK)
	return nil
}

// revocable are the kinds that can be ended; a developer token is rotated instead.
const revocable = credential.Session | credential.APIKey | credential.Service | credential.CI

// readToken returns the parameter token of a form (RFC 7662 section 2.1, RFC 7009 section 2.1). It must be given once.
func readToken(x *exchange) (string, error) {
	body, err := readBody(x.ResponseWriter, x.request)
	if err != nil {
		return "", err
	}
	kind, _, _ := mime.ParseMediaType(x.request.Header.Get("Content-Type")) // what cannot be parsed is no form
	if kind != "application/x-www-form-urlencoded" {
		return "", fault.Invalidf("The body is not a form; send application/x-www-form-urlencoded.")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return "", fault.Invalidf("The body is not a valid form.")
	}
	switch tokens := form["token"]; {
	case len(tokens) > 1:
		return "", fault.Invalidf("token is given more than once.")
	case len(tokens) == 0 || tokens[0] == "":
		return "", fault.Invalidf("Token is not provided.")
	default:
		return tokens[0], nil
	}
}
