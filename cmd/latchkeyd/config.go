package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"latchkey/daemon"
)

// configCommand is `latchkeyd config`.
func (a *app) configCommand() *cobra.Command {
	config := &cobra.Command{Use: "config", Short: "Look at the configuration", Args: cobra.NoArgs, RunE: helpNeeded}
	config.AddCommand(&cobra.Command{
		Use:   "check",
		Short: "Read the configuration and start its backends as the daemon would, and say what is wrong",
		Long: `check reads the configuration and environment as the daemon would, starts each backend with its settings, and ends them.
It prints one line for each fault, with file and line, and exits with 2 if there is any. It opens no port and no store.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := a.load()
			if err != nil {
				return err
			}
			for _, notice := range config.Notices {
				fmt.Fprintln(a.stderr, "note:", notice.String())
			}
			logging, err := daemon.OpenLogging(config.Log, a.stderr)
			if err != nil {
				return err
			}
			defer logging.Close()
			if err := daemon.Check(cmd.Context(), config, logging.Logger); err != nil {
				return err
			}
			fmt.Fprintln(a.stdout, "The configuration is fine.")
			return nil
		},
	})
	return config
}

// helpNeeded is what a command does that only groups others.
func helpNeeded(cmd *cobra.Command, _ []string) error {
	return usageError{fmt.Errorf("%s needs a subcommand", cmd.CommandPath())}
}
