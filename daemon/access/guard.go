package access

import (
	"context"
	"slices"
	"sync/atomic"

	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
	"latchkey/daemon/store"
)

// Caller is who makes a request, and what he may do at this moment.
type Caller struct {
	// Entry is his credential with its owner; nil when he needed none (root on his own socket, [auth] enable = False, a password
	// at the door). It is shared and must not be changed.
	Entry *store.Entry
	// User is his canonical name; empty for a service token, which has a name of its own.
	User string
	// Groups are those that his roles were worked out from.
	Groups []string
	Roles  []string
	// Admin says that he has the role admin.
	Admin bool
}

// Has reports whether the caller has a role.
func (c *Caller) Has(role string) bool { return slices.Contains(c.Roles, role) }

// RequireAdmin returns a Forbidden fault unless the caller is an admin.
func (c *Caller) RequireAdmin() error {
	if c.Admin {
		return nil
	}
	return &fault.Error{Kind: fault.Forbidden, Reason: "not_admin", Public: "Administrator access required."}
}

// CanGrant returns a Forbidden fault unless the caller may give all these roles: an admin any, anybody else those that he has.
func (c *Caller) CanGrant(roles []string) error {
	for _, role := range roles {
		if !c.Admin && !c.Has(role) {
			return &fault.Error{Kind: fault.Forbidden, Reason: "role_not_held", Public: "A role can be given only by somebody who has it."}
		}
	}
	return nil
}

// Guard finds out who presents a credential. It is safe for concurrent use.
type Guard struct {
	engine *credential.Engine
	roles  atomic.Pointer[Roles]
}

// NewGuard returns a Guard.
func NewGuard(engine *credential.Engine, roles *Roles) *Guard {
	g := &Guard{engine: engine}
	g.roles.Store(roles)
	return g
}

// SetRoles replaces the roles; the next check uses them.
func (g *Guard) SetRoles(roles *Roles) { g.roles.Store(roles) }

// Caller returns who presents the credential text, which must be of one of kinds. The errors are those of
// credential.Engine.Check.
func (g *Guard) Caller(ctx context.Context, text string, kinds credential.Kinds) (Caller, error) {
	entry, err := g.engine.Check(ctx, text, kinds)
	if err != nil {
		return Caller{}, err
	}
	c := &entry.Credential
	who := Caller{Entry: entry, User: c.User, Groups: c.Groups, Roles: g.roles.Load().For(c, entry.Owner)}
	if c.Kind != store.KindSession && entry.Owner != nil {
		who.Groups = entry.Owner.Groups
	}
	who.Admin = who.Has(Admin)
	return who, nil
}

// Identity returns the caller who has just proved to be this user with these groups, without a credential.
func (g *Guard) Identity(user string, groups []string) Caller {
	who := Caller{User: user, Groups: groups, Roles: g.roles.Load().Of(user, groups)}
	who.Admin = who.Has(Admin)
	return who
}
