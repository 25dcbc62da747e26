package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"latchkey/daemon/client"
)

// userCommand is "latchkey user".
func (a *app) userCommand() *cobra.Command {
	cmd := a.group("user", "Manage the users that the server knows (administrators only)")
	enabled, disabled, unlocked := true, false, ""
	cmd.AddCommand(
		a.userList(), a.userGet(), a.userCreate(),
		a.userSwitch("enable", "Let a disabled user's credentials count again", client.UserChange{Enabled: &enabled}),
		a.userSwitch("disable", "Refuse all credentials of a user from now on", client.UserChange{Enabled: &disabled}),
		a.userSwitch("unlock", "Let a user try again who is locked after too many wrong passwords", client.UserChange{LockedUntil: &unlocked}),
		a.userSet(), a.userDelete(),
	)
	return cmd
}

// shownUser is a user in JSON: the server's fields.
type shownUser struct {
	Name        string            `json:"name"`
	Groups      []string          `json:"groups"`
	Roles       []string          `json:"roles"`
	IsService   bool              `json:"is_service"`
	Nicknames   map[string]string `json:"nicknames"`
	Enabled     bool              `json:"enabled"`
	LockedUntil string            `json:"locked_until,omitempty"`
	CreatedAt   string            `json:"created_at"`
	LastLoginAt string            `json:"last_login_at,omitempty"`
}

// userJSON returns what JSON shows of a user.
func userJSON(u client.User) shownUser {
	return shownUser{
		u.Name, u.Groups, u.Roles, u.IsService, u.Nicknames, u.Enabled, stamp(u.LockedUntil), stamp(u.CreatedAt), stamp(u.LastLoginAt),
	}
}

// showUser prints one user.
func (a *app) showUser(u client.User) error {
	var nicknames []string
	for _, origin := range slices.Sorted(maps.Keys(u.Nicknames)) {
		nicknames = append(nicknames, origin+"="+u.Nicknames[origin])
	}
	return a.showProperties(userJSON(u), []property{
		{"name", u.Name},
		{"groups", strings.Join(u.Groups, ", ")},
		{"roles", strings.Join(u.Roles, ", ")},
		{"is_service", yesNo(u.IsService)},
		{"nicknames", strings.Join(nicknames, ", ")},
		{"enabled", yesNo(u.Enabled)},
		{"locked_until", moment(u.LockedUntil)},
		{"created_at", moment(u.CreatedAt)},
		{"last_login_at", moment(u.LastLoginAt)},
	})
}

// userList is "latchkey user list".
func (a *app) userList() *cobra.Command {
	var limit int
	cmd := &cobra.Command{Use: "list", Short: "List the known users", Args: cobra.NoArgs}
	addLimitFlag(cmd, &limit)
	return a.calling(cmd, func(ctx context.Context, c *client.Client, _ []string) error {
		users, err := collect(c.Users(ctx), limit)
		if err != nil {
			return err
		}
		shown, rows := []shownUser{}, [][]string{}
		for _, u := range users {
			shown = append(shown, userJSON(u))
			rows = append(rows, []string{
				u.Name, yesNo(u.Enabled), moment(u.LockedUntil), yesNo(u.IsService), moment(u.LastLoginAt), "[" + strings.Join(u.Roles, ", ") + "]",
			})
		}
		return a.showRows(shown, []string{"NAME", "ENABLED", "LOCKED UNTIL", "SERVICE", "LAST LOGIN", "ROLES"}, rows)
	})
}

// userGet is "latchkey user get".
func (a *app) userGet() *cobra.Command {
	cmd := &cobra.Command{Use: "get NAME", Short: "Print one user", Args: oneArg("the name of a user")}
	return a.calling(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		user, err := c.User(ctx, args[0])
		if err != nil {
			return err
		}
		return a.showUser(user)
	})
}

// userCreate is "latchkey user create".
func (a *app) userCreate() *cobra.Command {
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make a user known before the first log-in, to set something about him", Args: oneArg("the name of a user"),
	}
	return a.calling(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		user, err := c.CreateUser(ctx, args[0])
		if err != nil {
			return err
		}
		return a.showUser(user)
	})
}

// userSwitch is one of the commands that change one thing about a user.
func (a *app) userSwitch(word, short string, change client.UserChange) *cobra.Command {
	cmd := &cobra.Command{Use: word + " NAME", Short: short, Args: oneArg("the name of a user")}
	return a.calling(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		user, err := c.ChangeUser(ctx, args[0], change)
		if err != nil {
			return err
		}
		return a.showUser(user)
	})
}

// userSet is "latchkey user set".
func (a *app) userSet() *cobra.Command {
	var service bool
	var nicknames, removed []string
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Say whether a user is a service user, and what he is called elsewhere",
		Example: `  latchkey user set chatbot --service
  latchkey user set bob --nickname slack=bobby --no-nickname irc`,
		Args: oneArg("the name of a user"),
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("service") && len(nicknames)+len(removed) == 0 {
				return errors.New("nothing to set; give --service, --nickname or --no-nickname")
			}
			for _, pair := range nicknames {
				if origin, name, _ := strings.Cut(pair, "="); origin == "" || name == "" {
					return errors.New("--nickname is written as ORIGIN=NAME, for example slack=bobby")
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&service, "service", false, "a service user may ask for tokens of others; --service=false takes it back")
	cmd.Flags().StringArrayVar(&nicknames, "nickname", nil, "`ORIGIN=NAME`: the user's name elsewhere; may be repeated")
	cmd.Flags().StringArrayVar(&removed, "no-nickname", nil, "forget the name at this `origin`; may be repeated")
	return a.calling(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		var change client.UserChange
		if cmd.Flags().Changed("service") {
			change.IsService = &service
		}
		if len(nicknames)+len(removed) > 0 {
			user, err := c.User(ctx, args[0])
			if err != nil {
				return err
			}
			names := rename(user.Nicknames, nicknames, removed)
			change.Nicknames = &names
		}
		user, err := c.ChangeUser(ctx, args[0], change)
		if err != nil {
			return err
		}
		return a.showUser(user)
	})
}

// rename returns nicknames with the pairs of ORIGIN=NAME set and some origins removed.
func rename(nicknames map[string]string, pairs, removed []string) map[string]string {
	names := maps.Clone(nicknames)
	if names == nil {
		names = map[string]string{}
	}
	for _, origin := range removed {
		delete(names, origin)
	}
	for _, pair := range pairs {
		origin, name, _ := strings.Cut(pair, "=")
		names[origin] = name
	}
	return names
}

// userDelete is "latchkey user delete".
func (a *app) userDelete() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "delete NAME",
		Short: "Forget a user, and delete all his keys and sessions",
		Args:  oneArg("the name of a user"),
		Long: `delete removes what the server keeps about a user, and all keys and sessions of his. It does not remove the account: who can
still log in is known again with the next log-in. To keep somebody out, use "latchkey user disable".`,
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return a.calling(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		if !yes {
			if err := a.confirm(fmt.Sprintf("This deletes %s and all his keys and sessions.", args[0])); err != nil {
				return err
			}
		}
		if err := c.DeleteUser(ctx, args[0]); err != nil {
			return err
		}
		a.note("User deleted: %s", args[0])
		return a.doneJSON(map[string]any{"name": args[0], "deleted": true})
	})
}
