package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"latchkey/daemon/store"
)

func workspaceTests() map[string]func(*testing.T, store.Store) {
	return map[string]func(*testing.T, store.Store){
		"Create":                      testCreateWorkspace,
		"CreateWhatIsTaken":           testCreateTakenWorkspace,
		"FindAndList":                 testFindWorkspaces,
		"UpdateIsOneTransaction":      testUpdateWorkspace,
		"ARefusalChangesNothing":      testRefusedWorkspace,
		"WhatMustNotBeKept":           testInvalidWorkspace,
		"AChangeSeesItself":           testChangeSeesItself,
		"AnAccountIsOneMembers":       testAccountsAreOnes,
		"OneTakesWhatAnotherLeaves":   testSwap,
		"ListMembers":                 testListMembers,
		"AMemberKeepsHisUser":         testMemberKeepsUser,
		"AnotherWorkspaceIsAnothers":  testOtherWorkspace,
		"ADeadTokenIsDeadAtOnce":      testDeadToken,
		"ChangesWaitForOneAnother":    testWorkspaceRace,
		"OneJoins":                    testOneJoins,
		"NoMemberWithoutUser":         testDeleteAgainstJoin,
		"CredentialsOfMembersAreKept": testMemberCredentials,
	}
}

// company returns the n-th workspace, with a subscription.
func company(n int) store.Workspace {
	return store.Workspace{
		ID: id(n), Name: fmt.Sprintf("company %d & <söhne>", n), CreatedAt: base(), CreatedBy: "root", Admins: 1, TrialUsed: true,
		Subscriptions: []store.Subscription{{
			ID: id(n + 1), Plan: "team", Seats: 2, StartsAt: base(), EndsAt: base().Add(time.Hour), Features: []string{"a", "b"}, Trial: true,
		}},
	}
}

// active returns the n-th member, who has joined.
func active(n int, user string) store.Member {
	return store.Member{
		ID: id(n), State: store.MemberActive, User: user, Name: user, Mail: user + "@Example.com", Role: "admin", Permissions: []string{"audit.read"},
		InvitedAt: base(), InvitedBy: "root", JoinedAt: base().Add(time.Minute), Token: id(n + 500),
	}
}

// developer returns the developer token of the n-th member.
func developer(n int, user string) store.Credential {
	c := apiKey(n+500, user)
	c.Kind, c.Member = store.KindDeveloper, id(n)
	return c
}

// found makes a workspace with one member.
func found(t *testing.T, s store.Store, n int, user string) (store.Workspace, store.Member) {
	t.Helper()
	putUser(t, s, store.User{Name: user})
	w, m := company(n), active(n+10, user)
	wantError(t, "CreateWorkspace", s.CreateWorkspace(t.Context(), w, func(c *store.WorkspaceChange) error {
		c.PutMember(m)
		return c.PutCredential(developer(n+10, user))
	}), nil)
	m.Workspace = w.ID
	return w, m
}

func testCreateWorkspace(t *testing.T, s store.Store) {
	w, m := found(t, s, 100, "alice")
	got, err := s.Workspace(t.Context(), w.ID)
	wantError(t, "Workspace", err, nil)
	want(t, "the workspace", got, w)
	for what, find := range map[string]func() (store.Member, error){
		"id":      func() (store.Member, error) { return s.Member(t.Context(), w.ID, m.ID) },
		"account": func() (store.Member, error) { return s.MemberOf(t.Context(), w.ID, "alice") },
		"address": func() (store.Member, error) { return s.MemberMailed(t.Context(), w.ID, "alice@example.com") },
	} {
		got, err := find()
		wantError(t, "the member by "+what, err, nil)
		want(t, "the member by "+what, got, m)
	}
	token := developer(110, "alice")
	token.Workspace = w.ID
	wantThere(t, s, token)
	entry, err := s.CredentialByDigest(t.Context(), token.Digest)
	wantError(t, "CredentialByDigest", err, nil)
	if entry.Owner == nil || entry.Owner.Name != "alice" {
		t.Fatalf("the token's owner is %+v", entry.Owner)
	}
}

