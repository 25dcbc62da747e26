package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"latchkey/daemon/client"
	"latchkey/plugins/secret"
)

// tokenCommand is "latchkey token".
func (a *app) tokenCommand() *cobra.Command {
	cmd := a.group("token", "Look at sessions and end them")
	cmd.AddCommand(a.tokenList(), a.tokenRevoke(), a.tokenValidate())
	return cmd
}

// shownSession is a session in JSON: the server's fields.
type shownSession struct {
	ID        string          `json:"id"`
	User      string          `json:"user"`
	CreatedAt string          `json:"created_at"`
	Expiry    string          `json:"expiry"`
	Source    string          `json:"source,omitempty"`
	UserAgent string          `json:"user_agent,omitempty"`
	Metadata  json.RawMessage `json:"metadata"`
	Service   bool            `json:"service"`
	Current   bool            `json:"current"`
}

// tokenList is "latchkey token list".
func (a *app) tokenList() *cobra.Command {
	var user string
	var limit int
	cmd := &cobra.Command{Use: "list", Short: "List your live sessions", Args: cobra.NoArgs}
	cmd.Flags().StringVarP(&user, "user", "u", "", "the sessions of this `user` (administrators only)")
	addLimitFlag(cmd, &limit)
	return a.calling(cmd, func(ctx context.Context, c *client.Client, _ []string) error {
		sessions, err := collect(c.Sessions(ctx, user), limit)
		if err != nil {
			return err
		}
		shown, rows := []shownSession{}, [][]string{}
		for _, s := range sessions {
			shown = append(shown, shownSession{
				s.ID, s.User, stamp(s.CreatedAt), stamp(s.Expiry), s.Source, s.UserAgent, s.Metadata, s.Service, s.Current,
			})
			rows = append(rows, []string{s.ID, s.User, moment(s.CreatedAt), moment(s.Expiry), s.Source, yesNo(s.Current), s.UserAgent})
		}
		return a.showRows(shown, []string{"ID", "USER", "CREATED", "EXPIRY", "SOURCE", "CURRENT", "CLIENT"}, rows)
	})
}

// tokenRevoke is "latchkey token revoke".
func (a *app) tokenRevoke() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke ID",
		Short: `End a session by the id that "latchkey token list" shows`,
		Args:  oneArg("the id of a session"),
	}
	return a.calling(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		if !isID(args[0]) && args[0] != "current" {
			return usageError{errors.New(`an id is 24 hex digits; see "latchkey token list"`)}
		}
		if err := c.Revoke(ctx, args[0]); err != nil {
			return err
		}
		a.note("Session revoked: %s", args[0])
		return a.doneJSON(map[string]any{"id": args[0], "revoked": true})
	})
}

// tokenValidate is "latchkey token validate".
func (a *app) tokenValidate() *cobra.Command {
	var fromStdin bool
	cmd := &cobra.Command{
		Use:   "validate [TOKEN]",
		Short: "Ask whether a session token is good; without one, the token of your log-in",
		Long: `validate prints "valid" and ends with 0, or prints "not valid" and ends with 1.

The question needs a credential of yours; without any, the token vouches for itself.`,
		Args: cobra.MaximumNArgs(1),
	}
	cmd.Flags().BoolVar(&fromStdin, "stdin", false, "read the token from the first line of standard input; everybody on this host can read an argument")
	return a.calling(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		token, err := a.tokenToValidate(ctx, c, args, fromStdin)
		if err != nil {
			return err
		}
		valid, err := c.Validate(ctx, token)
		if refused, ok := errors.AsType[*client.Error](err); ok && refused.Status == http.StatusUnauthorized && a.credential == "" {
			valid, err = c.With(client.SessionToken(token)).Validate(ctx, token)
			if isUnauthorized(err) {
				valid, err = false, nil // it could not vouch for itself
			}
		}
		if err != nil {
			return err
		}
		word := "valid"
		if !valid {
			word = "not valid"
		}
		if err := a.show(map[string]bool{"valid": valid}, word); err != nil || valid {
			return err
		}
		return errNotValid
	})
}

// errNotValid ends "latchkey token validate" when the answer is no.
var errNotValid = errors.New("the token is not valid: unknown, expired or revoked")

// tokenToValidate returns the token that is asked about.
func (a *app) tokenToValidate(ctx context.Context, c *client.Client, args []string, fromStdin bool) (secret.Text, error) {
	switch {
	case fromStdin && len(args) > 0:
		return secret.Text{}, usageError{errors.New("a token as an argument and --stdin exclude each other")}
	case fromStdin:
		return readSecret(a.stdin, "standard input")
	case len(args) > 0:
		if isTerminal(a.stderr) {
			a.note("latchkey: warning: everybody on this host can read an argument; use --stdin")
		}
		return secret.New(args[0]), nil
	}
	shown, err := c.Shown(ctx)
	if err != nil {
		return secret.Text{}, err
	}
	if shown.Empty() {
		return secret.Text{}, loginNeeded{fmt.Errorf("which token? Nobody is logged in at %s", c.URL())}
	}
	return shown.Text(), nil
}

// isUnauthorized reports whether the server answered 401.
func isUnauthorized(err error) bool {
	refused, ok := errors.AsType[*client.Error](err)
	return ok && refused.Status == http.StatusUnauthorized
}
