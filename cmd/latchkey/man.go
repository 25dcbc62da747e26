package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// manCommand is "latchkey man", which "make install" uses.
func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write the man pages into a folder",
		Args:   cobra.ExactArgs(1),
		Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			root.Long += "\n\nThe exit codes are:\n\n" + exitCodesText + "\n\nThe environment variables are:\n\n" + indented(environmentTopic().Long) +
				"\n\n" + configurationTopic().Long
			if err := doc.GenManTree(root, &doc.GenManHeader{Title: "LATCHKEY", Section: "1", Source: "Latchkey"}, args[0]); err != nil {
				return fmt.Errorf("man pages: %w", err)
			}
			return nil
		},
	}
}
