package workspace

import (
	"context"
	"slices"
	"time"

	"latchkey/daemon/fault"
	"latchkey/daemon/mail"
	"latchkey/daemon/store"
)

// What a trial is.
const (
	TrialPlan  = "trial"
	TrialSeats = 5
	TrialTime  = 14 * 24 * time.Hour
)

// The bounds of a subscription.
const (
	maxSeats         = 1_000_000
	maxSubscriptions = 1000
	maxFeatures      = 64
)

// SubscriptionState says whether a subscription counts.
type SubscriptionState string

// The states of a subscription.
const (
	Pending SubscriptionState = "pending" // it has not begun
	Running SubscriptionState = "active"
	Ended   SubscriptionState = "ended"
)

// StateOf returns the state of a subscription at now: it runs from StartsAt on, and does not any more at EndsAt.
func StateOf(s *store.Subscription, now time.Time) SubscriptionState {
	switch {
	case now.Before(s.StartsAt):
		return Pending
	case now.Before(s.EndsAt):
		return Running
	}
	return Ended
}

// AddSubscription gives a workspace a subscription; its id and what is used of it are not the caller's to say. A zero StartsAt means
// now. Only an administrator of the daemon may. The error is a Forbidden or NotFound fault, an Invalid one for what cannot be a
// subscription, a Conflict fault for one too many, or an Unavailable fault.
func (s *Service) AddSubscription(ctx context.Context, who Actor, reference string, added store.Subscription) (store.Subscription, error) {
	if added.StartsAt.IsZero() {
		added.StartsAt = s.now()
	}
	if err := checkSubscription(&added, s.now()); err != nil {
		return store.Subscription{}, err
	}
	return s.subscribe(ctx, who, reference, "subscription_added", func(t *transaction) (store.Subscription, error) {
		added.Used, added.Trial = 0, false
		return added, who.RequireAdmin()
	})
}

// StartTrial gives a workspace its trial, of 14 days and five seats, which it can have once. An admin of the workspace may. The error
// is a Forbidden or NotFound fault, a Conflict fault when there was one, or an Unavailable fault.
func (s *Service) StartTrial(ctx context.Context, who Actor, reference string) (store.Subscription, error) {
	return s.subscribe(ctx, who, reference, "trial_started", func(t *transaction) (store.Subscription, error) {
		if err := t.by.requireAdmin("start the trial"); err != nil {
			return store.Subscription{}, err
		}
		if t.Workspace().TrialUsed {
			return store.Subscription{}, fault.Conflictf("trial_used", "The workspace has had its trial.")
		}
		t.Workspace().TrialUsed = true
		return store.Subscription{Plan: TrialPlan, Seats: TrialSeats, StartsAt: t.now, EndsAt: t.now.Add(TrialTime), Trial: true}, nil
	})
}

// subscribe adds the subscription that make returns.
func (s *Service) subscribe(ctx context.Context, who Actor, reference, reason string, make func(*transaction) (store.Subscription, error)) (store.Subscription, error) {
	id, err := s.engine.NewID()
	if err != nil {
		return store.Subscription{}, err
	}
	var added store.Subscription
	err = s.change(ctx, who, reference, action{reason: reason}, func(t *transaction) error {
		if added, err = make(t); err != nil {
			return err
		}
		w := t.Workspace()
		if len(w.Subscriptions) >= maxSubscriptions {
			return fault.Conflictf("too_many", "The workspace has %d subscriptions, which is the most that it can have.", maxSubscriptions)
		}
		added.ID = id
		w.Subscriptions = append(w.Subscriptions, added)
		return nil
	})
	return added, err
}

func checkSubscription(s *store.Subscription, now time.Time) error {
	if err := mail.CheckName(s.Plan); err != nil || len(s.Plan) > 64 {
		return fault.Invalidf("plan is 1 to 64 bytes of printable text.")
	}
	if s.Seats < 1 || s.Seats > maxSeats {
		return fault.Invalidf("seats is 1 to %d.", maxSeats)
	}
	if !s.EndsAt.After(s.StartsAt) || !s.EndsAt.After(now) {
		return fault.Invalidf("The subscription would be over before it begins, or is over already.")
	}
	bad := func(feature string) bool { return mail.CheckName(feature) != nil || len(feature) > 64 }
	if len(s.Features) > maxFeatures || slices.ContainsFunc(s.Features, bad) {
		return fault.Invalidf("features are at most %d, each 1 to 64 bytes of printable text.", maxFeatures)
	}
	return nil
}

// move counts a member or a key out of one subscription and into another; an empty id is none. It refuses where no seat is free.
func (t *transaction) move(from, to store.ID) error {
	if from == to {
		return nil
	}
	if s := t.Workspace().Subscription(from); s != nil {
		s.Used--
	}
	s := t.Workspace().Subscription(to)
	if s == nil {
		return nil
	}
	if s.Used >= s.Seats {
		return noneLeft(s.Used, s.Seats)
	}
	s.Used++
	return nil
}

// noneLeft is the refusal when all seats are in use.
func noneLeft(used, total int) error {
	return fault.Conflictf("no_seat_left", "No seat is left: %d of %d are in use.", used, total)
}

// choose returns the subscription that a seat or a key is to count in: the one that is asked for, or the first running one that has a
// seat left.
func (t *transaction) choose(asked store.ID) (store.ID, error) {
	if asked != "" {
		s := t.Workspace().Subscription(asked)
		if s == nil {
			return "", &fault.Error{Kind: fault.NotFound, Reason: "unknown_subscription", Public: "Subscription is not found."}
		}
		switch StateOf(s, t.now) {
		case Ended:
			return "", fault.Conflictf("subscription_ended", "The subscription has ended.")
		case Pending, Running:
		}
		return asked, nil
	}
	used, total := 0, 0
	for i := range t.Workspace().Subscriptions {
		s := &t.Workspace().Subscriptions[i]
		if StateOf(s, t.now) != Running {
			continue
		}
		if s.Used < s.Seats {
			return s.ID, nil
		}
		used, total = used+s.Used, total+s.Seats
	}
	if total == 0 {
		return "", fault.Conflictf("no_subscription", "The workspace has no subscription that runs now.")
	}
	return "", noneLeft(used, total)
}
