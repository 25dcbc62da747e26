package licence_test

import (
	"testing"
	"time"

	"latchkey/daemon/audit"
	"latchkey/daemon/credential"
	"latchkey/daemon/licence"
	"latchkey/daemon/store"
	"latchkey/daemon/workspace"
)

// The sentences, as docs and support know them.
const (
	unknown = "The token is not known: it was mistyped, rotated or deleted, or it is no developer or CI token. " +
		"Set LATCHKEY_AUTH_TOKEN to a token that is good now."
	removed  = "You were removed from the workspace. Ask one of its admins to invite you again."
	noSeat   = "No licence is assigned to you. Ask an admin of the workspace to assign you a seat."
	expired  = "The subscription has expired. Ask an admin of the workspace to renew it."
	pending  = "The subscription has not started yet. Try again when it has."
	overdue  = "The trial is over. Ask an admin of the workspace to get a subscription."
	noneLeft = "The workspace has no subscription. Ask one of its admins to get one."
	inCI     = "A developer token cannot be used in CI. Set LATCHKEY_AUTH_TOKEN to a CI token, " +
		"which a member with the permission ci_tokens.manage creates."
	disabled  = "Your account is disabled. Ask an administrator to enable it."
	ciExpired = "The CI token has expired. Create a new one and set LATCHKEY_AUTH_TOKEN to it."
)

func TestUnknownTokens(t *testing.T) {
	h := newHouse(t)
	h.licensed(t)
	issue := func(spec credential.Spec) string {
		issued, err := h.engine.Issue(t.Context(), spec, origin())
		check(t, err)
		return issued.Text.Reveal()
	}
	text := h.token.Reveal()
	ci := h.ci(t, time.Time{})
	check(t, h.workspaces.DeleteCIToken(t.Context(), operator(), "acme", ci.Credential.ID))
	key := h.legacy(t, "")
	check(t, h.workspaces.DeleteLegacyKey(t.Context(), operator(), "acme", key.ID))
	_, invitation, err := h.workspaces.Invite(t.Context(), operator(), "acme", "Ivy", "ivy@example.com", "")
	check(t, err)
	rotated := h.ci(t, time.Time{})
	_, err = h.workspaces.RotateCIToken(t.Context(), operator(), "acme", rotated.Credential.ID)
	check(t, err)
	for name, presented := range map[string]string{
		"nothing": "", "garbage": "x", "a form of ours": "lkd_000000000000000000000000000000000000", "a line": text + "\n",
		"mistyped": text[:10] + "!" + text[11:], "cut": text[:39], "a key that nobody knows": "LEGACY-9999-9999", "deleted CI token": ci.Text.Reveal(),
		"deleted legacy key": legacyText, "rotated CI token": rotated.Text.Reveal(), "invitation": invitation.Code.Reveal(),
		"session": issue(credential.Spec{Kind: store.KindSession, User: "ann", ExpiresAt: h.now.Add(time.Hour)}),
		"API key": issue(credential.Spec{Kind: store.KindAPIKey, User: "ann"}), "service token": issue(credential.Spec{Kind: store.KindService, Name: "ann"}),
	} {
		t.Run(name, func(t *testing.T) { h.wantRefused(t, ask(presented), licence.UnknownToken, unknown) })
	}
}

func TestRefusalsOfDevelopers(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		arrange  func(t *testing.T, h *house)
		reason   licence.Reason
		sentence string
	}{
		"no seat":                     {func(t *testing.T, h *house) { h.subscribe(t, h.now, h.now.Add(day)) }, licence.NoLicenceAssigned, noSeat},
		"no seat and no subscription": {func(*testing.T, *house) {}, licence.NoLicenceAssigned, noSeat},
		"seat taken back": {func(t *testing.T, h *house) {
			h.licensed(t)
			check(t, h.workspaces.UnassignSeat(t.Context(), operator(), "acme", "ann"))
		}, licence.NoLicenceAssigned, noSeat},
		"a legacy key is no seat": {func(t *testing.T, h *house) {
			h.subscribe(t, h.now, h.now.Add(day))
			_, err := h.workspaces.AssignLegacyKey(t.Context(), operator(), "acme", h.legacy(t, "").ID, "ann")
			check(t, err)
		}, licence.NoLicenceAssigned, noSeat},
		"expired": {func(t *testing.T, h *house) {
			h.seat(t, h.subscribe(t, h.now, h.now.Add(day)))
			h.now = h.now.Add(day)
		}, licence.SubscriptionExpired, expired},
		"expired, with another that runs": {func(t *testing.T, h *house) {
			h.seat(t, h.subscribe(t, h.now, h.now.Add(day)))
			h.now = h.now.Add(day)
			h.subscribe(t, h.now, h.now.Add(day))
		}, licence.SubscriptionExpired, expired},
		"not started": {func(t *testing.T, h *house) {
			h.seat(t, h.subscribe(t, h.now.Add(time.Microsecond), h.now.Add(day)))
		}, licence.SubscriptionPending, pending},
		"trial over": {func(t *testing.T, h *house) {
			trial, err := h.workspaces.StartTrial(t.Context(), operator(), "acme")
			check(t, err)
			h.seat(t, "")
			h.now = trial.EndsAt
		}, licence.TrialExpired, overdue},
		"account disabled": {func(t *testing.T, h *house) {
			h.licensed(t)
			_, err := h.users.Change(t.Context(), "ann", "operator", "disabled", origin(), func(u *store.User) error {
				u.Disabled = true
				return nil
			})
			check(t, err)
		}, licence.AccountDisabled, disabled},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			c.arrange(t, h)
			event := h.wantRefused(t, ask(h.token.Reveal()), c.reason, c.sentence)
			if event.User != "ann" || event.Kind != "developer" || event.Workspace != string(h.acme) || event.CredentialID == "" {
				t.Errorf("recorded: %+v", event)
			}
		})
	}
}

