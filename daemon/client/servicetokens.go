package client

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"time"

	"latchkey/plugins/secret"
)

// ServiceToken is a service token without its text.
type ServiceToken struct {
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	Roles []string `json:"roles"`
	// ExpiresAt is the first instant at which it is refused; zero when it does not expire.
	ExpiresAt time.Time `json:"expires_at"`
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
	// LastUsedAt is zero when it has not been used, or the server does not say.
	LastUsedAt time.Time `json:"last_used_at"`
}

// ServiceTokenRequest says what service token is wanted. Expiration and TTL exclude each other; without either it does not
// expire.
type ServiceTokenRequest struct {
	Name  string
	Roles []string
	// Expiration is the last day, in UTC, on which it is accepted; its time of day does not matter.
	Expiration time.Time
	// TTL is how long it is accepted.
	TTL time.Duration
}

// CreateServiceToken makes a service token and returns its text, which the server cannot tell a second time (POST
// /api/v1/servicetokens). It needs the role admin.
func (c *Client) CreateServiceToken(ctx context.Context, wanted ServiceTokenRequest) (secret.Text, ServiceToken, error) {
	body := map[string]any{"name": wanted.Name, "roles": wanted.Roles}
	switch {
	case !wanted.Expiration.IsZero() && wanted.TTL != 0:
		return secret.Text{}, ServiceToken{}, errors.New("a service token ends on a day or after a time, not both")
	case !wanted.Expiration.IsZero():
		body["expiration"] = wanted.Expiration.Format(time.DateOnly)
	case wanted.TTL != 0:
		body["ttl"] = wanted.TTL.String()
	}
	var answer struct {
		ServiceToken
		Token string `json:"token"`
	}
	if _, err := c.do(ctx, call{method: http.MethodPost, path: serviceTokens(), body: body}, &answer); err != nil {
		return secret.Text{}, ServiceToken{}, err
	}
	if answer.Token == "" || answer.ID == "" {
		return secret.Text{}, ServiceToken{}, c.unexpected("a new service token without its text")
	}
	return secret.New(answer.Token), answer.ServiceToken, nil
}

// ServiceTokens returns all service tokens, oldest first (GET /api/v1/servicetokens). It needs the role admin.
func (c *Client) ServiceTokens(ctx context.Context) iter.Seq2[ServiceToken, error] {
	return list(ctx, c, call{method: http.MethodGet, path: serviceTokens()}, func(t ServiceToken) string { return t.ID })
}

// DeleteServiceToken ends a service token (DELETE /api/v1/servicetokens/{id}). An unknown id is an *Error with status 404. It
// needs the role admin.
func (c *Client) DeleteServiceToken(ctx context.Context, id string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: serviceTokens(id)}, nil)
	return err
}

// serviceTokens returns the path of the service tokens, or of one.
func serviceTokens(id ...string) []string {
	return append([]string{"api", "v1", "servicetokens"}, id...)
}
