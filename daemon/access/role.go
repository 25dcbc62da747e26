package access

import (
	"slices"
	"strings"

	"latchkey/conf"
	"latchkey/daemon/store"
)

// Admin is the role that may do everything; Introspect the one that may ask about others' credentials (RFC 7662).
const (
	Admin      = "admin"
	Introspect = "introspect"
)

// Roles is the section [roles], made ready for checks. It does not change.
type Roles struct{ roles []conf.Role }

// NewRoles returns the roles of the configuration, in the order of their names.
func NewRoles(roles []conf.Role) *Roles {
	sorted := slices.Clone(roles)
	slices.SortStableFunc(sorted, func(a, b conf.Role) int { return strings.Compare(a.Name, b.Name) })
	return &Roles{roles: sorted}
}

// Of returns the roles of a user with these groups, in the order of their names.
func (r *Roles) Of(user string, groups []string) []string {
	return r.granted(nil, func(m conf.Member) bool {
		switch m.Kind {
		case conf.MemberUser:
			return user != "" && matches(m, user)
		case conf.MemberGroup:
			return slices.ContainsFunc(groups, func(group string) bool { return matches(m, group) })
		case conf.MemberService:
		}
		return false
	})
}

// OfService returns the roles of a service token: its own, and those that the configuration gives to its name.
func (r *Roles) OfService(name string, own []string) []string {
	return r.granted(own, func(m conf.Member) bool { return m.Kind == conf.MemberService && matches(m, name) })
}

// For returns the roles of a credential. Owner is its owner as he is known, or nil.
func (r *Roles) For(c *store.Credential, owner *store.User) []string {
	switch c.Kind {
	case store.KindSession:
		return r.Of(c.User, c.Groups)
	case store.KindAPIKey, store.KindDeveloper:
		var groups []string
		if owner != nil {
			groups = owner.Groups
		}
		roles := r.Of(c.User, groups)
		if c.Kind == store.KindDeveloper { // it lies in environments of tools, and is for its workspace
			roles = slices.DeleteFunc(roles, func(role string) bool { return role == Admin })
		}
		return roles
	case store.KindCI:
		return c.Roles // its name is the workspace's to choose, and must not earn what a service of that name has
	case store.KindInvitation, store.KindLegacy:
		return nil // they open nothing
	case store.KindService:
	}
	return r.OfService(c.Name, c.Roles)
}

// granted returns own and the roles that have a member who is meant, without repetition.
func (r *Roles) granted(own []string, meant func(conf.Member) bool) []string {
	roles := own[:len(own):len(own)]
	for i := range r.roles {
		if slices.ContainsFunc(r.roles[i].Members, meant) && !slices.Contains(roles, r.roles[i].Name) {
			roles = append(roles, r.roles[i].Name)
		}
	}
	return roles
}

// matches reports whether a member's pattern is this name, or with a star at its end, the beginning of it.
func matches(m conf.Member, name string) bool {
	if m.Prefix {
		return strings.HasPrefix(name, m.Pattern)
	}
	return m.Pattern == name
}
