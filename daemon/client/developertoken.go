package client

import (
	"context"
	"net/http"
	"time"

	"latchkey/plugins/secret"
)

// DeveloperToken is a member's developer token without its text.
type DeveloperToken struct {
	ID        string    `json:"id"`
	CreatedAt time.Time `json:"created_at"`
	// LastUsedAt is zero when it has not been used.
	LastUsedAt time.Time `json:"last_used_at"`
}

// DeveloperToken returns the caller's own developer token in a workspace (GET …/developertoken).
func (c *Client) DeveloperToken(ctx context.Context, workspace string) (DeveloperToken, error) {
	var answer DeveloperToken
	_, err := c.do(ctx, call{method: http.MethodGet, path: workspaces(workspace, "developertoken")}, &answer)
	return answer, err
}

// RotateDeveloperToken gives the caller's developer token a new text and returns it and the token's id; the text before is refused
// from now on (POST …/developertoken/rotate). The server cannot tell the text a second time.
func (c *Client) RotateDeveloperToken(ctx context.Context, workspace string) (secret.Text, string, error) {
	var answer struct {
		ID    string `json:"id"`
		Token string `json:"token"`
	}
	to := call{method: http.MethodPost, path: workspaces(workspace, "developertoken", "rotate")}
	if _, err := c.do(ctx, to, &answer); err != nil {
		return secret.Text{}, "", err
	}
	if answer.Token == "" || answer.ID == "" {
		return secret.Text{}, "", c.unexpected("a rotated developer token without its text")
	}
	return secret.New(answer.Token), answer.ID, nil
}
