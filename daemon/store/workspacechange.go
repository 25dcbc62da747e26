package store

import (
	"errors"
	"slices"
)

// WorkspaceSource is what a store shows of a workspace inside of a transaction. Each method returns ErrNotFound when there is no
// such record. What it has shown nobody else changes before the transaction ends.
type WorkspaceSource interface {
	// Member returns a member of the workspace.
	Member(id ID) (Member, error)
	// MemberOf returns the member whose account this user is; active ones only.
	MemberOf(user string) (Member, error)
	// MemberMailed returns the member with this address, in whatever state; see Member.MailKey.
	MemberMailed(mailKey string) (Member, error)
	// Credential returns a credential of the workspace.
	Credential(id ID) (Credential, error)
}

// WorkspaceChange is one transaction on a workspace. A function that is given one reads through it, and writes into it what the
// store is to keep; nothing is kept unless the function returns nil, and then all of it is. The workspace itself is changed in
// place. A store makes one, runs the function, and asks for Result.
type WorkspaceChange struct {
	Workspace Workspace

	before      Workspace // of which the id, the name and the time of creation stay
	source      WorkspaceSource
	members     []Member
	credentials []CredentialChange
}

// CredentialChange is what becomes of a credential. Before has no id when it is new, After has none when it is removed.
type CredentialChange struct{ Before, After Credential }

// NewWorkspaceChange returns a transaction that has not changed anything. It is for stores.
func NewWorkspaceChange(w Workspace, source WorkspaceSource) *WorkspaceChange {
	return &WorkspaceChange{Workspace: w.Clone(), before: w, source: source}
}

// Member returns a member of the workspace, as this transaction has left him. ErrNotFound when there is none.
func (c *WorkspaceChange) Member(id ID) (Member, error) {
	if i := slices.IndexFunc(c.members, func(m Member) bool { return m.ID == id }); i >= 0 {
		return c.members[i].Clone(), nil
	}
	return c.own(c.source.Member(id))
}

// MemberOf returns the active member whose account this user is. ErrNotFound when there is none.
func (c *WorkspaceChange) MemberOf(user string) (Member, error) {
	return c.find(func(m *Member) bool { return m.Account() == user }, func() (Member, error) { return c.source.MemberOf(user) })
}

// MemberMailed returns the member with this address, in whatever state. ErrNotFound when there is none.
func (c *WorkspaceChange) MemberMailed(mailKey string) (Member, error) {
	return c.find(func(m *Member) bool { return m.MailKey() == mailKey }, func() (Member, error) { return c.source.MemberMailed(mailKey) })
}

// find looks among what was changed, and then in the store, of which what was changed does not count.
func (c *WorkspaceChange) find(wanted func(*Member) bool, stored func() (Member, error)) (Member, error) {
	for i := range c.members {
		if wanted(&c.members[i]) {
			return c.members[i].Clone(), nil
		}
	}
	m, err := c.own(stored())
	if err == nil && slices.ContainsFunc(c.members, func(changed Member) bool { return changed.ID == m.ID }) {
		return Member{}, ErrNotFound
	}
	return m, err
}

// own makes of another workspace's member none.
func (c *WorkspaceChange) own(m Member, err error) (Member, error) {
	if err == nil && m.Workspace != c.before.ID {
		return Member{}, ErrNotFound
	}
	return m, err
}

// PutMember adds a member or changes him.
func (c *WorkspaceChange) PutMember(m Member) {
	m.Workspace = c.before.ID
	if i := slices.IndexFunc(c.members, func(known Member) bool { return known.ID == m.ID }); i >= 0 {
		c.members[i] = m
		return
	}
	c.members = append(c.members, m)
}

// Credential returns a credential of the workspace, as this transaction has left it. ErrNotFound when there is none.
func (c *WorkspaceChange) Credential(id ID) (Credential, error) {
	if i := c.changed(id); i >= 0 {
		if c.credentials[i].After.ID == "" {
			return Credential{}, ErrNotFound
		}
		return c.credentials[i].After, nil
	}
	found, err := c.source.Credential(id)
	if err == nil && found.Workspace != c.before.ID {
		return Credential{}, ErrNotFound
	}
	return found, err
}

// PutCredential adds a credential of the workspace, or changes one in place.
func (c *WorkspaceChange) PutCredential(credential Credential) error {
	credential.Workspace = c.before.ID
	return c.set(credential.ID, credential)
}

// DropCredential removes a credential of the workspace. That there is none is no error.
func (c *WorkspaceChange) DropCredential(id ID) error {
	if id == "" {
		return nil
	}
	return c.set(id, Credential{})
}

func (c *WorkspaceChange) set(id ID, after Credential) error {
	if i := c.changed(id); i >= 0 {
		c.credentials[i].After = after
		return nil
	}
	before, err := c.Credential(id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if before.ID == "" && after.ID == "" {
		return nil
	}
	c.credentials = append(c.credentials, CredentialChange{Before: before, After: after})
	return nil
}

// changed returns where a credential stands among those that were changed, or -1.
func (c *WorkspaceChange) changed(id ID) int {
	return slices.IndexFunc(c.credentials, func(changed CredentialChange) bool {
		return changed.Before.ID == id || changed.After.ID == id
	})
}

// Result settles what is to be kept and returns it: the members that are new or changed, and what becomes of credentials. The
// error wraps ErrInvalid when a record must not be kept. It is for stores.
func (c *WorkspaceChange) Result() ([]Member, []CredentialChange, error) {
	w := &c.Workspace
	w.ID, w.Name, w.CreatedAt = c.before.ID, c.before.Name, c.before.CreatedAt
	if err := w.Settle(); err != nil {
		return nil, nil, err
	}
	for i := range c.members {
		if err := c.members[i].Settle(); err != nil {
			return nil, nil, err
		}
	}
	kept := c.credentials[:0:0]
	for _, changed := range c.credentials {
		if changed.Before.ID == "" && changed.After.ID == "" {
			continue // made and removed again
		}
		if changed.After.ID != "" {
			if err := changed.After.Settle(); err != nil {
				return nil, nil, err
			}
		}
		kept = append(kept, changed)
	}
	return c.members, kept, nil
}
