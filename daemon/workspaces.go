package daemon

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"latchkey/conf"
	"latchkey/daemon/grant"
	"latchkey/daemon/licence"
	"latchkey/daemon/mail"
	"latchkey/daemon/workspace"
)

// openWorkspaces makes what answers for workspaces and for activation.
func (d *Daemon) openWorkspaces(c *conf.Config) error {
	options := workspace.Options{
		Store: d.store, Engine: d.engine, Users: d.users, Audit: d.record, Now: time.Now, Link: c.Mail.InvitationURL,
		Records: d.audit,
	}
	if c.Mail.Sends() {
		sender, err := mail.New(c.Mail)
		if err != nil {
			return err
		}
		options.Mail = loggedSender{sender, d.log}
	}
	d.workspaces = workspace.New(options)
	var err error
	if d.signer, err = loadSigner(c, d.log); err != nil {
		return err
	}
	d.licences = licence.New(licence.Options{
		Store: d.store, Engine: d.engine, Audit: d.record, Now: time.Now, Settings: licenceSettings(c, d.signer),
	})
	return nil
}

// licenceSettings returns what activation needs of a configuration.
func licenceSettings(c *conf.Config, signer *grant.Signer) licence.Settings {
	issuer := c.Licence.Issuer
	if issuer == "" {
		issuer = c.Auth.APIURL
	}
	return licence.Settings{Signer: signer, Issuer: issuer, Legacy: c.Legacy}
}

// loadSigner reads the key that signs grants and those that are published beside it. Beside a store in a file a key is made where
// there is none. It returns nil for a database without a key, where nothing can be activated.
func loadSigner(c *conf.Config, log *slog.Logger) (*grant.Signer, error) {
	path := c.LicenceKeyFile()
	if path == "" {
		log.Info("there is no key that signs grants, so no tool can be activated; [licence] key_file names one for all nodes")
		return nil, nil
	}
	current, err := grant.ReadKeyFile(path)
	if errors.Is(err, fs.ErrNotExist) && c.Licence.KeyFile == "" {
		if current, err = grant.WriteNewKeyFile(path, rand.Reader); err == nil {
			log.Info("a key that signs grants was made; keep a copy of it beside the store's", "file", path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("[licence] key_file: %w", err)
	}
	var others []ed25519.PublicKey
	for _, file := range c.Licence.OtherKeyFiles {
		key, err := grant.ReadPublicKeyFile(file)
		if err != nil {
			return nil, fmt.Errorf("[licence] other_key_files: %w", err)
		}
		others = append(others, key)
	}
	return grant.NewSigner(current, others)
}
