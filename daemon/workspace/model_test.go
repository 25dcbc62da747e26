package workspace_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
	"latchkey/daemon/store"
	"latchkey/daemon/store/pgstore"
	"latchkey/daemon/workspace"
	"latchkey/plugins/secret"
)

// How much is done at random: several do something at the same time, each one thing after the other.
const (
	actors  = 4
	deeds   = 30
	persons = 6
)

// deed is one thing that is done. The numbers pick whom it is done by, and to whom or to what.
type deed struct{ What, By, To, Which int }

func (d deed) String() string {
	return fmt.Sprintf("{%d by %d to %d, %d}", d.What, d.By, d.To, d.Which)
}

// Whatever is done at the same time, what is counted is what there is, and nobody has a token that he must not have.
func TestConcurrentChangesKeepWhatAlwaysHolds(t *testing.T) {
	onStores(t, func(t *testing.T, s store.Store) {
		limitRuns(t, s)
		h, run := houseOn(s), 0
		deedOf := rapid.Custom(func(rt *rapid.T) deed {
			n := rapid.IntRange(0, 1000)
			return deed{n.Draw(rt, "what"), n.Draw(rt, "by"), n.Draw(rt, "to"), n.Draw(rt, "which")}
		})
		rapid.Check(t, func(rt *rapid.T) {
			run++
			programs := rapid.SliceOfN(rapid.SliceOfN(deedOf, 8, deeds), actors, actors).Draw(rt, "programs")
			m := newModel(t, h, fmt.Sprintf("workspace %d", run))
			failures := make([]error, actors)
			var wait sync.WaitGroup
			for i, program := range programs {
				wait.Go(func() {
					for _, d := range program {
						failures[i] = errors.Join(failures[i], m.do(t.Context(), d))
					}
				})
			}
			wait.Wait()
			if err := errors.Join(failures...); err != nil {
				rt.Fatal(err)
			}
			h.wantSound(t, m.id, m.tokens)
			m.wantCITokens(t)
			if t.Failed() {
				rt.FailNow()
			}
		})
	})
}

// limitRuns makes a database do fewer runs than a file, which is much faster.
func limitRuns(t *testing.T, s store.Store) {
	t.Helper()
	limit := "100"
	if _, database := s.(*pgstore.Node); database {
		limit = "40"
	}
	runs := flag.Lookup("rapid.checks")
	before := runs.Value.String()
	check(t, runs.Value.Set(limit))
	t.Cleanup(func() { check(t, runs.Value.Set(before)) })
}

// model is one workspace that things are done to, and what was shown of it.
type model struct {
	*house
	name string
	id   store.ID

	mu     sync.Mutex
	tokens []secret.Text // and codes of invitations
	codes  []secret.Text
	ci     map[store.ID]secret.Text
	keys   int
}

func newModel(t testing.TB, h *house, name string) *model {
	t.Helper()
	m := &model{house: h, name: name, ci: map[store.ID]secret.Text{}}
	id, token := h.found(t, name, m.person(0))
	m.id, m.tokens = id, []secret.Text{token}
	h.subscribe(t, name, 3)
	h.subscribe(t, name, 3)
	h.seat(t, name, m.person(0))
	for i := range 3 {
		m.tokens = append(m.tokens, m.enlistOne(t, i+1, []string{workspace.RoleAdmin, workspace.RoleMember}[i%2], workspace.Permissions()[i]))
	}
	m.keys = 3
	for i, holder := range []string{"", m.person(2), m.person(3)} {
		h.legacy(t, name, fmt.Sprintf("legacy-%s-%d", id, i+1), holder)
	}
	return m
}

// person is one of the few who are in a workspace; each has his own.
func (m *model) person(n int) string { return fmt.Sprintf("person%d of %s", n%persons, m.name) }

// mail is the address of a person.
func (m *model) mail(n int) string { return fmt.Sprintf("person%d@example.com", n%persons) }

// enlistOne makes a person a member, and returns his developer token.
func (m *model) enlistOne(t testing.TB, n int, role string, permissions ...string) secret.Text {
	t.Helper()
	_, invitation, err := m.Invite(t.Context(), operator(), m.name, m.person(n), m.mail(n), role)
	check(t, err)
	token := must[workspace.Joined](t)(m.Join(t.Context(), as(m.person(n)), invitation.Code)).Token
	must[store.Member](t)(m.ChangeMember(t.Context(), operator(), m.name, m.person(n), workspace.MemberChange{Permissions: &permissions}))
	return token
}

