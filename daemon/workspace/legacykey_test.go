package workspace_test

import (
	"context"
	"strings"
	"testing"

	"latchkey/daemon/fault"
	"latchkey/daemon/store"
	"latchkey/daemon/workspace"
	"latchkey/plugins/secret"
)

const noKey = "Legacy key is not found."

// addition returns what makes a legacy key of acme known.
func (s *site) addition(key workspace.LegacyKey, text string) func(context.Context, workspace.Actor) error {
	key.Text = secret.New(text)
	return func(ctx context.Context, who workspace.Actor) error {
		_, err := s.AddLegacyKey(ctx, who, "acme", key)
		return err
	}
}

// giving returns what gives a legacy key of acme to a member.
func (s *site) giving(key store.ID, member string) func(context.Context, workspace.Actor) error {
	return func(ctx context.Context, who workspace.Actor) error {
		_, err := s.AssignLegacyKey(ctx, who, "acme", key, member)
		return err
	}
}

func TestLegacyKeyRefusals(t *testing.T) {
	s := newSite(t)
	const (
		noForm  = "The legacy key cannot be used: it is not 8 to 256 printable ASCII characters without spaces, or it is one of Latchkey's own tokens."
		badName = "name is at most 64 bytes of printable text."
		fresh   = "LEGACY-NEW-KEY"
		other   = "The member counts in another subscription; leave it out."
	)
	type key = workspace.LegacyKey
	elsewhere := s.foreignKey(t)
	end := func(id store.ID) func(context.Context, workspace.Actor) error {
		return func(ctx context.Context, who workspace.Actor) error { return s.DeleteLegacyKey(ctx, who, "acme", id) }
	}
	s.wantRefused(t, []refusal{
		{"none left", as("lou"), s.addition(key{}, fresh), fault.Conflict, noneLeft},
		{"none left for a member", as("lou"), s.addition(key{Member: "carl"}, fresh), fault.Conflict, noneLeft},
		{"none left in the one asked for", as("lou"), s.addition(key{Subscription: s.team}, fresh), fault.Conflict, noneLeft},
		{"one that is over", as("lou"), s.addition(key{Subscription: s.over}, fresh), fault.Conflict, "The subscription has ended."},
		{"unknown subscription", as("lou"), s.addition(key{Subscription: s.acme}, fresh), fault.NotFound, "Subscription is not found."},
		{"another subscription than the member's", as("lou"), s.addition(key{Member: "bob", Subscription: s.over}, fresh), fault.Conflict, other},
		{"known already", as("lou"), s.addition(key{Member: "bob"}, legacyText), fault.Conflict, "The name, the address or the key is taken already."},
		{"known in another workspace", as("lou"), s.addition(key{Member: "bob"}, "LEGACY-ELSEWHERE"), fault.Conflict, "The name, the address or the key is taken already."},
		{"for a removed one", as("lou"), s.addition(key{Member: s.rex}, fresh), fault.Conflict, removedOne},
		{"for nobody known", as("lou"), s.addition(key{Member: "nobody"}, fresh), fault.NotFound, noMember},
		{"without a permission", as("meg"), s.addition(key{}, fresh), fault.Forbidden, needSeats},
		{"short", as("lou"), s.addition(key{}, "LEGACY1"), fault.Invalid, noForm},
		{"empty", as("lou"), s.addition(key{}, ""), fault.Invalid, noForm},
		{"long", as("lou"), s.addition(key{}, strings.Repeat("x", 257)), fault.Invalid, noForm},
		{"with a space", as("lou"), s.addition(key{}, "LEGACY 0001"), fault.Invalid, noForm},
		{"a developer token", as("lou"), s.addition(key{}, s.tokens["bob"].Reveal()), fault.Invalid, noForm},
		{"a form of ours", as("lou"), s.addition(key{}, "lkc_0123456789"), fault.Invalid, noForm},
		{"bad name", as("lou"), s.addition(key{Name: "a\r\nb"}, fresh), fault.Invalid, badName},
		{"long name", as("lou"), s.addition(key{Name: strings.Repeat("n", 65)}, fresh), fault.Invalid, badName},
		{"give without the permission", as("carl"), s.giving(s.key, "carl"), fault.Forbidden, needSeats},
		{"give to a removed one", as("lou"), s.giving(s.key, s.rex), fault.Conflict, removedOne},
		{"give to nobody known", as("lou"), s.giving(s.key, "nobody"), fault.NotFound, noMember},
		{"give an unknown one", as("lou"), s.giving(s.acme, "carl"), fault.NotFound, noKey},
		{"give another workspace's", as("lou"), s.giving(elsewhere, "carl"), fault.NotFound, noKey},
		{"give a CI token", as("lou"), s.giving(s.ciID, "carl"), fault.NotFound, noKey},
		{"give a developer token", as("lou"), s.giving(s.member(t, "acme", "bob").Token, "carl"), fault.NotFound, noKey},
		{"end without the permission", as("cid"), end(s.key), fault.Forbidden, needSeats},
		{"end another workspace's", as("lou"), end(elsewhere), fault.NotFound, noKey},
		{"end a CI token", as("lou"), end(s.ciID), fault.NotFound, noKey},
		{"end nothing", as("lou"), end(""), fault.NotFound, noKey},
	})
	if _, _, err := s.LegacyKeys(t.Context(), as("carl"), "acme", "", 0); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("carl sees the keys: %v", err)
	}
}

