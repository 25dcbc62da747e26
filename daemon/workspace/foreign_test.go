package workspace_test

import (
	"context"
	"testing"
	"time"

	"latchkey/daemon/access"
	"latchkey/daemon/audit"
	"latchkey/daemon/fault"
	"latchkey/daemon/store"
	"latchkey/daemon/workspace"
	"latchkey/plugins/secret"
)

// deedNamed is a call of one method on a workspace.
type deedNamed struct {
	name string
	do   func(context.Context, workspace.Actor, string) error
}

// second drops the first result.
func second[T any](_ T, err error) error { return err }

// everything are calls of all methods that take a workspace.
func (s *site) everything() []deedNamed {
	role, year := workspace.RoleAdmin, s.clock.now().AddDate(1, 0, 0)
	return []deedNamed{
		{"Find", func(ctx context.Context, w workspace.Actor, in string) error { return second(s.Find(ctx, w, in)) }},
		{"Members", func(ctx context.Context, w workspace.Actor, in string) error {
			_, _, err := s.Members(ctx, w, in, true, "", 0)
			return err
		}},
		{"Member", func(ctx context.Context, w workspace.Actor, in string) error {
			return second(s.Member(ctx, w, in, "bob"))
		}},
		{"ChangeMember", func(ctx context.Context, w workspace.Actor, in string) error {
			return second(s.ChangeMember(ctx, w, in, "bob", workspace.MemberChange{Role: &role}))
		}},
		{"Remove", func(ctx context.Context, w workspace.Actor, in string) error { return s.Remove(ctx, w, in, "bob") }},
		{"Invite", func(ctx context.Context, w workspace.Actor, in string) error { return s.inviting(ctx, w, in) }},
		{"Resend", func(ctx context.Context, w workspace.Actor, in string) error {
			return s.resending(in, "ivy@example.com")(ctx, w)
		}},
		{"AssignSeat", func(ctx context.Context, w workspace.Actor, in string) error {
			return second(s.AssignSeat(ctx, w, in, "carl", ""))
		}},
		{"UnassignSeat", func(ctx context.Context, w workspace.Actor, in string) error {
			return s.UnassignSeat(ctx, w, in, "bob")
		}},
		{"Seats", func(ctx context.Context, w workspace.Actor, in string) error { return second(s.Seats(ctx, w, in)) }},
		{"AddSubscription", func(ctx context.Context, w workspace.Actor, in string) error {
			return second(s.AddSubscription(ctx, w, in, store.Subscription{Plan: "team", Seats: 1, EndsAt: year}))
		}},
		{"StartTrial", func(ctx context.Context, w workspace.Actor, in string) error { return second(s.StartTrial(ctx, w, in)) }},
		{"AuditLog", func(ctx context.Context, w workspace.Actor, in string) error {
			return second(s.AuditLog(ctx, w, in, 10))
		}},
		{"DeveloperToken", func(ctx context.Context, w workspace.Actor, in string) error {
			return second(s.DeveloperToken(ctx, w, in))
		}},
		{"RotateDeveloperToken", func(ctx context.Context, w workspace.Actor, in string) error {
			return second(s.RotateDeveloperToken(ctx, w, in))
		}},
		{"CreateCIToken", func(ctx context.Context, w workspace.Actor, in string) error {
			return second(s.CreateCIToken(ctx, w, in, "x", time.Time{}))
		}},
		{"CITokens", func(ctx context.Context, w workspace.Actor, in string) error {
			_, _, err := s.CITokens(ctx, w, in, "", 0)
			return err
		}},
		{"RotateCIToken", func(ctx context.Context, w workspace.Actor, in string) error {
			return second(s.RotateCIToken(ctx, w, in, s.ciID))
		}},
		{"DeleteCIToken", func(ctx context.Context, w workspace.Actor, in string) error {
			return s.DeleteCIToken(ctx, w, in, s.ciID)
		}},
		{"AddLegacyKey", func(ctx context.Context, w workspace.Actor, in string) error {
			return second(s.AddLegacyKey(ctx, w, in, workspace.LegacyKey{Text: secret.New("LEGACY-X-000")}))
		}},
		{"LegacyKeys", func(ctx context.Context, w workspace.Actor, in string) error {
			_, _, err := s.LegacyKeys(ctx, w, in, "", 0)
			return err
		}},
		{"AssignLegacyKey", func(ctx context.Context, w workspace.Actor, in string) error {
			return second(s.AssignLegacyKey(ctx, w, in, s.key, "bob"))
		}},
		{"DeleteLegacyKey", func(ctx context.Context, w workspace.Actor, in string) error {
			return s.DeleteLegacyKey(ctx, w, in, s.key)
		}},
	}
}

