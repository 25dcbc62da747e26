package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"latchkey/daemon/client"
	"latchkey/plugins/secret"
)

// aMember says what a command's argument is.
const aMember = "the id, the mail address or the user name of a member"

// memberCommand is "latchkey member".
func (a *app) memberCommand() *cobra.Command {
	return a.workspaceGroup("member", "Invite people into a workspace, and manage its members",
		a.memberInvite(), a.memberResend(), a.memberJoin(), a.memberList(), a.memberShow(), a.memberRole(), a.memberPermissions(),
		a.memberRemove(),
	)
}

// shownMember is a member in JSON: the server's fields.
type shownMember struct {
	ID                  string   `json:"id"`
	Name                string   `json:"name"`
	Mail                string   `json:"mail,omitempty"`
	User                string   `json:"user,omitempty"`
	Role                string   `json:"role"`
	Permissions         []string `json:"permissions"`
	State               string   `json:"state"`
	InvitedAt           string   `json:"invited_at,omitempty"`
	InvitedBy           string   `json:"invited_by,omitempty"`
	JoinedAt            string   `json:"joined_at,omitempty"`
	RemovedAt           string   `json:"removed_at,omitempty"`
	Seat                string   `json:"seat,omitempty"`
	LegacyKeys          int      `json:"legacy_keys"`
	InvitationExpiresAt string   `json:"invitation_expires_at,omitempty"`
}

// memberJSON returns what JSON shows of a member.
func memberJSON(m client.Member) shownMember {
	permissions := m.Permissions
	if permissions == nil {
		permissions = []string{}
	}
	return shownMember{
		m.ID, m.Name, m.Mail, m.User, m.Role, permissions, m.State, stamp(m.InvitedAt), m.InvitedBy, stamp(m.JoinedAt), stamp(m.RemovedAt),
		m.Seat, m.LegacyKeys, stamp(m.InvitationExpiresAt),
	}
}

// showMember prints one member.
func (a *app) showMember(m client.Member) error {
	return a.showProperties(memberJSON(m), []property{
		{"id", m.ID},
		{"name", m.Name},
		{"mail", m.Mail},
		{"user", m.User},
		{"role", m.Role},
		{"permissions", strings.Join(m.Permissions, ", ")},
		{"state", m.State},
		{"invited_at", moment(m.InvitedAt)},
		{"invited_by", m.InvitedBy},
		{"invitation_expires_at", moment(m.InvitationExpiresAt)},
		{"joined_at", moment(m.JoinedAt)},
		{"removed_at", moment(m.RemovedAt)},
		{"seat", m.Seat},
		{"legacy_keys", strconv.Itoa(m.LegacyKeys)},
	})
}

// shownInvitation is an invitation in JSON: the server's fields.
type shownInvitation struct {
	Code      string `json:"code"`
	Link      string `json:"link,omitempty"`
	ExpiresAt string `json:"expires_at"`
	Mailed    bool   `json:"mailed"`
}

// showInvitation prints the code of an invitation, or its link.
func (a *app) showInvitation(m client.Member, made client.Invitation, link bool) error {
	shown := map[string]any{
		"member":     memberJSON(m),
		"invitation": shownInvitation{made.Code.Reveal(), made.Link.Reveal(), stamp(made.ExpiresAt), made.Mailed},
	}
	text := made.Code
	if link && !made.Link.Empty() {
		text = made.Link
	} else if link {
		a.note("latchkey: warning: the server has no page for invitations, so there is no link; this is the code")
	}
	if made.Mailed {
		a.note("Invited: %s. A mail is on its way to %s. The invitation is good until %s and shown this once:", m.ID, m.Mail, moment(made.ExpiresAt))
	} else {
		a.note("Invited: %s. No mail was sent, so pass this on to %s. The invitation is good until %s and shown this once:", m.ID, m.Name,
			moment(made.ExpiresAt))
	}
	if err := a.show(shown, text.Reveal()); err != nil {
		return hinted{
			fmt.Errorf("the invitation is made, and nobody has seen it: %w", err), "Make another one with: latchkey member resend " + m.ID,
		}
	}
	return nil
}