func testCreateTakenWorkspace(t *testing.T, s store.Store) {
	w, _ := found(t, s, 100, "alice")
	for what, change := range map[string]func(*store.Workspace){
		"id":   func(w *store.Workspace) { w.Name = "another" },
		"name": func(w *store.Workspace) { w.ID = id(300) },
	} {
		again := w.Clone()
		change(&again)
		err := s.CreateWorkspace(t.Context(), again, func(c *store.WorkspaceChange) error {
			return c.PutCredential(developer(200, ""))
		})
		wantError(t, "CreateWorkspace with a taken "+what, err, store.ErrExists)
	}
	wantGone(t, s, developer(200, ""))
}

func testFindWorkspaces(t *testing.T, s store.Store) {
	var all []store.Workspace
	for n := range 5 {
		w, _ := found(t, s, 100*(n+1), "alice")
		all = append(all, w)
	}
	got, err := s.WorkspaceNamed(t.Context(), all[2].Name)
	wantError(t, "WorkspaceNamed", err, nil)
	want(t, "the workspace by name", got, all[2])
	page, total, err := s.Workspaces(t.Context(), all[1].ID, 2)
	wantError(t, "Workspaces", err, nil)
	want(t, "a page", page, all[2:4])
	want(t, "the total", total, 5)
	for _, id := range []store.ID{"", "x", id(99)} {
		_, err = s.Workspace(t.Context(), id)
		wantError(t, "an unknown workspace", err, store.ErrNotFound)
	}
	_, err = s.WorkspaceNamed(t.Context(), "nobody's")
	wantError(t, "an unknown name", err, store.ErrNotFound)
	memberships, err := s.Memberships(t.Context(), "alice")
	wantError(t, "Memberships", err, nil)
	want(t, "how many memberships", len(memberships), 5)
	for i := range memberships {
		want(t, "a membership's workspace", memberships[i].Workspace, all[i].ID)
	}
	none, err := s.Memberships(t.Context(), "alic")
	wantError(t, "Memberships", err, nil)
	want(t, "memberships of somebody else", len(none), 0)
}

func testUpdateWorkspace(t *testing.T, s store.Store) {
	w, m := found(t, s, 100, "alice")
	putUser(t, s, store.User{Name: "bob"})
	invited := store.Member{ID: id(120), State: store.MemberInvited, Name: "Bob", Mail: "b@example.com", Role: "member", Invitation: id(630)}
	wantError(t, "UpdateWorkspace", s.UpdateWorkspace(t.Context(), w.ID, func(c *store.WorkspaceChange) error {
		c.Workspace.Name, c.Workspace.ID = "changed", id(1) // neither counts
		c.Workspace.Subscriptions[0].Used = 1
		c.PutMember(invited)
		m.Seat, m.Subscription = true, id(101)
		c.PutMember(m)
		return c.DropCredential(m.Token)
	}), nil)
	w.Subscriptions[0].Used = 1
	got, err := s.Workspace(t.Context(), w.ID)
	wantError(t, "Workspace", err, nil)
	want(t, "the workspace", got, w)
	member, err := s.Member(t.Context(), w.ID, m.ID)
	wantError(t, "Member", err, nil)
	want(t, "the member", member, m)
	member, err = s.MemberMailed(t.Context(), w.ID, "b@example.com")
	wantError(t, "MemberMailed", err, nil)
	invited.Workspace = w.ID
	want(t, "the invited one", member, invited)
	wantGone(t, s, developer(110, "alice"))
	wantError(t, "UpdateWorkspace of none", s.UpdateWorkspace(t.Context(), id(7), func(*store.WorkspaceChange) error { return nil }), store.ErrNotFound)
}

func testRefusedWorkspace(t *testing.T, s store.Store) {
	w, m := found(t, s, 100, "alice")
	err := s.UpdateWorkspace(t.Context(), w.ID, func(c *store.WorkspaceChange) error {
		c.Workspace.Admins = 7
		c.Workspace.Subscriptions[0].Features[0] = "changed"
		m.Role = "member"
		c.PutMember(m)
		_ = c.DropCredential(m.Token) // it cannot fail
		return errRefusal
	})
	wantError(t, "UpdateWorkspace", err, errRefusal)
	got, err := s.Workspace(t.Context(), w.ID)
	wantError(t, "Workspace", err, nil)
	want(t, "the workspace", got, w)
	member, err := s.Member(t.Context(), w.ID, m.ID)
	wantError(t, "Member", err, nil)
	want(t, "the role", member.Role, "admin")
	_, err = s.Credential(t.Context(), m.Token)
	wantError(t, "the token", err, nil)
	err = s.CreateWorkspace(t.Context(), company(300), func(*store.WorkspaceChange) error { return errRefusal })
	wantError(t, "CreateWorkspace", err, errRefusal)
	_, err = s.Workspace(t.Context(), id(300))
	wantError(t, "a refused workspace", err, store.ErrNotFound)
}

