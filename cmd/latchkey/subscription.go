package main

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"latchkey/daemon/client"
)

// subscriptionCommand is "latchkey subscription".
func (a *app) subscriptionCommand() *cobra.Command {
	return a.workspaceGroup("subscription", "Give a workspace seats for some time", a.subscriptionAdd(), a.subscriptionTrial(), a.subscriptionList())
}

// shownSubscription is a subscription in JSON: the server's fields.
type shownSubscription struct {
	ID       string   `json:"id"`
	Plan     string   `json:"plan"`
	Seats    int      `json:"seats"`
	Used     int      `json:"used"`
	StartsAt string   `json:"starts_at"`
	EndsAt   string   `json:"ends_at"`
	Features []string `json:"features"`
	Trial    bool     `json:"trial"`
	State    string   `json:"state"`
}

// subscriptionJSON returns what JSON shows of a subscription.
func subscriptionJSON(s client.Subscription) shownSubscription {
	features := s.Features
	if features == nil {
		features = []string{}
	}
	return shownSubscription{s.ID, s.Plan, s.Seats, s.Used, stamp(s.StartsAt), stamp(s.EndsAt), features, s.Trial, s.State}
}

// showSubscription prints one subscription.
func (a *app) showSubscription(s client.Subscription) error {
	return a.showProperties(subscriptionJSON(s), []property{
		{"id", s.ID},
		{"plan", s.Plan},
		{"seats", strconv.Itoa(s.Seats)},
		{"used", strconv.Itoa(s.Used)},
		{"starts_at", moment(s.StartsAt)},
		{"ends_at", moment(s.EndsAt)},
		{"features", strings.Join(s.Features, ", ")},
		{"trial", yesNo(s.Trial)},
		{"state", s.State},
	})
}

// subscriptionAdd is "latchkey subscription add".
func (a *app) subscriptionAdd() *cobra.Command {
	var wanted client.SubscriptionRequest
	var starts, ends, features string
	cmd := &cobra.Command{
		Use:     "add --plan PLAN --seats N --ends DAY",
		Short:   "Give the workspace a subscription (administrators only)",
		Example: "  latchkey subscription add -w acme --plan team --seats 25 --ends 2027-12-31 --features sso,audit",
		Args:    cobra.NoArgs,
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			return a.readSubscription(cmd, &wanted, starts, ends, features)
		},
	}
	cmd.Flags().StringVar(&wanted.Plan, "plan", "", "the `plan`'s name")
	cmd.Flags().IntVar(&wanted.Seats, "seats", 0, "how many seats it has")
	cmd.Flags().StringVar(&starts, "starts", "", "the first `day`, as yyyy-MM-dd, in UTC (default now)")
	cmd.Flags().StringVar(&ends, "ends", "", "the last `day`, as yyyy-MM-dd, in UTC")
	cmd.Flags().StringVar(&features, "features", "", "its `features`, with commas between them")
	return a.inWorkspace(cmd, func(ctx context.Context, c *client.Client, workspace string, _ []string) error {
		made, err := c.AddSubscription(ctx, workspace, wanted)
		if err != nil {
			return err
		}
		return a.showSubscription(made)
	})
}

// readSubscription reads the flags of "latchkey subscription add".
func (a *app) readSubscription(cmd *cobra.Command, wanted *client.SubscriptionRequest, starts, ends, features string) error {
	if wanted.Plan == "" {
		return errors.New("--plan is missing")
	}
	if wanted.Seats < 1 {
		return errors.New("--seats is missing or less than 1")
	}
	last, err := time.Parse(time.DateOnly, ends)
	if err != nil {
		return errors.New("--ends is missing or not a day; it is written as yyyy-MM-dd, for example 2027-12-31")
	}
	wanted.EndsAt = last.AddDate(0, 0, 1)
	if !wanted.EndsAt.After(a.now()) {
		return errors.New("--ends is in the past; it is the last day of the subscription, written as yyyy-MM-dd")
	}
	if cmd.Flags().Changed("starts") {
		if wanted.StartsAt, err = time.Parse(time.DateOnly, starts); err != nil {
			return errors.New("--starts is not a day; it is written as yyyy-MM-dd, for example 2027-01-01")
		}
		if !wanted.StartsAt.Before(wanted.EndsAt) {
			return errors.New("--starts is after --ends")
		}
	}
	if !cmd.Flags().Changed("features") {
		return nil
	}
	for feature := range strings.SplitSeq(features, ",") {
		if feature = strings.TrimSpace(feature); feature == "" {
			return errors.New("--features has an empty feature in it; it is a list such as sso,audit")
		}
		wanted.Features = append(wanted.Features, feature)
	}
	return nil
}

// subscriptionTrial is "latchkey subscription trial".
func (a *app) subscriptionTrial() *cobra.Command {
	cmd := &cobra.Command{
		Use: "trial", Short: "Start the trial of the workspace, which it has once (admins of the workspace)", Args: cobra.NoArgs,
	}
	return a.inWorkspace(cmd, func(ctx context.Context, c *client.Client, workspace string, _ []string) error {
		made, err := c.StartTrial(ctx, workspace)
		if err != nil {
			return err
		}
		return a.showSubscription(made)
	})
}

// subscriptionList is "latchkey subscription list".
func (a *app) subscriptionList() *cobra.Command {
	var limit int
	cmd := &cobra.Command{Use: "list", Short: "List the subscriptions of the workspace", Args: cobra.NoArgs}
	addLimitFlag(cmd, &limit)
	return a.inWorkspace(cmd, func(ctx context.Context, c *client.Client, workspace string, _ []string) error {
		subscriptions, err := collect(c.Subscriptions(ctx, workspace), limit)
		if err != nil {
			return err
		}
		shown, rows := []shownSubscription{}, [][]string{}
		for _, s := range subscriptions {
			shown = append(shown, subscriptionJSON(s))
			rows = append(rows, []string{
				s.ID, s.Plan, strconv.Itoa(s.Seats), strconv.Itoa(s.Used), moment(s.StartsAt), lastDay(s.EndsAt), s.State, yesNo(s.Trial),
				strings.Join(s.Features, ", "),
			})
		}
		return a.showRows(shown, []string{"ID", "PLAN", "SEATS", "USED", "STARTS", "ENDS", "STATE", "TRIAL", "FEATURES"}, rows)
	})
}
