package workspace_test

import (
	"context"
	"slices"
	"testing"

	"latchkey/daemon/fault"
	"latchkey/daemon/store"
	"latchkey/daemon/workspace"
)

// change returns what gives a member of acme a role, unless it is empty, and permissions, unless they are nil.
func (s *site) change(member, role string, permissions []string) func(context.Context, workspace.Actor) error {
	var change workspace.MemberChange
	if role != "" {
		change.Role = &role
	}
	if permissions != nil {
		change.Permissions = &permissions
	}
	return func(ctx context.Context, who workspace.Actor) error {
		_, err := s.ChangeMember(ctx, who, "acme", member, change)
		return err
	}
}

// remove returns what removes a member of acme.
func (s *site) remove(member string) func(context.Context, workspace.Actor) error {
	return func(ctx context.Context, who workspace.Actor) error { return s.Remove(ctx, who, "acme", member) }
}

const cannotGive = "A permission can be given or taken only by somebody who has it: "

func TestMemberRefusals(t *testing.T) {
	s := newSite(t)
	const badRole, badPermission = "role is admin or member.", "permissions are members.manage, licences.assign, ci_tokens.manage and audit.read."
	const cannotRemove = "Only an admin of the workspace can remove one."
	all := workspace.Permissions()
	s.wantRefused(t, []refusal{
		{"last admin demoted by himself", as("ann"), s.change("ann", "member", nil), fault.Conflict, lastAdmin},
		{"last admin demoted by the operator", operator(), s.change("ann", "member", all), fault.Conflict, lastAdmin},
		{"last admin leaves", as("ann"), s.remove("ann"), fault.Conflict, lastAdmin},
		{"last admin removed by the operator", operator(), s.remove("ann"), fault.Conflict, lastAdmin},
		{"manager makes himself admin", as("meg"), s.change("meg", "admin", nil), fault.Forbidden, adminMakes},
		{"manager makes another admin", as("meg"), s.change("carl", "admin", nil), fault.Forbidden, adminMakes},
		{"manager makes an invited one admin", as("meg"), s.change("ivy@example.com", "admin", nil), fault.Forbidden, adminMakes},
		{"manager demotes an admin", as("meg"), s.change("ann", "member", nil), fault.Forbidden, adminMakes},
		{"manager demotes an invited admin", as("meg"), s.change("ida@example.com", "member", nil), fault.Forbidden, adminMakes},
		{"manager removes an admin", as("meg"), s.remove("ann"), fault.Forbidden, cannotRemove},
		{"manager removes an invited admin", as("meg"), s.remove("ida@example.com"), fault.Forbidden, cannotRemove},
		{"manager gives himself more", as("meg"), s.change("meg", "", all), fault.Forbidden, cannotGive + "licences.assign."},
		{"manager gives another what he has not", as("meg"), s.change("carl", "", []string{"audit.read"}), fault.Forbidden, cannotGive + "audit.read."},
		{"manager takes what he has not", as("meg"), s.change("cid", "", []string{}), fault.Forbidden, cannotGive + "ci_tokens.manage."},
		{"manager gives an admin what he has not", as("meg"), s.change("ann", "", []string{"audit.read"}), fault.Forbidden, cannotGive + "audit.read."},
		{"no permission to change", as("lou"), s.change("lou", "", []string{}), fault.Forbidden, needMembers},
		{"no permission to change oneself", as("carl"), s.change("carl", "admin", nil), fault.Forbidden, needMembers},
		{"no permission to remove", as("cid"), s.remove("carl"), fault.Forbidden, needMembers},
		{"no permission to remove an invited one", as("aud"), s.remove("ivy@example.com"), fault.Forbidden, needMembers},
		{"change of a removed one", as("ann"), s.change(s.rex, "admin", nil), fault.Conflict, removedOne},
		{"removed twice", as("ann"), s.remove(s.rex), fault.Conflict, "The member was removed already."},
		{"a removed one comes back by himself", as("rex"), s.change(s.rex, "member", nil), fault.NotFound, noWorkspace},
		{"an unknown one", as("ann"), s.remove("nobody"), fault.NotFound, noMember},
		{"nobody", as("ann"), s.change("", "member", nil), fault.NotFound, noMember},
		{"one of another workspace", as("ann"), s.remove("vic"), fault.NotFound, noMember},
		{"one of another workspace, by his id", operator(), s.remove(s.uma), fault.NotFound, noMember},
		{"no role", as("ann"), s.change("bob", "owner", nil), fault.Invalid, badRole},
		{"a role in capitals", as("ann"), s.change("bob", "Admin", nil), fault.Invalid, badRole},
		{"no permission", as("ann"), s.change("bob", "", []string{"audit.read", "*"}), fault.Invalid, badPermission},
	})
}

