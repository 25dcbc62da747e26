package workspace

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"latchkey/daemon/audit"
	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
	"latchkey/daemon/mail"
	"latchkey/daemon/store"
	"latchkey/plugins/secret"
)

// invitationTime is how long an invitation is good for.
const invitationTime = 7 * 24 * time.Hour

// Invitation lets its bearer join, once. It is shown to the inviter, and sent when there is a mail server.
type Invitation struct {
	Code secret.Text
	// Link is where the code can be used, or empty.
	Link      string
	ExpiresAt time.Time
	// Mailed says that a mail server has taken it.
	Mailed bool
}

// Invite adds a member who may join with an invitation; name is what he is called until then. It needs members.manage, and an admin
// to invite one. The error is an Invalid fault for a name or an address that cannot be one, a Conflict fault when somebody with this
// address is or was a member, or one of Find's.
func (s *Service) Invite(ctx context.Context, who Actor, reference, name, address, role string) (store.Member, Invitation, error) {
	if role == "" {
		role = RoleMember
	}
	if err := errors.Join(checkInvitee(name, address), checkRole(role)); err != nil {
		return store.Member{}, Invitation{}, err
	}
	id, err := s.engine.NewID()
	if err != nil {
		return store.Member{}, Invitation{}, err
	}
	return s.invite(ctx, who, reference, "member_invited", func(t *transaction) (store.Member, error) {
		m := store.Member{ID: id, State: store.MemberInvited, Name: name, Mail: address, Role: role}
		t.about(&m)
		switch known, err := t.MemberMailed(m.MailKey()); {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return m, err
		case known.State == store.MemberActive:
			return m, fault.Conflictf("already_member", "Somebody with this address is a member already.")
		case known.State == store.MemberInvited:
			return m, fault.Conflictf("already_invited", "Somebody with this address is invited already; resend the invitation.")
		default:
			return m, fault.Conflictf("member_removed", "Somebody with this address was removed; resend the invitation.")
		}
		return m, t.by.mayGive(&store.Member{Role: RoleMember}, &m)
	})
}

// Resend makes a new invitation for a member who has not joined, or who was removed; one that was sent before is void. The errors are
// those of Invite, and a Conflict fault for a member who has joined.
func (s *Service) Resend(ctx context.Context, who Actor, reference, member string) (store.Member, Invitation, error) {
	return s.invite(ctx, who, reference, "member_invited_again", func(t *transaction) (store.Member, error) {
		m, err := t.member(member)
		switch {
		case err != nil:
			return m, err
		case m.State == store.MemberActive:
			return m, fault.Conflictf("already_member", "The member has joined already.")
		case m.Mail == "":
			return m, fault.Conflictf("no_address", "The member has no mail address; invite him by name and address.")
		}
		if err := t.DropCredential(m.Invitation); err != nil {
			return m, err
		}
		if m.State == store.MemberRemoved {
			m.State, m.RemovedAt, m.JoinedAt = store.MemberInvited, time.Time{}, time.Time{}
		}
		return m, t.by.mayGive(&store.Member{Role: RoleMember}, &m)
	})
}

// invite gives the member whom choose returns an invitation, and sends it.
func (s *Service) invite(ctx context.Context, who Actor, reference, reason string, choose func(*transaction) (store.Member, error)) (store.Member, Invitation, error) {
	expires := s.now().Add(invitationTime)
	issued, err := s.engine.Prepare(credential.Spec{Kind: store.KindInvitation, ExpiresAt: expires, CreatedBy: who.Name})
	if err != nil {
		return store.Member{}, Invitation{}, err
	}
	var invited store.Member
	var workspaceName string
	err = s.change(ctx, who, reference, action{reason, MembersManage}, func(t *transaction) error {
		m, err := choose(t)
		if err != nil {
			return err
		}
		m.Invitation, m.InvitedAt, m.InvitedBy = issued.Credential.ID, t.now, who.Name
		c := issued.Credential
		c.Member = m.ID
		t.event.CredentialID, t.event.Kind = string(c.ID), string(c.Kind)
		t.PutMember(m)
		invited, workspaceName = m, t.Workspace().Name
		return t.PutCredential(c)
	})
	if err != nil {
		return store.Member{}, Invitation{}, err
	}
	invitation := Invitation{Code: issued.Text, Link: s.linkOf(issued.Text), ExpiresAt: expires}
	invitation.Mailed = s.send(ctx, mail.Invitation{
		To: invited.Mail, ToName: invited.Name, Workspace: workspaceName, InvitedBy: who.Name, Code: issued.Text, Link: invitation.Link,
		ExpiresAt: expires,
	}, who, invited.Workspace)
	return invited, invitation, nil
}

