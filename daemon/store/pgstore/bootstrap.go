package pgstore

import (
	"context"

	"github.com/jackc/pgx/v5"

	"latchkey/daemon/store"
)

// markKey returns the key of a mark.
func markKey(name string) text { return text("mark:" + name) }

// Done reports whether a mark is there; see store.Bootstraps.
func (s *Store) Done(ctx context.Context, name string) (done bool, err error) {
	err = s.read(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, "SELECT count(*) > 0 FROM latchkey.facts WHERE key = $1", markKey(name)).Scan(&done)
	})
	return done && err == nil, err
}

// CreateOnce adds a credential once in the store's life; see store.Bootstraps.
func (s *Store) CreateOnce(ctx context.Context, name string, onlyIfEmpty bool, c store.Credential) (bool, error) {
	if err := store.CheckName(name); err != nil {
		return false, err
	}
	var created bool
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		created = false
		// Who is second waits here for who is first, and sees what has become of him.
		mark, err := tx.Exec(ctx, "INSERT INTO latchkey.facts (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING", markKey(name), text(c.ID))
		if err != nil || mark.RowsAffected() == 0 {
			return err
		}
		first, err := tx.Exec(ctx, heldSQL)
		if err != nil || onlyIfEmpty && first.RowsAffected() == 0 {
			return err
		}
		kept := c
		if err := kept.Settle(); err != nil {
			return verdict{err}
		}
		created = true
		_, err = tx.Exec(ctx, insertSQL, credentialValues(&kept)...)
		return taken(err)
	})
	if err != nil {
		return false, err
	}
	return created, nil
}
