// Command example-backend is a whole backend for Latchkey in one file: a few accounts that stand in its settings. Build it as
// latchkey-backend-example, and configure it with
//
//	[auth]
//	backend = example
//	[backend.example]
//	accounts = {"alice": "$2a$10$…"}
package main

import (
	"context"
	"errors"
	"log/slog"

	"golang.org/x/crypto/bcrypt"

	"latchkey/plugins"
)

func main() { plugins.Serve("example", New) }

// backend knows the accounts' bcrypt hashes by name.
type backend struct {
	accounts map[string]string
	// decoy is compared with where there is no account, so that an unknown name takes as long as a known one.
	decoy []byte
}

var _ plugins.Backend = (*backend)(nil)

// New makes the backend. It is a plugins.Factory.
func New(_ context.Context, settings plugins.Settings, log *slog.Logger) (plugins.Backend, error) {
	var known struct {
		Accounts map[string]string `setting:"accounts"`
	}
	if err := settings.Decode(&known); err != nil {
		return nil, err
	}
	cost := bcrypt.MinCost
	for name, hash := range known.Accounts {
		c, err := bcrypt.Cost([]byte(hash))
		if err != nil {
			return nil, &plugins.SettingsError{Faults: []plugins.SettingFault{{Key: "accounts", Message: "the hash of " + name + " is not bcrypt"}}}
		}
		cost = max(cost, c)
	}
	decoy, err := bcrypt.GenerateFromPassword([]byte("nobody"), cost)
	if err != nil {
		return nil, err
	}
	log.Info("accounts are known", "count", len(known.Accounts))
	return &backend{known.Accounts, decoy}, nil
}

// Authenticate compares the password with the account's hash.
func (b *backend) Authenticate(_ context.Context, r plugins.Request) (plugins.Result, error) {
	hash, found := b.accounts[r.Name]
	if !found {
		hash = string(b.decoy)
	}
	err := bcrypt.CompareHashAndPassword([]byte(hash), []byte(r.Password.Reveal()))
	result := plugins.Result{Name: r.Name}
	if r.Trace {
		result.Steps = []string{"compared with the bcrypt hash in the settings"}
	}
	switch {
	case !found:
		result.Outcome, result.Reason = plugins.UnknownUser, plugins.ReasonUnknownUser
	case err == nil:
		result.Outcome = plugins.Accepted
	case errors.Is(err, bcrypt.ErrMismatchedHashAndPassword), errors.Is(err, bcrypt.ErrPasswordTooLong):
		result.Outcome, result.Reason = plugins.Denied, plugins.ReasonWrongPassword
	default:
		return plugins.Result{}, err // could not decide
	}
	return result, nil
}
