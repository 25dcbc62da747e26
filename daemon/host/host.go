// Package host starts the backends' processes and watches them.
//
// Each backend of the configuration is one process. When it dies, or leaves several calls in a row unanswered, it is ended
// and a new one is started, after a pause that grows from one second to thirty. Meanwhile a question to it is answered at once
// with an error, which the chain takes for "could not decide".
//
// What always holds: Start returns with all backends configured, or with none running; Close returns when all of them have
// ended. A backend that cannot be started again (its executable was changed, its settings no longer work) does not stop the
// daemon: it is tried again for as long as the daemon runs.
//
// What it does not do: it knows nothing of names and passwords, and decides nothing.
package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"latchkey/conf"
	"latchkey/plugins"
)

// systemDir is where backends are when they are not beside the daemon.
const systemDir = "/usr/libexec/latchkey/backends"

// ExecutableError says why a backend's executable cannot be used.
type ExecutableError = plugins.ExecutableError

// Options are what a Host is made of.
type Options struct {
	Plugins conf.Plugins
	Log     *slog.Logger
	// Launch gets a connection to a backend; nil means to find its executable and start it.
	Launch func(ctx context.Context, backend string) (plugins.Connection, error)
	// Pause waits before a new start, or until ctx ends; nil means a timer.
	Pause func(ctx context.Context, d time.Duration)
}

// Host is the set of running backends.
type Host struct {
	backends []*Backend
	cancel   context.CancelFunc
	watchers sync.WaitGroup
}

// Start starts and configures the backends, in order. What is wrong with their settings comes back as conf.Faults, all of it
// at once; what is wrong with an executable as *ExecutableError.
func Start(ctx context.Context, backends []conf.Backend, o Options) (*Host, error) {
	if o.Launch == nil {
		o.Launch = launcher(o)
	}
	if o.Pause == nil {
		o.Pause = pause
	}
	watch, cancel := context.WithCancel(context.WithoutCancel(ctx))
	h := &Host{cancel: cancel}
	var faults conf.Faults
	var failures []error
	for _, settings := range backends {
		b := &Backend{settings: settings, launch: o.Launch, pause: o.Pause, log: o.Log.With("backend", settings.Name)}
		err := b.connect(ctx)
		if wrong, ok := errors.AsType[conf.Faults](err); ok {
			faults = append(faults, wrong...)
			continue
		}
		if err != nil {
			failures = append(failures, err)
			continue
		}
		h.backends = append(h.backends, b)
	}
	switch {
	case len(faults) > 0:
		return nil, errors.Join(faults, h.Close())
	case len(failures) > 0:
		return nil, errors.Join(append(failures, h.Close())...)
	}
	for _, b := range h.backends {
		h.watchers.Go(func() { b.watch(watch) })
	}
	return h, nil
}

// launcher finds and starts executables as the configuration says.
func launcher(o Options) func(context.Context, string) (plugins.Connection, error) {
	return func(ctx context.Context, backend string) (plugins.Connection, error) {
		found, err := plugins.Find(backend, dirs(o.Plugins.Dir), o.Plugins.SHA256[backend])
		if err != nil {
			return nil, err
		}
		connection, err := plugins.Launch(ctx, found, plugins.LaunchOptions{
			StartTimeout: o.Plugins.StartTimeout, CallTimeout: o.Plugins.CallTimeout, Log: o.Log,
			SocketDir: os.Getenv("RUNTIME_DIRECTORY"), // systemd's RuntimeDirectory=, where there is one
		})
		return connection, errors.Join(err, found.Close())
	}
}

// dirs returns where to look for executables.
func dirs(configured string) []string {
	if configured != "" {
		return []string{configured}
	}
	self, err := os.Executable()
	if err != nil {
		return []string{systemDir}
	}
	return []string{filepath.Dir(self), systemDir}
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Chain returns the backends in the order of the configuration.
func (h *Host) Chain() []*Backend { return h.backends }

// Check returns nil when at least one backend could decide now, or there is none to ask; otherwise it says what each lacks.
func (h *Host) Check(ctx context.Context) error {
	var failures []error
	for _, b := range h.backends {
		err := b.Check(ctx)
		if err == nil {
			return nil
		}
		failures = append(failures, fmt.Errorf("backend %s: %w", b.Name(), err))
	}
	return errors.Join(failures...)
}

// Close lets the calls under way finish, for at most their own deadline, ends all backends and waits for their end.
func (h *Host) Close() error {
	h.cancel()
	h.watchers.Wait()
	var errs []error
	for _, b := range h.backends {
		errs = append(errs, b.close())
	}
	return errors.Join(errs...)
}