// addLinkFlag gives a command that invites the flag for the link.
func addLinkFlag(cmd *cobra.Command, link *bool) {
	cmd.Flags().BoolVar(link, "link", false, "print the invitation's link and not its code")
}

// checkMemberRole returns an error unless a word is a role.
func checkMemberRole(role string) error {
	if role != client.RoleAdmin && role != client.RoleMember {
		return errors.New("a role is admin or member")
	}
	return nil
}

// memberInvite is "latchkey member invite".
func (a *app) memberInvite() *cobra.Command {
	var role string
	var link bool
	cmd := &cobra.Command{
		Use:   "invite NAME MAIL",
		Short: "Invite somebody into the workspace",
		Long: `invite makes an invitation, which the server mails if it has a mail server. The code of the invitation alone is on standard
output; whoever is invited gives it to "latchkey member join".`,
		Example: `  latchkey member invite "Zoë Müller" zoe@example.com --role admin`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 || args[0] == "" || !strings.Contains(args[1], "@") {
				return fmt.Errorf("%s takes two arguments, a name and a mail address", words(cmd))
			}
			return nil
		},
		PreRunE: func(*cobra.Command, []string) error { return checkMemberRole(role) },
	}
	cmd.Flags().StringVar(&role, "role", client.RoleMember, "admin, who may do everything in the workspace, or member: the `role`")
	addLinkFlag(cmd, &link)
	return a.inWorkspace(cmd, func(ctx context.Context, c *client.Client, workspace string, args []string) error {
		member, made, err := c.Invite(ctx, workspace, client.MemberRequest{Name: args[0], Mail: args[1], Role: role})
		if err != nil {
			return err
		}
		return a.showInvitation(member, made, link)
	})
}

// memberResend is "latchkey member resend".
func (a *app) memberResend() *cobra.Command {
	var link bool
	cmd := &cobra.Command{
		Use:   "resend MEMBER",
		Short: "Make a new invitation for somebody who has not joined or was removed; the old one is void",
		Args:  oneArg(aMember),
	}
	addLinkFlag(cmd, &link)
	return a.inWorkspace(cmd, func(ctx context.Context, c *client.Client, workspace string, args []string) error {
		member, made, err := c.ResendInvitation(ctx, workspace, args[0])
		if err != nil {
			return err
		}
		return a.showInvitation(member, made, link)
	})
}

// memberJoin is "latchkey member join".
func (a *app) memberJoin() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "join CODE|-",
		Short: "Become a member of the workspace that a code invites to",
		Long: `join takes up an invitation as the user who is logged in. With - the code is the first line of standard input, where nobody
else on this host can read it. Your developer token alone is on standard output; nobody can print it a second time.`,
		Args: oneArg("the code of an invitation, or -"),
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("workspace") {
				return errors.New("the code says which workspace it is; leave out --workspace")
			}
			return nil
		},
	}
	return a.calling(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		code := secret.New(args[0])
		if args[0] == "-" {
			var err error
			if code, err = readSecret(a.stdin, "standard input"); err != nil {
				return err
			}
		} else if isTerminal(a.stderr) {
			a.note("latchkey: warning: everybody on this host can read an argument; use -")
		}
		if !strings.HasPrefix(code.Reveal(), "lki_") {
			return usageError{errors.New("the code of an invitation begins with lki_")}
		}
		made, err := c.AcceptInvitation(ctx, code)
		if err != nil {
			return err
		}
		a.note("You are a member of the workspace %s. To work in it: latchkey workspace use %s", made.Workspace.Name, made.Workspace.ID)
		return a.showJoined(made)
	})
}

// memberList is "latchkey member list".
func (a *app) memberList() *cobra.Command {
	var limit int
	var removed bool
	cmd := &cobra.Command{Use: "list", Short: "List the members and who is invited", Args: cobra.NoArgs}
	cmd.Flags().BoolVar(&removed, "removed", false, "and who was removed")
	addLimitFlag(cmd, &limit)
	return a.inWorkspace(cmd, func(ctx context.Context, c *client.Client, workspace string, _ []string) error {
		members, err := collect(c.Members(ctx, workspace, removed), limit)
		if err != nil {
			return err
		}
		shown, rows := []shownMember{}, [][]string{}
		for _, m := range members {
			shown = append(shown, memberJSON(m))
			rows = append(rows, []string{m.ID, m.Name, m.Mail, m.User, m.State, m.Role, yesNo(m.Seat != ""), strings.Join(m.Permissions, ", ")})
		}
		return a.showRows(shown, []string{"ID", "NAME", "MAIL", "USER", "STATE", "ROLE", "SEAT", "PERMISSIONS"}, rows)
	})
}

