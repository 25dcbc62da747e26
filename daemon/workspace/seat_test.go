package workspace_test

import (
	"context"
	"testing"

	"latchkey/daemon/fault"
	"latchkey/daemon/store"
	"latchkey/daemon/workspace"
)

func TestSeatRefusals(t *testing.T) {
	s := newSite(t)
	assign := func(member string, in store.ID) func(context.Context, workspace.Actor) error {
		return func(ctx context.Context, who workspace.Actor) error {
			_, err := s.AssignSeat(ctx, who, "acme", member, in)
			return err
		}
	}
	take := func(member string) func(context.Context, workspace.Actor) error {
		return func(ctx context.Context, who workspace.Actor) error { return s.UnassignSeat(ctx, who, "acme", member) }
	}
	const notJoined = "The member was invited and has not joined yet; a seat can be assigned when he has."
	s.wantRefused(t, []refusal{
		{"invited", as("ann"), assign("ivy@example.com", ""), fault.Conflict, notJoined},
		{"removed", as("ann"), assign(s.rex, ""), fault.Conflict, removedOne},
		{"removed, by his address", as("ann"), assign("REX@example.com", ""), fault.Conflict, removedOne},
		{"removed, by his account", as("ann"), assign("rex", ""), fault.NotFound, noMember},
		{"twice", as("ann"), assign("bob", ""), fault.Conflict, "The member has a seat already."},
		{"twice, of another subscription", operator(), assign("bob", s.over), fault.Conflict, "The member has a seat already."},
		{"beyond the number", as("ann"), assign("carl", ""), fault.Conflict, noneLeft},
		{"beyond the number of the one asked for", as("ann"), assign("carl", s.team), fault.Conflict, noneLeft},
		{"of one that is over", as("ann"), assign("carl", s.over), fault.Conflict, "The subscription has ended."},
		{"of an unknown one", as("ann"), assign("carl", s.acme), fault.NotFound, "Subscription is not found."},
		{"to nobody", as("ann"), assign("", ""), fault.NotFound, noMember},
		{"to somebody of another workspace", as("ann"), assign("vic", ""), fault.NotFound, noMember},
		{"without a permission", as("carl"), assign("carl", ""), fault.Forbidden, needSeats},
		{"with another permission", as("meg"), assign("carl", ""), fault.Forbidden, needSeats},
		{"take without the permission", as("bob"), take("bob"), fault.Forbidden, needSeats},
		{"take from one who has none", as("lou"), take("carl"), fault.Conflict, "The member has no seat."},
		{"take from an invited one", as("lou"), take("ivy@example.com"), fault.Conflict, "The member has no seat."},
		{"take from a removed one", as("lou"), take(s.rex), fault.Conflict, "The member has no seat."},
		{"take from nobody", as("lou"), take("nobody"), fault.NotFound, noMember},
		{"no subscription", operator(), func(ctx context.Context, who workspace.Actor) error {
			_, err := s.AssignSeat(ctx, who, "umbrella", "vic", "")
			return err
		}, fault.Conflict, "The workspace has no subscription that runs now."},
	})
}

// A seat goes to whoever has the permission says, counts once, and is free again when it is taken back or its holder is gone.
func TestSeats(t *testing.T) {
	s := newSite(t)
	check(t, s.UnassignSeat(t.Context(), as("lou"), "acme", "bob"))
	if used := s.used(t, "acme", s.team); used != 1 {
		t.Fatalf("%d in use", used)
	}
	m := must[store.Member](t)(s.AssignSeat(t.Context(), as("lou"), "acme", "carl@EXAMPLE.com", s.team))
	if !m.Seat || m.Subscription != s.team || s.used(t, "acme", s.team) != 2 || !s.member(t, "acme", "carl").Seat {
		t.Errorf("%+v", m)
	}
	seats := must[workspace.Seats](t)(s.Seats(t.Context(), as("aud"), "acme"))
	if seats.Used != 2 || seats.Total != 2 || len(seats.Members) != 1 || seats.Members[0].User != "carl" {
		t.Errorf("%+v", seats)
	}
	check(t, s.Remove(t.Context(), as("meg"), "acme", "carl"))
	if used := s.used(t, "acme", s.team); used != 1 {
		t.Errorf("%d in use after the removal", used)
	}
	if m := s.member(t, "acme", string(m.ID)); m.State != store.MemberRemoved || m.Seat || m.Subscription != "" || !m.RemovedAt.Equal(s.clock.now().Truncate(1000)) {
		t.Errorf("%+v", m)
	}
	s.seat(t, "acme", "bob")
}

// Without a word about it, a seat is of the first subscription that runs and has one left; one that has not begun gives one when asked.
func TestSeatOfTheFirstThatHasOne(t *testing.T) {
	s := newSite(t)
	begins := s.clock.now().AddDate(0, 1, 0)
	later := must[store.Subscription](t)(s.AddSubscription(t.Context(), operator(), "acme", store.Subscription{
		Plan: "later", Seats: 1, StartsAt: begins, EndsAt: begins.AddDate(0, 1, 0),
	})).ID
	_, err := s.AssignSeat(t.Context(), as("ann"), "acme", "carl", "")
	wantFault(t, err, fault.Conflict, noneLeft)
	if m := must[store.Member](t)(s.AssignSeat(t.Context(), as("ann"), "acme", "carl", later)); m.Subscription != later {
		t.Errorf("%+v", m)
	}
	second := s.subscribe(t, "acme", 1)
	if m := must[store.Member](t)(s.AssignSeat(t.Context(), as("ann"), "acme", "ann", "")); m.Subscription != second {
		t.Errorf("%+v", m)
	}
	_, err = s.AssignSeat(t.Context(), as("ann"), "acme", "lou", "")
	wantFault(t, err, fault.Conflict, "No seat is left: 3 of 3 are in use.")
}

// A member who holds a legacy key counts already, and his seat adds nothing; with a seat of another subscription the key goes along.
func TestSeatBesideLegacyKeys(t *testing.T) {
	s := newSite(t)
	must[store.Credential](t)(s.AssignLegacyKey(t.Context(), as("lou"), "acme", s.key, "carl"))
	s.seat(t, "acme", "carl")
	if used := s.used(t, "acme", s.team); used != 2 {
		t.Errorf("%d in use", used)
	}
	check(t, s.UnassignSeat(t.Context(), as("lou"), "acme", "carl"))
	if m := s.member(t, "acme", "carl"); m.Subscription != s.team || m.Seat || s.used(t, "acme", s.team) != 2 {
		t.Errorf("%+v", m)
	}
	other := s.subscribe(t, "acme", 1)
	must[store.Member](t)(s.AssignSeat(t.Context(), as("lou"), "acme", "carl", other))
	key := must[store.Credential](t)(s.engine.Get(t.Context(), s.key))
	if key.Subscription != other || s.used(t, "acme", s.team) != 1 || s.used(t, "acme", other) != 1 {
		t.Errorf("%+v", key)
	}
}
