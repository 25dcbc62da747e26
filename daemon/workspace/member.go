package workspace

import (
	"context"
	"errors"

	"latchkey/daemon/fault"
	"latchkey/daemon/mail"
	"latchkey/daemon/store"
)

// Members returns the members behind after, at most limit (0: all), and how many there are; with removed also those who were removed.
// Every member may see them. The errors are those of Find.
func (s *Service) Members(ctx context.Context, who Actor, reference string, removed bool, after store.ID, limit int) ([]store.Member, int, error) {
	standing, err := s.Find(ctx, who, reference)
	if err != nil {
		return nil, 0, err
	}
	all, total, err := s.store.Members(ctx, store.MemberQuery{Workspace: standing.Workspace.ID, Removed: removed, After: after, Limit: limit})
	return all, total, translate(err)
}

// Member returns the member with this id, account or address. The errors are those of Find, and a NotFound fault.
func (s *Service) Member(ctx context.Context, who Actor, reference, member string) (store.Member, error) {
	standing, err := s.Find(ctx, who, reference)
	if err != nil {
		return store.Member{}, err
	}
	id := standing.Workspace.ID
	m, err := findMember(member,
		func(member store.ID) (store.Member, error) { return s.store.Member(ctx, id, member) },
		func(user string) (store.Member, error) { return s.store.MemberOf(ctx, id, user) },
		func(mail string) (store.Member, error) { return s.store.MemberMailed(ctx, id, mail) })
	return m, translate(err)
}

// MemberChange is what ChangeMember changes; a nil field stays.
type MemberChange struct {
	Role        *string
	Permissions *[]string
}

// ChangeMember gives a member a role or permissions, and returns what he is then. It needs members.manage; what is given or taken
// must be the caller's own. The error is an Invalid, Forbidden or NotFound fault, a Conflict fault where the workspace would be left
// without an admin, or an Unavailable fault.
func (s *Service) ChangeMember(ctx context.Context, who Actor, reference, member string, change MemberChange) (store.Member, error) {
	var permissions []string
	var err error
	if change.Role != nil {
		if err := checkRole(*change.Role); err != nil {
			return store.Member{}, err
		}
	}
	if change.Permissions != nil {
		if permissions, err = checkPermissions(*change.Permissions); err != nil {
			return store.Member{}, err
		}
	}
	var after store.Member
	err = s.change(ctx, who, reference, action{"member_changed", MembersManage}, func(t *transaction) error {
		before, err := t.member(member)
		if err != nil {
			return err
		}
		if before.State == store.MemberRemoved {
			return fault.Conflictf("member_removed", "The member was removed; invite him again first.")
		}
		after = before.Clone()
		if change.Role != nil {
			after.Role = *change.Role
		}
		if change.Permissions != nil {
			after.Permissions = permissions
		}
		if err := t.by.mayGive(&before, &after); err != nil {
			return err
		}
		if err := t.countAdmins(&before, &after); err != nil {
			return err
		}
		t.PutMember(after)
		return nil
	})
	return after, err
}

// countAdmins keeps the count of admins, and refuses to make it zero.
func (t *transaction) countAdmins(before, after *store.Member) error {
	t.Workspace().Admins += adminCount(after) - adminCount(before)
	if t.Workspace().Admins < 1 {
		return fault.Conflictf("last_admin", "The workspace would be left without an admin; make somebody else one first.")
	}
	return nil
}

func adminCount(m *store.Member) int {
	if m.State == store.MemberActive && m.Role == RoleAdmin {
		return 1
	}
	return 0
}

// Workspace returns the workspace as the transaction changes it.
func (t *transaction) Workspace() *store.Workspace { return &t.WorkspaceChange.Workspace }

// Remove ends a membership: the seat is free, the developer token is dead at once and for ever, an open invitation is void, and the
// legacy keys that he was given are deleted. A member may leave by himself; to remove another needs members.manage, and to remove an
// admin needs one. The errors are those of ChangeMember.
func (s *Service) Remove(ctx context.Context, who Actor, reference, member string) error {
	return s.change(ctx, who, reference, action{reason: "member_removed"}, func(t *transaction) error {
		before, err := t.member(member)
		if err != nil {
			return err
		}
		if t.by.Member == nil || t.by.Member.ID != before.ID {
			if err := t.by.require(MembersManage); err != nil {
				return err
			}
		}
		if before.State == store.MemberRemoved {
			return fault.Conflictf("member_removed", "The member was removed already.")
		}
		if before.Role == RoleAdmin && (t.by.Member == nil || t.by.Member.ID != before.ID) {
			if err := t.by.requireAdmin("remove one"); err != nil {
				return err
			}
		}
		after := before.Clone()
		after.State, after.RemovedAt, after.Role, after.Permissions = store.MemberRemoved, t.now, RoleMember, nil
		after.Invitation, after.Seat, after.Subscription, after.LegacyKeys = "", false, "", nil
		if err := t.countAdmins(&before, &after); err != nil {
			return err
		}
		if err := t.move(before.Subscription, ""); err != nil {
			return err
		}
		for _, id := range append([]store.ID{before.Invitation}, before.LegacyKeys...) {
			if err := t.DropCredential(id); err != nil {
				return err
			}
		}
		t.PutMember(after)
		return t.kill(before.Token)
	})
}

// kill makes a developer token unusable. Its record stays, so that who presents it can be told why.
func (t *transaction) kill(id store.ID) error {
	if id == "" {
		return nil
	}
	token, err := t.Credential(id)
	if errors.Is(err, store.ErrNotFound) {
		return nil // he was no active member, and his user was deleted with all that was his
	}
	if err != nil {
		return err
	}
	token.Disabled = true
	t.event.CredentialID, t.event.Kind = string(token.ID), string(token.Kind)
	return t.PutCredential(token)
}

// checkInvitee refuses a name or an address that cannot be a member's.
func checkInvitee(name, address string) error {
	if err := mail.CheckName(name); err != nil {
		return fault.Invalidf("name cannot be used; a name %s.", err)
	}
	if err := mail.CheckAddress(address); err != nil {
		return fault.Invalidf("mail cannot be used; an address %s.", err)
	}
	return nil
}
