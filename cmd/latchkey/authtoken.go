package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"latchkey/daemon/client"
	"latchkey/plugins/secret"
)

// isAuthToken reports whether a text calls itself an auth token, which is a developer's or for CI, and not a session's token.
func isAuthToken(text string) bool {
	return strings.HasPrefix(text, "lkd_") || strings.HasPrefix(text, "lkc_")
}

// authSetToken is "latchkey auth set-token".
func (a *app) authSetToken() *cobra.Command {
	var forget bool
	cmd := &cobra.Command{
		Use:   "set-token [TOKEN]",
		Short: "Keep an auth token, with which tools are activated on this machine",
		Long: `set-token keeps an auth token (lkd_ or lkc_) for one server in $XDG_STATE_HOME/latchkey, readable by you alone, in the place of
the one before. Tools that are activated use it when neither LATCHKEY_AUTH_TOKEN nor LATCHKEY_API_KEY is set. The token's form is
checked; the server is not asked, "latchkey licence activate" does that.

Without TOKEN, or with "-", it is the first line of standard input; on a terminal it is asked for, and not shown. A token on the
command line can be read by everybody on this host.

Who logs in a user of the name set-token writes: latchkey auth -- set-token`,
		Example: `  latchkey auth set-token < token
  latchkey auth set-token --forget`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 || forget && len(args) > 0 {
				return errors.New("auth set-token takes one token at most, and none with --forget")
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&forget, "forget", false, "forget the token that is kept")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		store, server, err := a.tokenStore()
		if err != nil {
			return err
		}
		if forget {
			if err := store.Forget(server); err != nil {
				return unsafe(err)
			}
			a.note("No auth token is kept for %s.", server)
			return a.doneJSON(map[string]any{"server": server, "kept": false})
		}
		token, err := a.authToken(cmd.Context(), args)
		if err != nil {
			return err
		}
		return a.setToken(store, server, token)
	}
	return cmd
}

// tokenStore returns the store of auth tokens, and the address of the server that is meant.
func (a *app) tokenStore() (client.TokenStore, string, error) {
	s, err := a.settings()
	if err != nil {
		return client.TokenStore{}, "", err
	}
	server, err := client.Normal(s.url)
	if err != nil {
		return client.TokenStore{}, "", hinted{usageError{err}, a.server}
	}
	store, err := client.NewTokenStore(a.getenv)
	return store, server, err
}

// authToken returns the token that is given: on the command line, on standard input, or on the terminal.
func (a *app) authToken(ctx context.Context, args []string) (secret.Text, error) {
	switch {
	case len(args) == 1 && args[0] != "-":
		if isTerminal(a.stderr) {
			a.note("latchkey: warning: a token on the command line shows to everybody on this host; leave it out and be asked")
		}
		return secret.New(args[0]), nil
	case len(args) == 0 && isTerminal(a.stdin):
		return askSecret(ctx, "Auth token")
	}
	return readSecret(a.stdin, "standard input")
}

// setToken keeps a token.
func (a *app) setToken(store client.TokenStore, server string, token secret.Text) error {
	if err := client.CheckAuthToken(token); err != nil {
		return hinted{usageError{err}, "Nothing was kept."}
	}
	if err := store.Save(server, token); err != nil {
		return unsafe(err)
	}
	a.note("The auth token for %s is kept in %s.", server, store.Path(server))
	for _, name := range []string{"LATCHKEY_AUTH_TOKEN", "LATCHKEY_API_KEY"} {
		if a.environ[name] != "" {
			a.note("latchkey: warning: %s is set, and decides over it.", name)
			break
		}
	}
	return a.doneJSON(map[string]any{"server": server, "kept": true})
}
