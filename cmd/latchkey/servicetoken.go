package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"latchkey/daemon/client"
)

// serviceTokenCommand is "latchkey service-token".
func (a *app) serviceTokenCommand() *cobra.Command {
	cmd := a.group("service-token", "Make and manage the tokens of services (administrators only)")
	cmd.AddCommand(a.serviceTokenCreate(), a.serviceTokenList(), a.serviceTokenDelete())
	return cmd
}

// shownServiceToken is a service token in JSON: the server's fields.
type shownServiceToken struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Roles      []string `json:"roles"`
	ExpiresAt  string   `json:"expires_at,omitempty"`
	CreatedAt  string   `json:"created_at"`
	CreatedBy  string   `json:"created_by,omitempty"`
	LastUsedAt string   `json:"last_used_at,omitempty"`
	Token      string   `json:"token,omitempty"`
}

// serviceTokenJSON returns what JSON shows of a service token.
func serviceTokenJSON(t client.ServiceToken) shownServiceToken {
	return shownServiceToken{
		ID: t.ID, Name: t.Name, Roles: t.Roles, ExpiresAt: stamp(t.ExpiresAt), CreatedAt: stamp(t.CreatedAt), CreatedBy: t.CreatedBy,
		LastUsedAt: stamp(t.LastUsedAt),
	}
}

// serviceTokenCreate is "latchkey service-token create".
func (a *app) serviceTokenCreate() *cobra.Command {
	var wanted client.ServiceTokenRequest
	var roles, expiration string
	cmd := &cobra.Command{
		Use:   "create --name NAME --roles ROLE[,ROLE]",
		Short: "Make a service token and print it; nobody can print it a second time",
		Long: `create makes a token that belongs to no user, with a name and roles of its own. Without --expiration and --ttl it does not
expire. The token alone is on standard output.`,
		Example: `  latchkey service-token create --name ci --roles ops --expiration 2027-01-31
  export LATCHKEY_API_KEY=$(latchkey service-token create --name deploy --roles ops,dev --ttl 24h)`,
		Args: cobra.NoArgs,
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			return a.readServiceToken(cmd, &wanted, roles, expiration)
		},
	}
	cmd.Flags().StringVar(&wanted.Name, "name", "", "the token's `name`")
	cmd.Flags().StringVar(&roles, "roles", "", "its `roles`, with commas between them")
	cmd.Flags().StringVar(&expiration, "expiration", "", "the last `day` on which it is good, as yyyy-MM-dd, in UTC")
	cmd.Flags().DurationVar(&wanted.TTL, "ttl", 0, "how long it is good, such as 24h or 90m")
	cmd.MarkFlagsMutuallyExclusive("expiration", "ttl")
	return a.calling(cmd, func(ctx context.Context, c *client.Client, _ []string) error {
		token, made, err := c.CreateServiceToken(ctx, wanted)
		if err != nil {
			return err
		}
		a.note("Service token created: %s. It is shown this once:", made.ID)
		shown := serviceTokenJSON(made)
		shown.Token = token.Reveal()
		return unseen(a.show(shown, token.Reveal()), "service token", "latchkey service-token delete", made.ID)
	})
}

// readServiceToken reads the flags of "latchkey service-token create".
func (a *app) readServiceToken(cmd *cobra.Command, wanted *client.ServiceTokenRequest, roles, expiration string) error {
	if wanted.Name == "" {
		return errors.New("--name is missing")
	}
	for role := range strings.SplitSeq(roles, ",") {
		role = strings.TrimSpace(role)
		if role == "" {
			return errors.New("--roles is missing or has an empty role in it; it is a list such as ops,dev")
		}
		wanted.Roles = append(wanted.Roles, role)
	}
	return a.readEnd(cmd, &wanted.Expiration, wanted.TTL, expiration)
}

// serviceTokenList is "latchkey service-token list".
func (a *app) serviceTokenList() *cobra.Command {
	var limit int
	cmd := &cobra.Command{Use: "list", Short: "List all service tokens", Args: cobra.NoArgs}
	addLimitFlag(cmd, &limit)
	return a.calling(cmd, func(ctx context.Context, c *client.Client, _ []string) error {
		tokens, err := collect(c.ServiceTokens(ctx), limit)
		if err != nil {
			return err
		}
		shown, rows := []shownServiceToken{}, [][]string{}
		for _, t := range tokens {
			shown = append(shown, serviceTokenJSON(t))
			rows = append(rows, []string{t.ID, t.Name, lastDay(t.ExpiresAt), "[" + strings.Join(t.Roles, ", ") + "]", moment(t.LastUsedAt)})
		}
		return a.showRows(shown, []string{"ID", "NAME", "EXPIRATION", "ROLES", "LAST USED"}, rows)
	})
}

// lastDay returns an expiry as it was asked for: the day that ends with it, or the moment when it is within a day.
func lastDay(expires time.Time) string {
	if expires = expires.UTC(); expires.IsZero() || !expires.Equal(expires.Truncate(24*time.Hour)) {
		return moment(expires)
	}
	return expires.AddDate(0, 0, -1).Format(time.DateOnly)
}

// serviceTokenDelete is "latchkey service-token delete".
func (a *app) serviceTokenDelete() *cobra.Command {
	cmd := &cobra.Command{Use: "delete ID", Short: "End a service token for good", Args: oneArg("the id of a service token")}
	return a.calling(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		if err := c.DeleteServiceToken(ctx, args[0]); err != nil {
			return err
		}
		return a.deleted("Service token", args[0])
	})
}