// linkOf returns where a code can be used.
func (s *Service) linkOf(code secret.Text) string {
	if s.link == "" {
		return ""
	}
	return strings.ReplaceAll(s.link, "{code}", url.QueryEscape(code.Reveal()))
}

// send sends an invitation and reports whether that was done. That it was not makes the invitation no less good: the inviter has it.
func (s *Service) send(ctx context.Context, invitation mail.Invitation, who Actor, id store.ID) bool {
	if s.mail == nil {
		return false
	}
	err := s.mail.Send(ctx, invitation)
	event := eventOf(who, "invitation_mailed", id)
	event.User, event.RealUser = invitation.To, who.Name
	if err != nil {
		event.Outcome, event.Reason = audit.OutcomeError, "invitation_not_mailed"
	}
	_ = s.audit.Record(ctx, event) // the log counts what it could not write; the mail has gone, or not
	return err == nil
}

// Joined is what somebody gets who has joined a workspace, or has made one.
type Joined struct {
	Workspace store.Workspace
	Member    store.Member
	// Token is the text of the developer token, which is shown once.
	Token secret.Text
}

// errVoid is what every code is told that lets nobody in.
var errVoid = &fault.Error{
	Kind: fault.NotFound, Reason: "invitation_void",
	Public: "The invitation is not valid: it was used, replaced or withdrawn, or it has expired. Ask for a new one.",
}

// Join makes the caller an active member of the workspace that a code invites to, under his own name, and gives him his developer
// token. The code is good for one. The error is a NotFound fault for a code that is not good, a Forbidden fault for a caller who
// is no user or presents a workspace's token, a Conflict fault when he is a member already, or an Unavailable fault.
func (s *Service) Join(ctx context.Context, who Actor, code secret.Text) (Joined, error) {
	if who.User == "" || who.Entry == nil || who.Entry.Credential.Workspace != "" {
		return Joined{}, fault.Forbiddenf("Log in as the user who is to join.")
	}
	entry, err := s.engine.Check(ctx, code.Reveal(), credential.Invitation)
	if fault.KindOf(err) == fault.Unauthenticated {
		return Joined{}, s.refused(ctx, eventOf(who, "member_joined", ""), errVoid.Because(err))
	}
	if err != nil {
		return Joined{}, err
	}
	account, err := s.users.Ensure(ctx, who.User)
	if err != nil {
		return Joined{}, err
	}
	invitation := &entry.Credential
	issued, err := s.engine.Prepare(credential.Spec{Kind: store.KindDeveloper, User: who.User})
	if err != nil {
		return Joined{}, err
	}
	joined := Joined{Token: issued.Text}
	err = s.changeFound(ctx, who, invitation.Workspace, action{reason: "member_joined"}, func(t *transaction) error {
		if t.by.Member != nil {
			return fault.Conflictf("already_member", "You are a member of the workspace already.")
		}
		m, err := t.Member(invitation.Member)
		if errors.Is(err, store.ErrNotFound) || err == nil && (m.State != store.MemberInvited || m.Invitation != invitation.ID) {
			return errVoid
		}
		if err != nil {
			return err
		}
		if err := t.activate(&m, &account, issued.Credential); err != nil {
			return err
		}
		joined.Member, joined.Workspace = m, t.Workspace().Clone()
		return nil
	})
	if err != nil {
		return Joined{}, err
	}
	joined.Member.Workspace = joined.Workspace.ID
	return joined, nil
}

