package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"latchkey/conf"
	"latchkey/daemon/store"
	"latchkey/daemon/store/boltstore"
	"latchkey/daemon/store/pgstore"
	"latchkey/daemon/store/transfer"
)

const (
	// openTimeout is how long a database may take to be opened, its tables brought up to date.
	openTimeout = 30 * time.Second
	// callTimeout is how long a request waits for one answer of a database.
	callTimeout = 5 * time.Second
)

// openStore opens the store of a daemon, as the configuration names it.
func openStore(ctx context.Context, c conf.Store, log *slog.Logger) (store.Store, error) {
	if path, ok := boltPath(c); ok {
		return openFile(path, boltstore.Options{Log: log, CacheBytes: c.Cache})
	}
	opened, err := openDatabase(ctx, c, pgstore.Options{Log: log, Timeout: callTimeout})
	if err != nil {
		return nil, err
	}
	return pgstore.NewNode(opened, pgstore.NodeOptions{CacheBytes: c.Cache, Grace: c.Grace, Now: time.Now}), nil
}

// openForTool opens a store for a command that is no node: it keeps nothing in memory, hears nothing, and waits as long as it
// takes.
func openForTool(ctx context.Context, c conf.Store, log *slog.Logger) (store.Store, error) {
	if path, ok := boltPath(c); ok {
		return openFile(path, boltstore.Options{Log: log})
	}
	opened, err := openDatabase(ctx, c, pgstore.Options{Log: log})
	if err != nil {
		return nil, err // and no nil pointer in an interface
	}
	return opened, nil
}

// boltPath returns the path of a store that is a file.
func boltPath(c conf.Store) (string, bool) { return strings.CutPrefix(c.URL.Reveal(), "bolt:") }

func openFile(path string, o boltstore.Options) (store.Store, error) {
	opened, err := boltstore.Open(path, o)
	if err != nil {
		return nil, err
	}
	return opened, nil
}

func openDatabase(ctx context.Context, c conf.Store, o pgstore.Options) (*pgstore.Store, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, openTimeout, fmt.Errorf("the database did not answer within %s", openTimeout))
	defer cancel()
	return pgstore.Open(ctx, c.URL.Reveal(), o)
}

// databaseInterval is how often a start looks for a database that is away.
const databaseInterval = time.Second

// awaitStore is openStore, and waits for a database that cannot be reached: after a power cut it may need longer than this host.
func awaitStore(ctx context.Context, c conf.Store, log *slog.Logger) (store.Store, error) {
	said := false
	for {
		opened, err := openStore(ctx, c, log)
		if !errors.Is(err, pgstore.ErrUnreachable) {
			return opened, err
		}
		if !said {
			said = true
			log.Warn("waiting for the database", "error", err)
		}
		timer := time.NewTimer(databaseInterval)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, err
		}
	}
}

// CopyStore copies everything from one store into another, empty one and compares them afterwards, record by record. say is
// told now and then how far it is. Nothing else may use either store meanwhile; see package transfer. It returns what the copy
// holds.
func CopyStore(ctx context.Context, from, to conf.Store, log *slog.Logger, say func(text string)) (text string, err error) {
	source, err := openExisting(ctx, from, log)
	if err != nil {
		return "", fmt.Errorf("--from: %w", err)
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := openForTool(ctx, to, log)
	if err != nil {
		return "", fmt.Errorf("--to: %w", err)
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	count, err := transfer.Copy(ctx, source, target, func(c transfer.Count) { say("copied so far: " + c.String()) })
	if err != nil {
		return "", err
	}
	say("copied; now both are compared")
	if err := transfer.Compare(ctx, source, target); err != nil {
		return "", fmt.Errorf("the copy is not the same (was the source in use?): %w", err)
	}
	return count.String(), nil
}

// openExisting is openForTool for a store that must be there: a file is not made.
func openExisting(ctx context.Context, c conf.Store, log *slog.Logger) (store.Store, error) {
	if path, ok := boltPath(c); ok {
		if _, err := os.Stat(path); err != nil {
			return nil, err
		}
	}
	return openForTool(ctx, c, log)
}
