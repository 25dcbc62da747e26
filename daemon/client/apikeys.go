package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"time"

	"latchkey/plugins/secret"
)

// APIKeyInfo is what a server tells about an API key.
type APIKeyInfo struct {
	ID   string `json:"id"`
	User string `json:"user"`
	// KeyHash is masked unless an admin asked for it.
	KeyHash   string          `json:"key_hash"`
	Metadata  json.RawMessage `json:"metadata"`
	CreatedAt time.Time       `json:"created_at"`
	Enabled   bool            `json:"enabled"`
}

// APIKeyRequest says what API key is wanted. The zero value is an enabled key for the caller.
type APIKeyRequest struct {
	// User is the owner; empty means the caller, another one needs the role admin.
	User string
	// Metadata is a JSON object, or nil.
	Metadata json.RawMessage
	// Disabled makes a key that is refused until it is enabled.
	Disabled bool
}

// CreateAPIKey makes a key and returns its text, which the server cannot tell a second time (POST /api/v1/apikeys).
func (c *Client) CreateAPIKey(ctx context.Context, wanted APIKeyRequest) (secret.Text, APIKeyInfo, error) {
	body := map[string]any{}
	if wanted.User != "" {
		body["user"] = wanted.User
	}
	if wanted.Metadata != nil {
		body["metadata"] = wanted.Metadata
	}
	if wanted.Disabled {
		body["enabled"] = false
	}
	var answer struct {
		APIKeyInfo
		Key string `json:"key"`
	}
	if _, err := c.do(ctx, call{method: http.MethodPost, path: keys(), body: body}, &answer); err != nil {
		return secret.Text{}, APIKeyInfo{}, err
	}
	if answer.Key == "" || answer.ID == "" {
		return secret.Text{}, APIKeyInfo{}, c.unexpected("a new API key without its text")
	}
	return secret.New(answer.Key), answer.APIKeyInfo, nil
}

// APIKeyQuery selects API keys. The zero value selects the caller's, or for an admin everybody's.
type APIKeyQuery struct {
	// User is the owner.
	User string
	// ShowSecrets asks for the hashes of the keys; for admins, others get them masked all the same.
	ShowSecrets bool
}

// APIKeys returns the selected keys, oldest first (GET /api/v1/apikeys).
func (c *Client) APIKeys(ctx context.Context, q APIKeyQuery) iter.Seq2[APIKeyInfo, error] {
	query := url.Values{}
	if q.User != "" {
		query.Set("user", q.User)
	}
	if q.ShowSecrets {
		query.Set("show_secrets", "True")
	}
	to := call{method: http.MethodGet, path: keys(), query: query}
	return list(ctx, c, to, func(k APIKeyInfo) string { return k.ID })
}

// APIKey returns a key by its id or its own text (GET /api/v1/apikeys/{id or key}). An unknown one and another's are an
// *Error with status 404.
func (c *Client) APIKey(ctx context.Context, idOrKey string) (APIKeyInfo, error) {
	var answer APIKeyInfo
	_, err := c.do(ctx, call{method: http.MethodGet, path: keys(idOrKey)}, &answer)
	return answer, err
}

// EnableAPIKey makes a key count again, or with false stop counting, from the moment that it returns (PUT
// /api/v1/apikeys/{id or key}). Only that field is sent, so a change that somebody else makes meanwhile stays.
func (c *Client) EnableAPIKey(ctx context.Context, idOrKey string, enabled bool) (APIKeyInfo, error) {
	var answer APIKeyInfo
	to := call{method: http.MethodPut, path: keys(idOrKey), body: map[string]bool{"enabled": enabled}}
	_, err := c.do(ctx, to, &answer)
	return answer, err
}

// DeleteAPIKey deletes a key for good (DELETE /api/v1/apikeys/{id or key}).
func (c *Client) DeleteAPIKey(ctx context.Context, idOrKey string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: keys(idOrKey)}, nil)
	return err
}

// LoadedKey is an API key that exists already, by its hash.
type LoadedKey struct {
	// ID is 24 lower-case hex digits, or empty for a new one.
	ID string `json:"id,omitempty"`
	// User is the owner; an unknown one becomes known.
	User string `json:"user"`
	// KeyHash is in hex digits: SHA-512 as StackStorm keeps it, or SHA-256 as Latchkey does.
	KeyHash  string          `json:"key_hash"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
	Enabled  bool            `json:"enabled"`
}

// LoadAPIKey brings a key in, or brings one that is there up to date, as StackStorm's client does: PUT by its id, and POST
// when that is unknown. It reports whether the key is new. A hash that belongs to another id is an *Error with status 409.
func (c *Client) LoadAPIKey(ctx context.Context, key LoadedKey) (answer APIKeyInfo, created bool, err error) {
	if key.ID != "" {
		_, err = c.do(ctx, call{method: http.MethodPut, path: keys(key.ID), body: key}, &answer)
		if !isStatus(err, http.StatusNotFound) {
			return answer, false, err
		}
	}
	_, err = c.do(ctx, call{method: http.MethodPost, path: keys(), body: key}, &answer)
	return answer, err == nil, err
}

// keys returns the path of the API keys, or of one.
func keys(idOrKey ...string) []string { return append([]string{"api", "v1", "apikeys"}, idOrKey...) }
