package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"latchkey/daemon/client"
)

// seatCommand is "latchkey seat".
func (a *app) seatCommand() *cobra.Command {
	return a.workspaceGroup("seat", "Say which members of a workspace have a licence", a.seatAssign(), a.seatUnassign(), a.seatList())
}

// shownSeats are seats in JSON: the server's fields.
type shownSeats struct {
	Used  int           `json:"used"`
	Total int           `json:"total"`
	Seats []shownMember `json:"seats"`
}

// seatAssign is "latchkey seat assign".
func (a *app) seatAssign() *cobra.Command {
	var subscription string
	cmd := &cobra.Command{
		Use: "assign MEMBER", Short: "Give a member a seat (permission licences.assign)", Args: oneArg(aMember),
		PreRunE: func(cmd *cobra.Command, _ []string) error { return checkSubscription(cmd, subscription) },
	}
	addSubscriptionFlag(cmd, &subscription)
	return a.inWorkspace(cmd, func(ctx context.Context, c *client.Client, workspace string, args []string) error {
		member, err := c.AssignSeat(ctx, workspace, args[0], subscription)
		if err != nil {
			return err
		}
		return a.showMember(member)
	})
}

// addSubscriptionFlag gives a command the flag for a subscription, and checkSubscription looks at what was given.
func addSubscriptionFlag(cmd *cobra.Command, subscription *string) {
	cmd.Flags().StringVar(subscription, "subscription", "", "the `id` of the subscription that it counts for (default the server's choice)")
}

func checkSubscription(cmd *cobra.Command, subscription string) error {
	if !cmd.Flags().Changed("subscription") {
		return nil
	}
	return checkID(subscription, "latchkey subscription list")
}

// seatUnassign is "latchkey seat unassign".
func (a *app) seatUnassign() *cobra.Command {
	cmd := &cobra.Command{Use: "unassign MEMBER", Short: "Take a member's seat away (permission licences.assign)", Args: oneArg(aMember)}
	return a.inWorkspace(cmd, func(ctx context.Context, c *client.Client, workspace string, args []string) error {
		if err := c.UnassignSeat(ctx, workspace, args[0]); err != nil {
			return err
		}
		a.note("Seat taken away: %s", args[0])
		return a.doneJSON(map[string]any{"member": args[0], "unassigned": true})
	})
}

// seatList is "latchkey seat list".
func (a *app) seatList() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List who has a seat or legacy keys", Args: cobra.NoArgs}
	return a.inWorkspace(cmd, func(ctx context.Context, c *client.Client, workspace string, _ []string) error {
		seats, err := c.Seats(ctx, workspace)
		if err != nil {
			return err
		}
		shown, rows := shownSeats{seats.Used, seats.Total, []shownMember{}}, [][]string{}
		for _, m := range seats.Seats {
			shown.Seats = append(shown.Seats, memberJSON(m))
			rows = append(rows, []string{m.ID, m.Name, m.Mail, m.Seat, strconv.Itoa(m.LegacyKeys)})
		}
		a.note("%s of %s seats are in use.", strconv.Itoa(seats.Used), strconv.Itoa(seats.Total))
		return a.showRows(shown, []string{"MEMBER", "NAME", "MAIL", "SUBSCRIPTION", "LEGACY KEYS"}, rows)
	})
}