// Each permission opens what it is for and nothing else.
func TestPermissionsOneByOne(t *testing.T) {
	needs := map[string]func(context.Context, *site, workspace.Actor) error{
		workspace.MembersManage: func(ctx context.Context, s *site, who workspace.Actor) error {
			_, _, err := s.Invite(ctx, who, "acme", "new", "new@example.com", "")
			return err
		},
		workspace.LicencesAssign: func(ctx context.Context, s *site, who workspace.Actor) error {
			_, _, err := s.LegacyKeys(ctx, who, "acme", "", 0)
			return err
		},
		workspace.CITokensManage: func(ctx context.Context, s *site, who workspace.Actor) error {
			_, _, err := s.CITokens(ctx, who, "acme", "", 0)
			return err
		},
		workspace.AuditRead: func(ctx context.Context, s *site, who workspace.Actor) error {
			return second(s.AuditLog(ctx, who, "acme", 10))
		},
	}
	holders := map[string]string{"meg": workspace.MembersManage, "lou": workspace.LicencesAssign, "cid": workspace.CITokensManage, "aud": workspace.AuditRead}
	s := newSite(t)
	for holder, held := range holders {
		for _, wanted := range workspace.Permissions() {
			err := needs[wanted](t.Context(), s, as(holder))
			if held == wanted {
				check(t, err)
				continue
			}
			wantFault(t, err, fault.Forbidden, "The permission "+wanted+" is required.")
		}
	}
	for _, wanted := range workspace.Permissions() {
		if wanted != workspace.MembersManage { // the new one is there already
			check(t, needs[wanted](t.Context(), s, as("ann")))
			check(t, needs[wanted](t.Context(), s, operator()))
		}
		wantFault(t, needs[wanted](t.Context(), s, as("carl")), fault.Forbidden, "The permission "+wanted+" is required.")
	}
}

// Permissions are kept once each and in order, and somebody who has one can pass it on and take it back.
func TestPermissionsArePassedOn(t *testing.T) {
	s := newSite(t)
	check(t, s.change("meg", "", []string{"audit.read", "members.manage", "audit.read"})(t.Context(), as("ann")))
	if got := s.member(t, "acme", "meg").Permissions; !slices.Equal(got, []string{"members.manage", "audit.read"}) {
		t.Errorf("%v", got)
	}
	check(t, s.change("carl", "", []string{"audit.read", "members.manage"})(t.Context(), as("meg")))
	check(t, s.change("lou", "", []string{"audit.read", "licences.assign"})(t.Context(), as("meg")))
	check(t, s.change("aud", "", []string{})(t.Context(), as("meg")))
	check(t, s.change("carl", "", []string{})(t.Context(), as("carl"))) // his own to give up
	wantFault(t, s.change("carl", "", []string{"members.manage"})(t.Context(), as("carl")), fault.Forbidden, needMembers)
	if m := s.member(t, "acme", "carl"); len(m.Permissions) > 0 || m.Role != workspace.RoleMember {
		t.Errorf("%+v", m)
	}
}

