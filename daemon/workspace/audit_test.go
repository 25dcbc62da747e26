package workspace_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"latchkey/daemon/audit"
	"latchkey/daemon/fault"
	"latchkey/daemon/store"
	"latchkey/daemon/workspace"
	"latchkey/plugins/secret"
)

// noted is a deed and the record of it: about whom, by whom, and the word.
type noted struct {
	name           string
	who            workspace.Actor
	do             func(context.Context, workspace.Actor) error
	user, realUser string
	kind           store.Kind
	outcome        string
	reason         string
}

// wantNoted does each, and fails the test unless exactly this is recorded of it, with where it came from.
func (s *site) wantNoted(t *testing.T, deeds []noted) {
	t.Helper()
	for _, d := range deeds {
		t.Run(d.name, func(t *testing.T) {
			s.audit.take()
			err := d.do(t.Context(), d.who)
			if (err == nil) != (d.outcome == audit.OutcomeOK) {
				t.Fatal(err)
			}
			all := s.audit.take()
			if len(all) > 0 && all[len(all)-1].Reason == "invitation_mailed" {
				all = all[:len(all)-1]
			}
			want := []audit.Event{{
				Event: audit.EventWorkspaceChange, Origin: d.who.Origin, User: d.user, RealUser: d.realUser, Kind: string(d.kind),
				Workspace: string(s.acme), Outcome: d.outcome, Reason: d.reason,
			}}
			if diff := cmp.Diff(want, all, cmpopts.IgnoreFields(audit.Event{}, "CredentialID")); diff != "" {
				t.Error(diff)
			}
			if len(all) == 1 && (all[0].CredentialID == "") != (d.kind == "") {
				t.Errorf("the credential %q of kind %q", all[0].CredentialID, d.kind)
			}
		})
	}
}

// Whatever is refused inside of a workspace is recorded: who, what, why, and whom it was about where he is known.
func TestRefusalsAreRecorded(t *testing.T) {
	s := newSite(t)
	seat := func(member string) func(context.Context, workspace.Actor) error {
		return func(ctx context.Context, who workspace.Actor) error {
			return second(s.AssignSeat(ctx, who, "acme", member, ""))
		}
	}
	trial := func(ctx context.Context, who workspace.Actor) error { return second(s.StartTrial(ctx, who, "acme")) }
	end := func(id store.ID) func(context.Context, workspace.Actor) error {
		return func(ctx context.Context, who workspace.Actor) error { return s.DeleteLegacyKey(ctx, who, "acme", id) }
	}
	refused := audit.OutcomeRefused
	s.wantNoted(t, []noted{
		{"seat without the permission", as("carl"), seat("carl"), "carl", "", "", refused, "seat_assigned:permission_missing"},
		{"no seat left", as("lou"), seat("carl"), "carl", "lou", "", refused, "seat_assigned:no_seat_left"},
		{"not joined", as("lou"), seat("ivy@example.com"), "ivy@example.com", "lou", "", refused, "seat_assigned:not_joined"},
		{"an unknown member", as("lou"), seat("nobody"), "lou", "", "", refused, "seat_assigned:unknown_member"},
		{"himself admin", as("meg"), s.change("meg", "admin", nil), "meg", "", "", refused, "member_changed:not_workspace_admin"},
		{"more than he has", as("meg"), s.change("carl", "", []string{"audit.read"}), "carl", "meg", "", refused, "member_changed:forbidden"},
		{"the last admin", operator(), s.change("ann", "member", nil), "ann", "operator", "", refused, "member_changed:last_admin"},
		{"removes an admin", as("meg"), s.remove("ann"), "ann", "meg", "", refused, "member_removed:not_workspace_admin"},
		{"removes without the permission", as("carl"), s.remove("bob"), "bob", "carl", "", refused, "member_removed:permission_missing"},
		{"invites a member", as("meg"), s.invitation("Bob", "bob@example.com", ""), "bob@example.com", "meg", "", refused, "member_invited:already_member"},
		{"invites an admin", as("meg"), s.invitation("New", "new@example.com", "admin"), "new@example.com", "meg", "", refused, "member_invited:not_workspace_admin"},
		{"resends to a member", as("meg"), s.resending("acme", "bob"), "bob", "meg", "", refused, "member_invited_again:already_member"},
		{"trial", as("carl"), trial, "carl", "", "", refused, "trial_started:not_workspace_admin"},
		{"unknown key", as("lou"), end(s.acme), "lou", "", "", refused, "legacy_key_deleted:unknown_legacy_key"},
		{"key to a removed one", as("lou"), s.giving(s.key, s.rex), "rex", "lou", store.KindLegacy, refused, "legacy_key_assigned:member_removed"},
		{"CI token", as("meg"), func(ctx context.Context, who workspace.Actor) error {
			return second(s.CreateCIToken(ctx, who, "acme", "x", time.Time{}))
		}, "meg", "", "", refused, "ci_token_created:permission_missing"},
		{"CI token rotated", as("lou"), func(ctx context.Context, who workspace.Actor) error {
			return second(s.RotateCIToken(ctx, who, "acme", s.ciID))
		}, "lou", "", "", refused, "ci_token_rotated:permission_missing"},
		{"CI token ended", as("carl"), func(ctx context.Context, who workspace.Actor) error {
			return s.DeleteCIToken(ctx, who, "acme", s.ciID)
		}, "carl", "", "", refused, "ci_token_deleted:permission_missing"},
		{"joins twice", as("bob"), func(ctx context.Context, who workspace.Actor) error {
			return second(s.Join(ctx, who, s.ivyCode))
		}, "bob", "", "", refused, "member_joined:already_member"},
	})
}

