package pgstore

import (
	"context"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"latchkey/daemon/store"
)

// SweepCredentials removes expired credentials; see store.Credentials. What another transaction holds at that moment is passed
// over: it is being removed by the sweep of another node, or it is being changed and the next sweep finds it.
func (s *Store) SweepCredentials(ctx context.Context, now time.Time, limit int) (int, error) {
	if limit <= 0 {
		return 0, ctx.Err()
	}
	// The array is worked out once, and by the index of expiries: the limit stands in the text so that the planner knows that it
	// is small, and the outer statement looks its elements up.
	sql := `DELETE FROM latchkey.credentials WHERE id = ANY (ARRAY(
		SELECT id FROM latchkey.credentials WHERE expires_at <= $1 ORDER BY expires_at, id LIMIT ` + strconv.Itoa(limit) + `
		FOR UPDATE SKIP LOCKED)) RETURNING digest`
	var gone []store.Digest
	err := s.write(ctx, func(tx pgx.Tx) (err error) {
		if gone, err = digests(ctx, tx, sql, moment(now)); err != nil {
			return err
		}
		return s.announceNow(ctx, tx, changes{credentials: gone})
	})
	if err != nil {
		return 0, err
	}
	return len(gone), nil
}

// digests runs a statement that returns digests.
func digests(ctx context.Context, tx pgx.Tx, sql string, arguments ...any) ([]store.Digest, error) {
	rows, err := tx.Query(ctx, sql, arguments...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (digest store.Digest, err error) {
		err = row.Scan((*text)(&digest))
		return digest, err
	})
}

// SweepLockouts forgets counters; see store.Lockouts. What another transaction holds is passed over.
func (s *Store) SweepLockouts(ctx context.Context, now time.Time, limit int) (int, error) {
	if limit <= 0 {
		return 0, ctx.Err()
	}
	sql := `DELETE FROM latchkey.lockouts WHERE key = ANY (ARRAY(
		SELECT key FROM latchkey.lockouts WHERE forget_at <= $1 ORDER BY forget_at, key LIMIT ` + strconv.Itoa(limit) + `
		FOR UPDATE SKIP LOCKED))`
	var forgotten int
	err := s.write(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sql, moment(now))
		forgotten = int(tag.RowsAffected())
		return err
	})
	if err != nil {
		return 0, err
	}
	return forgotten, nil
}
