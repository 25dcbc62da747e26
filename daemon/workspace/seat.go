package workspace

import (
	"context"

	"latchkey/daemon/fault"
	"latchkey/daemon/store"
)

// AssignSeat gives a member a seat of a subscription; with an empty one, of the one that his legacy keys count in if that runs, or the
// first that runs and has a seat left. Legacy keys that he holds count with the seat from then on. A seat of a subscription that has
// ended is given up for it. It needs licences.assign. The error is a Forbidden or NotFound fault, a Conflict fault that says why he
// cannot have one, or an Unavailable fault.
func (s *Service) AssignSeat(ctx context.Context, who Actor, reference, member string, subscription store.ID) (store.Member, error) {
	var after store.Member
	err := s.change(ctx, who, reference, action{"seat_assigned", LicencesAssign}, func(t *transaction) error {
		before, err := t.member(member)
		if err != nil {
			return err
		}
		switch {
		case before.State == store.MemberInvited:
			return fault.Conflictf("not_joined", "The member was invited and has not joined yet; a seat can be assigned when he has.")
		case before.State == store.MemberRemoved:
			return fault.Conflictf("member_removed", "The member was removed; invite him again first.")
		}
		own := t.Workspace().Subscription(before.Subscription)
		if before.Seat && (own == nil || StateOf(own, t.now) != Ended) {
			return fault.Conflictf("has_seat", "The member has a seat already.")
		}
		to := subscription
		if to == "" && own != nil && StateOf(own, t.now) == Running {
			to = own.ID
		}
		if to, err = t.choose(to); err != nil {
			return err
		}
		if err := t.move(before.Subscription, to); err != nil {
			return err
		}
		after = before.Clone()
		after.Seat, after.Subscription = true, to
		for _, id := range after.LegacyKeys {
			if err := t.place(id, after.ID, to); err != nil {
				return err
			}
		}
		t.PutMember(after)
		return nil
	})
	return after, err
}

// UnassignSeat takes a member's seat back; his next activation fails. It needs licences.assign. The errors are those of AssignSeat.
func (s *Service) UnassignSeat(ctx context.Context, who Actor, reference, member string) error {
	return s.change(ctx, who, reference, action{"seat_unassigned", LicencesAssign}, func(t *transaction) error {
		before, err := t.member(member)
		if err != nil {
			return err
		}
		if !before.Seat {
			return fault.Conflictf("no_seat", "The member has no seat.")
		}
		after := before.Clone()
		after.Seat = false
		if len(after.LegacyKeys) == 0 {
			if err := t.move(before.Subscription, ""); err != nil {
				return err
			}
			after.Subscription = ""
		}
		t.PutMember(after)
		return nil
	})
}

// Seats are the seats of a workspace: how many of those that run now are in use, how many there are, and who holds one or a legacy key.
type Seats struct {
	Used, Total int
	Members     []store.Member
}

// Seats returns the seats of a workspace. Every member may see them. The errors are those of Find.
func (s *Service) Seats(ctx context.Context, who Actor, reference string) (Seats, error) {
	standing, err := s.Find(ctx, who, reference)
	if err != nil {
		return Seats{}, err
	}
	var seats Seats
	now := s.now()
	for i := range standing.Workspace.Subscriptions {
		if subscription := &standing.Workspace.Subscriptions[i]; StateOf(subscription, now) == Running {
			seats.Used, seats.Total = seats.Used+subscription.Used, seats.Total+subscription.Seats
		}
	}
	all, _, err := s.store.Members(ctx, store.MemberQuery{Workspace: standing.Workspace.ID})
	if err != nil {
		return Seats{}, translate(err)
	}
	for i := range all {
		if all[i].Subscription != "" {
			seats.Members = append(seats.Members, all[i])
		}
	}
	return seats, nil
}
