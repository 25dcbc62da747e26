package boltstore

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"latchkey/daemon/store"
)

// credentialRow is a credential as it stands in the file. The digest is its key and is not repeated.
type credentialRow struct {
	ID        store.ID        `json:"id"`
	Kind      store.Kind      `json:"kind"`
	User      string          `json:"user,omitempty"`
	Name      string          `json:"name,omitempty"`
	Roles     []string        `json:"roles,omitempty"`
	Groups    []string        `json:"groups,omitempty"`
	Metadata  json.RawMessage `json:"metadata,omitempty"`
	Disabled  bool            `json:"disabled,omitempty"`
	CreatedAt time.Time       `json:"created_at"`
	ExpiresAt time.Time       `json:"expires_at,omitzero"`
	CreatedBy string          `json:"created_by,omitempty"`
	Source    string          `json:"source,omitempty"`
	UserAgent string          `json:"user_agent,omitempty"`
	Backend   string          `json:"backend,omitempty"`
	Service   bool            `json:"service,omitempty"`
	Workspace store.ID        `json:"workspace,omitempty"`
	LastUsed  time.Time       `json:"last_used_at,omitzero"`
}

// userRow is a user as he stands in the file.
type userRow struct {
	DisplayName string            `json:"display_name,omitempty"`
	Mail        string            `json:"mail,omitempty"`
	Groups      []string          `json:"groups,omitempty"`
	Backend     string            `json:"backend,omitempty"`
	IsService   bool              `json:"is_service,omitempty"`
	Nicknames   map[string]string `json:"nicknames,omitempty"`
	Disabled    bool              `json:"disabled,omitempty"`
	CreatedAt   time.Time         `json:"created_at"`
	LastLoginAt time.Time         `json:"last_login_at,omitzero"`
}

// lockoutRow is a counter as it stands in the file, with the instant under which it stands in forgettings.
type lockoutRow struct {
	Failures []time.Time `json:"failures,omitempty"`
	Until    time.Time   `json:"until,omitzero"`
	Expires  time.Time   `json:"expires"`
}

func encodeCredential(c *store.Credential) ([]byte, error) {
	return json.Marshal(credentialRow{
		c.ID, c.Kind, c.User, c.Name, c.Roles, c.Groups, c.Metadata, c.Disabled, c.CreatedAt, c.ExpiresAt, c.CreatedBy, c.Source,
		c.UserAgent, c.Backend, c.Service, c.Workspace, c.LastUsedAt,
	})
}

func decodeCredential(digest, value []byte) (store.Credential, error) {
	var r credentialRow
	if err := json.Unmarshal(value, &r); err != nil {
		return store.Credential{}, fmt.Errorf("a credential's record is damaged: %w", err)
	}
	return store.Credential{
		ID: r.ID, Kind: r.Kind, Digest: store.Digest(digest), User: r.User, Name: r.Name, Roles: r.Roles, Groups: r.Groups,
		Metadata: r.Metadata, Disabled: r.Disabled, CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt, CreatedBy: r.CreatedBy,
		Source: r.Source, UserAgent: r.UserAgent, Backend: r.Backend, Service: r.Service, Workspace: r.Workspace, LastUsedAt: r.LastUsed,
	}, nil
}

func encodeUser(u *store.User) ([]byte, error) {
	return json.Marshal(userRow{
		u.DisplayName, u.Mail, u.Groups, u.Backend, u.IsService, u.Nicknames, u.Disabled, u.CreatedAt, u.LastLoginAt,
	})
}

func decodeUser(name, value []byte) (store.User, error) {
	var r userRow
	if err := json.Unmarshal(value, &r); err != nil {
		return store.User{}, fmt.Errorf("a user's record is damaged: %w", err)
	}
	return store.User{
		Name: string(name), DisplayName: r.DisplayName, Mail: r.Mail, Groups: r.Groups, Backend: r.Backend, IsService: r.IsService,
		Nicknames: r.Nicknames, Disabled: r.Disabled, CreatedAt: r.CreatedAt, LastLoginAt: r.LastLoginAt,
	}, nil
}

// instant returns a time as a key that sorts by it.
func instant(t time.Time) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(t.UnixNano()))
}

// joined returns the parts of a key with a zero byte between them. No part holds one: names are canonical and kinds are ours.
func joined(parts ...string) []byte {
	var key []byte
	for i, part := range parts {
		if i > 0 {
			key = append(key, 0)
		}
		key = append(key, part...)
	}
	return key
}
