package pgstore

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"latchkey/daemon/store"
)

// Lockout returns a counter; see store.Lockouts.
func (s *Store) Lockout(ctx context.Context, key string) (l store.Lockout, err error) {
	if store.CheckName(key) != nil {
		return l, ctx.Err() // nothing can stand under it
	}
	err = s.read(ctx, func(ctx context.Context) error {
		l, _, err = counter(ctx, s.pool, key, "")
		return err
	})
	if err != nil {
		return store.Lockout{}, err
	}
	return l, nil
}

// counter returns a counter and whether there is one. lock is what is added to the query, such as " FOR UPDATE".
func counter(ctx context.Context, from querier, key, lock string) (l store.Lockout, found bool, err error) {
	err = from.QueryRow(ctx, "SELECT failures, locked_until FROM latchkey.lockouts WHERE key = $1"+lock, text(key)).
		Scan(&l.Failures, (*instant)(&l.Until))
	if errors.Is(err, pgx.ErrNoRows) {
		return store.Lockout{}, false, nil
	}
	for i := range l.Failures {
		l.Failures[i] = l.Failures[i].UTC()
	}
	return l, err == nil, err
}

// PutLockout changes a counter; see store.Lockouts.
func (s *Store) PutLockout(ctx context.Context, key string, change func(*store.Lockout) time.Time) (store.Lockout, error) {
	if err := store.CheckName(key); err != nil {
		return store.Lockout{}, err
	}
	var l store.Lockout
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var found bool
		var expires time.Time
		var err error
		if l, found, err = counter(ctx, tx, key, " FOR UPDATE"); err != nil {
			return err
		}
		err = s.guard(func() error {
			expires = change(&l)
			return nil
		})
		if err != nil {
			return err
		}
		if err := errors.Join(l.Settle(), store.SettleTimes(&expires)); err != nil {
			return verdict{err}
		}
		return putCounter(ctx, tx, key, l, expires, found)
	})
	if err != nil {
		return store.Lockout{}, err
	}
	return l, nil
}

// putCounter writes a counter, or removes it when it is zero. found says whether it was there; it must be locked then.
func putCounter(ctx context.Context, tx pgx.Tx, key string, l store.Lockout, expires time.Time, found bool) error {
	arguments := []any{text(key), l.Failures, instant(l.Until), instant(expires)}
	sql := "INSERT INTO latchkey.lockouts (key, failures, locked_until, forget_at) VALUES ($1, $2, $3, $4) ON CONFLICT (key) DO NOTHING"
	switch zero := len(l.Failures) == 0 && l.Until.IsZero(); {
	case zero && !found:
		return nil
	case zero:
		sql, arguments = "DELETE FROM latchkey.lockouts WHERE key = $1", arguments[:1]
	case found:
		sql = "UPDATE latchkey.lockouts SET failures = $2, locked_until = $3, forget_at = $4 WHERE key = $1"
	}
	tag, err := tx.Exec(ctx, sql, arguments...)
	if err == nil && tag.RowsAffected() == 0 {
		return errRaced
	}
	return err
}
