package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"

	"latchkey/plugins/secret"
)

// Wherever a call takes a member, it is his id, his mail address or his user name.

// The roles of a member and the states that he can be in.
const (
	RoleAdmin  = "admin"  // has every permission
	RoleMember = "member" // has those that were given to him

	StateInvited = "invited" // has not taken the invitation up
	StateActive  = "active"
	StateRemoved = "removed"
)

// Permissions returns the permissions that a member can be given.
func Permissions() []string {
	return []string{"members.manage", "licences.assign", "ci_tokens.manage", "audit.read"}
}

// Member is somebody who is, was or may become a member of a workspace.
type Member struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Mail string `json:"mail"`
	// User is the name that he logs in with; empty before he has joined.
	User        string    `json:"user"`
	Role        string    `json:"role"`
	Permissions []string  `json:"permissions"`
	State       string    `json:"state"`
	InvitedAt   time.Time `json:"invited_at"`
	InvitedBy   string    `json:"invited_by"`
	JoinedAt    time.Time `json:"joined_at"`  // zero before he has joined
	RemovedAt   time.Time `json:"removed_at"` // zero unless he was removed
	// Seat is the id of the subscription that he has a seat of; empty when he has none.
	Seat       string `json:"seat"`
	LegacyKeys int    `json:"legacy_keys"` // how many are assigned to him
	// InvitationExpiresAt is the first instant at which the invitation is refused; zero when there is none.
	InvitationExpiresAt time.Time `json:"invitation_expires_at"`
}

// Invitation is what somebody needs to become a member.
type Invitation struct {
	Code secret.Text
	// Link has the code in it; empty when the server has no page for it.
	Link      secret.Text
	ExpiresAt time.Time
	// Mailed says that the server has handed it to a mail server; otherwise whoever invites passes it on.
	Mailed bool
}

// MemberRequest says who is invited.
type MemberRequest struct {
	Name string
	Mail string
	Role string // RoleAdmin or RoleMember; empty means RoleMember
}

// Invite invites somebody into a workspace (POST …/members). This and the calls that change members need the permission
// members.manage.
func (c *Client) Invite(ctx context.Context, workspace string, wanted MemberRequest) (Member, Invitation, error) {
	body := map[string]string{"name": wanted.Name, "mail": wanted.Mail}
	if wanted.Role != "" {
		body["role"] = wanted.Role
	}
	return c.invite(ctx, call{method: http.MethodPost, path: workspaces(workspace, "members"), body: body})
}

// ResendInvitation makes a new invitation for somebody who has not joined or was removed; the one before is void (POST
// …/members/{member}/invitation).
func (c *Client) ResendInvitation(ctx context.Context, workspace, member string) (Member, Invitation, error) {
	return c.invite(ctx, call{method: http.MethodPost, path: workspaces(workspace, "members", member, "invitation")})
}

// invite makes a call that is answered with an invitation.
func (c *Client) invite(ctx context.Context, to call) (Member, Invitation, error) {
	var answer struct {
		Member     Member `json:"member"`
		Invitation struct {
			Code      string    `json:"code"`
			Link      string    `json:"link"`
			ExpiresAt time.Time `json:"expires_at"`
			Mailed    bool      `json:"mailed"`
		} `json:"invitation"`
	}
	if _, err := c.do(ctx, to, &answer); err != nil {
		return Member{}, Invitation{}, err
	}
	made := answer.Invitation
	if made.Code == "" || answer.Member.ID == "" {
		return Member{}, Invitation{}, c.unexpected("an invitation without its code")
	}
	return answer.Member, Invitation{secret.New(made.Code), secret.New(made.Link), made.ExpiresAt, made.Mailed}, nil
}

// Members returns the members of a workspace and those who are invited, or with removed those who were removed, too (GET …/members).
func (c *Client) Members(ctx context.Context, workspace string, removed bool) iter.Seq2[Member, error] {
	to := call{method: http.MethodGet, path: workspaces(workspace, "members")}
	if removed {
		to.query = url.Values{"removed": {"true"}}
	}
	return list(ctx, c, to, func(m Member) string { return m.ID })
}

// Member returns one member (GET …/members/{member}). An unknown one is an *Error with status 404.
func (c *Client) Member(ctx context.Context, workspace, member string) (Member, error) {
	var answer Member
	_, err := c.do(ctx, call{method: http.MethodGet, path: workspaces(workspace, "members", member)}, &answer)
	return answer, err
}

// MemberChange says what to change of a member; what is nil stays.
type MemberChange struct {
	Role *string `json:"role,omitempty"`
	// Permissions replaces all permissions.
	Permissions *[]string `json:"permissions,omitempty"`
}

// ChangeMember changes a member (PUT …/members/{member}).
func (c *Client) ChangeMember(ctx context.Context, workspace, member string, change MemberChange) (Member, error) {
	var answer Member
	_, err := c.do(ctx, call{method: http.MethodPut, path: workspaces(workspace, "members", member), body: change}, &answer)
	return answer, err
}

// RemoveMember removes a member, whose developer token and seat end with that (DELETE …/members/{member}).
func (c *Client) RemoveMember(ctx context.Context, workspace, member string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: workspaces(workspace, "members", member)}, nil)
	return err
}