func (s *site) inviting(ctx context.Context, who workspace.Actor, in string) error {
	_, _, err := s.Invite(ctx, who, in, "New", "new@example.com", "")
	return err
}

// Whoever is no member finds nothing, by whatever method, and not that there is something. A token of another workspace is told
// which one it belongs to, the same whether or not there is what it was asked for; and a CI token manages nothing, not even its own.
func TestWhoIsNoMemberFindsNothing(t *testing.T) {
	s := newSite(t)
	const other = `The token belongs to the workspace "umbrella"; use a token of the workspace that is asked for.`
	const otherCI = `The token belongs to the workspace "acme"; use a token of the workspace that is asked for.`
	const noManager = "A CI token cannot manage a workspace; log in, or use a developer token."
	here, gone := []string{"acme", string(s.acme)}, []string{"nowhere", "0123456789abcdef01234567", "", "ACME"}
	strangers := []struct {
		name     string
		who      workspace.Actor
		asked    []string
		kind     fault.Kind
		sentence string
	}{
		{"a member of another workspace", as("vic"), append(here, gone...), fault.NotFound, noWorkspace},
		{"a user", as("nobody"), append(here, gone...), fault.NotFound, noWorkspace},
		{"a removed member", as("rex"), here, fault.NotFound, noWorkspace},
		{"an invited one", as("ivy"), here, fault.NotFound, noWorkspace},
		{"a service", as(""), append(here, gone...), fault.NotFound, noWorkspace},
		{"nobody", workspace.Actor{}, append(here, gone...), fault.NotFound, noWorkspace},
		{"the operator", operator(), gone, fault.NotFound, noWorkspace},
		{"a member", as("ann"), gone, fault.NotFound, noWorkspace},
		{"a token of another workspace", s.bearer(t, s.tokens["vic"]), append(here, gone...), fault.NotFound, other},
		{"a CI token of another workspace", s.bearer(t, s.ci), append([]string{"umbrella", string(s.umbrella)}, gone...), fault.NotFound, otherCI},
		{"a CI token", s.bearer(t, s.ci), here, fault.Forbidden, noManager},
	}
	for _, stranger := range strangers {
		t.Run(stranger.name, func(t *testing.T) {
			s.wantUnchanged(t, func() {
				for _, deed := range s.everything() {
					for _, in := range stranger.asked {
						if err := deed.do(t.Context(), stranger.who, in); err == nil {
							t.Errorf("%s(%q) was done", deed.name, in)
						} else {
							wantFault(t, err, stranger.kind, stranger.sentence)
						}
					}
				}
			})
		})
	}
}