// An admin may go when there is another, and what he had is gone with him.
func TestAdminsComeAndGo(t *testing.T) {
	s := newSite(t)
	check(t, s.change("bob", "admin", nil)(t.Context(), as("ann")))
	check(t, s.change("ann", "member", nil)(t.Context(), as("bob")))
	wantFault(t, s.change("ann", "admin", nil)(t.Context(), as("ann")), fault.Forbidden, needMembers)
	wantFault(t, s.remove("bob")(t.Context(), as("bob")), fault.Conflict, lastAdmin)
	check(t, s.change("ann", "admin", nil)(t.Context(), operator()))
	check(t, s.remove("bob")(t.Context(), as("bob")))
	if w := must[store.Workspace](t)(s.store.Workspace(t.Context(), s.acme)); w.Admins != 1 {
		t.Errorf("%d admins", w.Admins)
	}
	// Whoever was an admin comes back as a member, and only an admin makes more of him.
	bob := s.member(t, "acme", "bob@example.com")
	if bob.Role != workspace.RoleMember || bob.State != store.MemberRemoved || bob.User != "bob" {
		t.Errorf("%+v", bob)
	}
}

// Removal frees the seat, deletes his legacy keys, kills the token at once, and leaves CI tokens alone, also the ones that he made.
func TestRemoval(t *testing.T) {
	s := newSite(t)
	must[store.Credential](t)(s.AssignLegacyKey(t.Context(), as("ann"), "acme", s.key, "bob"))
	second := s.legacy(t, "acme", "LEGACY-0003-0004", "bob")
	if used := s.used(t, "acme", s.team); used != 1 {
		t.Fatalf("%d in use", used)
	}
	if !s.usable(t, s.tokens["bob"]) {
		t.Fatal("bob's token cannot be used")
	}
	check(t, s.remove("bob")(t.Context(), as("meg")))
	if s.usable(t, s.tokens["bob"]) || s.used(t, "acme", s.team) != 0 {
		t.Errorf("bob's token can be used, or %d seats are in use", s.used(t, "acme", s.team))
	}
	for _, id := range []store.ID{s.key, second} {
		if _, err := s.engine.Get(t.Context(), id); fault.KindOf(err) != fault.NotFound {
			t.Errorf("the legacy key is there still: %v", err)
		}
	}
	check(t, s.remove("cid")(t.Context(), as("cid"))) // he leaves
	if !s.usable(t, s.ci) || s.usable(t, s.tokens["cid"]) {
		t.Error("the CI token is gone with its maker, or his developer token is not")
	}
	if all, total, err := s.Members(t.Context(), as("ann"), "acme", false, "", 0); err != nil || total != 7 || len(all) != 7 {
		t.Errorf("%d members, %v", total, err)
	}
	if _, total, err := s.Members(t.Context(), as("ann"), "acme", true, "", 3); err != nil || total != 10 {
		t.Errorf("%d members with the removed, %v", total, err)
	}
	// He is nobody there any more.
	if _, err := s.Find(t.Context(), as("bob"), "acme"); err == nil {
		t.Error("bob sees the workspace")
	}
}

// The record of a dead token goes with its user, who can be deleted when he is no member. His invitation can be withdrawn all the same,
// and he, or whoever has his name then, can be invited again.
func TestRemovalAfterTheUserWasDeleted(t *testing.T) {
	s := newSite(t)
	_, _, err := s.Resend(t.Context(), as("ann"), "acme", s.rex)
	check(t, err)
	check(t, s.users.Delete(t.Context(), "rex", "operator", as("operator").Origin))
	check(t, s.remove(s.rex)(t.Context(), as("ann")))
	if m := s.member(t, "acme", s.rex); m.State != store.MemberRemoved || m.Invitation != "" {
		t.Errorf("%+v", m)
	}
	_, again, err := s.Resend(t.Context(), as("ann"), "acme", s.rex)
	check(t, err)
	if joined := must[workspace.Joined](t)(s.Join(t.Context(), as("rex"), again.Code)); !s.usable(t, joined.Token) {
		t.Error("the new token cannot be used")
	}
	check(t, s.remove("rex")(t.Context(), as("ann")))
}