func testInvalidWorkspace(t *testing.T, s store.Store) {
	w, m := found(t, s, 100, "alice")
	for what, spoil := range map[string]func(*store.WorkspaceChange){
		"no admin":                 func(c *store.WorkspaceChange) { c.Workspace.Admins = 0 },
		"more seats used than had": func(c *store.WorkspaceChange) { c.Workspace.Subscriptions[0].Used = 3 },
		"a state":                  func(c *store.WorkspaceChange) { m := m; m.State = "x"; c.PutMember(m) },
		"no token":                 func(c *store.WorkspaceChange) { m := m; m.Token = ""; c.PutMember(m) },
		"a user who is not known":  func(c *store.WorkspaceChange) { m := m; m.User = "eve"; c.PutMember(m) },
		"a seat of nothing":        func(c *store.WorkspaceChange) { m := m; m.Seat = true; c.PutMember(m) },
		"bytes":                    func(c *store.WorkspaceChange) { m := m; m.Name = "\xff"; c.PutMember(m) },
	} {
		err := s.UpdateWorkspace(t.Context(), w.ID, func(c *store.WorkspaceChange) error { spoil(c); return nil })
		wantError(t, what, err, store.ErrInvalid)
	}
	member, err := s.Member(t.Context(), w.ID, m.ID)
	wantError(t, "Member", err, nil)
	want(t, "the member", member, m)
}

func testChangeSeesItself(t *testing.T, s store.Store) {
	w, m := found(t, s, 100, "alice")
	putUser(t, s, store.User{Name: "bob"})
	wantError(t, "UpdateWorkspace", s.UpdateWorkspace(t.Context(), w.ID, func(c *store.WorkspaceChange) error {
		bob := active(120, "bob")
		c.PutMember(bob)
		m.User = "carol"
		m.State = store.MemberRemoved
		c.PutMember(m)
		if got, err := c.MemberOf("bob"); err != nil || got.ID != bob.ID {
			return fmt.Errorf("MemberOf a new one: %v, %w", got, err)
		}
		if _, err := c.MemberOf("alice"); !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("MemberOf a removed one: %w", err)
		}
		if got, err := c.MemberMailed("alice@example.com"); err != nil || got.State != store.MemberRemoved {
			return fmt.Errorf("MemberMailed: %v, %w", got, err)
		}
		token, err := c.Credential(m.Token)
		if err != nil {
			return err
		}
		token.Disabled = true
		if err := c.PutCredential(token); err != nil {
			return err
		}
		if token, err = c.Credential(m.Token); err != nil || !token.Disabled {
			return fmt.Errorf("a changed credential: %v, %w", token, err)
		}
		if err := c.PutCredential(developer(120, "bob")); err != nil {
			return err
		}
		if err := c.DropCredential(id(620)); err != nil {
			return err
		}
		if _, err := c.Credential(id(620)); !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("a credential that was made and dropped: %w", err)
		}
		return nil
	}), nil)
	wantGone(t, s, developer(120, "bob"))
	entry, err := s.CredentialByDigest(t.Context(), developer(110, "alice").Digest)
	wantError(t, "the removed one's token", err, nil)
	want(t, "that it is disabled", entry.Credential.Disabled, true)
}

func testAccountsAreOnes(t *testing.T, s store.Store) {
	w, m := found(t, s, 100, "alice")
	for what, change := range map[string]func(*store.Member){
		"account": func(m *store.Member) { m.Mail = "other@example.com" },
		"address": func(m *store.Member) { m.State, m.User, m.Token = store.MemberInvited, "", "" },
	} {
		other := m
		other.ID = id(130)
		change(&other)
		err := s.UpdateWorkspace(t.Context(), w.ID, func(c *store.WorkspaceChange) error { c.PutMember(other); return nil })
		wantError(t, "a second member with the "+what, err, store.ErrExists)
	}
	found(t, s, 300, "alice") // in another workspace both may be hers
}

