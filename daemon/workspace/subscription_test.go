package workspace_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/daemon/fault"
	"latchkey/daemon/store"
	"latchkey/daemon/workspace"
)

func TestSubscriptionRefusals(t *testing.T) {
	s := newSite(t)
	now := s.clock.now()
	good := store.Subscription{Plan: "team", Seats: 1, EndsAt: now.Add(time.Hour)}
	add := func(bend func(*store.Subscription)) func(context.Context, workspace.Actor) error {
		return func(ctx context.Context, who workspace.Actor) error {
			bent := good
			bend(&bent)
			_, err := s.AddSubscription(ctx, who, "acme", bent)
			return err
		}
	}
	trial := func(ctx context.Context, who workspace.Actor) error {
		_, err := s.StartTrial(ctx, who, "acme")
		return err
	}
	const (
		badPlan    = "plan is 1 to 64 bytes of printable text."
		badSeats   = "seats is 1 to 1000000."
		badTime    = "The subscription would be over before it begins, or is over already."
		badFeature = "features are at most 64, each 1 to 64 bytes of printable text."
		noOperator = "Administrator access required."
		noTrial    = "Only an admin of the workspace can start the trial."
	)
	s.wantRefused(t, []refusal{
		{"by an admin of the workspace", as("ann"), add(func(*store.Subscription) {}), fault.Forbidden, noOperator},
		{"by a member", as("carl"), add(func(*store.Subscription) {}), fault.Forbidden, noOperator},
		{"no plan", operator(), add(func(s *store.Subscription) { s.Plan = "" }), fault.Invalid, badPlan},
		{"header in the plan", operator(), add(func(s *store.Subscription) { s.Plan = "a\nb" }), fault.Invalid, badPlan},
		{"long plan", operator(), add(func(s *store.Subscription) { s.Plan = strings.Repeat("p", 65) }), fault.Invalid, badPlan},
		{"no seats", operator(), add(func(s *store.Subscription) { s.Seats = 0 }), fault.Invalid, badSeats},
		{"minus one seat", operator(), add(func(s *store.Subscription) { s.Seats = -1 }), fault.Invalid, badSeats},
		{"too many seats", operator(), add(func(s *store.Subscription) { s.Seats = 1_000_001 }), fault.Invalid, badSeats},
		{"over already", operator(), add(func(s *store.Subscription) { s.StartsAt, s.EndsAt = now.Add(-time.Hour), now }), fault.Invalid, badTime},
		{"no end", operator(), add(func(s *store.Subscription) { s.EndsAt = time.Time{} }), fault.Invalid, badTime},
		{"over before it begins", operator(), add(func(s *store.Subscription) { s.StartsAt = s.EndsAt }), fault.Invalid, badTime},
		{"empty feature", operator(), add(func(s *store.Subscription) { s.Features = []string{""} }), fault.Invalid, badFeature},
		{"header in a feature", operator(), add(func(s *store.Subscription) { s.Features = []string{"ok", "a\r\nb"} }), fault.Invalid, badFeature},
		{"too many features", operator(), add(func(s *store.Subscription) { s.Features = slices.Repeat([]string{"f"}, 65) }), fault.Invalid, badFeature},
		{"trial by a member", as("meg"), trial, fault.Forbidden, noTrial},
	})
	check(t, trial(t.Context(), as("ann")))
	s.wantRefused(t, []refusal{
		{"second trial", as("ann"), trial, fault.Conflict, "The workspace has had its trial."},
		{"second trial by the operator", operator(), trial, fault.Conflict, "The workspace has had its trial."},
	})
	s.clock.step(15 * 24 * time.Hour)
	s.wantRefused(t, []refusal{{"when the first is over", as("ann"), trial, fault.Conflict, "The workspace has had its trial."}})
}

// A trial is 14 days and five seats from now on, and a subscription is what was asked for, with nothing used of it.
func TestSubscriptions(t *testing.T) {
	s := newSite(t)
	now := s.clock.now()
	trial := must[store.Subscription](t)(s.StartTrial(t.Context(), as("vic"), "umbrella"))
	if !trial.Trial || trial.Seats != 5 || trial.Plan != "trial" || !trial.StartsAt.Equal(now) || !trial.EndsAt.Equal(now.Add(14*24*time.Hour)) {
		t.Errorf("%+v", trial)
	}
	asked := store.Subscription{ID: s.acme, Plan: "team", Seats: 3, Used: 3, Trial: true, EndsAt: now.Add(time.Hour), Features: []string{"b", "a"}}
	added := must[store.Subscription](t)(s.AddSubscription(t.Context(), operator(), "umbrella", asked))
	if added.ID == s.acme || added.Used != 0 || added.Trial || !added.StartsAt.Equal(now) || !slices.Equal(added.Features, []string{"b", "a"}) {
		t.Errorf("%+v", added)
	}
	w := must[store.Workspace](t)(s.store.Workspace(t.Context(), s.umbrella))
	if !w.TrialUsed || len(w.Subscriptions) != 2 || w.Subscription(added.ID) == nil || w.Subscription(trial.ID) == nil {
		t.Errorf("%+v", w)
	}
	for _, step := range []struct {
		at   time.Time
		want workspace.SubscriptionState
	}{
		{now.Add(-time.Microsecond), workspace.Pending},
		{now, workspace.Running},
		{added.EndsAt.Add(-time.Microsecond), workspace.Running},
		{added.EndsAt, workspace.Ended},
	} {
		if got := workspace.StateOf(&added, step.at); got != step.want {
			t.Errorf("%v: %s, not %s", step.at, got, step.want)
		}
	}
	s.seat(t, "umbrella", "vic")
	if used := s.used(t, "umbrella", trial.ID); used != 1 {
		t.Errorf("%d in use", used)
	}
}
