package boltstore

import (
	"bytes"
	"context"
	"errors"
	"time"

	"go.etcd.io/bbolt"

	"latchkey/daemon/store"
)

// Lockout returns a counter; see store.Lockouts.
func (s *Store) Lockout(ctx context.Context, key string) (l store.Lockout, err error) {
	if store.CheckName(key) != nil {
		return l, ctx.Err() // nothing can stand under it
	}
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		row, _, err := counter(tx, key)
		l = store.Lockout{Failures: row.Failures, Until: row.Until}
		return err
	})
	return l, err
}

// counter returns a counter's row and whether there is one.
func counter(tx *bbolt.Tx, key string) (row lockoutRow, found bool, err error) {
	value := tx.Bucket(bucketLockouts).Get([]byte(key))
	if value == nil {
		return row, false, nil
	}
	return row, true, decode(value, &row)
}

// PutLockout changes a counter; see store.Lockouts.
func (s *Store) PutLockout(ctx context.Context, key string, change func(*store.Lockout) time.Time) (store.Lockout, error) {
	if err := store.CheckName(key); err != nil {
		return store.Lockout{}, err
	}
	var l store.Lockout
	err := s.writer.do(ctx, func(tx *bbolt.Tx) error {
		before, found, err := counter(tx, key)
		if err != nil {
			return err
		}
		l = store.Lockout{Failures: before.Failures, Until: before.Until}
		after := lockoutRow{Expires: change(&l)}
		if err := errors.Join(l.Settle(), store.SettleTimes(&after.Expires)); err != nil {
			return err
		}
		after.Failures, after.Until = l.Failures, l.Until
		value, err := encode(after)
		if err != nil {
			return err
		}
		lockouts, forgettings := tx.Bucket(bucketLockouts), tx.Bucket(bucketForgettings)
		if found {
			if err := remove(forgettings, append(endKey(before.Expires), key...)); err != nil {
				return err
			}
		}
		if len(l.Failures) == 0 && l.Until.IsZero() {
			return remove(lockouts, []byte(key))
		}
		if err := put(forgettings, append(endKey(after.Expires), key...), nil); err != nil {
			return err
		}
		return put(lockouts, []byte(key), value)
	}, nil)
	if err != nil {
		return store.Lockout{}, err
	}
	return l, nil
}

// SweepLockouts forgets counters; see store.Lockouts. When there is none to forget it writes nothing.
func (s *Store) SweepLockouts(ctx context.Context, now time.Time, limit int) (int, error) {
	var keys [][]byte
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		keys = forgettable(tx, now, min(limit, 1))
		return nil
	})
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	err = s.writer.do(ctx, func(tx *bbolt.Tx) error {
		keys = forgettable(tx, now, limit)
		for _, key := range keys {
			if err := remove(tx.Bucket(bucketForgettings), key); err != nil {
				return err
			}
			if err := remove(tx.Bucket(bucketLockouts), key[instantSize:]); err != nil {
				return err
			}
		}
		return nil
	}, nil)
	if err != nil {
		return 0, err
	}
	return len(keys), nil
}

// forgettable returns the keys in forgettings of at most limit counters that may be forgotten at now.
func forgettable(tx *bbolt.Tx, now time.Time, limit int) [][]byte {
	var keys [][]byte
	for key := range ended(tx.Bucket(bucketForgettings), now, limit) {
		keys = append(keys, bytes.Clone(key))
	}
	return keys
}
