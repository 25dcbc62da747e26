package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"latchkey/daemon/client"
)

// licenceCommand is "latchkey licence".
func (a *app) licenceCommand() *cobra.Command {
	cmd := a.group("licence", "Try whether tools can be activated here")
	cmd.AddCommand(a.licenceActivate(), a.licenceInfo())
	return cmd
}

// shownActivation is what "latchkey licence activate --json" prints.
type shownActivation struct {
	Activated   bool     `json:"is_license_activated"`
	Reason      string   `json:"reason,omitempty"`
	Faultstring string   `json:"faultstring,omitempty"`
	Offline     bool     `json:"offline"`
	Server      string   `json:"server,omitempty"`
	Product     string   `json:"product"`
	Workspace   string   `json:"workspace,omitempty"`
	Kind        string   `json:"kind,omitempty"`
	Subject     string   `json:"sub,omitempty"`
	Plan        string   `json:"plan,omitempty"`
	Features    []string `json:"features,omitempty"`
	ExpiresAt   string   `json:"expires_at,omitempty"`
	MachineID   string   `json:"machine_id,omitempty"`
	Notice      string   `json:"notice,omitempty"`
}

// licenceActivate is "latchkey licence activate".
func (a *app) licenceActivate() *cobra.Command {
	var product string
	cmd := &cobra.Command{
		Use:   "activate",
		Short: "Activate a product as a tool does when it starts, and say what came of it",
		Long: `activate does what a licensed tool does when it starts: it asks the server for a grant with LATCHKEY_AUTH_TOKEN, LATCHKEY_API_KEY,
or the token that "latchkey auth set-token" has kept, and keeps the grant in $XDG_CACHE_HOME/latchkey, where it counts for 24 hours
while the server cannot be reached.`,
		Example: `  latchkey licence activate --product example`,
		Args:    cobra.NoArgs,
	}
	addProductFlag(cmd, &product)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		activation, err := a.activate(cmd.Context(), product)
		if failed, ok := errors.AsType[*client.ActivationError](err); ok && a.options.json {
			shown := shownActivation{Product: product, Reason: failed.Reason, Faultstring: failed.Sentence}
			return errors.Join(a.showJSON(shown), err)
		}
		if err != nil {
			return err
		}
		return a.showActivation(product, activation)
	}
	return cmd
}

// addProductFlag gives a command the flag for the product.
func addProductFlag(cmd *cobra.Command, product *string) {
	cmd.Flags().StringVar(product, "product", "latchkey", "the `name` of the product, as its tool gives it")
}

// activate activates a product.
func (a *app) activate(ctx context.Context, product string) (*client.Activation, error) {
	s, err := a.settings()
	if err != nil {
		return nil, err
	}
	return client.Activate(ctx, client.ActivateOptions{
		Product: product, Version: version(), URL: s.url, CAFile: s.cacert, Insecure: a.options.insecure,
		Timeout: a.options.timeout, Getenv: a.getenv, Log: slog.New(slog.DiscardHandler), Now: a.now,
	})
}

// showActivation prints an activation.
func (a *app) showActivation(product string, made *client.Activation) error {
	c := made.Claims
	if !a.options.json {
		switch {
		case !made.Activated:
			a.note("Not activated: LATCHKEY_ACTIVATE is 0.")
		case made.Offline:
			a.note("Successfully activated licence, with the grant of before: the server could not be asked.")
		default:
			a.note("Successfully activated licence.")
		}
		if made.Notice != "" {
			a.note("%s", made.Notice)
		}
	}
	return a.showProperties(shownActivation{
		Activated: made.Activated, Offline: made.Offline, Server: made.Server, Product: product, Workspace: c.Workspace.Name,
		Kind: string(c.Kind), Subject: c.Subject, Plan: c.Plan, Features: c.Features, ExpiresAt: stamp(c.ExpiresAt),
		MachineID: made.MachineID, Notice: made.Notice,
	}, []property{
		{"activated", yesNo(made.Activated)},
		{"product", product},
		{"workspace", c.Workspace.Name},
		{"for", strings.TrimSpace(string(c.Kind) + " " + c.Subject)},
		{"plan", c.Plan},
		{"features", strings.Join(c.Features, ", ")},
		{"expiry", moment(c.ExpiresAt)},
		{"server", made.Server},
	})
}

// licenceInfo is "latchkey licence info".
func (a *app) licenceInfo() *cobra.Command {
	var product string
	cmd := &cobra.Command{
		Use:   "info",
		Short: "Print what an activated tool tells of itself",
		Long: `info activates like "latchkey licence activate" and prints what a tool would tell of itself then: the edition, whether the licence
is activated, the machine's id. When it is not activated, that is an answer, too, and the reason is on standard error.`,
		Args: cobra.NoArgs,
	}
	addProductFlag(cmd, &product)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		activation, err := a.activate(cmd.Context(), product)
		if failed, ok := errors.AsType[*client.ActivationError](err); ok && failed.Reason != client.ReasonSettings && failed.Reason != client.ReasonInterrupted {
			a.note("latchkey: not activated: %s", err.Error())
			activation = failed.Activation
		} else if err != nil {
			return err
		}
		return a.showInfo(activation.Info(a.now()))
	}
	return cmd
}

// showInfo prints an Info.
func (a *app) showInfo(info client.Info) error {
	text, err := json.Marshal(info)
	if err != nil {
		return err
	}
	return a.showProperties(json.RawMessage(text), []property{
		{"version", info.Version},
		{"edition", info.Edition},
		{"activated", yesNo(info.IsLicenceActivated)},
		{"session_id", info.SessionID},
		{"machine_id", info.MachineID},
		{"system", info.System},
		{"is_docker", yesNo(info.IsDocker)},
		{"server_time", moment(info.ServerTime)},
		{"uptime", info.Uptime.String()},
	})
}

// judgeActivation returns the exit code of an activation that failed, and what to do about it.
func (a *app) judgeActivation(failed *client.ActivationError) (code int, hint string) {
	switch {
	case failed.Unreachable:
		return exitUnreachable, "Is this the right server? " + a.server
	case failed.Reason == client.ReasonSettings:
		return exitUsage, a.server
	case failed.Reason == client.ReasonCache, failed.Reason == client.ReasonClock, failed.Reason == client.ReasonNotSupported:
		return exitError, ""
	case failed.Reason == client.ReasonNotTrusted:
		return exitError, a.server
	}
	if refused, ok := errors.AsType[*client.Error](failed); ok && refused.Status == http.StatusBadRequest {
		return exitError, ""
	}
	return exitRefused, "docs/licence.md tells what each reason means."
}