// Somebody who is in two workspaces reaches, with a token of one, that one alone; also when he is the operator.
func TestTokenReachesItsOwnWorkspace(t *testing.T) {
	s := newSite(t)
	token := s.enlist(t, "umbrella", "ann", workspace.RoleAdmin)
	who := s.bearer(t, token)
	for _, admin := range []bool{false, true} {
		who.Admin = admin
		_, err := s.Find(t.Context(), who, "acme")
		wantFault(t, err, fault.NotFound, `The token belongs to the workspace "umbrella"; use a token of the workspace that is asked for.`)
		must[workspace.Standing](t)(s.Find(t.Context(), who, "umbrella"))
	}
	if all := must[[]workspace.Standing](t)(s.List(t.Context(), who)); len(all) != 1 || all[0].Workspace.ID != s.umbrella {
		t.Errorf("%+v", all)
	}
	if all := must[[]workspace.Standing](t)(s.List(t.Context(), as("ann"))); len(all) != 2 || all[0].Workspace.ID != s.acme {
		t.Errorf("%+v", all)
	}
	for _, nobody := range []workspace.Actor{{Caller: access.Caller{}}, s.bearer(t, s.ci), as("rex"), as("ivy")} {
		if all := must[[]workspace.Standing](t)(s.List(t.Context(), nobody)); len(all) != 0 {
			t.Errorf("%+v sees %+v", nobody, all)
		}
	}
}

// A user who was removed between the look and the change is nobody in it.
func TestRemovedMeanwhile(t *testing.T) {
	s := newSite(t)
	m, removed := &meddler{Store: s.store}, false
	m.before = func() {
		if !removed {
			removed = true
			other := houseOn(s.store)
			other.clock = s.clock
			check(t, other.Remove(t.Context(), as("ann"), "acme", "meg"))
		}
	}
	s.build(m, nil)
	_, _, err := s.Invite(t.Context(), as("meg"), "acme", "New", "new@example.com", "")
	wantFault(t, err, fault.NotFound, noWorkspace)
}

// meddler is a store that does something before each change of a workspace, and fails when told to.
type meddler struct {
	store.Store
	before func()
	fail   error
}

func (m *meddler) UpdateWorkspace(ctx context.Context, id store.ID, change func(*store.WorkspaceChange) error) error {
	if m.before != nil {
		m.before()
	}
	if m.fail != nil {
		return m.fail
	}
	return m.Store.UpdateWorkspace(ctx, id, change)
}

// A store that cannot be read or written is no refusal.
func TestStoreFails(t *testing.T) {
	s := newSite(t)
	s.build(&meddler{Store: s.store, fail: errBroken}, nil)
	s.wantUnchanged(t, func() {
		err := s.Remove(t.Context(), as("ann"), "acme", "bob")
		if fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%v", err)
		}
	})
	if all := s.audit.take(); len(all) != 0 {
		t.Errorf("recorded: %+v", all)
	}
	// It fails between the rehearsal and the change: a second record says that what was announced was not done.
	m := &meddler{Store: s.store}
	calls := 0
	m.before = func() {
		if calls++; calls == 2 {
			m.fail = errBroken
		}
	}
	s.build(m, nil)
	s.wantUnchanged(t, func() {
		if err := s.Remove(t.Context(), as("ann"), "acme", "bob"); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%v", err)
		}
	})
	all := s.audit.take()
	if len(all) != 2 || all[0].Outcome != audit.OutcomeOK || all[1].Outcome != audit.OutcomeError || all[1].Reason != "not_changed" {
		t.Errorf("recorded: %+v", all)
	}
}

// A database that is away is no refusal, by whatever method, and nothing is recorded as done.
func TestDatabaseIsAway(t *testing.T) {
	server, node := startNode(t)
	s := furnish(t, houseOn(node))
	who := as("ann")
	who.Admin = true
	server.Stop(t)
	for _, deed := range s.everything() {
		if err := deed.do(t.Context(), who, "acme"); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%s: %v", deed.name, err)
		}
	}
	for name, err := range map[string]error{
		"Create": second(s.Create(t.Context(), who, "new", "")), "Join": second(s.Join(t.Context(), as("ivy"), s.ivyCode)),
		"List": second(s.List(t.Context(), who)),
	} {
		if fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	if all := s.audit.take(); len(all) != 0 {
		t.Errorf("recorded: %+v", all)
	}
}
