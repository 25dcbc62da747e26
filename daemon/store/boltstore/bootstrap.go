package boltstore

import (
	"context"

	"go.etcd.io/bbolt"

	"latchkey/daemon/store"
)

// CreateOnce adds a credential once in the store's life; see store.Bootstraps.
func (s *Store) CreateOnce(ctx context.Context, name string, onlyIfEmpty bool, c store.Credential) (created bool, err error) {
	err = s.writer.doThen(ctx, func(tx *bbolt.Tx) error {
		created = false
		meta, key := tx.Bucket(bucketMeta), []byte("mark:"+name)
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
