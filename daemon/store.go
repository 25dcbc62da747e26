package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"latchkey/conf"
	"latchkey/daemon/store"
	"latchkey/daemon/store/boltstore"
	"latchkey/daemon/store/pgstore"
)

// openTimeout is how long the start waits for a database.
const openTimeout = 30 * time.Second

// openStore opens the store that the configuration names.
func openStore(ctx context.Context, c conf.Store, log *slog.Logger) (store.Store, error) {
	url := c.URL.Reveal()
	if path, ok := strings.CutPrefix(url, "bolt:"); ok {
		opened, err := boltstore.Open(path, boltstore.Options{Log: log, CacheBytes: c.Cache})
		if err != nil {
			return nil, fmt.Errorf("[store] url: %w", err)
		}
		return opened, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, openTimeout, fmt.Errorf("the database did not answer within %s", openTimeout))
	defer cancel()
	opened, err := pgstore.Open(ctx, url, pgstore.Options{Log: log})
	if err != nil {
		return nil, fmt.Errorf("[store] url: %w", err)
	}
	return pgstore.NewNode(opened, pgstore.NodeOptions{CacheBytes: c.Cache, Grace: c.Grace, Now: time.Now}), nil
}
