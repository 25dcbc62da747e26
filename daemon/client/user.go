package client

import (
	"context"
	"net/http"
)

// Identity is who the server takes the caller for.
type Identity struct {
	Username       string `json:"username"`
	Authentication struct {
		// Method is "authentication token" or "API key"; empty where nobody is asked for a credential.
		Method string `json:"method"`
		// Location is "header" or "query".
		Location string `json:"location"`
		// TokenExpire is when the token ends, without fraction digits; session tokens only.
		TokenExpire string `json:"token_expire"`
	} `json:"authentication"`
	RBAC struct {
		Enabled bool     `json:"enabled"`
		Roles   []string `json:"roles"`
		IsAdmin bool     `json:"is_admin"`
	} `json:"rbac"`
}

// WhoAmI returns who the server takes the caller for (GET /api/v1/user).
func (c *Client) WhoAmI(ctx context.Context) (Identity, error) {
	var answer Identity
	_, err := c.do(ctx, call{method: http.MethodGet, path: []string{"api", "v1", "user"}}, &answer)
	return answer, err
}
