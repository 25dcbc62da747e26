package client

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"latchkey/plugins/secret"
)

// SessionRequest says what session token is wanted. The zero value asks for the longest that the server gives.
type SessionRequest struct {
	// TTL is the token's life, in whole seconds; zero means the server's default.
	TTL time.Duration
	// User asks for a token of another user; for service users.
	User string
	// ImpersonateUser and NicknameOrigin ask for a token of the user who has this nickname there; for service users.
	ImpersonateUser, NicknameOrigin string
}

// Session is a session token that was just made.
type Session struct {
	ID       string
	User     string
	Token    secret.Text
	Expiry   time.Time
	Metadata json.RawMessage
	// Service says that the user is a service user.
	Service bool
}

// CheckName returns an error for a name that cannot be that of a user: RFC 7617 section 2 has no way to write a colon, and
// allows no control character. The server is stricter.
func CheckName(name string) error {
	if name == "" || strings.Contains(name, ":") || strings.ContainsFunc(name, isControl) {
		return errors.New("a user's name is not empty and has no colon and no control character in it")
	}
	return nil
}

// LogIn asks for a session token with a name and a password (POST /auth/v1/tokens, Basic of RFC 7617). It shows no other
// credential. A wrong name or password is an *Error with status 401; 429 and 503 are no decision.
func (c *Client) LogIn(ctx context.Context, name string, password secret.Text, wanted SessionRequest) (Session, error) {
	if err := CheckName(name); err != nil {
		return Session{}, err
	}
	body := map[string]any{}
	if wanted.TTL != 0 {
		if wanted.TTL < time.Second {
			return Session{}, errors.New("a token's life is one second or more")
		}
		body["ttl"] = int64(wanted.TTL / time.Second)
	}
	for field, value := range map[string]string{
		"user": wanted.User, "impersonate_user": wanted.ImpersonateUser, "nickname_origin": wanted.NicknameOrigin,
	} {
		if value != "" {
			body[field] = value
		}
	}
	var answer struct {
		ID       string          `json:"id"`
		User     string          `json:"user"`
		Token    string          `json:"token"`
		Expiry   time.Time       `json:"expiry"`
		Metadata json.RawMessage `json:"metadata"`
		Service  bool            `json:"service"`
	}
	to := call{method: http.MethodPost, path: []string{"auth", "v1", "tokens"}, body: body, login: true, name: name, password: password}
	if _, err := c.do(ctx, to, &answer); err != nil {
		return Session{}, err
	}
	made := Session{
		ID: answer.ID, User: answer.User, Token: secret.New(answer.Token), Expiry: answer.Expiry, Metadata: answer.Metadata,
		Service: answer.Service,
	}
	if made.Token.Empty() || made.User == "" || made.Expiry.IsZero() || SessionToken(made.Token).check() != nil {
		return Session{}, c.unexpected("a log-in without a token")
	}
	return made, nil
}

// ListedSession is one of a user's live sessions, without its token.
type ListedSession struct {
	ID        string          `json:"id"`
	User      string          `json:"user"`
	CreatedAt time.Time       `json:"created_at"`
	Expiry    time.Time       `json:"expiry"`
	Source    string          `json:"source"`
	UserAgent string          `json:"user_agent"`
	Metadata  json.RawMessage `json:"metadata"`
	Service   bool            `json:"service"`
	// Current marks the session that the call itself was made with.
	Current bool `json:"current"`
}

// Sessions returns the live sessions of a user, oldest first; an empty user means the caller, another one needs the role admin
// (GET /auth/v1/tokens).
func (c *Client) Sessions(ctx context.Context, user string) iter.Seq2[ListedSession, error] {
	query := url.Values{}
	if user != "" {
		query.Set("user", user)
	}
	to := call{method: http.MethodGet, path: []string{"auth", "v1", "tokens"}, query: query}
	return list(ctx, c, to, func(s ListedSession) string { return s.ID })
}

// Revoke ends a session by its id (DELETE /auth/v1/tokens/{id}). An unknown id and another's are an *Error with status 404.
func (c *Client) Revoke(ctx context.Context, id string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: []string{"auth", "v1", "tokens", id}}, nil)
	return err
}

// LogOut ends the session whose token the client shows.
func (c *Client) LogOut(ctx context.Context) error { return c.Revoke(ctx, "current") }

// Validate reports whether a session token would be accepted now (POST /auth/v1/tokens/validate). The call itself needs a
// credential; a token may vouch for itself.
func (c *Client) Validate(ctx context.Context, token secret.Text) (bool, error) {
	var answer struct {
		Valid bool `json:"valid"`
	}
	_, err := c.do(ctx, call{
		method: http.MethodPost, path: []string{"auth", "v1", "tokens", "validate"},
		body: map[string]string{"token": token.Reveal()},
	}, &answer)
	return answer.Valid, err
}