// foreignKey makes a key of umbrella, which gets a subscription.
func (s *site) foreignKey(t *testing.T) store.ID {
	t.Helper()
	s.subscribe(t, "umbrella", 5)
	return s.legacy(t, "umbrella", "LEGACY-ELSEWHERE", "")
}

// A legacy key counts once with the seat of whoever is given it, by itself while nobody is, and the counts go along when it moves.
func TestLegacyKeysAreCountedOnce(t *testing.T) {
	s := newSite(t)
	team := s.subscribe(t, "acme", 5)
	want := func(what string, used int) {
		t.Helper()
		if got := s.used(t, "acme", team); got != used {
			t.Errorf("%s: %d in use, not %d", what, got, used)
		}
	}
	first := s.legacy(t, "acme", "LEGACY-A-000", "")
	want("nobody's", 1)
	second := s.legacy(t, "acme", "LEGACY-B-000", "carl")
	want("carl's", 2)
	third := s.legacy(t, "acme", "LEGACY-C-000", "carl")
	want("carl's second", 2)
	s.seat(t, "acme", "carl")
	want("and his seat", 2)
	give := func(key store.ID, member string) {
		t.Helper()
		check(t, s.giving(key, member)(t.Context(), as("lou")))
	}
	give(first, "carl")
	want("the third is carl's", 1)
	give(second, "ivy@example.com")
	want("one is an invited member's", 2)
	give(second, "ivy@example.com")
	want("and again", 2)
	give(third, "bob")
	want("one goes to bob, who counts in another subscription", 2)
	if key := must[store.Credential](t)(s.engine.Get(t.Context(), third)); key.Subscription != s.team {
		t.Errorf("%+v", key)
	}
	check(t, s.DeleteLegacyKey(t.Context(), as("lou"), "acme", s.key))
	give(third, "")
	want("back to nobody, in the subscription where it was", 2)
	if key := must[store.Credential](t)(s.engine.Get(t.Context(), third)); key.Subscription != s.team || key.Member != "" {
		t.Errorf("%+v", key)
	}
	check(t, s.UnassignSeat(t.Context(), as("lou"), "acme", "carl"))
	want("carl keeps a key", 2)
	check(t, s.DeleteLegacyKey(t.Context(), as("lou"), "acme", first))
	want("and has none any more", 1)
	must[workspace.Joined](t)(s.Join(t.Context(), as("ivy"), s.ivyCode))
	want("ivy has joined", 1)
	s.seat(t, "acme", "ivy")
	want("and has a seat", 1)
	check(t, s.Remove(t.Context(), as("ann"), "acme", "ivy"))
	want("and is gone", 0)
}

// Whoever has moved to a developer token and a seat loses his legacy key, and nothing else changes.
func TestLegacyKeyIsDeletedAfterTheMove(t *testing.T) {
	s := newSite(t)
	check(t, s.giving(s.key, "carl")(t.Context(), as("lou")))
	s.seat(t, "acme", "carl")
	before, seats := s.member(t, "acme", "carl"), must[workspace.Seats](t)(s.Seats(t.Context(), as("ann"), "acme"))
	check(t, s.DeleteLegacyKey(t.Context(), as("lou"), "acme", s.key))
	after, now := s.member(t, "acme", "carl"), must[workspace.Seats](t)(s.Seats(t.Context(), as("ann"), "acme"))
	if len(after.LegacyKeys) != 0 || !after.Seat || after.Token != before.Token || after.Subscription != s.team || now.Used != seats.Used {
		t.Errorf("%+v, %d of %d seats", after, now.Used, now.Total)
	}
	if s.usable(t, secret.New(legacyText)) || !s.usable(t, s.tokens["carl"]) {
		t.Error("the key can be used still, or the token cannot")
	}
	check(t, s.addition(workspace.LegacyKey{Member: "carl", Name: "old laptop"}, legacyText)(t.Context(), as("lou")))
	keys, total, err := s.LegacyKeys(t.Context(), as("lou"), "acme", "", 0)
	if err != nil || total != 1 || keys[0].Name != "old laptop" || keys[0].CreatedBy != "lou" || keys[0].Member != after.ID || keys[0].Subscription != s.team {
		t.Errorf("%+v, %v", keys, err)
	}
}

// A key cannot leave a member who keeps a seat when no other is left, and it can when he keeps none.
func TestLegacyKeyNeedsASeatOfItsOwn(t *testing.T) {
	s := newSite(t)
	check(t, s.giving(s.key, "bob")(t.Context(), as("lou"))) // counts with bob's seat, which leaves one
	s.seat(t, "acme", "ann")
	s.wantRefused(t, []refusal{
		{"to nobody", as("lou"), s.giving(s.key, ""), fault.Conflict, noneLeft},
		{"to one who has no seat", as("lou"), s.giving(s.key, "carl"), fault.Conflict, noneLeft},
	})
	check(t, s.giving(s.key, "ann")(t.Context(), as("lou")))
	check(t, s.UnassignSeat(t.Context(), as("lou"), "acme", "ann"))
	check(t, s.giving(s.key, "carl")(t.Context(), as("lou")))
	check(t, s.giving(s.key, "")(t.Context(), as("lou")))
	if used := s.used(t, "acme", s.team); used != 2 {
		t.Errorf("%d in use", used)
	}
}
