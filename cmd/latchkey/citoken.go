package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"latchkey/daemon/client"
	"latchkey/plugins/secret"
)

// ciTokenListCommand shows the ids of CI tokens.
const ciTokenListCommand = "latchkey ci-token list"

// ciTokenCommand is "latchkey ci-token".
func (a *app) ciTokenCommand() *cobra.Command {
	return a.workspaceGroup("ci-token", "Make and manage the CI tokens of a workspace (permission ci_tokens.manage)",
		a.ciTokenCreate(), a.ciTokenList(), a.ciTokenRotate(), a.ciTokenDelete())
}

// shownCIToken is a CI token in JSON: the server's fields.
type shownCIToken struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	CreatedAt  string `json:"created_at"`
	CreatedBy  string `json:"created_by,omitempty"`
	ExpiresAt  string `json:"expires_at,omitempty"`
	LastUsedAt string `json:"last_used_at,omitempty"`
	Token      string `json:"token,omitempty"`
}

// ciTokenJSON returns what JSON shows of a CI token.
func ciTokenJSON(t client.CIToken) shownCIToken {
	return shownCIToken{
		ID: t.ID, Name: t.Name, CreatedAt: stamp(t.CreatedAt), CreatedBy: t.CreatedBy, ExpiresAt: stamp(t.ExpiresAt), LastUsedAt: stamp(t.LastUsedAt),
	}
}

// showCIToken prints the text of a CI token.
func (a *app) showCIToken(token secret.Text, t client.CIToken, done, hint string) error {
	a.note("CI token %s: %s. It is shown this once:", done, t.ID)
	shown := ciTokenJSON(t)
	shown.Token = token.Reveal()
	if err := a.show(shown, token.Reveal()); err != nil {
		return hinted{fmt.Errorf("the CI token %s is %s, and nobody has seen it: %w", t.ID, done, err), hint + t.ID}
	}
	return nil
}

// ciTokenCreate is "latchkey ci-token create".
func (a *app) ciTokenCreate() *cobra.Command {
	var wanted client.CITokenRequest
	var expiration string
	cmd := &cobra.Command{
		Use:   "create --name NAME",
		Short: "Make a CI token and print it; nobody can print it a second time",
		Long: `create makes a token that belongs to the workspace and to no member. Without --expiration and --ttl it does not expire. The
token alone is on standard output.`,
		Example: "  latchkey ci-token create --name build --expiration 2027-01-31",
		Args:    cobra.NoArgs,
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			if wanted.Name == "" {
				return errors.New("--name is missing")
			}
			return a.readEnd(cmd, &wanted.Expiration, wanted.TTL, expiration)
		},
	}
	cmd.Flags().StringVar(&wanted.Name, "name", "", "the token's `name`")
	cmd.Flags().StringVar(&expiration, "expiration", "", "the last `day` on which it is good, as yyyy-MM-dd, in UTC")
	cmd.Flags().DurationVar(&wanted.TTL, "ttl", 0, "how long it is good, such as 24h or 90m")
	cmd.MarkFlagsMutuallyExclusive("expiration", "ttl")
	return a.inWorkspace(cmd, func(ctx context.Context, c *client.Client, workspace string, _ []string) error {
		token, made, err := c.CreateCIToken(ctx, workspace, wanted)
		if err != nil {
			return err
		}
		return a.showCIToken(token, made, "created", "Delete it with: latchkey ci-token delete ")
	})
}

// ciTokenList is "latchkey ci-token list".
func (a *app) ciTokenList() *cobra.Command {
	var limit int
	cmd := &cobra.Command{Use: "list", Short: "List the CI tokens of the workspace", Args: cobra.NoArgs}
	addLimitFlag(cmd, &limit)
	return a.inWorkspace(cmd, func(ctx context.Context, c *client.Client, workspace string, _ []string) error {
		tokens, err := collect(c.CITokens(ctx, workspace), limit)
		if err != nil {
			return err
		}
		shown, rows := []shownCIToken{}, [][]string{}
		for _, t := range tokens {
			shown = append(shown, ciTokenJSON(t))
			rows = append(rows, []string{t.ID, t.Name, lastDay(t.ExpiresAt), moment(t.CreatedAt), t.CreatedBy, moment(t.LastUsedAt)})
		}
		return a.showRows(shown, []string{"ID", "NAME", "EXPIRATION", "CREATED", "BY", "LAST USED"}, rows)
	})
}

// ciTokenRotate is "latchkey ci-token rotate".
func (a *app) ciTokenRotate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate ID",
		Short: "Give a CI token a new text and print it; the old one is refused from now on",
		Args:  idArg(ciTokenListCommand),
	}
	return a.inWorkspace(cmd, func(ctx context.Context, c *client.Client, workspace string, args []string) error {
		token, made, err := c.RotateCIToken(ctx, workspace, args[0])
		if err != nil {
			return err
		}
		return a.showCIToken(token, made, "rotated", "Rotate it again: latchkey ci-token rotate ")
	})
}

// ciTokenDelete is "latchkey ci-token delete".
func (a *app) ciTokenDelete() *cobra.Command {
	cmd := &cobra.Command{Use: "delete ID", Short: "End a CI token for good", Args: idArg(ciTokenListCommand)}
	return a.inWorkspace(cmd, func(ctx context.Context, c *client.Client, workspace string, args []string) error {
		if err := c.DeleteCIToken(ctx, workspace, args[0]); err != nil {
			return err
		}
		return a.deleted("CI token", args[0])
	})
}

// readEnd reads the flags for when a token ends.
func (a *app) readEnd(cmd *cobra.Command, last *time.Time, ttl time.Duration, expiration string) error {
	if cmd.Flags().Changed("ttl") && ttl <= 0 {
		return errors.New("--ttl is not a time to come; it is written as 24h or 90m")
	}
	if !cmd.Flags().Changed("expiration") {
		return nil
	}
	day, err := time.Parse(time.DateOnly, expiration)
	if err != nil {
		return errors.New("--expiration is not a day; it is written as yyyy-MM-dd, for example 2027-01-31")
	}
	if !day.AddDate(0, 0, 1).After(a.now()) {
		return errors.New("--expiration is in the past; it is the last day on which the token is good, written as yyyy-MM-dd")
	}
	*last = day
	return nil
}
