package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"latchkey/conf"
	"latchkey/daemon"
)

// storeCommand is `latchkeyd store`.
func (a *app) storeCommand() *cobra.Command {
	store := &cobra.Command{
		Use: "store", Short: "Move the store",
		Args: cobra.ArbitraryArgs,
		RunE: helpNeeded,
	}
	store.AddCommand(a.storeCopyCommand())
	return store
}

// endpoint is a store on the command line: a URL, or a file that holds one.
type endpoint struct{ flag, url, file string }

// store returns what the flags name.
func (e *endpoint) store() (conf.Store, error) {
	if (e.url == "") == (e.file == "") {
		return conf.Store{}, usageError{fmt.Errorf("give either --%s or --%s-file", e.flag, e.flag)}
	}
	url := e.url
	if e.file != "" {
		content, err := os.ReadFile(e.file)
		if err != nil {
			return conf.Store{}, fmt.Errorf("--%s-file: %w", e.flag, err)
		}
		url = strings.TrimSpace(string(content))
	}
	s, err := conf.NewStore(url)
	if err != nil {
		return s, usageError{fmt.Errorf("--%s: %w", e.flag, err)}
	}
	if e.url != "" && s.HasPassword() {
		return s, usageError{fmt.Errorf("--%s: everybody on this host can read a password on the command line; write the URL into a file of mode 0600 and give --%s-file", e.flag, e.flag)}
	}
	return s, nil
}

// storeCopyCommand is `latchkeyd store copy`.
func (a *app) storeCopyCommand() *cobra.Command {
	from, to := endpoint{flag: "from"}, endpoint{flag: "to"}
	command := &cobra.Command{
		Use:   "copy --from URL --to URL",
		Short: "Copy a store into a new one, from a file to a database or back, and compare them",
		Long: `copy reads one store and writes another, which must be empty, and then compares the two record by record. A URL is that of [store]:
bolt:/PATH/OF/FILE or postgres://USER@HOST/DATABASE. Stop every daemon that uses either of them first: what is changed meanwhile is
not in the copy, and the comparison fails. Tokens, keys and locks go on as they were, and no bootstrap token is made again. When it
fails, throw the target away and begin anew.`,
		Example: `  systemctl stop latchkeyd
  latchkeyd store copy --from bolt:/var/lib/latchkey/latchkey.db --to-file /etc/latchkey/database-url`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			source, err := from.store()
			if err != nil {
				return err
			}
			target, err := to.store()
			if err != nil {
				return err
			}
			if source.URL.Equal(target.URL) {
				return usageError{fmt.Errorf("--from and --to are the same store")}
			}
			logging, err := daemon.OpenLogging(conf.Log{}, a.stderr)
			if err != nil {
				return err
			}
			defer logging.Close()
			told := time.Now()
			copied, err := daemon.CopyStore(cmd.Context(), source, target, logging.Logger, func(text string) {
				if now := time.Now(); now.Sub(told) >= time.Second || !strings.Contains(text, "so far") {
					told = now
					fmt.Fprintln(a.stderr, text)
				}
			})
			if err != nil {
				return fmt.Errorf("store copy: %w", err)
			}
			fmt.Fprintf(a.stdout, "%s was copied to %s: %s, all of them the same.\n", source, target, copied)
			return nil
		},
	}
	for _, e := range []*endpoint{&from, &to} {
		command.Flags().StringVar(&e.url, e.flag, "", "`URL` of the store, without a password")
		command.Flags().StringVar(&e.file, e.flag+"-file", "", "`file` that holds the URL")
	}
	return command
}
