package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"latchkey/conf"
	"latchkey/daemon"
)

// serve runs the daemon until ctx ends.
func (a *app) serve(ctx context.Context) error {
	config, err := a.load()
	if err != nil {
		return err
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	return a.run(ctx, config, hangup, func(*daemon.Daemon) {})
}

// run serves with config until ctx ends, and reads the configuration anew at each signal. started is called once, when the
// daemon is ready.
func (a *app) run(ctx context.Context, config *conf.Config, hangup <-chan os.Signal, started func(*daemon.Daemon)) error {
	a.tuneCollector()
	logging, err := daemon.OpenLogging(config.Log, a.stderr)
	if err != nil {
		return err
	}
	d, err := daemon.Start(ctx, config, daemon.Options{Logging: logging})
	if err != nil && ctx.Err() != nil {
		logging.Logger.Info("ended before it was ready", "error", err)
		err = nil // as asked
	}
	if err != nil || d == nil {
		return errors.Join(err, logging.Close())
	}
	started(d)
	for {
		select {
		case <-hangup:
			a.reload(ctx, d, logging)
		case err := <-d.Failed():
			return errors.Join(err, d.Stop(), logging.Close())
		case <-ctx.Done():
			return errors.Join(d.Stop(), logging.Close())
		}
	}
}

// collectorPercent is how much the heap may grow between two collections. What the daemon holds is small (the cache of checked
// credentials, 64 MiB at most) and what a check throws away is much, so Go's default of 100 collects far too often: with 400
// a check costs about a tenth less, and the heap stays below 320 MiB at worst; below 800 MB with a file that has a million free
// pages.
const collectorPercent = 400

// tuneCollector sets the collector's pace, unless the administrator did with GOGC.
func (a *app) tuneCollector() {
	for _, variable := range a.environ {
		if strings.HasPrefix(variable, "GOGC=") {
			return
		}
	}
	debug.SetGCPercent(collectorPercent)
}

// reload reads the configuration anew. What is wrong with it is logged, and the running configuration stays.
func (a *app) reload(ctx context.Context, d *daemon.Daemon, logging *daemon.Logging) {
	config, err := a.load()
	if err == nil {
		err = d.Reload(ctx, config)
	}
	if faults, ok := errors.AsType[conf.Faults](err); ok {
		for _, fault := range faults {
			logging.Logger.Error("the new configuration is not used", "fault", fault.String())
		}
		return
	}
	if err != nil {
		logging.Logger.Error("the new configuration is not used", "error", err)
	}
}