// Whatever is changed is recorded before it is: who, about whom, and which credential.
func TestChangesAreRecorded(t *testing.T) {
	s := newSite(t)
	year := s.clock.now().AddDate(1, 0, 0)
	fine := audit.OutcomeOK
	var code secret.Text
	s.wantNoted(t, []noted{
		{"subscription", operator(), func(ctx context.Context, who workspace.Actor) error {
			return second(s.AddSubscription(ctx, who, "acme", store.Subscription{Plan: "x", Seats: 5, EndsAt: year}))
		}, "operator", "", "", fine, "subscription_added"},
		{"trial", as("ann"), func(ctx context.Context, who workspace.Actor) error {
			return second(s.StartTrial(ctx, who, "acme"))
		}, "ann", "", "", fine, "trial_started"},
		{"invitation", as("meg"), s.invitation("New", "new@example.com", ""), "new@example.com", "meg", store.KindInvitation, fine, "member_invited"},
		{"again", as("meg"), func(ctx context.Context, who workspace.Actor) error {
			_, invitation, err := s.Resend(ctx, who, "acme", "new@example.com")
			code = invitation.Code
			return err
		}, "new@example.com", "meg", store.KindInvitation, fine, "member_invited_again"},
		{"joins", as("new"), func(ctx context.Context, who workspace.Actor) error {
			return second(s.Join(ctx, who, code))
		}, "new", "", store.KindDeveloper, fine, "member_joined"},
		{"changed", as("ann"), s.change("new", "admin", nil), "new", "ann", "", fine, "member_changed"},
		{"seat", as("lou"), func(ctx context.Context, who workspace.Actor) error {
			return second(s.AssignSeat(ctx, who, "acme", "lou", ""))
		}, "lou", "", "", fine, "seat_assigned"},
		{"seat back", as("ann"), func(ctx context.Context, who workspace.Actor) error {
			return s.UnassignSeat(ctx, who, "acme", "lou")
		}, "lou", "ann", "", fine, "seat_unassigned"},
		{"key", as("lou"), s.addition(workspace.LegacyKey{}, "LEGACY-NEW-KEY"), "lou", "", store.KindLegacy, fine, "legacy_key_added"},
		{"key to carl", as("lou"), s.giving(s.key, "carl"), "carl", "lou", store.KindLegacy, fine, "legacy_key_assigned"},
		{"key of carl's to lou", as("lou"), s.giving(s.key, "lou"), "lou", "", store.KindLegacy, fine, "legacy_key_assigned"},
		{"key of lou's to nobody", as("ann"), s.giving(s.key, ""), "lou", "ann", store.KindLegacy, fine, "legacy_key_assigned"},
		{"key of nobody's to carl", as("lou"), s.giving(s.key, "carl"), "carl", "lou", store.KindLegacy, fine, "legacy_key_assigned"},
		{"key of carl's ends", as("lou"), func(ctx context.Context, who workspace.Actor) error {
			return s.DeleteLegacyKey(ctx, who, "acme", s.key)
		}, "carl", "lou", store.KindLegacy, fine, "legacy_key_deleted"},
		{"removed", as("meg"), s.remove("bob"), "bob", "meg", store.KindDeveloper, fine, "member_removed"},
		{"leaves", as("carl"), s.remove("carl"), "carl", "", store.KindDeveloper, fine, "member_removed"},
	})
	s.audit.take()
	made := must[workspace.Joined](t)(s.Create(t.Context(), operator(), "new", "olga"))
	all := s.audit.take()
	if len(all) != 1 || all[0].User != "olga" || all[0].RealUser != "operator" || all[0].Workspace != string(made.Workspace.ID) ||
		all[0].CredentialID != string(made.Member.Token) || all[0].Reason != "workspace_created" {
		t.Errorf("%+v", all)
	}
}

