package boltstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"latchkey/daemon/store"
)

// errEncoding means that a record is in an encoding that this version does not know.
var errEncoding = errors.New("a record is in an unknown encoding; a newer version wrote it")

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
	CreatedAt time.Time       `json:"created_at,omitzero"`
	ExpiresAt time.Time       `json:"expires_at,omitzero"`
	CreatedBy string          `json:"created_by,omitempty"`
	Source    string          `json:"source,omitempty"`
	UserAgent string          `json:"user_agent,omitempty"`
	Backend   string          `json:"backend,omitempty"`
	Service   bool            `json:"service,omitempty"`
	Workspace store.ID        `json:"workspace,omitempty"`
	LastUsed  time.Time       `json:"last_used_at,omitzero"`
	Member    store.ID        `json:"member,omitempty"`
	Plan      store.ID        `json:"subscription,omitempty"`
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
	CreatedAt   time.Time         `json:"created_at,omitzero"`
	LastLoginAt time.Time         `json:"last_login_at,omitzero"`
}

// lockoutRow is a counter as it stands in the file, with the instant under which it stands in forgettings.
type lockoutRow struct {
	Failures []time.Time `json:"failures,omitempty"`
	Until    time.Time   `json:"until,omitzero"`
	Expires  time.Time   `json:"expires,omitzero"`
}

// encode returns a row as a record. The error wraps store.ErrInvalid: only what a caller gave can be at fault.
func encode(row any) ([]byte, error) {
	var value bytes.Buffer
	to := json.NewEncoder(&value)
	to.SetEscapeHTML(false) // what was attached as JSON comes back as it was
	if err := to.Encode(row); err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrInvalid, err)
	}
	return bytes.TrimSuffix(value.Bytes(), []byte{'\n'}), nil
}

// decode reads a record. Fields that this version does not know are passed over.
func decode(value []byte, row any) error {
	if len(value) == 0 || value[0] != '{' {
		return errEncoding
	}
	if err := json.Unmarshal(value, row); err != nil {
		return fmt.Errorf("a record is damaged: %w", err)
	}
	return nil
}

func encodeCredential(c *store.Credential) ([]byte, error) {
	return encode(credentialRow{
		c.ID, c.Kind, c.User, c.Name, c.Roles, c.Groups, c.Metadata, c.Disabled, c.CreatedAt, c.ExpiresAt, c.CreatedBy, c.Source,
		c.UserAgent, c.Backend, c.Service, c.Workspace, c.LastUsedAt, c.Member, c.Subscription,
	})
}

// decodeCredential reads a credential's record; digest is its key, and may be memory of the file's.
func decodeCredential(digest, value []byte) (store.Credential, error) {
	var r credentialRow
	if err := decode(value, &r); err != nil {
		return store.Credential{}, err
	}
	return store.Credential{
		ID: r.ID, Kind: r.Kind, Digest: store.Digest(digest), User: r.User, Name: r.Name, Roles: r.Roles, Groups: r.Groups,
		Metadata: r.Metadata, Disabled: r.Disabled, CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt, CreatedBy: r.CreatedBy,
		Source: r.Source, UserAgent: r.UserAgent, Backend: r.Backend, Service: r.Service, Workspace: r.Workspace, LastUsedAt: r.LastUsed,
		Member: r.Member, Subscription: r.Plan,
	}, nil
}

func encodeUser(u *store.User) ([]byte, error) {
	return encode(userRow{
		u.DisplayName, u.Mail, u.Groups, u.Backend, u.IsService, u.Nicknames, u.Disabled, u.CreatedAt, u.LastLoginAt,
	})
}

func decodeUser(name, value []byte) (store.User, error) {
	var r userRow
	if err := decode(value, &r); err != nil {
		return store.User{}, err
	}
	return store.User{
		Name: string(name), DisplayName: r.DisplayName, Mail: r.Mail, Groups: r.Groups, Backend: r.Backend, IsService: r.IsService,
		Nicknames: r.Nicknames, Disabled: r.Disabled, CreatedAt: r.CreatedAt, LastLoginAt: r.LastLoginAt,
	}, nil
}