// One member takes the account and the address that another leaves in the same transaction, in either order.
func testSwap(t *testing.T, s store.Store) {
	w, m := found(t, s, 100, "alice")
	for n, first := range []bool{true, false} {
		next := active(150+n, "alice")
		left := m
		left.State, left.Mail, left.Token = store.MemberRemoved, fmt.Sprintf("left%d@example.com", n), ""
		wantError(t, "UpdateWorkspace", s.UpdateWorkspace(t.Context(), w.ID, func(c *store.WorkspaceChange) error {
			if first {
				c.PutMember(left)
			}
			c.PutMember(next)
			c.PutMember(left)
			return nil
		}), nil)
		got, err := s.MemberOf(t.Context(), w.ID, "alice")
		wantError(t, "MemberOf", err, nil)
		want(t, "who has the account", got.ID, next.ID)
		got, err = s.MemberMailed(t.Context(), w.ID, left.Mail)
		wantError(t, "MemberMailed", err, nil)
		want(t, "who has the old address", got.ID, m.ID)
		m = next
	}
}

func testListMembers(t *testing.T, s store.Store) {
	w, _ := found(t, s, 100, "alice")
	found(t, s, 300, "alice")
	wantError(t, "UpdateWorkspace", s.UpdateWorkspace(t.Context(), w.ID, func(c *store.WorkspaceChange) error {
		for n := range 9 {
			state := []store.MemberState{store.MemberInvited, store.MemberRemoved}[n%2]
			c.PutMember(store.Member{ID: id(120 + n), State: state, Name: "x", Mail: fmt.Sprintf("%d@example.com", n), Role: "member"})
		}
		return nil
	}), nil)
	for _, test := range []struct {
		query store.MemberQuery
		first store.ID
		count int
		total int
	}{
		{store.MemberQuery{Workspace: w.ID}, id(110), 6, 6},
		{store.MemberQuery{Workspace: w.ID, Removed: true}, id(110), 10, 10},
		{store.MemberQuery{Workspace: w.ID, Removed: true, After: id(120), Limit: 3}, id(121), 3, 10},
		{store.MemberQuery{Workspace: w.ID, After: id(120), Limit: 3}, id(122), 3, 6},
		{store.MemberQuery{Workspace: id(9)}, "", 0, 0},
		{store.MemberQuery{Workspace: "x"}, "", 0, 0},
	} {
		page, total, err := s.Members(t.Context(), test.query)
		wantError(t, "Members", err, nil)
		want(t, "the total", total, test.total)
		if len(page) != test.count || len(page) > 0 && page[0].ID != test.first {
			t.Errorf("%+v selects %+v", test.query, page)
		}
	}
}

func testMemberKeepsUser(t *testing.T, s store.Store) {
	w, m := found(t, s, 100, "alice")
	wantError(t, "DeleteUser of a member", s.DeleteUser(t.Context(), "alice"), store.ErrInUse)
	wantThere(t, s, func() store.Credential { c := developer(110, "alice"); c.Workspace = w.ID; return c }())
	putUser(t, s, store.User{Name: "bob"})
	wantError(t, "UpdateWorkspace", s.UpdateWorkspace(t.Context(), w.ID, func(c *store.WorkspaceChange) error {
		m.State = store.MemberRemoved
		c.PutMember(m)
		c.PutMember(active(150, "bob"))
		return nil
	}), nil)
	wantError(t, "DeleteUser of one who was removed", s.DeleteUser(t.Context(), "alice"), nil)
	got, err := s.Member(t.Context(), w.ID, m.ID)
	wantError(t, "Member", err, nil)
	want(t, "his name", got.User, "alice")
}

// What is another workspace's is not there.
func testOtherWorkspace(t *testing.T, s store.Store) {
	_, theirs := found(t, s, 300, "eve")
	w, _ := found(t, s, 100, "alice")
	_, err := s.Member(t.Context(), w.ID, theirs.ID)
	wantError(t, "another workspace's member", err, store.ErrNotFound)
	wantError(t, "UpdateWorkspace", s.UpdateWorkspace(t.Context(), w.ID, func(c *store.WorkspaceChange) error {
		_, err := c.Member(theirs.ID)
		wantError(t, "Member of another workspace", err, store.ErrNotFound)
		_, err = c.MemberOf("eve")
		wantError(t, "MemberOf another workspace", err, store.ErrNotFound)
		_, err = c.Credential(theirs.Token)
		wantError(t, "another workspace's credential", err, store.ErrNotFound)
		return c.DropCredential(theirs.Token)
	}), nil)
	_, err = s.Credential(t.Context(), theirs.Token)
	wantError(t, "another workspace's credential afterwards", err, nil)
}

