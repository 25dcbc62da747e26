package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"latchkey/daemon/client"
)

// devTokenCommand is "latchkey dev-token".
func (a *app) devTokenCommand() *cobra.Command {
	return a.workspaceGroup("dev-token", "Look at your developer token in a workspace, and get a new one", a.devTokenRotate(), a.devTokenShowID())
}

// devTokenRotate is "latchkey dev-token rotate".
func (a *app) devTokenRotate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Give your developer token a new text and print it; the old one is refused from now on",
		Long:  "The token alone is on standard output; nobody can print it a second time.",
		Args:  cobra.NoArgs,
	}
	return a.inWorkspace(cmd, func(ctx context.Context, c *client.Client, workspace string, _ []string) error {
		token, id, err := c.RotateDeveloperToken(ctx, workspace)
		if err != nil {
			return err
		}
		a.note("Developer token rotated: %s. It is shown this once:", id)
		if err := a.show(map[string]string{"id": id, "token": token.Reveal()}, token.Reveal()); err != nil {
			return hinted{
				fmt.Errorf("the developer token %s is rotated, and nobody has seen it: %w", id, err), "Rotate it again: latchkey dev-token rotate",
			}
		}
		return nil
	})
}

// shownDeveloperToken is a developer token in JSON: the server's fields.
type shownDeveloperToken struct {
	ID         string `json:"id"`
	CreatedAt  string `json:"created_at"`
	LastUsedAt string `json:"last_used_at,omitempty"`
}

// devTokenShowID is "latchkey dev-token show-id".
func (a *app) devTokenShowID() *cobra.Command {
	cmd := &cobra.Command{Use: "show-id", Short: "Print the id of your developer token, and when it was used, without its text", Args: cobra.NoArgs}
	return a.inWorkspace(cmd, func(ctx context.Context, c *client.Client, workspace string, _ []string) error {
		token, err := c.DeveloperToken(ctx, workspace)
		if err != nil {
			return err
		}
		return a.showProperties(shownDeveloperToken{token.ID, stamp(token.CreatedAt), stamp(token.LastUsedAt)}, []property{
			{"id", token.ID},
			{"created_at", moment(token.CreatedAt)},
			{"last_used_at", moment(token.LastUsedAt)},
		})
	})
}