// A code that lets nobody in is recorded with who tried it; in which workspace is not known.
func TestVoidCodesAreRecorded(t *testing.T) {
	s := newSite(t)
	for _, code := range []secret.Text{secret.New("lki_garbage"), s.tokens["bob"], secret.New("lki_000000000000000000000000000000000000")} {
		s.audit.take()
		wantFault(t, second(s.Join(t.Context(), as("new"), code)), fault.NotFound, void)
		want := audit.Event{
			Event: audit.EventWorkspaceChange, Origin: as("new").Origin, User: "new", Outcome: audit.OutcomeRefused, Reason: "member_joined:invitation_void",
		}
		if all := s.audit.take(); len(all) != 1 || all[0] != want {
			t.Errorf("recorded: %+v", all)
		}
	}
}

// Who may read the log sees what is of his workspace, and the last of it.
func TestAuditLog(t *testing.T) {
	s := newSite(t)
	must[store.Subscription](t)(s.StartTrial(t.Context(), as("vic"), "umbrella"))
	must[store.Subscription](t)(s.StartTrial(t.Context(), as("ann"), "acme"))
	check(t, s.change("carl", "", []string{"audit.read"})(t.Context(), as("ann")))
	check(t, s.UnassignSeat(t.Context(), as("ann"), "acme", "bob"))
	got := must[[]json.RawMessage](t)(s.AuditLog(t.Context(), as("carl"), "acme", 2))
	if diff := cmp.Diff([]json.RawMessage{[]byte(`"member_changed"`), []byte(`"seat_unassigned"`)}, got); diff != "" {
		t.Error(diff)
	}
	s.audit.fail = audit.ErrNotReadable
	wantFault(t, second(s.AuditLog(t.Context(), as("carl"), "acme", 2)), fault.NotFound, "The audit log is not kept in a file that can be read here.")
	s.audit.fail = errBroken
	if err := second(s.AuditLog(t.Context(), as("carl"), "acme", 2)); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("%v", err)
	}
}

// What became of the mail is recorded behind the invitation.
func TestMailIsRecorded(t *testing.T) {
	s := newSite(t)
	for _, failure := range []error{nil, errBroken} {
		s.post.fail = failure
		check(t, s.resending("acme", "ivy@example.com")(t.Context(), as("meg")))
		all := s.audit.take()
		want := audit.Event{
			Event: audit.EventWorkspaceChange, Origin: as("meg").Origin, User: "ivy@example.com", RealUser: "meg", Workspace: string(s.acme),
			Outcome: audit.OutcomeOK, Reason: "invitation_mailed",
		}
		if failure != nil {
			want.Outcome, want.Reason = audit.OutcomeError, "invitation_not_mailed"
		}
		if len(all) != 2 || all[1] != want {
			t.Errorf("%+v", all)
		}
	}
}

// What cannot be recorded is not done, by whatever method, and the caller is told that it could not be decided. What is refused
// stays refused.
func TestAuditFails(t *testing.T) {
	s := newSite(t)
	must[store.User](t)(s.users.Ensure(t.Context(), "ivy"))
	s.audit.fail = errBroken
	reads := map[string]bool{"Find": true, "Members": true, "Member": true, "Seats": true, "DeveloperToken": true, "CITokens": true, "LegacyKeys": true}
	who := as("ann")
	who.Admin = true
	all := append(s.everything(),
		deedNamed{"Create", func(ctx context.Context, who workspace.Actor, _ string) error {
			return second(s.Create(ctx, who, "new", "stranger"))
		}},
		deedNamed{"Join", func(ctx context.Context, _ workspace.Actor, _ string) error {
			return second(s.Join(ctx, as("ivy"), s.ivyCode))
		}})
	for _, deed := range all {
		if deed.name == "AssignSeat" || deed.name == "AddLegacyKey" {
			continue // no seat is left; see below
		}
		s.wantUnchanged(t, func() {
			err := deed.do(t.Context(), who, "acme")
			if reads[deed.name] != (err == nil) || err != nil && fault.KindOf(err) != fault.Unavailable {
				t.Errorf("%s: %v", deed.name, err)
			}
		})
	}
	s.wantUnchanged(t, func() {
		wantFault(t, second(s.AssignSeat(t.Context(), who, "acme", "carl", "")), fault.Conflict, noneLeft)
		wantFault(t, s.remove("bob")(t.Context(), as("carl")), fault.Forbidden, needMembers)
	})
	s.audit.fail = nil
	s.clock.step(time.Second)
	s.subscribe(t, "acme", 1)
	s.audit.fail = errBroken
	s.wantUnchanged(t, func() {
		for _, err := range []error{
			second(s.AssignSeat(t.Context(), who, "acme", "carl", "")), s.addition(workspace.LegacyKey{}, "LEGACY-NEW-KEY")(t.Context(), who),
		} {
			if fault.KindOf(err) != fault.Unavailable {
				t.Error(err)
			}
		}
	})
	if len(s.post.sent) != 10 || !s.usable(t, s.ivyCode) || !s.usable(t, s.tokens["bob"]) {
		t.Error("something was sent or ended that could not be recorded")
	}
}
