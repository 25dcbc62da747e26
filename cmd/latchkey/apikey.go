package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"github.com/spf13/cobra"

	"latchkey/daemon/client"
)

// apikeyCommand is "latchkey apikey".
func (a *app) apikeyCommand() *cobra.Command {
	cmd := a.group("apikey", "Make and manage API keys")
	cmd.AddCommand(
		a.apikeyList(), a.apikeyGet(), a.apikeyCreate(), a.apikeySwitch("enable", true), a.apikeySwitch("disable", false),
		a.apikeyDelete(), a.apikeyLoad(),
	)
	return cmd
}

// shownKey is an API key in JSON: the server's fields.
type shownKey struct {
	ID        string          `json:"id"`
	User      string          `json:"user"`
	Key       string          `json:"key,omitempty"`
	KeyHash   string          `json:"key_hash,omitempty"`
	Metadata  json.RawMessage `json:"metadata"`
	CreatedAt string          `json:"created_at"`
	Enabled   bool            `json:"enabled"`
}

// asJSON returns what JSON shows of a key.
func asJSON(k client.APIKeyInfo) shownKey {
	return shownKey{ID: k.ID, User: k.User, KeyHash: k.KeyHash, Metadata: k.Metadata, CreatedAt: stamp(k.CreatedAt), Enabled: k.Enabled}
}

// showKey prints one key.
func (a *app) showKey(k client.APIKeyInfo) error {
	return a.showProperties(asJSON(k), []property{
		{"id", k.ID},
		{"user", k.User},
		{"key_hash", k.KeyHash},
		{"metadata", compact(k.Metadata)},
		{"created_at", moment(k.CreatedAt)},
		{"enabled", yesNo(k.Enabled)},
	})
}

// compact returns a JSON text on one line.
func compact(text json.RawMessage) string {
	var line bytes.Buffer
	if json.Compact(&line, text) != nil {
		return string(text)
	}
	return line.String()
}

// apikeyList is "latchkey apikey list".
func (a *app) apikeyList() *cobra.Command {
	var query client.APIKeyQuery
	var limit int
	var detail bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List your API keys; an administrator sees everybody's",
		Args:  cobra.NoArgs,
	}
	cmd.Flags().StringVarP(&query.User, "user", "u", "", "only the keys of this `user`")
	cmd.Flags().BoolVar(&query.ShowSecrets, "show-secrets", false, "show the hashes of the keys (administrators only)")
	cmd.Flags().BoolVarP(&detail, "detail", "d", false, "show all that there is to show")
	addLimitFlag(cmd, &limit)
	return a.calling(cmd, func(ctx context.Context, c *client.Client, _ []string) error {
		hashes := detail || query.ShowSecrets
		keys, err := collect(c.APIKeys(ctx, query), limit)
		if err != nil {
			return err
		}
		shown, rows := []shownKey{}, [][]string{}
		header := []string{"ID", "USER", "ENABLED", "CREATED", "METADATA"}
		if hashes {
			header = append(header, "KEY_HASH")
		}
		for _, k := range keys {
			row := []string{k.ID, k.User, yesNo(k.Enabled), moment(k.CreatedAt), compact(k.Metadata)}
			if hashes {
				row = append(row, k.KeyHash)
			}
			shown, rows = append(shown, asJSON(k)), append(rows, row)
		}
		return a.showRows(shown, header, rows)
	})
}

// addLimitFlag gives a command that lists the flag for how much.
func addLimitFlag(cmd *cobra.Command, limit *int) {
	cmd.Flags().IntVarP(limit, "limit", "n", 0, "at most so many, oldest first (default all)")
}

// collect reads a list; at most limit records, or all with 0.
func collect[T any](records iter.Seq2[T, error], limit int) ([]T, error) {
	if limit < 0 {
		return nil, usageError{errors.New("--limit is 1 or more, or 0 for all")}
	}
	var list []T
	for record, err := range records {
		if err != nil {
			return nil, err
		}
		if list = append(list, record); len(list) == limit {
			break
		}
	}
	return list, nil
}

// apikeyGet is "latchkey apikey get".
func (a *app) apikeyGet() *cobra.Command {
	cmd := &cobra.Command{Use: "get ID|KEY", Short: "Print one API key, without its text", Args: oneArg("an id or a key")}
	return a.calling(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		key, err := c.APIKey(ctx, args[0])
		if err != nil {
			return err
		}
		return a.showKey(key)
	})
}

