package main

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"latchkey/daemon/client"
)

// version returns the program's version as the Go toolchain recorded it at build time.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// versionCommand is "latchkey version".
func (a *app) versionCommand() *cobra.Command {
	var server bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version, and with --server that of the server",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !server {
				return a.show(versions{Client: version()}, fmt.Sprintf("latchkey %s", version()))
			}
			s, err := a.settings()
			if err != nil {
				return err
			}
			c, err := a.connect(s)
			if err != nil {
				return err
			}
			defer c.Close()
			return a.serverVersion(cmd.Context(), c)
		},
	}
	cmd.Flags().BoolVar(&server, "server", false, "ask the server, too; it needs no credential")
	return cmd
}

// versions is what "latchkey version --json" prints.
type versions struct {
	Client string `json:"version"`
	Server string `json:"server_version,omitempty"`
	Uptime int64  `json:"server_uptime,omitempty"` // seconds
}

// serverVersion prints both versions.
func (a *app) serverVersion(ctx context.Context, c *client.Client) error {
	info, err := c.Info(ctx)
	if err != nil {
		return err
	}
	return a.show(versions{version(), info.Version, int64(info.Uptime.Seconds())},
		fmt.Sprintf("latchkey %s\nserver %s, up for %s", version(), printable(info.Version), info.Uptime))
}
