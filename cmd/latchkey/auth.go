package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"latchkey/daemon/client"
	"latchkey/plugins/secret"
)

// maxTTL is the longest life that is asked for, in seconds; longer ones are none, they are mistakes.
const maxTTL = 100 * 365 * 24 * 60 * 60

// ttlFlag is the flag -l of the commands that log in.
type ttlFlag struct {
	seconds int64
	command *cobra.Command
}

// addTTLFlag gives a command the flag.
func addTTLFlag(cmd *cobra.Command) *ttlFlag {
	f := &ttlFlag{command: cmd}
	cmd.Flags().Int64VarP(&f.seconds, "ttl", "l", 0, "the token's life in `seconds` (default: the longest that the server gives)")
	return f
}

// life returns the life; zero when none is given.
func (f *ttlFlag) life() (time.Duration, error) {
	if f.command.Flags().Changed("ttl") && (f.seconds < 1 || f.seconds > maxTTL) {
		return 0, usageError{fmt.Errorf("a life of %d seconds is out of the question; it is 1 or more", f.seconds)}
	}
	return time.Duration(f.seconds) * time.Second, nil
}

// madeSession is what "latchkey auth --json" prints: the server's answer.
type madeSession struct {
	ID       string          `json:"id"`
	User     string          `json:"user"`
	Token    string          `json:"token"`
	Expiry   string          `json:"expiry"`
	Metadata json.RawMessage `json:"metadata"`
	Service  bool            `json:"service"`
}

// authCommand is "latchkey auth".
func (a *app) authCommand() *cobra.Command {
	var onlyToken bool
	cmd := &cobra.Command{
		Use:   "auth USER",
		Short: "Get a session token with a name and a password, and print it",
		Long: `auth logs in and prints the new session token, like "st2 auth". The token is not kept; "latchkey login" does that.

Without a password on the command line, from standard input or from a file it is the one that the configuration file has for
this user, and otherwise the terminal is asked.`,
		Example: `  export LATCHKEY_AUTH_TOKEN=$(latchkey auth alice -t --password-stdin < password)
  latchkey auth alice -l 600`,
		Args: oneArg("the name of a user"),
	}
	cmd.Flags().BoolVarP(&onlyToken, "only-token", "t", false, "print the token and nothing else")
	password, ttl := addPasswordFlags(cmd), addTTLFlag(cmd)
	cmd.AddCommand(a.authSetToken())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		try, err := a.attempt(cmd.Context(), args, password, ttl)
		if err != nil {
			return err
		}
		defer try.client.Close()
		made, err := a.logIn(cmd.Context(), try)
		if err != nil {
			return err
		}
		if onlyToken {
			return a.print(made.Token.Reveal() + "\n")
		}
		return a.showProperties(madeSession{made.ID, made.User, made.Token.Reveal(), stamp(made.Expiry), made.Metadata, made.Service}, []property{
			{"user", made.User}, {"token", made.Token.Reveal()}, {"expiry", moment(made.Expiry)},
		})
	}
	return cmd
}

// attempt is a log-in that is about to be tried.
type attempt struct {
	client   *client.Client
	settings settings
	user     string
	password secret.Text
	life     time.Duration
}

// attempt gathers what a log-in needs, and asks for what is missing. args has the user's name, or is empty.
func (a *app) attempt(ctx context.Context, args []string, password *passwordFlags, ttl *ttlFlag) (attempt, error) {
	var try attempt
	var err error
	if try.life, err = ttl.life(); err != nil {
		return attempt{}, err
	}
	if try.settings, err = a.settings(); err != nil {
		return attempt{}, err
	}
	if try.client, err = a.connect(try.settings); err != nil {
		return attempt{}, err
	}
	if len(args) > 0 {
		try.user = args[0]
	} else if try.user, err = a.usualUser(try.client, try.settings); err != nil {
		return attempt{}, err
	}
	if err := client.CheckName(try.user); err != nil {
		return attempt{}, usageError{err}
	}
	try.password, err = a.password(ctx, password, try.user, try.settings.file)
	return try, err
}

// logIn logs in.
func (a *app) logIn(ctx context.Context, try attempt) (client.Session, error) {
	made, err := try.client.LogIn(ctx, try.user, try.password, client.SessionRequest{TTL: try.life})
	if err != nil {
		return client.Session{}, loginFailed(try.user, err)
	}
	return made, nil
}

// loginFailed gives the refusal of a log-in the hint that fits it.
func loginFailed(user string, err error) error {
	if refused, ok := errors.AsType[*client.Error](err); ok && refused.Status == http.StatusUnauthorized {
		return hinted{fmt.Errorf("log-in of %s: %w", user, err), "The name or the password is wrong, or the account may not log in; the server does not tell which."}
	}
	return err
}

