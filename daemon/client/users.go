package client

import (
	"context"
	"iter"
	"net/http"
	"time"
)

// User is a user whom the server knows.
type User struct {
	Name string `json:"name"`
	// Groups are those that the last log-in recorded, Roles what the configuration makes of them now.
	Groups []string `json:"groups"`
	Roles  []string `json:"roles"`
	// IsService lets the user ask for tokens of others.
	IsService bool `json:"is_service"`
	// Nicknames are the user's names elsewhere, by origin.
	Nicknames map[string]string `json:"nicknames"`
	Enabled   bool              `json:"enabled"`
	// LockedUntil is when the lock of too many wrong passwords ends; zero when there is none.
	LockedUntil time.Time `json:"locked_until"`
	CreatedAt   time.Time `json:"created_at"`
	// LastLoginAt is zero for a user who has never logged in.
	LastLoginAt time.Time `json:"last_login_at"`
}

// UserChange says what to change of a user; what is nil stays.
type UserChange struct {
	IsService *bool `json:"is_service,omitempty"`
	// Nicknames replaces all nicknames.
	Nicknames *map[string]string `json:"nicknames,omitempty"`
	// Enabled false stops every credential of the user.
	Enabled *bool `json:"enabled,omitempty"`
	// LockedUntil set to the empty text ends a lock; the server takes no other value.
	LockedUntil *string `json:"locked_until,omitempty"`
}

// CreateUser makes a user known before he logs in (POST /api/v1/users). This and the other calls for users need the role admin.
func (c *Client) CreateUser(ctx context.Context, name string) (User, error) {
	var answer User
	to := call{method: http.MethodPost, path: users(), body: map[string]string{"name": name}}
	_, err := c.do(ctx, to, &answer)
	return answer, err
}

// Users returns all known users (GET /api/v1/users).
func (c *Client) Users(ctx context.Context) iter.Seq2[User, error] {
	return list(ctx, c, call{method: http.MethodGet, path: users()}, func(u User) string { return u.Name })
}

// User returns one user (GET /api/v1/users/{name}). An unknown one is an *Error with status 404.
func (c *Client) User(ctx context.Context, name string) (User, error) {
	var answer User
	_, err := c.do(ctx, call{method: http.MethodGet, path: users(name)}, &answer)
	return answer, err
}

// ChangeUser changes a user (PUT /api/v1/users/{name}).
func (c *Client) ChangeUser(ctx context.Context, name string, change UserChange) (User, error) {
	var answer User
	_, err := c.do(ctx, call{method: http.MethodPut, path: users(name), body: change}, &answer)
	return answer, err
}

// DeleteUser forgets a user and deletes all his credentials (DELETE /api/v1/users/{name}).
func (c *Client) DeleteUser(ctx context.Context, name string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: users(name)}, nil)
	return err
}

// users returns the path of the users, or of one.
func users(name ...string) []string { return append([]string{"api", "v1", "users"}, name...) }
