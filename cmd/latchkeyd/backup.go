package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"latchkey/daemon"
)

// backupCommand is `latchkeyd backup FILE`.
func (a *app) backupCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a consistent copy of the store, while the daemon serves or while it is down",
		Long: `backup writes a copy of the store into FILE, which must not be there yet. A running daemon makes it, over its local socket
([admin] socket), and goes on serving meanwhile; when none runs, the store's file is read. To restore, stop the daemon and put
the copy in the store's place. The copy holds no token and no key, only their hashes; it is made with mode 0600.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			config, err := a.load()
			if err != nil {
				return err
			}
			target := args[0]
			if _, err := os.Lstat(target); !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("%s is there already; name another file", target)
			}
			file, err := renameio.NewPendingFile(target, renameio.WithPermissions(0o600))
			if err != nil {
				return fmt.Errorf("backup: %w", err)
			}
			defer func() { err = errors.Join(err, file.Cleanup()) }()
			if err := daemon.Backup(cmd.Context(), config, file); err != nil {
				return fmt.Errorf("backup: %w", err)
			}
			if err := file.CloseAtomicallyReplace(); err != nil {
				return fmt.Errorf("backup: %w", err)
			}
			fmt.Fprintln(a.stdout, "The store was written to", target)
			return nil
		},
	}
}
