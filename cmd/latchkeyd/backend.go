package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"latchkey/daemon"
	"latchkey/daemon/login"
	"latchkey/plugins/secret"
)

// backendCommand is `latchkeyd backend`.
func (a *app) backendCommand() *cobra.Command {
	backend := &cobra.Command{Use: "backend", Short: "Look at the backends", Args: cobra.NoArgs, RunE: helpNeeded}
	var name string
	var fromStdin bool
	test := &cobra.Command{
		Use:   "test -u NAME",
		Short: "Ask the backends about one user and print each step of the decision, and the reason",
		Long: `test starts the configured backends, asks them about one name and password as a log-in would, and prints each step and the
reason. Nothing is counted against the user and no token is made. The exit code is 0 when he is accepted and 1 when not.
Run it as the user that the daemon runs as, to see what the daemon sees.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			password, err := a.askPassword(name, fromStdin)
			if err != nil {
				return err
			}
			return a.testBackend(cmd.Context(), name, password)
		},
	}
	test.Flags().StringVarP(&name, "user", "u", "", "`name` of the user")
	test.Flags().BoolVar(&fromStdin, "password-stdin", false, "read the password from the first line of standard input")
	if err := test.MarkFlagRequired("user"); err != nil {
		panic(err) // the flag is defined two lines above
	}
	backend.AddCommand(test)
	return backend
}

// testBackend prints how the chain decides.
func (a *app) testBackend(ctx context.Context, name string, password secret.Text) error {
	config, err := a.load()
	if err != nil {
		return err
	}
	logging, err := daemon.OpenLogging(config.Log, a.stderr)
	if err != nil {
		return err
	}
	defer logging.Close()
	return daemon.WithChain(ctx, config, logging.Logger, func(chain *login.Chain) error {
		steps, err := chain.Explain(ctx, name, password)
		for _, step := range steps {
			fmt.Fprintln(a.stdout, step)
		}
		if err != nil {
			return fmt.Errorf("%s was not accepted", name)
		}
		return nil
	})
}

// askPassword reads the password from standard input, or from the terminal with echo off.
func (a *app) askPassword(name string, fromStdin bool) (secret.Text, error) {
	if fromStdin {
		line, err := bufio.NewReader(a.stdin).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return secret.Text{}, fmt.Errorf("password from standard input: %w", err)
		}
		return secret.New(strings.TrimRight(line, "\r\n")), nil
	}
	terminal, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return secret.Text{}, usageError{errors.New("there is no terminal to ask for the password on; give --password-stdin")}
	}
	defer terminal.Close()
	fmt.Fprintf(terminal, "Password of %q: ", name)
	password, err := term.ReadPassword(int(terminal.Fd()))
	fmt.Fprintln(terminal)
	if err != nil {
		return secret.Text{}, fmt.Errorf("password from the terminal: %w", err)
	}
	return secret.New(string(password)), nil
}