// do does one thing, and returns an error when it went wrong in another way than a refusal.
func (m *model) do(ctx context.Context, d deed) error {
	who := as(m.person(d.By))
	if d.By%2 == 0 {
		who = operator()
	}
	things := []func(context.Context, workspace.Actor, deed) error{
		m.inviteOne, m.resendOne, m.joinOne, m.joinOne, m.removeOne, m.changeOne, m.changeOne, m.assign, m.assign, m.unassign,
		m.addKey, m.moveKey, m.moveKey, m.deleteKey, m.rotate, m.makeCI, m.rotateCI, m.present, m.deleteUser,
	}
	what := d.What % len(things)
	err := things[what](ctx, who, d)
	if kind := fault.KindOf(err); err != nil && (kind == fault.Internal || kind == fault.Unavailable) {
		return fmt.Errorf("deed %d: %w", what, err)
	}
	return nil
}

// shown remembers a text, and whether it is the code of an invitation.
func (m *model) shown(text secret.Text, code bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tokens = append(m.tokens, text)
	if code {
		m.codes = append(m.codes, text)
	}
}

// present checks one of the texts, so that what a store keeps in memory is there when it is changed.
func (m *model) present(ctx context.Context, _ workspace.Actor, d deed) error {
	m.mu.Lock()
	text, _ := one(m.tokens, d.Which)
	m.mu.Unlock()
	_, err := m.engine.Check(ctx, text.Reveal(), credential.Developer|credential.Invitation)
	return err
}

// one picks one of those there are.
func one[T any](all []T, n int) (picked T, ok bool) {
	if len(all) == 0 {
		return picked, false
	}
	return all[n%len(all)], true
}

// someone picks a member in whatever state.
func (m *model) someone(ctx context.Context, n int) (string, error) {
	all, _, err := m.store.Members(ctx, store.MemberQuery{Workspace: m.id, Removed: true})
	picked, _ := one(all, n)
	return string(picked.ID), err
}

// deleteUser deletes a user, which is refused while he is a member.
func (m *model) deleteUser(ctx context.Context, _ workspace.Actor, d deed) error {
	return m.users.Delete(ctx, m.person(d.To), "operator", operator().Origin)
}

func (m *model) inviteOne(ctx context.Context, who workspace.Actor, d deed) error {
	role := []string{workspace.RoleMember, workspace.RoleAdmin}[d.Which%2]
	_, invitation, err := m.Invite(ctx, who, m.name, m.person(d.To), m.mail(d.To), role)
	if err == nil {
		m.shown(invitation.Code, true)
	}
	return err
}

func (m *model) resendOne(ctx context.Context, who workspace.Actor, d deed) error {
	member, err := m.someone(ctx, d.To)
	if err != nil {
		return err
	}
	_, invitation, err := m.Resend(ctx, who, m.name, member)
	if err == nil {
		m.shown(invitation.Code, true)
	}
	return err
}

func (m *model) joinOne(ctx context.Context, _ workspace.Actor, d deed) error {
	m.mu.Lock()
	latest := m.codes[max(0, len(m.codes)-4):]
	code, ok := one(latest, d.Which)
	m.mu.Unlock()
	if !ok {
		return nil
	}
	joined, err := m.Join(ctx, as(m.person(d.To)), code)
	switch {
	case err == nil:
		m.shown(joined.Token, false)
	case errors.Is(err, store.ErrInvalid) && strings.Contains(err.Error(), "of an active member is not known"):
		return nil // the user was deleted while he joined: nothing is kept, and he cannot ask again
	}
	return err
}

func (m *model) removeOne(ctx context.Context, who workspace.Actor, d deed) error {
	member, err := m.someone(ctx, d.To)
	if err != nil {
		return err
	}
	return m.Remove(ctx, who, m.name, member)
}

func (m *model) changeOne(ctx context.Context, who workspace.Actor, d deed) error {
	member, err := m.someone(ctx, d.To)
	if err != nil {
		return err
	}
	role := []string{workspace.RoleMember, workspace.RoleAdmin}[d.Which%2]
	permissions := workspace.Permissions()[:d.Which%5]
	_, err = m.ChangeMember(ctx, who, m.name, member, workspace.MemberChange{Role: &role, Permissions: &permissions})
	return err
}

