package daemon

import (
	"context"
	"fmt"
	"time"

	"latchkey/conf"
	"latchkey/daemon/audit"
	"latchkey/daemon/credential"
	"latchkey/daemon/login"
)

// checkBootstrap returns conf.Faults when the token or the name of [bootstrap] cannot be a service token's.
func checkBootstrap(c conf.Bootstrap) error {
	var faults conf.Faults
	if err := credential.CheckBootstrap(c.Token); !c.Token.Empty() && err != nil {
		faults = append(faults, conf.Fault{Position: c.At, Message: "[bootstrap] token: " + err.Error()})
	}
	if _, err := login.Canonical(c.Name); !c.Token.Empty() && err != nil {
		faults = append(faults, conf.Fault{Position: c.At, Message: "[bootstrap] name: " + err.Error()})
	}
	if faults != nil {
		return faults
	}
	return nil
}

// bootstrap makes the service token of [bootstrap] at the first start of an empty store; see credential.Engine.Bootstrap.
func (d *Daemon) bootstrap(ctx context.Context, c conf.Bootstrap) error {
	if c.Token.Empty() {
		return nil
	}
	spec := credential.Spec{Name: c.Name, Roles: c.Roles, CreatedBy: "bootstrap"}
	if c.TTL > 0 {
		spec.ExpiresAt = time.Now().Add(c.TTL)
	}
	created, err := d.engine.Bootstrap(ctx, d.store, c.Token, spec, audit.Origin{})
	if err != nil {
		return fmt.Errorf("[bootstrap]: %w", err)
	}
	if created {
		d.log.Info("the bootstrap token was made", "name", c.Name, "roles", c.Roles, "expires_at", spec.ExpiresAt)
	} else {
		d.log.Debug("no bootstrap token was made: the store has been in use before")
	}
	return nil
}