// usualUser returns who logs in when no name is given: the user of the configuration file, or who logged in last.
func (a *app) usualUser(c *client.Client, s settings) (string, error) {
	if s.file.Username != "" {
		return s.file.Username, nil
	}
	if kept := a.cache(c, s); kept != nil {
		user, err := kept.current()
		if err != nil || user != "" {
			return user, err
		}
	}
	return "", usageError{errors.New("whose log-in? There is no user in the configuration file, and nobody has logged in here before")}
}

// loginCommand is "latchkey login".
func (a *app) loginCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "login [USER]",
		Short: "Log in and keep the session token for the commands that follow",
		Long: `login logs in and keeps the session token in $XDG_STATE_HOME/latchkey, readable by you alone, one for each server and user.
The password is not kept. Without USER it is the one of the configuration file, or who logged in last.

A log-in counts until "latchkey logout". When its token expires, log in again; a user whose password is in the configuration
file is logged in by itself.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return errors.New("login takes one name at most")
			}
			return nil
		},
	}
	password, ttl := addPasswordFlags(cmd), addTTLFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		try, err := a.attempt(cmd.Context(), args, password, ttl)
		if err != nil {
			return err
		}
		defer try.client.Close()
		return a.login(cmd.Context(), try)
	}
	return cmd
}

// login logs in and keeps the session, under the name as it was given.
func (a *app) login(ctx context.Context, try attempt) error {
	kept := a.cache(try.client, try.settings)
	if kept == nil {
		return hinted{
			errors.New("there is no place to keep a log-in"),
			`Set HOME or XDG_STATE_HOME, and cache_token = True in the configuration file; or use "latchkey auth".`,
		}
	}
	made, err := a.logIn(ctx, try)
	if err != nil {
		return err
	}
	if err := kept.save(cached{user: try.user, token: made.Token, expiry: made.Expiry}); err != nil {
		return err
	}
	if err := kept.choose(try.user); err != nil {
		return err
	}
	a.note("Logged in as %s at %s until %s.", made.User, try.client.URL(), moment(made.Expiry))
	for _, name := range []string{"LATCHKEY_AUTH_TOKEN", "LATCHKEY_API_KEY"} {
		if a.environ[name] != "" {
			a.note("%s is set, and decides over this log-in; unset it, or the next commands are its owner's.", name)
			break
		}
	}
	return a.doneJSON(map[string]string{"user": made.User, "server": try.client.URL(), "expiry": stamp(made.Expiry)})
}

// logoutCommand is "latchkey logout".
func (a *app) logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "logout",
		Short: "End the session at the server, and forget its token here",
		Long: `logout revokes the session token that the other commands use, and removes it from where "latchkey login" has kept it. A token
that is in LATCHKEY_AUTH_TOKEN is revoked as well; the variable is yours to unset.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.settings()
			if err != nil {
				return err
			}
			c, err := a.connect(s)
			if err != nil {
				return err
			}
			defer c.Close()
			if token := a.environ["LATCHKEY_AUTH_TOKEN"]; token != "" && !isAuthToken(token) {
				a.credential = "LATCHKEY_AUTH_TOKEN"
				if err := c.With(client.SessionToken(secret.New(token))).LogOut(cmd.Context()); err != nil {
					return err
				}
				a.note("The token in LATCHKEY_AUTH_TOKEN is revoked; unset the variable.")
				return a.loggedOut(c, "")
			}
			return a.logout(cmd.Context(), c, s)
		},
	}
}

// logout ends the session that is kept. A session that the server no longer knows is as good as ended; one that cannot be
// ended now stays, so that it can be tried again.
func (a *app) logout(ctx context.Context, c *client.Client, s settings) error {
	nobody := loginNeeded{fmt.Errorf("nobody is logged in at %s", c.URL())}
	kept := a.cache(c, s)
	if kept == nil {
		return nobody
	}
	current, err := kept.current()
	if err != nil {
		return err
	}
	user := cmp.Or(current, s.file.Username) // without a login it is whom the configuration file logs in
	if user == "" {
		return nobody
	}
	login, found, err := kept.load(user)
	if err != nil {
		return err
	}
	if !found && current == "" {
		return nobody
	}
	if found {
		err := c.With(client.SessionToken(login.token)).LogOut(ctx)
		if refused, ok := errors.AsType[*client.Error](err); err != nil && (!ok || refused.Status != http.StatusUnauthorized) {
			return hinted{err, "The log-in is kept, so that you can try again."}
		}
	}
	if err := kept.forget(user); err != nil {
		return err
	}
	a.note("Logged out %s at %s.", user, c.URL())
	return a.loggedOut(c, user)
}

// loggedOut prints the result of a log-out for programs.
func (a *app) loggedOut(c *client.Client, user string) error {
	result := map[string]any{"server": c.URL(), "logged_out": true}
	if user != "" {
		result["user"] = user
	}
	return a.doneJSON(result)
}

// oneArg returns the check of a command that takes one argument, which is described for the message.
func oneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 || args[0] == "" {
			return fmt.Errorf("%s takes one argument, %s", words(cmd), what)
		}
		return nil
	}
}
