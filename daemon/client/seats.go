package client

import (
	"context"
	"net/http"
)

// Seats is who has a licence in a workspace.
type Seats struct {
	Used  int `json:"used"`
	Total int `json:"total"`
	// Seats are the members who have a seat or legacy keys.
	Seats []Member `json:"seats"`
}

// Seats returns the seats of a workspace (GET …/seats).
func (c *Client) Seats(ctx context.Context, workspace string) (Seats, error) {
	var answer Seats
	_, err := c.do(ctx, call{method: http.MethodGet, path: workspaces(workspace, "seats")}, &answer)
	return answer, err
}

// AssignSeat gives a member a seat of a subscription, or of one that the server picks when it is empty (PUT
// …/members/{member}/seat). It needs the permission licences.assign.
func (c *Client) AssignSeat(ctx context.Context, workspace, member, subscription string) (Member, error) {
	body := map[string]string{}
	if subscription != "" {
		body["subscription"] = subscription
	}
	var answer Member
	_, err := c.do(ctx, call{method: http.MethodPut, path: workspaces(workspace, "members", member, "seat"), body: body}, &answer)
	return answer, err
}

// UnassignSeat takes a member's seat away (DELETE …/members/{member}/seat). It needs the permission licences.assign.
func (c *Client) UnassignSeat(ctx context.Context, workspace, member string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: workspaces(workspace, "members", member, "seat")}, nil)
	return err
}
