package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"latchkey/daemon/client"
)

// app is one run of the command.
type app struct {
	environ map[string]string
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
	now     func() time.Time
	options options
	// began is set when a command's own work begins; an error before that is one of the command line.
	began bool
	// server is a sentence that says where the server's address came from, credential the words for where the credential did; for
	// the line that helps after an error.
	server, credential string
}

// options are the flags that every command has.
type options struct {
	url, cacert, config   string
	insecure, local, json bool
	timeout               time.Duration
	// token and apiKey are flags of the commands that show a credential.
	token, apiKey string
	// workspace is a flag of the commands about one.
	workspace string
}

// Run executes the command with args (without the program's name) and returns the exit code. It ends when ctx does.
func Run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{environ: environment(environ), stdin: stdin, stdout: stdout, stderr: stderr, now: time.Now}
	root := a.command()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	at, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if !a.began {
		err = usageError{err}
	}
	return a.report(at.CommandPath(), err)
}

// environment returns the variables that are set; an empty one counts as not set.
func environment(environ []string) map[string]string {
	variables := map[string]string{}
	for _, entry := range environ {
		if name, value, _ := strings.Cut(entry, "="); value != "" {
			variables[name] = value
		}
	}
	return variables
}

// command returns the tree of commands.
func (a *app) command() *cobra.Command {
	root := a.group("latchkey", "Log in to Latchkey and manage its keys and tokens")
	root.Long = `latchkey logs in to a Latchkey server and manages API keys, sessions, service tokens, users and workspaces.

Which server: --url, then LATCHKEY_URL, then the configuration file, then http://127.0.0.1:9100.
Which credential: --token or --api-key, then LATCHKEY_AUTH_TOKEN or LATCHKEY_API_KEY, then the log-in that "latchkey login" has
kept, then the name and password or the API key of the configuration file.
Which workspace: --workspace, then LATCHKEY_WORKSPACE, then the one of "latchkey workspace use".`
	root.Example = `  export LATCHKEY_URL=https://auth.example.com
  latchkey login alice
  latchkey apikey create -k -m '{"used_by": "my integration"}'`
	root.Version = version()
	root.SetVersionTemplate("latchkey {{.Version}}\n")
	root.SilenceErrors, root.SilenceUsage = true, true
	grouped := root.RunE
	root.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return grouped(cmd, args)
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.options.url, "url", "", "the server's `address`: https://host:port or unix:///path")
	flags.StringVar(&a.options.cacert, "cacert", "", "PEM `file` with the certificates to trust instead of the system's")
	flags.BoolVar(&a.options.insecure, "insecure", false, "do not check the server's certificate: anybody on the way can read everything")
	flags.BoolVar(&a.options.local, "local", false, "speak to the daemon of this host over root's socket, "+adminSocket)
	flags.StringVar(&a.options.config, "config", "", "configuration `file` (default $XDG_CONFIG_HOME/latchkey/config)")
	flags.DurationVar(&a.options.timeout, "timeout", 30*time.Second, "the longest that one call may take")
	flags.BoolVarP(&a.options.json, "json", "j", false, "print JSON instead of tables")
	root.AddCommand(
		a.authCommand(), a.loginCommand(), a.logoutCommand(), a.whoamiCommand(),
		a.apikeyCommand(), a.tokenCommand(), a.serviceTokenCommand(), a.userCommand(), a.licenceCommand(), a.benchCommand(),
		a.workspaceCommand(), a.memberCommand(), a.seatCommand(), a.subscriptionCommand(), a.devTokenCommand(), a.ciTokenCommand(),
		a.legacyKeyCommand(),
		a.versionCommand(), a.manCommand(), configurationTopic(), environmentTopic(), exitCodesTopic(),
	)
	a.watch(root)
	return root
}

// group returns a command that only groups others.
func (a *app) group(use, short string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, SuggestionsMinimumDistance: 2,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{fmt.Errorf("%s needs a subcommand", words(cmd))}
			}
			err := usageError{fmt.Errorf("%s is no subcommand of %s", strconv.Quote(args[0]), cmd.CommandPath())}
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				return hinted{err, fmt.Sprintf("Did you mean %q?", near[0])}
			}
			return err
		},
		Args: cobra.ArbitraryArgs,
	}
}

// words returns a command as it is typed, without the program's name.
func words(cmd *cobra.Command) string { return strings.TrimPrefix(cmd.CommandPath(), "latchkey ") }

// watch notes when the work of any command begins.
func (a *app) watch(cmd *cobra.Command) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			a.began = true
			return run(cmd, args)
		}
	}
	for _, child := range cmd.Commands() {
		a.watch(child)
	}
}

// addCredentialFlags gives a command the flags for the credential that it shows.
func (a *app) addCredentialFlags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&a.options.token, "token", "t", "", "session `token` to show; better in LATCHKEY_AUTH_TOKEN")
	cmd.Flags().StringVar(&a.options.apiKey, "api-key", "", "API `key` or service token to show; better in LATCHKEY_API_KEY")
}

// work is what a command does with a server.
type work func(ctx context.Context, c *client.Client, args []string) error

// calling returns the function of a command that calls the server with the caller's credential, and gives the command the
// flags for one.
func (a *app) calling(cmd *cobra.Command, do work) *cobra.Command {
	a.addCredentialFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s, err := a.settings()
		if err != nil {
			return err
		}
		c, err := a.connect(s)
		if err != nil {
			return err
		}
		defer c.Close()
		source, err := a.source(c, s)
		if err != nil {
			return err
		}
		return do(cmd.Context(), c.With(source), args)
	}
	return cmd
}