func (m *model) assign(ctx context.Context, who workspace.Actor, d deed) error {
	member, err := m.someone(ctx, d.To)
	if err != nil {
		return err
	}
	subscription, err := m.subscription(ctx, d.Which)
	if err != nil {
		return err
	}
	_, err = m.AssignSeat(ctx, who, m.name, member, subscription)
	return err
}

// subscription picks one, or none.
func (m *model) subscription(ctx context.Context, n int) (store.ID, error) {
	w, err := m.store.Workspace(ctx, m.id)
	if err != nil || n%3 == 0 {
		return "", err
	}
	picked, _ := one(w.Subscriptions, n)
	return picked.ID, nil
}

func (m *model) unassign(ctx context.Context, who workspace.Actor, d deed) error {
	member, err := m.someone(ctx, d.To)
	if err != nil {
		return err
	}
	return m.UnassignSeat(ctx, who, m.name, member)
}

func (m *model) addKey(ctx context.Context, who workspace.Actor, d deed) error {
	m.mu.Lock()
	m.keys++
	key := workspace.LegacyKey{Text: secret.New(fmt.Sprintf("legacy-%s-%d", m.id, m.keys))}
	m.mu.Unlock()
	var err error
	if d.Which%3 > 0 {
		if key.Member, err = m.someone(ctx, d.To); err != nil {
			return err
		}
	}
	if key.Subscription, err = m.subscription(ctx, d.Which/3); err != nil {
		return err
	}
	_, err = m.AddLegacyKey(ctx, who, m.name, key)
	return err
}

// someKey picks a legacy key.
func (m *model) someKey(ctx context.Context, n int) (store.ID, error) {
	all, _, err := m.store.Credentials(ctx, store.Query{Workspace: m.id, Kind: store.KindLegacy})
	picked, _ := one(all, n)
	return picked.ID, err
}

func (m *model) moveKey(ctx context.Context, who workspace.Actor, d deed) error {
	key, err := m.someKey(ctx, d.Which)
	if err != nil {
		return err
	}
	member := ""
	if d.To%4 > 0 {
		if member, err = m.someone(ctx, d.To); err != nil {
			return err
		}
	}
	_, err = m.AssignLegacyKey(ctx, who, m.name, key, member)
	return err
}

func (m *model) deleteKey(ctx context.Context, who workspace.Actor, d deed) error {
	key, err := m.someKey(ctx, d.Which)
	if err != nil {
		return err
	}
	return m.DeleteLegacyKey(ctx, who, m.name, key)
}

func (m *model) rotate(ctx context.Context, _ workspace.Actor, d deed) error {
	issued, err := m.RotateDeveloperToken(ctx, as(m.person(d.By)), m.name)
	if err == nil {
		m.shown(issued.Text, false)
	}
	return err
}

func (m *model) makeCI(ctx context.Context, who workspace.Actor, _ deed) error {
	issued, err := m.CreateCIToken(ctx, who, m.name, "build", time.Time{})
	if err == nil {
		m.mu.Lock()
		m.ci[issued.Credential.ID] = issued.Text
		m.mu.Unlock()
	}
	return err
}

// rotateCI rotates a token or deletes it. Its lock is held over both, so that the test knows which text was the last.
func (m *model) rotateCI(ctx context.Context, who workspace.Actor, d deed) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id := range m.ci {
		if d.Which%3 == 0 {
			err := m.DeleteCIToken(ctx, who, m.name, id)
			if err == nil {
				delete(m.ci, id)
			}
			return err
		}
		issued, err := m.RotateCIToken(ctx, who, m.name, id)
		if err == nil {
			m.ci[id] = issued.Text
		}
		return err
	}
	return nil
}

// wantCITokens fails the test unless the CI tokens are those that were made and not deleted, whoever was removed meanwhile.
func (m *model) wantCITokens(t testing.TB) {
	t.Helper()
	all, _, err := m.store.Credentials(t.Context(), store.Query{Workspace: m.id, Kind: store.KindCI})
	check(t, err)
	if len(all) != len(m.ci) {
		t.Errorf("%d CI tokens, not %d", len(all), len(m.ci))
	}
	for id, text := range m.ci {
		if !m.usable(t, text) {
			t.Errorf("the CI token %s cannot be used", id)
		}
	}
}
