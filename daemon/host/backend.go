package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"latchkey/conf"
	"latchkey/plugins"
)

// The pauses before a backend is started again: the first, and the longest.
const (
	firstPause   = time.Second
	longestPause = 30 * time.Second
)

// tooManyHangs is how many calls in a row may pass their deadline before the process is ended.
const tooManyHangs = 3

var errAway = errors.New("the backend's process is not running; it is being started again")

// Backend is one backend, whatever process it runs in at the moment. It is safe for concurrent use.
type Backend struct {
	settings conf.Backend
	launch   func(context.Context, string) (plugins.Connection, error)
	pause    func(context.Context, time.Duration)
	log      *slog.Logger

	calls sync.WaitGroup // calls under way, which close waits for

	mu         sync.Mutex
	connection plugins.Connection // nil while there is none
	served     bool               // it has answered a call since it was started
	hangs      int
	closed     bool
}

// Name returns the backend's name in the configuration.
func (b *Backend) Name() string { return b.settings.Name }

// connect gets a connection and configures what is behind it. The error is conf.Faults for wrong settings.
func (b *Backend) connect(ctx context.Context) error {
	connection, err := b.launch(ctx, b.Name())
	if err != nil {
		return err
	}
	err = connection.Client().Configure(ctx, plugins.NewSettings(b.settings.Settings))
	if err != nil {
		return errors.Join(b.faults(err), connection.Close())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.connection, b.served, b.hangs = connection, false, 0
	return nil
}

// faults gives the faults of settings their places in the configuration. A backend whose settings are fine and that cannot
// work is a fault of the configuration, too: the file or the server that it names is not there.
func (b *Backend) faults(err error) error {
	wrong, ok := errors.AsType[*plugins.SettingsError](err)
	if !ok {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			return fmt.Errorf("backend %s: %w", b.Name(), err)
		}
		return conf.Faults{{Position: b.settings.Position(""), Message: fmt.Sprintf("backend %s: %v", b.Name(), err)}}
	}
	var faults conf.Faults
	for _, fault := range wrong.Faults {
		message := fmt.Sprintf("backend %s: %s", b.Name(), fault.Message)
		if fault.Key != "" {
			message = fmt.Sprintf("backend %s: %s: %s", b.Name(), fault.Key, fault.Message)
		}
		faults = append(faults, conf.Fault{Position: b.settings.Position(fault.Key), Message: message})
	}
	return faults
}

// watch starts the backend again whenever its process is gone, until ctx ends.
func (b *Backend) watch(ctx context.Context) {
	next := firstPause
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.current().Gone():
		}
		served, err := b.drop()
		if served {
			next = firstPause // it worked, so this is no start that fails again and again
		}
		b.log.Error("the backend's process is gone; it is started again", "pause", next)
		if err != nil {
			b.log.Warn("what the backend left behind cannot be removed", "error", err)
		}
		for connected := false; !connected; {
			b.pause(ctx, next)
			if ctx.Err() != nil {
				return
			}
			next = min(2*next, longestPause)
			if err := b.connect(ctx); err != nil {
				b.log.Error("the backend cannot be started", "error", err, "pause", next)
				continue
			}
			connected = true
			b.log.Info("the backend runs again")
		}
	}
}

// current returns the connection, which is there while watch waits.
func (b *Backend) current() plugins.Connection {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.connection
}

// Parallel returns how many calls of Authenticate at a time are of use, as the backend said when it was started; 0 when it said
// nothing or is not there.
func (b *Backend) Parallel() int {
	connection := b.current()
	if connection == nil {
		return 0
	}
	return connection.Client().Parallel()
}

// drop lets go of a connection that is lost and reports whether it ever answered a call.
func (b *Backend) drop() (served bool, err error) {
	b.mu.Lock()
	connection := b.connection
	b.connection, served = nil, b.served
	b.mu.Unlock()
	return served, connection.Close()
}

// close waits for the calls under way and ends the process.
func (b *Backend) close() error {
	b.mu.Lock()
	b.closed = true
	connection := b.connection
	b.mu.Unlock()
	b.calls.Wait()
	if connection == nil {
		return nil
	}
	return connection.Close()
}

// begin returns the connection for one call, which must be ended with b.calls.Done.
func (b *Backend) begin() (plugins.Connection, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.connection == nil || b.closed {
		return nil, errAway
	}
	b.calls.Add(1)
	return b.connection, nil
}

// Authenticate asks the backend; see plugins.Backend.
func (b *Backend) Authenticate(ctx context.Context, request plugins.Request) (plugins.Result, error) {
	connection, err := b.begin()
	if err != nil {
		return plugins.Result{}, err
	}
	defer b.calls.Done()
	result, err := connection.Client().Authenticate(ctx, request)
	b.noteHang(ctx, connection, err)
	return result, err
}

// noteHang counts calls that passed the backend's own deadline, not the caller's, and ends a process that hangs.
func (b *Backend) noteHang(ctx context.Context, connection plugins.Connection, err error) {
	hung := errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil
	b.mu.Lock()
	if !hung {
		if err == nil {
			b.hangs, b.served = 0, true
		}
		b.mu.Unlock()
		return
	}
	b.hangs++
	tooMany := b.hangs >= tooManyHangs && b.connection == connection
	b.mu.Unlock()
	if tooMany {
		b.log.Error("the backend leaves calls unanswered; its process is ended")
		if err := connection.Close(); err != nil {
			b.log.Warn("what the backend left behind cannot be removed", "error", err)
		}
	}
}

// Check asks the backend whether it could decide now; see plugins.Checker.
func (b *Backend) Check(ctx context.Context) error {
	connection, err := b.begin()
	if err != nil {
		return err
	}
	defer b.calls.Done()
	return connection.Client().Check(ctx)
}
