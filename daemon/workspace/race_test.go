package workspace_test

import (
	"fmt"
	"sync"
	"testing"

	"latchkey/daemon/fault"
	"latchkey/daemon/store"
	"latchkey/daemon/workspace"
	"latchkey/plugins/secret"
)

// crowd is how many race for one thing.
const crowd = 50

// race calls f with 0 to n-1 at the same time, and returns what came of each.
func race(n int, f func(int) error) []error {
	results, start := make([]error, n), make(chan struct{})
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			<-start
			results[i] = f(i)
		})
	}
	close(start)
	wait.Wait()
	return results
}

// wantOne fails the test unless exactly one has won and all others were told this.
func wantOne(t *testing.T, results []error, kind fault.Kind, sentence string) {
	t.Helper()
	winners := 0
	for _, err := range results {
		if err == nil {
			winners++
			continue
		}
		wantFault(t, err, kind, sentence)
	}
	if winners != 1 {
		t.Errorf("%d have won", winners)
	}
}

// Fifty admins want the last seat, each for himself: one gets it, and the others are told that all are in use.
func TestRaceForTheLastSeat(t *testing.T) {
	onStores(t, func(t *testing.T, s store.Store) {
		h := houseOn(s)
		id, token := h.found(t, "acme", "person")
		texts := []secret.Text{token}
		team := h.subscribe(t, "acme", 3)
		h.seat(t, "acme", "person")
		h.legacy(t, "acme", legacyText, "")
		for i := range crowd {
			texts = append(texts, h.enlist(t, "acme", fmt.Sprintf("admin%d", i), workspace.RoleAdmin))
		}
		results := race(crowd, func(i int) error {
			name := fmt.Sprintf("admin%d", i)
			_, err := h.AssignSeat(t.Context(), as(name), "acme", name, team)
			return err
		})
		wantOne(t, results, fault.Conflict, "No seat is left: 3 of 3 are in use.")
		h.wantSound(t, id, texts)
	})
}

// Fifty users join with the same code: one is let in, and gets the only token.
func TestRaceWithOneInvitation(t *testing.T) {
	onStores(t, func(t *testing.T, s store.Store) {
		h := houseOn(s)
		id, token := h.found(t, "acme", "ann")
		_, code := h.invite(t, "acme", "somebody", workspace.RoleMember)
		var mu sync.Mutex
		texts := []secret.Text{token, code}
		results := race(crowd, func(i int) error {
			joined, err := h.Join(t.Context(), as(fmt.Sprintf("user%d", i)), code)
			if err == nil {
				mu.Lock()
				texts = append(texts, joined.Token)
				mu.Unlock()
			}
			return err
		})
		wantOne(t, results, fault.NotFound, void)
		h.wantSound(t, id, texts)
		if members, total, err := h.Members(t.Context(), as("ann"), "acme", true, "", 0); err != nil || total != 2 || members[1].Token == "" {
			t.Errorf("members %+v, %v", members, err)
		}
	})
}

// Two admins demote each other, or remove each other, at once: one remains, whoever that is.
func TestRaceOfTwoAdmins(t *testing.T) {
	const rounds = 15
	member := workspace.RoleMember
	onStores(t, func(t *testing.T, s store.Store) {
		h := houseOn(s)
		for round := range rounds {
			for deed, do := range map[string]func(in, by, to string) error{
				"demotes": func(in, by, to string) error {
					_, err := h.ChangeMember(t.Context(), as(by), in, to, workspace.MemberChange{Role: &member})
					return err
				},
				"removes": func(in, by, to string) error { return h.Remove(t.Context(), as(by), in, to) },
				"leaves":  func(in, by, _ string) error { return h.Remove(t.Context(), as(by), in, by) },
			} {
				name := fmt.Sprintf("%s %d", deed, round)
				id, token := h.found(t, name, "ann")
				texts := []secret.Text{token, h.enlist(t, name, "bob", workspace.RoleAdmin)}
				results := race(2, func(i int) error { return do(name, []string{"ann", "bob"}[i], []string{"bob", "ann"}[i]) })
				if (results[0] == nil) == (results[1] == nil) {
					t.Errorf("%s: %v", deed, results)
				}
				h.wantSound(t, id, texts)
			}
		}
	})
}

// A workspace's name is one's, however many want it at once, and a legacy key is one workspace's.
func TestRaceForNames(t *testing.T) {
	onStores(t, func(t *testing.T, s store.Store) {
		h := houseOn(s)
		results := race(10, func(i int) error {
			_, err := h.Create(t.Context(), operator(), "acme", fmt.Sprintf("user%d", i))
			return err
		})
		for _, err := range results {
			if err != nil && fault.KindOf(err) != fault.Conflict {
				t.Error(err)
			}
		}
		if all, total, err := h.All(t.Context(), operator(), "", 0); err != nil || total != 1 || len(all) != 1 {
			t.Errorf("%d workspaces, %v", total, err)
		}
		team := h.subscribe(t, "acme", 10)
		results = race(10, func(int) error {
			_, err := h.AddLegacyKey(t.Context(), operator(), "acme", workspace.LegacyKey{Text: secret.New(legacyText)})
			return err
		})
		wantOne(t, results, fault.Conflict, "The name, the address or the key is taken already.")
		if used := h.used(t, "acme", team); used != 1 {
			t.Errorf("%d seats in use", used)
		}
	})
}

// A trial is given once, and an address is invited once, however many ask at the same time.
func TestRaceForWhatIsGivenOnce(t *testing.T) {
	onStores(t, func(t *testing.T, s store.Store) {
		h := houseOn(s)
		id, token := h.found(t, "acme", "ann")
		results := race(crowd, func(int) error { return second(h.StartTrial(t.Context(), as("ann"), "acme")) })
		wantOne(t, results, fault.Conflict, "The workspace has had its trial.")
		var mu sync.Mutex
		texts := []secret.Text{token}
		results = race(crowd, func(int) error {
			_, invitation, err := h.Invite(t.Context(), as("ann"), "acme", "New", "new@example.com", "")
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				texts = append(texts, invitation.Code)
			}
			return err
		})
		wantOne(t, results, fault.Conflict, "Somebody with this address is invited already; resend the invitation.")
		// Of codes that are sent again at once the last one is good, and no other.
		results = race(crowd, func(int) error {
			_, invitation, err := h.Resend(t.Context(), as("ann"), "acme", "new@example.com")
			mu.Lock()
			defer mu.Unlock()
			texts = append(texts, invitation.Code)
			return err
		})
		for _, err := range results {
			if err != nil {
				t.Error(err)
			}
		}
		h.wantSound(t, id, texts)
		if w := must[store.Workspace](t)(s.Workspace(t.Context(), id)); len(w.Subscriptions) != 1 {
			t.Errorf("%+v", w)
		}
	})
}
