package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"latchkey/daemon/client"
)

// maxKeyFile is the largest file of API keys that is read, in bytes.
const maxKeyFile = 64 << 20

// apikeyLoad is "latchkey apikey load".
func (a *app) apikeyLoad() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "load FILE",
		Short: "Bring in API keys that exist already, by their hashes",
		Long: `load reads a list of API keys, or one, from a JSON or YAML file ("-" for standard input) and brings each in: a key with an id
that is there is brought up to date, others are made. The keys go on working, because what is kept of them is the hash that the
file has. StackStorm's "st2 apikey list --show-secrets --json" and "latchkey apikey list --show-secrets --json" write such files.

Of each key these fields are read: user and key_hash, which must be there; id, metadata and enabled. As in StackStorm, a key
without "enabled" is disabled. The whole file is read before anything is sent. A key that the server refuses is named, and does
not stop the others.`,
		Args: oneArg("a file"),
	}
	return a.calling(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		keys, err := a.readKeyFile(args[0])
		if err != nil {
			return usageError{err}
		}
		return a.load(ctx, c, keys)
	})
}

// load brings keys in and prints them. It goes on after a refusal of one key, but not when no key could fare better.
func (a *app) load(ctx context.Context, c *client.Client, keys []client.LoadedKey) error {
	shown, rows := []shownKey{}, [][]string{}
	var failures []error
	for i, key := range keys {
		loaded, created, err := c.LoadAPIKey(ctx, key)
		if refused, ok := errors.AsType[*client.Error](err); ok && (refused.Status == 400 || refused.Status == 409) {
			failure := fmt.Errorf("key %d of the file, of %s: %w", i+1, key.User, err)
			a.note("latchkey: %s", failure.Error())
			failures = append(failures, failure)
			continue
		}
		if err != nil {
			return errors.Join(a.showLoaded(shown, rows), err)
		}
		done := "updated"
		if created {
			done = "loaded"
		}
		shown = append(shown, asJSON(loaded))
		rows = append(rows, []string{loaded.ID, loaded.User, yesNo(loaded.Enabled), done, compact(loaded.Metadata)})
	}
	if err := a.showLoaded(shown, rows); err != nil {
		return err
	}
	if len(failures) > 0 {
		return fmt.Errorf("%d of %d keys were refused", len(failures), len(keys))
	}
	return nil
}

// showLoaded prints the keys that were brought in.
func (a *app) showLoaded(shown []shownKey, rows [][]string) error {
	return a.showRows(shown, []string{"ID", "USER", "ENABLED", "DONE", "METADATA"}, rows)
}

// readKeyFile reads a file of keys.
func (a *app) readKeyFile(path string) ([]client.LoadedKey, error) {
	stream := a.stdin
	if path != "-" {
		opened, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer opened.Close()
		stream = opened
	}
	text, err := io.ReadAll(io.LimitReader(stream, maxKeyFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxKeyFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxKeyFile)
	}
	return parseKeys(path, text)
}

// keyEntry is a key as the file has it. Other fields are passed over, as StackStorm does.
type keyEntry struct {
	ID       string   `json:"id" yaml:"id"`
	User     string   `json:"user" yaml:"user"`
	KeyHash  string   `json:"key_hash" yaml:"key_hash"`
	Metadata metadata `json:"metadata" yaml:"metadata"`
	Enabled  bool     `json:"enabled" yaml:"enabled"`
}

// metadata is a JSON object, or nothing.
type metadata struct{ text json.RawMessage }

// UnmarshalJSON takes an object as it stands, so that no number in it is rounded.
func (m *metadata) UnmarshalJSON(text []byte) (err error) {
	if string(text) != "null" {
		m.text, err = parseMetadata(string(text))
	}
	return err
}

// UnmarshalYAML takes a mapping.
func (m *metadata) UnmarshalYAML(node *yaml.Node) error {
	var mapping map[string]any
	if err := node.Decode(&mapping); err != nil || mapping == nil {
		return err
	}
	text, err := json.Marshal(mapping)
	m.text = text
	return err
}

// parseKeys reads the text of a file of keys: by the ending of its name, and without a known one as JSON when it begins like
// that. Errors say which key and which field is wrong, and hold no value.
func parseKeys(path string, text []byte) ([]client.LoadedKey, error) {
	begin := strings.TrimLeft(string(text[:min(len(text), 512)]), " \t\r\n\ufeff")
	var entries []keyEntry
	var err error
	switch ending := strings.ToLower(filepath.Ext(path)); {
	case ending == ".json", ending != ".yaml" && ending != ".yml" && (strings.HasPrefix(begin, "[") || strings.HasPrefix(begin, "{")):
		entries, err = parseJSONKeys(begin, text)
	default:
		entries, err = parseYAMLKeys(text)
	}
	if err != nil {
		return nil, fmt.Errorf("%s is neither a list of API keys nor one, in JSON or YAML", path)
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("%s has no API key in it", path)
	}
	keys := make([]client.LoadedKey, 0, len(entries))
	for i, entry := range entries {
		key, err := entry.key()
		if err != nil {
			return nil, fmt.Errorf("%s: key %d: %w", path, i+1, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// parseJSONKeys reads a JSON text.
func parseJSONKeys(begin string, text []byte) (entries []keyEntry, err error) {
	if !strings.HasPrefix(begin, "{") {
		err = json.Unmarshal(text, &entries)
		return entries, err
	}
	var one keyEntry
	err = json.Unmarshal(text, &one)
	return []keyEntry{one}, err
}

// parseYAMLKeys reads a YAML text.
func parseYAMLKeys(text []byte) (entries []keyEntry, err error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil || len(document.Content) == 0 {
		return nil, err
	}
	if document.Content[0].Kind == yaml.SequenceNode {
		err = document.Decode(&entries)
		return entries, err
	}
	var one keyEntry
	err = document.Decode(&one)
	return []keyEntry{one}, err
}

// key checks an entry.
func (e keyEntry) key() (client.LoadedKey, error) {
	digest, err := hex.DecodeString(e.KeyHash)
	switch {
	case e.User == "":
		return client.LoadedKey{}, errors.New("user is missing")
	case e.KeyHash == "":
		return client.LoadedKey{}, errors.New("key_hash is missing")
	case strings.Trim(e.KeyHash, "*") == "":
		return client.LoadedKey{}, errors.New("key_hash is masked; write the file as an administrator with --show-secrets")
	case err != nil || len(digest) != 64 && len(digest) != 32:
		return client.LoadedKey{}, errors.New("key_hash is not a SHA-512 or SHA-256 in hex digits")
	case e.ID != "" && !isID(e.ID):
		return client.LoadedKey{}, errors.New("id is not 24 lower-case hex digits")
	}
	return client.LoadedKey{
		ID: e.ID, User: e.User, KeyHash: strings.ToLower(e.KeyHash), Metadata: e.Metadata.text, Enabled: e.Enabled,
	}, nil
}
