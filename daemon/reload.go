package daemon

import (
	"context"
	"errors"
	"fmt"

	"latchkey/conf"
	"latchkey/daemon/access"
	"latchkey/daemon/api"
	"latchkey/daemon/audit"
)

// Reload takes over a configuration: backends, roles, limits, lives of tokens, the log's level; and it opens the log and the
// audit file anew. The new backends are started before the old ones end, so no log-in is lost; what fails leaves everything
// as it was. What only a restart can change (sockets, store, paths of certificates and logs) is named in the log.
func (d *Daemon) Reload(ctx context.Context, c *conf.Config) error {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	d.notify.reloading()
	defer d.notify.ready()
	err := d.reload(ctx, c)
	event := audit.Event{Event: audit.EventConfigReload, Outcome: audit.OutcomeOK}
	if err != nil {
		event.Outcome = audit.OutcomeError
	}
	return errors.Join(err, d.record.Record(ctx, event))
}

func (d *Daemon) reload(ctx context.Context, c *conf.Config) error {
	roles := access.NewRoles(c.Roles)
	if err := d.audit.Reopen(); err != nil {
		return fmt.Errorf("[audit] file: %w", err)
	}
	if err := d.logging.Reload(c.Log); err != nil {
		return err
	}
	started, err := startBackends(ctx, c, d.log)
	if err != nil {
		return err
	}
	old := d.running.Swap(started)
	d.login.SetChain(chainOf(started, c.Throttle.Queue))
	d.login.SetLimits(c.Throttle)
	d.login.SetTTL(ttlOf(c))
	d.guard.SetRoles(roles)
	d.api.SetSettings(api.SettingsOf(c))
	d.licences.SetSettings(licenceSettings(c, d.signer))
	for _, notice := range c.Notices {
		d.log.Warn("configuration", "note", notice.String())
	}
	for _, key := range restartNeeded(d.config, c) {
		d.log.Warn("a changed setting needs a restart", "key", key)
	}
	d.config = c
	d.log.Info("the configuration was read anew")
	return old.Close()
}

// restartNeeded returns the changed keys that a running daemon cannot take over.
func restartNeeded(old, changed *conf.Config) []string {
	var keys []string
	for key, same := range map[string]bool{
		"[auth] host":         old.Auth.Host == changed.Auth.Host,
		"[auth] port":         old.Auth.Port == changed.Auth.Port,
		"[auth] use_ssl":      old.Auth.UseSSL == changed.Auth.UseSSL,
		"[auth] cert and key": old.Auth.Cert == changed.Auth.Cert && old.Auth.Key == changed.Auth.Key,
		"[store] url":         old.Store.URL.Equal(changed.Store.URL),
		"[audit] file":        old.Audit == changed.Audit,
		"[admin]":             old.Admin == changed.Admin,
		"[mail]":              old.Mail.Equal(changed.Mail),
		"[licence] key files": old.Licence.SameKeys(changed.Licence),
		"[log] format, file":  old.Log.Format == changed.Log.Format && old.Log.File == changed.Log.File,
	} {
		if !same {
			keys = append(keys, key)
		}
	}
	return keys
}
