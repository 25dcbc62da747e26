package api

import (
	"net/http"

	"latchkey/daemon/store"
	"latchkey/daemon/workspace"
)

// memberBody is a member in an answer.
type memberBody struct {
	ID          store.ID          `json:"id"`
	Name        string            `json:"name"`
	Mail        string            `json:"mail,omitempty"`
	User        string            `json:"user,omitempty"`
	Role        string            `json:"role"`
	Permissions []string          `json:"permissions,omitempty"`
	State       store.MemberState `json:"state"`
	InvitedAt   string            `json:"invited_at,omitempty"`
	InvitedBy   string            `json:"invited_by,omitempty"`
	JoinedAt    string            `json:"joined_at,omitempty"`
	RemovedAt   string            `json:"removed_at,omitempty"`
	// Seat is the subscription of which he has one.
	Seat                store.ID `json:"seat,omitempty"`
	LegacyKeys          int      `json:"legacy_keys,omitempty"`
	InvitationExpiresAt string   `json:"invitation_expires_at,omitempty"`
}

func showMember(m *store.Member) memberBody {
	body := memberBody{
		ID: m.ID, Name: m.Name, Mail: m.Mail, User: m.User, Role: m.Role, Permissions: m.Permissions, State: m.State,
		InvitedAt: stamp(m.InvitedAt), InvitedBy: m.InvitedBy, JoinedAt: stamp(m.JoinedAt), RemovedAt: stamp(m.RemovedAt),
		LegacyKeys: len(m.LegacyKeys),
	}
	if m.Seat {
		body.Seat = m.Subscription
	}
	return body
}

// invitedBody is what an inviter is shown.
type invitedBody struct {
	Member     memberBody     `json:"member"`
	Invitation invitationBody `json:"invitation"`
}

type invitationBody struct {
	Code      string `json:"code"`
	Link      string `json:"link,omitempty"`
	ExpiresAt string `json:"expires_at"`
	Mailed    bool   `json:"mailed"`
}

// listMembers shows the members, and with ?removed=true also those who were removed.
func (h *Handler) listMembers(x *exchange) error {
	who, asked, err := x.slice()
	if err != nil {
		return err
	}
	removed := x.request.URL.Query().Get("removed") == "true"
	found, total, err := h.workspaces.Members(x.context(), who, x.tenant(), removed, asked.after, asked.most())
	if err != nil {
		return err
	}
	return list(x, asked, found, total, showMember)
}

// inviteMember invites somebody by name and address.
func (h *Handler) inviteMember(x *exchange) error {
	who, f, err := x.form()
	if err != nil {
		return err
	}
	name, _ := f.text("name")
	address, _ := f.text("mail")
	role, _ := f.text("role")
	if err := f.done(); err != nil {
		return err
	}
	m, invitation, err := h.workspaces.Invite(x.context(), who, x.tenant(), name, address, role)
	if err != nil {
		return err
	}
	return x.invited(&m, &invitation)
}

// resendInvitation invites somebody again.
func (h *Handler) resendInvitation(x *exchange) error {
	who, err := x.actor()
	if err != nil {
		return err
	}
	m, invitation, err := h.workspaces.Resend(x.context(), who, x.tenant(), x.request.PathValue("member"))
	if err != nil {
		return err
	}
	return x.invited(&m, &invitation)
}

// invited answers with an invitation.
func (x *exchange) invited(m *store.Member, invitation *workspace.Invitation) error {
	expires := stamp(invitation.ExpiresAt)
	body := invitedBody{showMember(m), invitationBody{invitation.Code.Reveal(), invitation.Link, expires, invitation.Mailed}}
	body.Member.InvitationExpiresAt = expires
	x.private()
	x.json(http.StatusCreated, body)
	return nil
}

// getMember shows one.
func (h *Handler) getMember(x *exchange) error {
	who, err := x.actor()
	if err != nil {
		return err
	}
	m, err := h.workspaces.Member(x.context(), who, x.tenant(), x.request.PathValue("member"))
	if err != nil {
		return err
	}
	return x.member(&m)
}

// member answers with a member.
func (x *exchange) member(m *store.Member) error {
	x.private()
	x.json(http.StatusOK, showMember(m))
	return nil
}

// changeMember gives a member a role or permissions.
func (h *Handler) changeMember(x *exchange) error {
	who, f, err := x.form()
	if err != nil {
		return err
	}
	var change workspace.MemberChange
	if role, given := f.text("role"); given {
		change.Role = &role
	}
	if permissions, given := f.texts("permissions"); given {
		change.Permissions = &permissions
	}
	if err := f.done(); err != nil {
		return err
	}
	m, err := h.workspaces.ChangeMember(x.context(), who, x.tenant(), x.request.PathValue("member"), change)
	if err != nil {
		return err
	}
	return x.member(&m)
}

// removeMember ends a membership.
func (h *Handler) removeMember(x *exchange) error {
	who, err := x.actor()
	if err != nil {
		return err
	}
	if err := h.workspaces.Remove(x.context(), who, x.tenant(), x.request.PathValue("member")); err != nil {
		return err
	}
	return x.gone()
}

// gone answers that something was taken away.
func (x *exchange) gone() error {
	x.private()
	x.WriteHeader(http.StatusNoContent)
	return nil
}
