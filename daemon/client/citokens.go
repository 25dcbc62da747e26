package client

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"time"

	"latchkey/plugins/secret"
)

// CIToken is a CI token without its text.
type CIToken struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
	// ExpiresAt is the first instant at which it is refused; zero when it does not expire.
	ExpiresAt time.Time `json:"expires_at"`
	// LastUsedAt is zero when it has not been used.
	LastUsedAt time.Time `json:"last_used_at"`
}

// CITokenRequest says what CI token is wanted. Expiration and TTL exclude each other; without either it does not expire.
type CITokenRequest struct {
	Name string
	// Expiration is the last day, in UTC, on which it is accepted; its time of day does not matter.
	Expiration time.Time
	// TTL is how long it is accepted.
	TTL time.Duration
}

// CreateCIToken makes a CI token and returns its text, which the server cannot tell a second time (POST …/citokens). This and the
// other calls for CI tokens need the permission ci_tokens.manage.
func (c *Client) CreateCIToken(ctx context.Context, workspace string, wanted CITokenRequest) (secret.Text, CIToken, error) {
	body := map[string]string{"name": wanted.Name}
	switch {
	case !wanted.Expiration.IsZero() && wanted.TTL != 0:
		return secret.Text{}, CIToken{}, errors.New("a CI token ends on a day or after a time, not both")
	case !wanted.Expiration.IsZero():
		body["expiration"] = wanted.Expiration.Format(time.DateOnly)
	case wanted.TTL != 0:
		body["ttl"] = wanted.TTL.String()
	}
	return c.newCIToken(ctx, call{method: http.MethodPost, path: workspaces(workspace, "citokens"), body: body})
}

// RotateCIToken gives a CI token a new text and returns it; the text before is refused from now on (POST …/citokens/{id}/rotate).
func (c *Client) RotateCIToken(ctx context.Context, workspace, id string) (secret.Text, CIToken, error) {
	return c.newCIToken(ctx, call{method: http.MethodPost, path: workspaces(workspace, "citokens", id, "rotate")})
}

// newCIToken makes a call that is answered with the text of a CI token.
func (c *Client) newCIToken(ctx context.Context, to call) (secret.Text, CIToken, error) {
	var answer struct {
		CIToken
		Token string `json:"token"`
	}
	if _, err := c.do(ctx, to, &answer); err != nil {
		return secret.Text{}, CIToken{}, err
	}
	if answer.Token == "" || answer.ID == "" {
		return secret.Text{}, CIToken{}, c.unexpected("a new CI token without its text")
	}
	return secret.New(answer.Token), answer.CIToken, nil
}

// CITokens returns the CI tokens of a workspace (GET …/citokens).
func (c *Client) CITokens(ctx context.Context, workspace string) iter.Seq2[CIToken, error] {
	to := call{method: http.MethodGet, path: workspaces(workspace, "citokens")}
	return list(ctx, c, to, func(t CIToken) string { return t.ID })
}

// DeleteCIToken ends a CI token (DELETE …/citokens/{id}). An unknown id is an *Error with status 404.
func (c *Client) DeleteCIToken(ctx context.Context, workspace, id string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: workspaces(workspace, "citokens", id)}, nil)
	return err
}