// apikeyCreate is "latchkey apikey create".
func (a *app) apikeyCreate() *cobra.Command {
	var wanted client.APIKeyRequest
	var metadata string
	var onlyKey bool
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make an API key and print it; nobody can print it a second time",
		Example: `  latchkey apikey create -k -m '{"used_by": "my integration"}'
  latchkey apikey create -u bill`,
		Args: cobra.NoArgs,
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("metadata") {
				return nil
			}
			var err error
			wanted.Metadata, err = parseMetadata(metadata)
			return err
		},
	}
	cmd.Flags().BoolVarP(&onlyKey, "only-key", "k", false, "print the key and nothing else")
	cmd.Flags().StringVarP(&metadata, "metadata", "m", "", "a `JSON` object to keep with the key, for example what uses it")
	cmd.Flags().StringVarP(&wanted.User, "user", "u", "", "make it for this `user` (administrators only)")
	return a.calling(cmd, func(ctx context.Context, c *client.Client, _ []string) error {
		text, made, err := c.CreateAPIKey(ctx, wanted)
		if err != nil {
			return err
		}
		if onlyKey {
			err = a.print(text.Reveal() + "\n")
		} else {
			shown := asJSON(made)
			shown.Key = text.Reveal()
			err = a.showProperties(shown, []property{
				{"id", made.ID},
				{"user", made.User},
				{"key", text.Reveal()},
				{"metadata", compact(made.Metadata)},
				{"created_at", moment(made.CreatedAt)},
				{"enabled", yesNo(made.Enabled)},
			})
		}
		return unseen(err, "API key", "latchkey apikey delete", made.ID)
	})
}

// unseen says what to do when a secret was made and could not be printed.
func unseen(err error, what, remove, id string) error {
	if err == nil {
		return nil
	}
	return hinted{fmt.Errorf("the %s %s is made, and nobody has seen it: %w", what, id, err), fmt.Sprintf("Delete it with: %s %s", remove, id)}
}

// parseMetadata reads -m: a JSON object.
func parseMetadata(text string) (json.RawMessage, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		if _, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, fmt.Errorf("--metadata is not JSON: %w", err)
		}
		return nil, errors.New(`--metadata is not a JSON object such as {"used_by": "my integration"}`)
	}
	if object == nil {
		return nil, errors.New("--metadata is null; leave it out for none")
	}
	return json.RawMessage(text), nil
}

// apikeySwitch is "latchkey apikey enable" and "latchkey apikey disable".
func (a *app) apikeySwitch(word string, enabled bool) *cobra.Command {
	short := "Let a disabled API key count again"
	if !enabled {
		short = "Refuse an API key until it is enabled again"
	}
	cmd := &cobra.Command{Use: word + " ID|KEY", Short: short, Args: oneArg("an id or a key")}
	return a.calling(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		key, err := c.EnableAPIKey(ctx, args[0], enabled)
		if err != nil {
			return err
		}
		return a.showKey(key)
	})
}

// apikeyDelete is "latchkey apikey delete".
func (a *app) apikeyDelete() *cobra.Command {
	cmd := &cobra.Command{Use: "delete ID|KEY", Short: "Delete an API key for good", Args: oneArg("an id or a key")}
	return a.calling(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		if err := c.DeleteAPIKey(ctx, args[0]); err != nil {
			return err
		}
		return a.deleted("API key", args[0])
	})
}

// deleted says that something is gone. What was given for an id may be a secret, and is not repeated then.
func (a *app) deleted(what, id string) error {
	if !isID(id) {
		a.note("%s deleted.", what)
		return a.doneJSON(map[string]any{"deleted": true})
	}
	a.note("%s deleted: %s", what, id)
	return a.doneJSON(map[string]any{"id": id, "deleted": true})
}

// doneJSON prints a result that only programs want.
func (a *app) doneJSON(document any) error {
	if !a.options.json {
		return nil
	}
	return a.showJSON(document)
}

// isID reports whether text is a record's id.
func isID(text string) bool {
	if len(text) != 24 {
		return false
	}
	for _, c := range []byte(text) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