// Whoever was removed is told so, also after he was invited again; when he has joined again his old token is a text like any other.
func TestRefusalsOfTheRemoved(t *testing.T) {
	h := newHouse(t)
	h.licensed(t)
	_, invitation, err := h.workspaces.Invite(t.Context(), operator(), "acme", "Bob", "bob@example.com", workspace.RoleAdmin)
	check(t, err)
	bob := operator()
	bob.User, bob.Name, bob.Admin = "bob", "bob", false
	_, err = h.workspaces.Join(t.Context(), bob, invitation.Code)
	check(t, err)
	check(t, h.workspaces.Remove(t.Context(), bob, "acme", "ann"))
	if event := h.wantRefused(t, ask(h.token.Reveal()), licence.MemberRemoved, removed); event.User != "ann" || event.Workspace != string(h.acme) {
		t.Errorf("recorded: %+v", event)
	}
	members, _, err := h.workspaces.Members(t.Context(), bob, "acme", true, "", 1)
	check(t, err)
	_, again, err := h.workspaces.Resend(t.Context(), bob, "acme", string(members[0].ID))
	check(t, err)
	h.wantRefused(t, ask(h.token.Reveal()), licence.MemberRemoved, removed)
	ann := bob
	ann.User, ann.Name = "ann", "ann"
	joined, err := h.workspaces.Join(t.Context(), ann, again.Code)
	check(t, err)
	h.wantRefused(t, ask(h.token.Reveal()), licence.UnknownToken, unknown)
	h.wantRefused(t, ask(joined.Token.Reveal()), licence.NoLicenceAssigned, noSeat)
}

// A developer token is refused in CI, whatever else may be wrong with the licence; a CI token is good there and elsewhere.
func TestDeveloperTokenInCI(t *testing.T) {
	h := newHouse(t)
	r := ask(h.token.Reveal())
	r.CI = true
	h.wantRefused(t, r, licence.DeveloperTokenInCI, inCI)
	h.licensed(t)
	h.wantRefused(t, r, licence.DeveloperTokenInCI, inCI)
	ci := ask(h.ci(t, time.Time{}).Text.Reveal())
	h.verified(t, ci)
	ci.CI = true
	h.verified(t, ci)
}

func TestRefusalsOfCITokens(t *testing.T) {
	h := newHouse(t)
	ci := h.ci(t, h.now.Add(30*24*time.Hour))
	r := ask(ci.Text.Reveal())
	r.CI = true
	event := h.wantRefused(t, r, licence.NoSubscription, noneLeft)
	want := audit.Event{
		Event: audit.EventActivate, Origin: origin(), User: "nightly build", Kind: "ci", CredentialID: string(ci.Credential.ID),
		Workspace: string(h.acme), Outcome: audit.OutcomeRefused, Reason: "no_subscription",
	}
	if event != want {
		t.Errorf("recorded: %+v", event)
	}
	starts := h.now.Add(20 * 24 * time.Hour)
	h.subscribe(t, starts, starts.Add(time.Hour))
	h.wantRefused(t, r, licence.SubscriptionPending, pending)
	trial, err := h.workspaces.StartTrial(t.Context(), operator(), "acme")
	check(t, err)
	if claims, _ := h.verified(t, r); claims.Plan != "trial" {
		t.Errorf("%+v", claims)
	}
	h.now = trial.EndsAt
	h.wantRefused(t, r, licence.SubscriptionPending, pending) // it is paid for already
	h.now = starts
	if claims, _ := h.verified(t, r); claims.Plan != "team" {
		t.Errorf("%+v", claims)
	}
	h.now = starts.Add(time.Hour)
	h.wantRefused(t, r, licence.SubscriptionExpired, expired)
	h.now = ci.Credential.ExpiresAt
	h.wantRefused(t, r, licence.TokenExpired, ciExpired)
}

func TestTrialIsOverForCITokens(t *testing.T) {
	h := newHouse(t)
	trial, err := h.workspaces.StartTrial(t.Context(), operator(), "acme")
	check(t, err)
	r := ask(h.ci(t, time.Time{}).Text.Reveal())
	h.now = trial.EndsAt
	h.wantRefused(t, r, licence.TrialExpired, overdue)
}
