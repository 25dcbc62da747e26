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
	gone, err := s.sweepCredentials(ctx, now, limit)
	return len(gone), err
}

// sweepCredentials is SweepCredentials, and returns the digests of what it removed. One process sweeps at a time: the others find
// nothing to do.
func (s *Store) sweepCredentials(ctx context.Context, now time.Time, limit int) (gone []store.Digest, err error) {
	if limit <= 0 {
		return nil, ctx.Err()
	}
	err = s.write(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		gone = nil
		if mine, err := alone(ctx, tx); err != nil || !mine {
			return err
		}
		if gone, err = digests(ctx, tx, sweepSQL(limit), moment(now)); err != nil {
			return err
		}
		return s.announceNow(ctx, tx, changes{credentials: gone})
	})
	if err != nil {
		return nil, err
	}
	return gone, nil
}

// The statements by which one process at a time sweeps: it holds a row, which others pass over. Advisory locks would do the
// same, and not every server that speaks the protocol has them.
const (
	sweeperSQL = `INSERT INTO latchkey.facts (key) VALUES ('sweep') ON CONFLICT (key) DO NOTHING`
	aloneSQL   = `SELECT key FROM latchkey.facts WHERE key = 'sweep' FOR UPDATE SKIP LOCKED`
)

// alone reports whether nobody else sweeps; nobody will until the transaction ends.
func alone(ctx context.Context, tx pgx.Tx) (bool, error) {
	held, err := tx.Exec(ctx, aloneSQL)
	if err != nil || held.RowsAffected() > 0 {
		return err == nil, err
	}
	// Somebody else holds it, or it is not there yet.
	if made, err := tx.Exec(ctx, sweeperSQL); err != nil || made.RowsAffected() == 0 {
		return false, err
	}
	return true, nil
}

// sweepSQL returns the statement that removes at most limit expired credentials. The array is worked out once, and by the index
// of expiries: the limit stands in the text so that the planner knows that it is small, and the outer statement looks the
// array's elements up.
func sweepSQL(limit int) string {
	return `DELETE FROM latchkey.credentials WHERE id = ANY (ARRAY(
		SELECT id FROM latchkey.credentials WHERE expires_at <= $1 ORDER BY expires_at, id LIMIT ` + strconv.Itoa(limit) + `
		FOR UPDATE SKIP LOCKED)) RETURNING digest`
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
	var forgotten int
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sweepLockoutsSQL(limit), moment(now))
		forgotten = int(tag.RowsAffected())
		return err
	})
	if err != nil {
		return 0, err
	}
	return forgotten, nil
}

// sweepLockoutsSQL returns the statement that removes at most limit counters that may be forgotten; see sweepSQL.
func sweepLockoutsSQL(limit int) string {
	return `DELETE FROM latchkey.lockouts WHERE key = ANY (ARRAY(
		SELECT key FROM latchkey.lockouts WHERE forget_at <= $1 ORDER BY forget_at, key LIMIT ` + strconv.Itoa(limit) + `
		FOR UPDATE SKIP LOCKED))`
}
