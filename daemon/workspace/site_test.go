package workspace_test

import (
	"testing"
	"time"

	"latchkey/daemon/store"
	"latchkey/daemon/workspace"
	"latchkey/plugins/secret"
)

// found makes a workspace with this name whose admin is owner, and returns its id and his developer token.
func (h *house) found(t testing.TB, name, owner string) (store.ID, secret.Text) {
	t.Helper()
	made := must[workspace.Joined](t)(h.Create(t.Context(), operator(), name, owner))
	return made.Workspace.ID, made.Token
}

// subscribe gives a workspace a subscription of a year.
func (h *house) subscribe(t testing.TB, in string, seats int) store.ID {
	t.Helper()
	s := store.Subscription{Plan: "team", Seats: seats, EndsAt: h.clock.now().AddDate(1, 0, 0), Features: []string{"debug"}}
	return must[store.Subscription](t)(h.AddSubscription(t.Context(), operator(), in, s)).ID
}

// invite invites user@example.com and returns the code.
func (h *house) invite(t testing.TB, in, user, role string) (store.Member, secret.Text) {
	t.Helper()
	m, invitation, err := h.Invite(t.Context(), operator(), in, user, user+"@example.com", role)
	check(t, err)
	return m, invitation.Code
}

// enlist makes a user a member with these permissions, and returns his developer token.
func (h *house) enlist(t testing.TB, in, user, role string, permissions ...string) secret.Text {
	t.Helper()
	_, code := h.invite(t, in, user, role)
	joined := must[workspace.Joined](t)(h.Join(t.Context(), as(user), code))
	if len(permissions) > 0 {
		must[store.Member](t)(h.ChangeMember(t.Context(), operator(), in, user, workspace.MemberChange{Permissions: &permissions}))
	}
	return joined.Token
}

// legacy makes a legacy key known, given to a member or to nobody.
func (h *house) legacy(t testing.TB, in, text, member string) store.ID {
	t.Helper()
	key := workspace.LegacyKey{Text: secret.New(text), Member: member}
	return must[store.Credential](t)(h.AddLegacyKey(t.Context(), operator(), in, key)).ID
}

// seat gives a member a seat.
func (h *house) seat(t testing.TB, in, member string) {
	t.Helper()
	must[store.Member](t)(h.AssignSeat(t.Context(), operator(), in, member, ""))
}

// member returns a member as the store has him.
func (h *house) member(t testing.TB, in, reference string) store.Member {
	t.Helper()
	return must[store.Member](t)(h.Member(t.Context(), operator(), in, reference))
}

// used returns how many seats of a workspace's subscription are in use.
func (h *house) used(t testing.TB, in string, subscription store.ID) int {
	t.Helper()
	standing := must[workspace.Standing](t)(h.Find(t.Context(), operator(), in))
	s := standing.Workspace.Subscription(subscription)
	if s == nil {
		t.Fatalf("no subscription %s", subscription)
	}
	return s.Used
}

// legacyText is a key of another product's time.
const legacyText = "LEGACY-0001-0002"

// site is a house with two workspaces in it. acme has the admin ann, the members bob, who has a seat, carl, meg, lou, cid and aud, who
// have one permission each but for the first two, ivy and the admin ida, who are invited, and rex, who was removed. Both seats of
// its subscription are in use: by bob, and by a legacy key that nobody is given. umbrella has the admin vic, and uma, who has left it,
// and was never given an address.
type site struct {
	*house
	acme, umbrella store.ID
	team, over     store.ID    // subscriptions of acme; one is over
	key            store.ID    // the legacy key of acme that nobody is given
	rex, uma       string      // the ids of the removed
	ivyCode        secret.Text // what lets ivy join, and
	idaCode        secret.Text // ida
	ci             secret.Text // a CI token of acme
	ciID           store.ID
	tokens         map[string]secret.Text // developer tokens by user
}

func newSite(t testing.TB) *site {
	t.Helper()
	return furnish(t, newHouse(t))
}

// furnish makes a site of an empty house.
func furnish(t testing.TB, h *house) *site {
	t.Helper()
	s := &site{house: h, tokens: map[string]secret.Text{}}
	s.acme, s.tokens["ann"] = s.found(t, "acme", "ann")
	short := store.Subscription{Plan: "short", Seats: 9, EndsAt: s.clock.now().Add(time.Hour)}
	s.over = must[store.Subscription](t)(s.AddSubscription(t.Context(), operator(), "acme", short)).ID
	s.clock.step(time.Hour)
	s.team = s.subscribe(t, "acme", 2)
	for user, permissions := range map[string][]string{
		"bob": nil, "carl": nil, "meg": {workspace.MembersManage}, "lou": {workspace.LicencesAssign}, "cid": {workspace.CITokensManage},
		"aud": {workspace.AuditRead}, "rex": nil,
	} {
		s.tokens[user] = s.enlist(t, "acme", user, workspace.RoleMember, permissions...)
	}
	s.rex = string(s.member(t, "acme", "rex").ID)
	check(t, s.Remove(t.Context(), as("ann"), "acme", "rex"))
	_, s.ivyCode = s.invite(t, "acme", "ivy", workspace.RoleMember)
	_, s.idaCode = s.invite(t, "acme", "ida", workspace.RoleAdmin)
	s.seat(t, "acme", "bob")
	s.key = s.legacy(t, "acme", legacyText, "")
	ci, err := s.CreateCIToken(t.Context(), as("cid"), "acme", "build", time.Time{})
	check(t, err)
	s.ci, s.ciID = ci.Text, ci.Credential.ID
	s.umbrella, s.tokens["uma"] = s.found(t, "umbrella", "uma")
	s.tokens["vic"] = s.enlist(t, "umbrella", "vic", workspace.RoleAdmin)
	s.uma = string(s.member(t, "umbrella", "uma").ID)
	check(t, s.Remove(t.Context(), as("uma"), "umbrella", "uma"))
	s.audit.take()
	return s
}
