package workspace

import (
	"slices"

	"latchkey/daemon/fault"
	"latchkey/daemon/store"
)

// The roles of members.
const (
	RoleAdmin  = "admin"
	RoleMember = "member"
)

// The permissions that a member may have on top of his role. An admin has all of them.
const (
	MembersManage  = "members.manage"   // invite, remove and change members
	LicencesAssign = "licences.assign"  // give seats and legacy keys, and take them back
	CITokensManage = "ci_tokens.manage" // make, see, rotate and delete CI tokens
	AuditRead      = "audit.read"       // see the workspace's part of the audit log
)

// Permissions returns all of them.
func Permissions() []string {
	return []string{MembersManage, LicencesAssign, CITokensManage, AuditRead}
}

// May reports whether somebody who stands so has a permission.
func (s *Standing) May(permission string) bool { return s.Admin || may(s.Member, permission) }

// Governs reports whether he is an administrator of the daemon or an admin of the workspace.
func (s *Standing) Governs() bool { return s.Admin || s.Member != nil && s.Member.Role == RoleAdmin }

func may(m *store.Member, permission string) bool {
	return m != nil && (m.Role == RoleAdmin || slices.Contains(m.Permissions, permission))
}

// require returns a Forbidden fault unless he has a permission.
func (s *Standing) require(permission string) error {
	if s.May(permission) {
		return nil
	}
	return &fault.Error{Kind: fault.Forbidden, Reason: "permission_missing", Public: "The permission " + permission + " is required."}
}

// requireAdmin returns a Forbidden fault unless he governs the workspace; for is what only an admin may do.
func (s *Standing) requireAdmin(what string) error {
	if s.Governs() {
		return nil
	}
	return &fault.Error{Kind: fault.Forbidden, Reason: "not_workspace_admin", Public: "Only an admin of the workspace can " + what + "."}
}

// mayGive returns a Forbidden fault unless he has what he gives or takes: an admin's role, or permissions.
func (s *Standing) mayGive(before, after *store.Member) error {
	if before.Role != after.Role && (before.Role == RoleAdmin || after.Role == RoleAdmin) {
		if err := s.requireAdmin("make or unmake one"); err != nil {
			return err
		}
	}
	for _, permission := range Permissions() {
		if slices.Contains(before.Permissions, permission) == slices.Contains(after.Permissions, permission) {
			continue
		}
		if !s.May(permission) {
			return fault.Forbiddenf("A permission can be given or taken only by somebody who has it: %s.", permission)
		}
	}
	return nil
}

// checkRole refuses what is no role.
func checkRole(role string) error {
	if role != RoleAdmin && role != RoleMember {
		return fault.Invalidf("role is admin or member.")
	}
	return nil
}

// checkPermissions refuses what is no permission, and returns the others in order and once each.
func checkPermissions(given []string) ([]string, error) {
	var all []string
	for _, permission := range given {
		if !slices.Contains(Permissions(), permission) {
			return nil, fault.Invalidf("permissions are members.manage, licences.assign, ci_tokens.manage and audit.read.")
		}
	}
	for _, permission := range Permissions() {
		if slices.Contains(given, permission) {
			all = append(all, permission)
		}
	}
	return all, nil
}
