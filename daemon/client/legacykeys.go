package client

import (
	"context"
	"iter"
	"net/http"
	"time"

	"latchkey/plugins/secret"
)

// LegacyKey is a licence key from before there were workspaces, without its text.
type LegacyKey struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Member is the id of the member whom it is assigned to, Subscription that of the subscription that it counts for; each is
	// empty when there is none.
	Member       string    `json:"member"`
	Subscription string    `json:"subscription"`
	CreatedAt    time.Time `json:"created_at"`
	// LastUsedAt is zero when it has not been used.
	LastUsedAt time.Time `json:"last_used_at"`
}

// LegacyKeyRequest says what legacy key is brought into a workspace. Only Key is required.
type LegacyKeyRequest struct {
	Key          secret.Text
	Name         string
	Member       string // an id, a mail address or a user name
	Subscription string // an id
}

// AddLegacyKey brings a legacy key into a workspace (POST …/legacykeys). This and the other calls that change legacy keys need the
// permission licences.assign.
func (c *Client) AddLegacyKey(ctx context.Context, workspace string, wanted LegacyKeyRequest) (LegacyKey, error) {
	body := map[string]string{"key": wanted.Key.Reveal()}
	for name, value := range map[string]string{"name": wanted.Name, "member": wanted.Member, "subscription": wanted.Subscription} {
		if value != "" {
			body[name] = value
		}
	}
	var answer LegacyKey
	_, err := c.do(ctx, call{method: http.MethodPost, path: workspaces(workspace, "legacykeys"), body: body}, &answer)
	return answer, err
}

// LegacyKeys returns the legacy keys of a workspace (GET …/legacykeys).
func (c *Client) LegacyKeys(ctx context.Context, workspace string) iter.Seq2[LegacyKey, error] {
	to := call{method: http.MethodGet, path: workspaces(workspace, "legacykeys")}
	return list(ctx, c, to, func(k LegacyKey) string { return k.ID })
}

// AssignLegacyKey assigns a legacy key to a member, and to nobody when member is empty (PUT …/legacykeys/{id}).
func (c *Client) AssignLegacyKey(ctx context.Context, workspace, id, member string) (LegacyKey, error) {
	var answer LegacyKey
	body := map[string]string{"member": member}
	_, err := c.do(ctx, call{method: http.MethodPut, path: workspaces(workspace, "legacykeys", id), body: body}, &answer)
	return answer, err
}

// DeleteLegacyKey ends a legacy key (DELETE …/legacykeys/{id}). An unknown id is an *Error with status 404.
func (c *Client) DeleteLegacyKey(ctx context.Context, workspace, id string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: workspaces(workspace, "legacykeys", id)}, nil)
	return err
}
