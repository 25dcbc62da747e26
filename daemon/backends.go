package daemon

import (
	"context"
	"errors"
	"log/slog"

	"latchkey/conf"
	"latchkey/daemon/host"
	"latchkey/daemon/login"
)

// startBackends launches and configures the backends of the configuration. What is wrong with a setting comes back as
// conf.Faults, what is wrong with an executable as *host.ExecutableError.
func startBackends(ctx context.Context, c *conf.Config, log *slog.Logger) (*host.Host, error) {
	backends := c.Backends
	if c.Auth.Mode == conf.ModeProxy {
		backends = nil // the web server in front asks for passwords
	}
	return host.Start(ctx, backends, host.Options{Plugins: c.Plugins, Log: log})
}

// chainOf returns the chain of a host's backends.
func chainOf(h *host.Host, queue int) *login.Chain {
	var backends []login.Backend
	for _, backend := range h.Chain() {
		backends = append(backends, backend)
	}
	return login.NewChain(backends, queue)
}

// Check looks at what conf.Load cannot judge: the bootstrap token, and the backends, which it starts as the daemon would and
// ends again. The error is what the daemon would refuse to start with.
func Check(ctx context.Context, c *conf.Config, log *slog.Logger) error {
	if err := checkBootstrap(c.Bootstrap); err != nil {
		return err
	}
	return WithChain(ctx, c, log, func(*login.Chain) error { return nil })
}

// WithChain starts the backends of the configuration, calls use with their chain, and ends them.
func WithChain(ctx context.Context, c *conf.Config, log *slog.Logger, use func(*login.Chain) error) (err error) {
	running, err := startBackends(ctx, c, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, running.Close()) }()
	return use(chainOf(running, c.Throttle.Queue))
}