// hazard 10
func testDeadToken(t *testing.T, s store.Store) {
	w, m := found(t, s, 100, "alice")
	old := developer(110, "alice").Digest
	if _, err := s.CredentialByDigest(t.Context(), old); err != nil { // a store may remember it from here on
		t.Fatal(err)
	}
	wantError(t, "UpdateWorkspace", s.UpdateWorkspace(t.Context(), w.ID, func(c *store.WorkspaceChange) error {
		token, err := c.Credential(m.Token)
		if err != nil {
			return err
		}
		token.Digest = digest(999)
		return c.PutCredential(token)
	}), nil)
	_, err := s.CredentialByDigest(t.Context(), old)
	wantError(t, "the old text", err, store.ErrNotFound)
	_, err = s.CredentialByDigest(t.Context(), digest(999))
	wantError(t, "the new text", err, nil)
}

// A hundred change a workspace at the same time, and none of it is lost. hazard 31
func testWorkspaceRace(t *testing.T, s store.Store) {
	w, _ := found(t, s, 100, "alice")
	together(100, func(int) {
		if err := s.UpdateWorkspace(t.Context(), w.ID, func(c *store.WorkspaceChange) error {
			c.Workspace.Subscriptions[0].Seats++
			return nil
		}); err != nil {
			t.Error(err)
		}
	})
	got, err := s.Workspace(t.Context(), w.ID)
	wantError(t, "Workspace", err, nil)
	want(t, "seats", got.Subscriptions[0].Seats, 102)
}

// An invitation is good for one. hazard 31
func testOneJoins(t *testing.T, s store.Store) {
	w, _ := found(t, s, 100, "alice")
	invitation := session(700, "", base().Add(time.Hour))
	invitation.Kind = store.KindInvitation
	wantError(t, "UpdateWorkspace", s.UpdateWorkspace(t.Context(), w.ID, func(c *store.WorkspaceChange) error {
		return c.PutCredential(invitation)
	}), nil)
	oneWins(t, errLost, func(int) error {
		return s.UpdateWorkspace(t.Context(), w.ID, func(c *store.WorkspaceChange) error {
			if _, err := c.Credential(invitation.ID); errors.Is(err, store.ErrNotFound) {
				return errLost
			} else if err != nil {
				return err
			}
			return c.DropCredential(invitation.ID)
		})
	})
}

// Users are deleted while they join: each is either gone or a member. hazard 31
func testDeleteAgainstJoin(t *testing.T, s store.Store) {
	w, _ := found(t, s, 100, "alice")
	const users = 20
	name := func(i int) string { return fmt.Sprintf("user%d", i/2) }
	for i := range users {
		putUser(t, s, store.User{Name: name(2 * i)})
	}
	together(2*users, func(i int) {
		var err error
		if i%2 == 0 {
			err = s.DeleteUser(t.Context(), name(i))
		} else {
			err = s.UpdateWorkspace(t.Context(), w.ID, func(c *store.WorkspaceChange) error {
				c.PutMember(active(1000+i, name(i)))
				return nil
			})
		}
		if err != nil && !errors.Is(err, store.ErrInUse) && !errors.Is(err, store.ErrInvalid) {
			t.Error(err)
		}
	})
	for i := range users {
		_, gone := s.User(t.Context(), name(2*i))
		_, none := s.MemberOf(t.Context(), w.ID, name(2*i))
		if errors.Is(gone, store.ErrNotFound) != errors.Is(none, store.ErrNotFound) {
			t.Errorf("user %d: %v, member: %v", i, gone, none)
		}
	}
}

func testMemberCredentials(t *testing.T, s store.Store) {
	c := apiKey(5, "")
	c.Kind, c.Workspace, c.Member, c.Subscription, c.Digest = store.KindLegacy, id(77), id(78), id(79), digest(5)+digest(6)
	create(t, s, c)
	wantThere(t, s, c)
	want(t, "those of the kind", list(t, s, store.Query{Kind: store.KindLegacy}), []store.ID{c.ID})
	c = apiKey(6, "")
	c.Kind = store.KindInvitation
	wantError(t, "an invitation without an expiry", s.CreateCredential(t.Context(), c), store.ErrInvalid)
}
