package workspace_test

import (
	"slices"
	"testing"

	"latchkey/daemon/store"
	"latchkey/daemon/workspace"
	"latchkey/plugins/secret"
)

// wantSound looks at all that is kept of a workspace, counts anew what is counted there, and fails the test where that does not
// agree. texts are all texts that were ever shown: of developer tokens and of invitations.
func (h *house) wantSound(t testing.TB, id store.ID, texts []secret.Text) {
	t.Helper()
	w := must[store.Workspace](t)(h.store.Workspace(t.Context(), id))
	members, _, err := h.store.Members(t.Context(), store.MemberQuery{Workspace: id, Removed: true})
	check(t, err)
	credentials, _, err := h.store.Credentials(t.Context(), store.Query{Workspace: id})
	check(t, err)
	wantCounts(t, &w, members, credentials)
	wantKeys(t, members, credentials)
	wantTokens(t, members, credentials)
	good := map[store.ID]int{} // usable texts by the member whose they are
	for _, text := range texts {
		if !h.usable(t, text) {
			continue
		}
		c := must[store.Credential](t)(h.engine.Find(t.Context(), text.Reveal()))
		if c.Workspace != id {
			continue
		}
		good[c.Member]++
		i := slices.IndexFunc(members, func(m store.Member) bool { return m.ID == c.Member })
		switch {
		case i < 0:
			t.Errorf("a usable %s is nobody's", c.Kind)
		case c.Kind == store.KindDeveloper && (members[i].State != store.MemberActive || members[i].Token != c.ID || members[i].User != c.User):
			t.Errorf("a usable developer token of %s, who is %+v", c.User, members[i])
		case c.Kind == store.KindInvitation && (members[i].State != store.MemberInvited || members[i].Invitation != c.ID):
			t.Errorf("a usable invitation of %+v", members[i])
		}
	}
	for i := range members {
		want := 1
		if members[i].State == store.MemberRemoved {
			want = 0
		}
		if got := good[members[i].ID]; got != want {
			t.Errorf("%d usable texts, not %d, of %+v", got, want, members[i])
		}
	}
}

// wantCounts holds the counts of seats and admins to what there is.
func wantCounts(t testing.TB, w *store.Workspace, members []store.Member, credentials []store.Credential) {
	t.Helper()
	used, admins := map[store.ID]int{}, 0
	for i := range members {
		m := &members[i]
		if m.Subscription != "" {
			used[m.Subscription]++
		}
		if m.State == store.MemberActive && m.Role == workspace.RoleAdmin {
			admins++
		}
		if (m.Subscription != "") != (m.Seat || len(m.LegacyKeys) > 0) || m.State == store.MemberRemoved && m.Subscription != "" {
			t.Errorf("a member who counts without cause, or not in spite of one: %+v", m)
		}
	}
	for i := range credentials {
		if c := &credentials[i]; c.Kind == store.KindLegacy && c.Member == "" {
			used[c.Subscription]++
		}
	}
	for i := range w.Subscriptions {
		s := &w.Subscriptions[i]
		if s.Used != used[s.ID] || s.Used > s.Seats {
			t.Errorf("subscription of %d seats: %d in use by its count, %d in truth", s.Seats, s.Used, used[s.ID])
		}
		delete(used, s.ID)
	}
	if len(used) > 0 {
		t.Errorf("used seats of no subscription: %v", used)
	}
	if w.Admins != admins || admins < 1 {
		t.Errorf("%d admins by the count, %d in truth", w.Admins, admins)
	}
}

// wantKeys holds legacy keys and those who are given them to each other.
func wantKeys(t testing.TB, members []store.Member, credentials []store.Credential) {
	t.Helper()
	held := map[store.ID]*store.Member{}
	for i := range members {
		for _, id := range members[i].LegacyKeys {
			if held[id] != nil {
				t.Errorf("a legacy key that two members are given: %s", id)
			}
			held[id] = &members[i]
		}
	}
	for i := range credentials {
		c := &credentials[i]
		if c.Kind != store.KindLegacy {
			continue
		}
		m := held[c.ID]
		delete(held, c.ID)
		if m == nil && c.Member != "" || m != nil && (c.Member != m.ID || c.Subscription != m.Subscription) || c.Subscription == "" {
			t.Errorf("legacy key %+v of %+v", c, m)
		}
	}
	for id, m := range held {
		t.Errorf("%+v is given a legacy key that is none: %s", m, id)
	}
}

// wantTokens holds developer tokens and members to each other.
func wantTokens(t testing.TB, members []store.Member, credentials []store.Credential) {
	t.Helper()
	live := map[store.ID][]store.ID{}
	for i := range credentials {
		c := &credentials[i]
		if c.Kind == store.KindDeveloper && !c.Disabled {
			live[c.Member] = append(live[c.Member], c.ID)
		}
		if c.Kind != store.KindInvitation {
			continue
		}
		if !slices.ContainsFunc(members, func(m store.Member) bool { return m.ID == c.Member && m.Invitation == c.ID }) {
			t.Errorf("an invitation that is no member's: %+v", c)
		}
	}
	for i := range members {
		m := &members[i]
		want := []store.ID{m.Token}
		if m.State != store.MemberActive {
			want = nil
		}
		if !slices.Equal(live[m.ID], want) {
			t.Errorf("live developer tokens %v of %+v", live[m.ID], m)
		}
		delete(live, m.ID)
	}
	if len(live) > 0 {
		t.Errorf("developer tokens of nobody: %v", live)
	}
}
