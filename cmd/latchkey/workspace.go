package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"latchkey/daemon/client"
)

// workspaceCommand is "latchkey workspace".
func (a *app) workspaceCommand() *cobra.Command {
	cmd := a.group("workspace", "Make workspaces, and choose the one that commands are about")
	cmd.AddCommand(a.workspaceCreate(), a.workspaceList(), a.workspaceUse(), a.workspaceAudit())
	return cmd
}

// shownWorkspace is a workspace in JSON: the server's fields.
type shownWorkspace struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	CreatedAt   string   `json:"created_at"`
	CreatedBy   string   `json:"created_by,omitempty"`
	TrialUsed   bool     `json:"trial_used"`
	Role        string   `json:"role,omitempty"`
	Permissions []string `json:"permissions,omitempty"`
}

// workspaceJSON returns what JSON shows of a workspace.
func workspaceJSON(w client.Workspace) shownWorkspace {
	return shownWorkspace{w.ID, w.Name, stamp(w.CreatedAt), w.CreatedBy, w.TrialUsed, w.Role, w.Permissions}
}

// shownJoined is a new member in JSON.
type shownJoined struct {
	Workspace shownWorkspace `json:"workspace"`
	Member    shownMember    `json:"member"`
	Token     string         `json:"token,omitempty"`
}

// showJoined prints a new member's developer token.
func (a *app) showJoined(made client.Joined) error {
	shown := shownJoined{workspaceJSON(made.Workspace), memberJSON(made.Member), made.Token.Reveal()}
	if made.Token.Empty() { // it is another's, who alone may see it
		a.note("%s gets a developer token with: latchkey dev-token rotate", made.Member.Name)
		return a.doneJSON(shown)
	}
	a.note("The developer token of %s is shown this once:", made.Member.Name)
	if err := a.show(shown, made.Token.Reveal()); err != nil {
		return hinted{
			fmt.Errorf("the developer token is made, and nobody has seen it: %w", err), "Make another one with: latchkey dev-token rotate",
		}
	}
	return nil
}

// workspaceCreate is "latchkey workspace create".
func (a *app) workspaceCreate() *cobra.Command {
	var owner string
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a workspace and its first member (administrators only)",
		Long: `create makes a workspace whose first member, its owner, is an admin of it. When that is you, your developer token alone is on
standard output, and nobody can print it a second time; another owner gets one with "latchkey dev-token rotate".`,
		Example: "  latchkey workspace create acme --owner bob",
		Args:    oneArg("the name of a workspace"),
	}
	cmd.Flags().StringVar(&owner, "owner", "", "the `user` who becomes its first admin (default you)")
	return a.calling(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		made, err := c.CreateWorkspace(ctx, client.WorkspaceRequest{Name: args[0], Owner: owner})
		if err != nil {
			return err
		}
		a.note("Workspace created: %s", made.Workspace.ID)
		return a.showJoined(made)
	})
}

// workspaceList is "latchkey workspace list".
func (a *app) workspaceList() *cobra.Command {
	var limit int
	var everybodys bool
	cmd := &cobra.Command{Use: "list", Short: "List the workspaces that you are a member of", Args: cobra.NoArgs}
	cmd.Flags().BoolVar(&everybodys, "all", false, "all workspaces (administrators only)")
	addLimitFlag(cmd, &limit)
	return a.calling(cmd, func(ctx context.Context, c *client.Client, _ []string) error {
		workspaces, err := collect(c.Workspaces(ctx, everybodys), limit)
		if err != nil {
			return err
		}
		chosen, _, err := a.workspace(c)
		if err != nil {
			return err
		}
		shown, rows := []shownWorkspace{}, [][]string{}
		for _, w := range workspaces {
			shown = append(shown, workspaceJSON(w))
			rows = append(rows, []string{
				w.ID, w.Name, w.Role, strings.Join(w.Permissions, ", "), moment(w.CreatedAt), yesNo(chosen == w.ID || chosen == w.Name),
			})
		}
		return a.showRows(shown, []string{"ID", "NAME", "ROLE", "PERMISSIONS", "CREATED", "IN USE"}, rows)
	})
}

// workspaceUse is "latchkey workspace use".
func (a *app) workspaceUse() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "use NAME|ID",
		Short: "Choose the workspace that the commands that follow are about",
		Long: `use keeps the choice for this server until the next one. --workspace and LATCHKEY_WORKSPACE count for more than it.
The commands are those of member, seat, subscription, dev-token, ci-token and legacy-key, and workspace audit.`,
		Args: oneArg("the name or the id of a workspace"),
	}
	return a.calling(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		found, err := c.Workspace(ctx, args[0])
		if err != nil {
			return err
		}
		if err := a.choice(c).save(found); err != nil {
			return err
		}
		a.note("Workspace in use: %s", found.Name)
		return a.doneJSON(workspaceJSON(found))
	})
}

// workspaceAudit is "latchkey workspace audit".
func (a *app) workspaceAudit() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use: "audit", Short: "Show what happened in a workspace (permission audit.read)", Args: cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error {
			if limit < 0 {
				return errors.New("--limit is 1 or more, or 0 for as many as the server gives")
			}
			return nil
		},
	}
	a.addWorkspaceFlag(cmd.Flags())
	cmd.Flags().IntVarP(&limit, "limit", "n", 0, "at most so many records (default as many as the server gives)")
	return a.inWorkspace(cmd, func(ctx context.Context, c *client.Client, workspace string, _ []string) error {
		records, err := c.WorkspaceAudit(ctx, workspace, limit)
		if err != nil {
			return err
		}
		shown, rows := []json.RawMessage{}, [][]string{}
		for _, r := range records {
			shown = append(shown, r.Text)
			rows = append(rows, []string{moment(r.Time), r.Event, r.User, r.RealUser, r.Outcome, r.Reason, r.CredentialID})
		}
		return a.showRows(shown, []string{"TIME", "EVENT", "USER", "BY", "OUTCOME", "REASON", "CREDENTIAL"}, rows)
	})
}
