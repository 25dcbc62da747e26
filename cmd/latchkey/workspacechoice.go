package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"latchkey/daemon/client"
	"latchkey/daemon/client/kept"
)

// workspaceVariable is the environment variable that names a workspace.
const workspaceVariable = "LATCHKEY_WORKSPACE"

// choice is where it is kept which workspace of a server is in use. A workspace is no secret, so it is kept even where log-ins are
// not.
type choice struct {
	folder kept.Folder // without a path where nothing can be kept
	server string
}

// chosen is the form of the file.
type chosen struct {
	Server string `json:"server"`
	ID     string `json:"id"`
	Name   string `json:"name"`
}

// choice returns where the choice for a server is.
func (a *app) choice(c *client.Client) choice {
	return choice{stateFolder(a.folder("XDG_STATE_HOME", filepath.Join(".local", "state"))), c.URL()}
}

// name is the name of the file.
func (c choice) name() string { return kept.Name("workspace", c.server) }

// save keeps the choice.
func (c choice) save(w client.Workspace) error {
	if c.folder.Path == "" {
		return hinted{errors.New("there is no folder to keep the choice in"), "Set HOME or XDG_STATE_HOME, or set LATCHKEY_WORKSPACE instead."}
	}
	text, err := json.Marshal(chosen{Server: c.server, ID: w.ID, Name: w.Name})
	if err != nil {
		return fmt.Errorf("the choice of a workspace: %w", err)
	}
	return unsafe(c.folder.Write(c.name(), text))
}

// load returns the id of the workspace in use; empty when none was chosen.
func (c choice) load() (string, error) {
	if c.folder.Path == "" {
		return "", nil
	}
	text, err := c.folder.Read(c.name())
	if err != nil || text == nil {
		return "", unsafe(err)
	}
	var found chosen
	if json.Unmarshal(text, &found) != nil || found.Server != c.server || !isID(found.ID) {
		path := c.folder.File(c.name())
		return "", hinted{fmt.Errorf("%s is no choice that latchkey has kept", path), "Remove it and choose again: rm " + path}
	}
	return found.ID, nil
}

// workspace returns the id or the name of the workspace that a command is about and the words for where that comes from; both are
// empty when there is none.
func (a *app) workspace(c *client.Client) (workspace, from string, err error) {
	if a.options.workspace != "" {
		return a.options.workspace, "--workspace", nil
	}
	if named := a.environ[workspaceVariable]; named != "" {
		return named, workspaceVariable, nil
	}
	found, err := a.choice(c).load()
	if err != nil || found == "" {
		return "", "", err
	}
	return found, `"latchkey workspace use"`, nil
}

// addWorkspaceFlag adds the flag for the workspace.
func (a *app) addWorkspaceFlag(flags *pflag.FlagSet) {
	flags.StringVarP(&a.options.workspace, "workspace", "w", "", "the name or the id of the `workspace` (default LATCHKEY_WORKSPACE, or the one in use)")
}

// workspaceGroup returns a command that groups commands about a workspace.
func (a *app) workspaceGroup(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := a.group(use, short)
	a.addWorkspaceFlag(cmd.PersistentFlags())
	cmd.AddCommand(commands...)
	return cmd
}

// workInWorkspace is what a command does with a workspace of a server.
type workInWorkspace func(ctx context.Context, c *client.Client, workspace string, args []string) error

// inWorkspace returns the function of a command that calls the server about a workspace.
func (a *app) inWorkspace(cmd *cobra.Command, do workInWorkspace) *cobra.Command {
	return a.calling(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		workspace, from, err := a.workspace(c)
		if err != nil {
			return err
		}
		if workspace == "" {
			return hinted{
				usageError{errors.New("which workspace?")},
				`Choose one with "latchkey workspace use NAME", or give --workspace or LATCHKEY_WORKSPACE; "latchkey workspace list" has yours.`,
			}
		}
		err = do(ctx, c, workspace, args)
		if refused, ok := errors.AsType[*client.Error](err); ok && refused.Status == http.StatusNotFound {
			return hinted{err, fmt.Sprintf("The workspace is %s, from %s. One that you are no member of looks the same as none.", workspace, from)}
		}
		return err
	})
}

// idArg returns the check that a command has one argument, the id of a record that list shows.
func idArg(list string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("%s takes one argument, an id", words(cmd))
		}
		return checkID(args[0], list)
	}
}

// checkID returns an error unless text is an id.
func checkID(text, list string) error {
	if !isID(text) {
		return fmt.Errorf("an id is 24 hex digits; see %q", list)
	}
	return nil
}
