package client

import (
	"context"
	"iter"
	"net/http"
	"time"
)

// Subscription is a number of seats for some time.
type Subscription struct {
	ID       string    `json:"id"`
	Plan     string    `json:"plan"`
	Seats    int       `json:"seats"`
	Used     int       `json:"used"` // how many are assigned
	StartsAt time.Time `json:"starts_at"`
	EndsAt   time.Time `json:"ends_at"` // the first instant at which it counts no more
	Features []string  `json:"features"`
	Trial    bool      `json:"trial"`
	State    string    `json:"state"` // pending, active or ended
}

// SubscriptionRequest says what subscription is wanted.
type SubscriptionRequest struct {
	Plan  string
	Seats int
	// StartsAt is zero for now. EndsAt is the first instant at which it counts no more.
	StartsAt, EndsAt time.Time
	Features         []string
}

// AddSubscription gives a workspace a subscription (POST …/subscriptions). It needs the role admin.
func (c *Client) AddSubscription(ctx context.Context, workspace string, wanted SubscriptionRequest) (Subscription, error) {
	body := map[string]any{"plan": wanted.Plan, "seats": wanted.Seats, "ends_at": when(wanted.EndsAt)}
	if !wanted.StartsAt.IsZero() {
		body["starts_at"] = when(wanted.StartsAt)
	}
	if len(wanted.Features) > 0 {
		body["features"] = wanted.Features
	}
	return c.subscribe(ctx, workspace, body)
}

// StartTrial starts the trial of a workspace, of which it has one (POST …/subscriptions). It needs an admin of the workspace.
func (c *Client) StartTrial(ctx context.Context, workspace string) (Subscription, error) {
	return c.subscribe(ctx, workspace, map[string]any{"trial": true})
}

// subscribe makes a subscription.
func (c *Client) subscribe(ctx context.Context, workspace string, body map[string]any) (Subscription, error) {
	var answer Subscription
	_, err := c.do(ctx, call{method: http.MethodPost, path: workspaces(workspace, "subscriptions"), body: body}, &answer)
	return answer, err
}

// Subscriptions returns the subscriptions of a workspace (GET …/subscriptions).
func (c *Client) Subscriptions(ctx context.Context, workspace string) iter.Seq2[Subscription, error] {
	to := call{method: http.MethodGet, path: workspaces(workspace, "subscriptions")}
	return list(ctx, c, to, func(s Subscription) string { return s.ID })
}
