package boltstore

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"latchkey/daemon/store"
)

// Lockout returns a counter; see store.Lockouts.
func (s *Store) Lockout(ctx context.Context, key string) (l store.Lockout, err error) {
	if err := ctx.Err(); err != nil {
		return l, err
	}
	err = s.db.View(func(tx *bbolt.Tx) error {
		row, err := lockoutOf(tx, key)
		l = store.Lockout{Failures: row.Failures, Until: row.Until}
		return err
	})
	return l, err
}

// lockoutOf returns a counter's row; the zero row when there is none.
func lockoutOf(tx *bbolt.Tx, key string) (row lockoutRow, err error) {
	value := tx.Bucket(bucketLockouts).Get([]byte(key))
	if value == nil {
		return row, nil
	}
	if err := json.Unmarshal(value, &row); err != nil {
		return row, fmt.Errorf("a counter's record is damaged: %w", err)
	}
	return row, nil
}

// PutLockout changes a counter; see store.Lockouts.
func (s *Store) PutLockout(ctx context.Context, key string, change func(*store.Lockout) time.Time) (store.Lockout, error) {
	var l store.Lockout
	err := s.writer.do(ctx, func(tx *bbolt.Tx) error {
		row, err := lockoutOf(tx, key)
		if err != nil {
			return err
		}
		l = store.Lockout{Failures: row.Failures, Until: row.Until}
		expires := change(&l)
		if !row.Expires.IsZero() {
			if err := remove(tx.Bucket(bucketForgettings), append(instant(row.Expires), key...)); err != nil {
				return err
			}
		}
		if len(l.Failures) == 0 && l.Until.IsZero() {
			return remove(tx.Bucket(bucketLockouts), []byte(key))
		}
		value, err := json.Marshal(lockoutRow{Failures: l.Failures, Until: l.Until, Expires: expires})
		if err != nil {
			return writeError{err}
		}
		if err := put(tx.Bucket(bucketForgettings), append(instant(expires), key...), []byte{}); err != nil {
			return err
		}
		return put(tx.Bucket(bucketLockouts), []byte(key), value)
	})
	if err != nil {
		return store.Lockout{}, err
	}
	return l, nil
}

// SweepLockouts forgets counters; see store.Lockouts.
func (s *Store) SweepLockouts(ctx context.Context, now time.Time, limit int) (n int, err error) {
	err = s.writer.do(ctx, func(tx *bbolt.Tx) error {
		var keys [][]byte
		cursor, end := tx.Bucket(bucketForgettings).Cursor(), instant(now)
		for key, _ := cursor.First(); key != nil && len(keys) < limit && bytes.Compare(key[:8], end) <= 0; key, _ = cursor.Next() {
			keys = append(keys, bytes.Clone(key))
		}
		for _, key := range keys {
			if err := remove(tx.Bucket(bucketForgettings), key); err != nil {
				return err
			}
			if err := remove(tx.Bucket(bucketLockouts), key[8:]); err != nil {
				return err
			}
		}
		n = len(keys)
		return nil
	})
	return n, err
}
