package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"latchkey/conf"
	"latchkey/daemon"
	"latchkey/daemon/host"
)

// Exit codes.
const (
	exitOK     = 0
	exitError  = 1
	exitConfig = 2 // the command line, the configuration or a backend's executable is wrong; a restart would not help
)

// app is one run of the command.
type app struct {
	files   []string // --config-file, in order
	environ []string
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
}

// usageError is a mistake on the command line.
type usageError struct{ error }

// Run executes the command with args (without the program's name) and returns the exit code. It ends when ctx does.
func Run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{environ: environ, stdin: stdin, stdout: stdout, stderr: stderr}
	root := a.command()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		return a.report(err)
	}
	return exitOK
}

// report prints an error, one line for each thing that is wrong, and returns the exit code for it.
func (a *app) report(err error) int {
	if faults, ok := errors.AsType[conf.Faults](err); ok {
		fmt.Fprintln(a.stderr, faults.Error())
		return exitConfig
	}
	fmt.Fprintln(a.stderr, "latchkeyd:", err)
	if _, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintln(a.stderr, "See latchkeyd --help.")
		return exitConfig
	}
	if _, ok := errors.AsType[*host.ExecutableError](err); ok {
		return exitConfig
	}
	return exitError
}

// command returns the tree of commands.
func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "latchkeyd",
		Short: "Authentication daemon: logs users in by htpasswd, PAM or LDAP and answers for their tokens and keys",
		Long: `latchkeyd asks the accounts that a host or a company already has who somebody is, and hands out tokens and API keys.

Without a subcommand it serves. SIGHUP makes it read its configuration anew; a faulty one changes nothing. SIGTERM lets the
requests under way finish and ends it. Exit codes: 0 ended as asked, 1 error, 2 the command line, the configuration or a
backend's executable is wrong.`,
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       daemon.Version(),
		RunE:          func(cmd *cobra.Command, _ []string) error { return a.serve(cmd.Context()) },
	}
	root.PersistentFlags().StringArrayVar(&a.files, "config-file", []string{conf.DefaultFile},
		"configuration `file`; may be repeated, later files win")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.SetVersionTemplate("latchkeyd {{.Version}}\n")
	root.AddCommand(a.devCommand(), a.configCommand(), a.backendCommand(), a.backupCommand(), a.storeCommand(), a.manCommand())
	forEach(root, func(cmd *cobra.Command) {
		if args := cmd.Args; args != nil {
			cmd.Args = func(cmd *cobra.Command, given []string) error {
				if err := args(cmd, given); err != nil {
					return usageError{err}
				}
				return nil
			}
		}
	})
	return root
}

// forEach calls f with cmd and all commands below it.
func forEach(cmd *cobra.Command, f func(*cobra.Command)) {
	f(cmd)
	for _, child := range cmd.Commands() {
		forEach(child, f)
	}
}

// load reads the configuration.
func (a *app) load() (*conf.Config, error) { return conf.Load(a.files, a.environ) }
