package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"latchkey/daemon/client"
)

// whoamiCommand is "latchkey whoami".
func (a *app) whoamiCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "whoami",
		Short: "Print whom the server takes you for, and by which credential",
		Args:  cobra.NoArgs,
	}
	return a.calling(cmd, func(ctx context.Context, c *client.Client, _ []string) error {
		who, err := c.WhoAmI(ctx)
		if err != nil {
			return err
		}
		from := a.credential
		if from == "" {
			from = "none was needed"
		}
		return a.showProperties(who, []property{
			{"user", who.Username},
			{"method", who.Authentication.Method},
			{"expiry", who.Authentication.TokenExpire},
			{"roles", strings.Join(who.RBAC.Roles, ", ")},
			{"admin", yesNo(who.RBAC.IsAdmin)},
			{"server", c.URL()},
			{"credential", from},
		})
	})
}