// memberShow is "latchkey member show".
func (a *app) memberShow() *cobra.Command {
	cmd := &cobra.Command{Use: "show MEMBER", Short: "Print one member", Args: oneArg(aMember)}
	return a.inWorkspace(cmd, func(ctx context.Context, c *client.Client, workspace string, args []string) error {
		member, err := c.Member(ctx, workspace, args[0])
		if err != nil {
			return err
		}
		return a.showMember(member)
	})
}

// memberRole is "latchkey member role".
func (a *app) memberRole() *cobra.Command {
	cmd := &cobra.Command{
		Use: "role MEMBER admin|member", Short: "Make a member an admin of the workspace, or take that back",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 || args[0] == "" {
				return fmt.Errorf("%s takes two arguments, %s, and admin or member", words(cmd), aMember)
			}
			return checkMemberRole(args[1])
		},
	}
	return a.inWorkspace(cmd, func(ctx context.Context, c *client.Client, workspace string, args []string) error {
		member, err := c.ChangeMember(ctx, workspace, args[0], client.MemberChange{Role: &args[1]})
		if err != nil {
			return err
		}
		return a.showMember(member)
	})
}

// memberPermissions is "latchkey member permissions".
func (a *app) memberPermissions() *cobra.Command {
	var add, drop []string
	known := strings.Join(client.Permissions(), ", ")
	cmd := &cobra.Command{
		Use:     "permissions MEMBER",
		Short:   "Give a member permissions and take them away; without a flag print the member",
		Long:    "The permissions are " + known + ". An admin of the workspace has all of them.",
		Example: "  latchkey member permissions zoe@example.com --add audit.read,members.manage --drop ci_tokens.manage",
		Args:    oneArg(aMember),
		PreRunE: func(*cobra.Command, []string) error {
			for _, permission := range slices.Concat(add, drop) {
				if !slices.Contains(client.Permissions(), permission) {
					return fmt.Errorf("%q is no permission; they are %s", permission, known)
				}
				if slices.Contains(add, permission) && slices.Contains(drop, permission) {
					return fmt.Errorf("%s cannot be added and dropped", permission)
				}
			}
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&add, "add", nil, "`permissions` to give, with commas between them")
	cmd.Flags().StringSliceVar(&drop, "drop", nil, "`permissions` to take away")
	return a.inWorkspace(cmd, func(ctx context.Context, c *client.Client, workspace string, args []string) error {
		member, err := c.Member(ctx, workspace, args[0])
		if err != nil {
			return err
		}
		if len(add)+len(drop) == 0 {
			return a.showMember(member)
		}
		wanted := []string{} // in the usual order
		for _, permission := range client.Permissions() {
			if slices.Contains(add, permission) || slices.Contains(member.Permissions, permission) && !slices.Contains(drop, permission) {
				wanted = append(wanted, permission)
			}
		}
		if member, err = c.ChangeMember(ctx, workspace, member.ID, client.MemberChange{Permissions: &wanted}); err != nil {
			return err
		}
		return a.showMember(member)
	})
}

// memberRemove is "latchkey member remove".
func (a *app) memberRemove() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remove MEMBER",
		Short: "Remove a member, or withdraw an invitation; his developer token and his seat end with that",
		Args:  oneArg(aMember),
	}
	return a.inWorkspace(cmd, func(ctx context.Context, c *client.Client, workspace string, args []string) error {
		if err := c.RemoveMember(ctx, workspace, args[0]); err != nil {
			return err
		}
		a.note("Member removed: %s", args[0])
		return a.doneJSON(map[string]any{"member": args[0], "removed": true})
	})
}
