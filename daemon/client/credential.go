package client

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"latchkey/plugins/secret"
)

// Credential is what a call shows to prove who makes it. The zero value is none.
type Credential struct {
	header string
	scheme string
	text   secret.Text
}

// SessionToken returns the credential that is a session token (lkt_…), for the header X-Auth-Token.
func SessionToken(text secret.Text) Credential {
	return Credential{header: "X-Auth-Token", text: text}
}

// APIKey returns the credential that is an API key or a service, developer or CI token, for the header St2-Api-Key.
func APIKey(text secret.Text) Credential { return Credential{header: "St2-Api-Key", text: text} }

// Bearer returns a credential of any kind, for the header Authorization (RFC 6750 section 2.1).
func Bearer(text secret.Text) Credential {
	return Credential{header: "Authorization", scheme: "Bearer ", text: text}
}

// Empty reports whether there is nothing to show.
func (c Credential) Empty() bool { return c.text.Empty() }

// Text returns the credential's text.
func (c Credential) Text() secret.Text { return c.text }

// Format writes where the credential is shown and a mask, whatever the verb: fmt does not ask an unexported field for its own.
func (c Credential) Format(state fmt.State, _ rune) {
	_, _ = fmt.Fprintf(state, "%s: %v", c.header, c.text)
}

// same reports whether two credentials are one.
func (c Credential) same(other Credential) bool {
	return c.header == other.header && c.text.Equal(other.text)
}

// check returns an error for a text that no header can carry.
func (c Credential) check() error {
	if strings.ContainsFunc(c.text.Reveal(), func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return errors.New("the token or key has a character in it that none has; was it cut or copied with something else?")
	}
	return nil
}

// Credential makes every Credential a Source that never has another one.
func (c Credential) Credential(context.Context, Credential) (Credential, error) { return c, nil }

// Source says which credential a call shows.
type Source interface {
	// Credential returns the credential to show. refused is the zero Credential first; when the server has answered 401, it is
	// the one that was refused, and a Source that has or gets another returns that: it is tried once. One that has no other
	// returns refused itself. An error ends the call and is returned as it is. It may be called by several calls at a time.
	Credential(ctx context.Context, refused Credential) (Credential, error)
}