// activate makes a member active, as this account and with this developer token.
func (t *transaction) activate(m *store.Member, account *store.User, token store.Credential) error {
	if err := errors.Join(t.DropCredential(m.Invitation), t.DropCredential(m.Token)); err != nil {
		return err
	}
	m.State, m.User, m.Name, m.JoinedAt, m.Invitation, m.Token = store.MemberActive, account.Name, account.DisplayName, t.now, "", token.ID
	if m.Name == "" {
		m.Name = account.Name
	}
	token.Member = m.ID
	if m.Role == RoleAdmin {
		t.Workspace().Admins++
	}
	t.PutMember(*m)
	t.about(m)
	t.event.CredentialID, t.event.Kind = string(token.ID), string(token.Kind)
	return t.PutCredential(token)
}

// Create makes a workspace, whose first member and admin is owner, or with an empty one the caller. Only an administrator of the daemon
// may. The error is a Forbidden fault, an Invalid one for a name that cannot be one or a caller who is no user, a Conflict fault for a
// name that is taken, or an Unavailable fault.
func (s *Service) Create(ctx context.Context, who Actor, name, owner string) (Joined, error) {
	if err := who.RequireAdmin(); err != nil {
		return Joined{}, err
	}
	if err := checkName(name); err != nil {
		return Joined{}, err
	}
	if owner == "" && who.Entry != nil {
		owner = who.User
	}
	if owner == "" {
		return Joined{}, fault.Invalidf("owner is not given, and the caller is no user who could be it.")
	}
	issued, err := s.engine.Prepare(credential.Spec{Kind: store.KindDeveloper, User: owner})
	if err != nil {
		return Joined{}, err
	}
	id, err := s.engine.NewID()
	if err != nil {
		return Joined{}, err
	}
	memberID, err := s.engine.NewID()
	if err != nil {
		return Joined{}, err
	}
	if _, err := s.store.WorkspaceNamed(ctx, name); !errors.Is(err, store.ErrNotFound) {
		if err != nil {
			return Joined{}, translate(err)
		}
		return Joined{}, fault.Conflictf("taken", "There is a workspace with this name already.")
	}
	joined := Joined{Token: issued.Text}
	w := store.Workspace{ID: id, Name: name, CreatedAt: s.now(), CreatedBy: who.Name}
	event := eventOf(who, "workspace_created", id)
	event.CredentialID, event.Kind = string(issued.Credential.ID), string(issued.Credential.Kind)
	if owner != who.Name {
		event.User, event.RealUser = owner, who.Name
	}
	err = s.settle(ctx, event, func(ctx context.Context) error {
		account, err := s.users.Ensure(ctx, owner) // not before, so that what is refused leaves nobody behind
		if err != nil {
			return err
		}
		return s.store.CreateWorkspace(ctx, w, func(c *store.WorkspaceChange) error {
			t, err := s.begin(c, who, action{reason: "workspace_created"})
			if err != nil {
				return err
			}
			m := store.Member{ID: memberID, Role: RoleAdmin, Mail: account.Mail, InvitedAt: t.now, InvitedBy: who.Name}
			if err := t.activate(&m, &account, issued.Credential); err != nil {
				return err
			}
			joined.Member, joined.Workspace = m, c.Workspace.Clone()
			return nil
		})
	})
	if err != nil {
		return Joined{}, err
	}
	joined.Member.Workspace = id
	return joined, nil
}

// checkName refuses what cannot be a workspace's name: it is shown in tables and in mails, and stands in a path.
func checkName(name string) error {
	path := name == "." || name == ".." || strings.ContainsAny(name, "/\\?#%")
	if err := mail.CheckName(name); err != nil || len(name) > 64 || store.ValidID(name) || path {
		return fault.Invalidf("name is 1 to 64 bytes of printable text without / \\ ? # and %%, and not . or .. or of the form of an id.")
	}
	return nil
}
