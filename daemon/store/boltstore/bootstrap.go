package boltstore

import (
	"context"

	"go.etcd.io/bbolt"

	"latchkey/daemon/store"
)

// Done reports whether a mark is there; see store.Bootstraps.
func (s *Store) Done(ctx context.Context, name string) (done bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	err = s.db.View(func(tx *bbolt.Tx) error {
		done = tx.Bucket(bucketMeta).Get(markKey(name)) != nil
		return nil
	})
	return done, err
}

// markKey returns the key of a mark.
func markKey(name string) []byte { return []byte("mark:" + name) }

// CreateOnce adds a credential once in the store's life; see store.Bootstraps.
func (s *Store) CreateOnce(ctx context.Context, name string, onlyIfEmpty bool, c store.Credential) (created bool, err error) {
	err = s.writer.doThen(ctx, func(tx *bbolt.Tx) error {
		created = false
		meta, key := tx.Bucket(bucketMeta), markKey(name)
		if meta.Get(key) != nil {
			return nil
		}
		// The sequence of the bucket of ids counts every credential that was ever made.
		if !onlyIfEmpty || tx.Bucket(bucketIDs).Sequence() == 0 {
			if err := insert(tx, &c); err != nil {
				return err
			}
			created = true
		}
		return put(meta, key, []byte(c.ID))
	}, func() { s.cache.drop(c.Digest) })
	return created, err
}
