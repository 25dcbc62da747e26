package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"latchkey/daemon/client"
	"latchkey/plugins/secret"
)

// legacyKeyListCommand shows the ids of legacy keys.
const legacyKeyListCommand = "latchkey legacy-key list"

// legacyKeyCommand is "latchkey legacy-key".
func (a *app) legacyKeyCommand() *cobra.Command {
	return a.workspaceGroup("legacy-key", "Bring licence keys from before into a workspace (permission licences.assign)",
		a.legacyKeyAdd(), a.legacyKeyList(), a.legacyKeyAssign(), a.legacyKeyUnassign(), a.legacyKeyDelete())
}

// shownLegacyKey is a legacy key in JSON: the server's fields.
type shownLegacyKey struct {
	ID           string `json:"id"`
	Name         string `json:"name,omitempty"`
	Member       string `json:"member,omitempty"`
	Subscription string `json:"subscription,omitempty"`
	CreatedAt    string `json:"created_at"`
	LastUsedAt   string `json:"last_used_at,omitempty"`
}

// legacyKeyJSON returns what JSON shows of a legacy key.
func legacyKeyJSON(k client.LegacyKey) shownLegacyKey {
	return shownLegacyKey{k.ID, k.Name, k.Member, k.Subscription, stamp(k.CreatedAt), stamp(k.LastUsedAt)}
}

// showLegacyKey prints one legacy key.
func (a *app) showLegacyKey(k client.LegacyKey) error {
	return a.showProperties(legacyKeyJSON(k), []property{
		{"id", k.ID},
		{"name", k.Name},
		{"member", k.Member},
		{"subscription", k.Subscription},
		{"created_at", moment(k.CreatedAt)},
		{"last_used_at", moment(k.LastUsedAt)},
	})
}

// legacyKeyAdd is "latchkey legacy-key add".
func (a *app) legacyKeyAdd() *cobra.Command {
	var wanted client.LegacyKeyRequest
	cmd := &cobra.Command{
		Use:   "add [KEY]",
		Short: "Bring a legacy key into the workspace",
		Long: `add makes a legacy key count for the workspace, and for one member of it. Without KEY, or with -, it is the first line of
standard input, where nobody else on this host can read it; a terminal is asked. The server keeps no key's text.`,
		Example: `  latchkey legacy-key add --name "Zoë's old one" --member zoe@example.com < key`,
		Args:    cobra.MaximumNArgs(1),
		PreRunE: func(cmd *cobra.Command, _ []string) error { return checkSubscription(cmd, wanted.Subscription) },
	}
	cmd.Flags().StringVar(&wanted.Name, "name", "", "a `name` to tell it by")
	cmd.Flags().StringVar(&wanted.Member, "member", "", "the `member` whom it is assigned to: id, mail address or user name")
	addSubscriptionFlag(cmd, &wanted.Subscription)
	return a.inWorkspace(cmd, func(ctx context.Context, c *client.Client, workspace string, args []string) (err error) {
		if wanted.Key, err = a.legacyKey(ctx, args); err != nil {
			return err
		}
		made, err := c.AddLegacyKey(ctx, workspace, wanted)
		if err != nil {
			return err
		}
		return a.showLegacyKey(made)
	})
}

// legacyKey returns the key that is brought in.
func (a *app) legacyKey(ctx context.Context, args []string) (key secret.Text, err error) {
	switch {
	case len(args) == 1 && args[0] != "-":
		if isTerminal(a.stderr) {
			a.note("latchkey: warning: everybody on this host can read an argument; leave it out and be asked")
		}
		key = secret.New(args[0])
	case isTerminal(a.stdin):
		key, err = askSecret(ctx, "Legacy key")
	default:
		key, err = readSecret(a.stdin, "standard input")
	}
	if err == nil && key.Empty() {
		err = usageError{errors.New("the key is empty")}
	}
	return key, err
}

// legacyKeyList is "latchkey legacy-key list".
func (a *app) legacyKeyList() *cobra.Command {
	var limit int
	cmd := &cobra.Command{Use: "list", Short: "List the legacy keys of the workspace", Args: cobra.NoArgs}
	addLimitFlag(cmd, &limit)
	return a.inWorkspace(cmd, func(ctx context.Context, c *client.Client, workspace string, _ []string) error {
		keys, err := collect(c.LegacyKeys(ctx, workspace), limit)
		if err != nil {
			return err
		}
		shown, rows := []shownLegacyKey{}, [][]string{}
		for _, k := range keys {
			shown = append(shown, legacyKeyJSON(k))
			rows = append(rows, []string{k.ID, k.Name, k.Member, k.Subscription, moment(k.CreatedAt), moment(k.LastUsedAt)})
		}
		return a.showRows(shown, []string{"ID", "NAME", "MEMBER", "SUBSCRIPTION", "CREATED", "LAST USED"}, rows)
	})
}

// legacyKeyAssign is "latchkey legacy-key assign".
func (a *app) legacyKeyAssign() *cobra.Command {
	cmd := &cobra.Command{
		Use: "assign ID MEMBER", Short: "Assign a legacy key to a member",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 || args[1] == "" {
				return fmt.Errorf("%s takes two arguments, an id and %s", words(cmd), aMember)
			}
			return checkID(args[0], legacyKeyListCommand)
		},
	}
	return a.assigning(cmd, func(args []string) string { return args[1] })
}

// legacyKeyUnassign is "latchkey legacy-key unassign".
func (a *app) legacyKeyUnassign() *cobra.Command {
	cmd := &cobra.Command{Use: "unassign ID", Short: "Take a legacy key away from its member", Args: idArg(legacyKeyListCommand)}
	return a.assigning(cmd, func([]string) string { return "" })
}

// assigning returns the function of a command that assigns a legacy key.
func (a *app) assigning(cmd *cobra.Command, member func(args []string) string) *cobra.Command {
	return a.inWorkspace(cmd, func(ctx context.Context, c *client.Client, workspace string, args []string) error {
		key, err := c.AssignLegacyKey(ctx, workspace, args[0], member(args))
		if err != nil {
			return err
		}
		return a.showLegacyKey(key)
	})
}

// legacyKeyDelete is "latchkey legacy-key delete".
func (a *app) legacyKeyDelete() *cobra.Command {
	cmd := &cobra.Command{Use: "delete ID", Short: "End a legacy key for good", Args: idArg(legacyKeyListCommand)}
	return a.inWorkspace(cmd, func(ctx context.Context, c *client.Client, workspace string, args []string) error {
		if err := c.DeleteLegacyKey(ctx, workspace, args[0]); err != nil {
			return err
		}
		return a.deleted("Legacy key", args[0])
	})
}
