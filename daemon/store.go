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

// openTimeout is how long the start waits for a database.
const openTimeout = 30 * time.Second

// openStore opens the store that the configuration names.
func openStore(ctx context.Context, c conf.Store, log *slog.Logger) (store.Store, error) {
	url := c.URL.Reveal()
	if path, ok := strings.CutPrefix(url, "bolt:"); ok {
		opened, err := boltstore.Open(path, boltstore.Options{Log: log, CacheBytes: c.Cache})
		if err != nil {
			return nil, err
		}
		return opened, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, openTimeout, fmt.Errorf("the database did not answer within %s", openTimeout))
	defer cancel()
	opened, err := pgstore.Open(ctx, url, pgstore.Options{Log: log})
	if err != nil {
		return nil, err
	}
	return pgstore.NewNode(opened, pgstore.NodeOptions{CacheBytes: c.Cache, Grace: c.Grace, Now: time.Now}), nil
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
	target, err := openStore(ctx, to, log)
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

// openExisting is openStore for a store that must be there: a file is not made.
func openExisting(ctx context.Context, c conf.Store, log *slog.Logger) (store.Store, error) {
	if path, ok := strings.CutPrefix(c.URL.Reveal(), "bolt:"); ok {
		if _, err := os.Stat(path); err != nil {
			return nil, err
		}
	}
	return openStore(ctx, c, log)
}
