package boltstore

import (
	"context"

	"go.etcd.io/bbolt"

	"latchkey/daemon/store"
)

// markKey returns the key of a mark.
func markKey(name string) []byte { return []byte("mark:" + name) }

// Done reports whether a mark is there; see store.Bootstraps.
func (s *Store) Done(ctx context.Context, name string) (done bool, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		done = tx.Bucket(bucketMeta).Get(markKey(name)) != nil
		return nil
	})
	return done, err
}

// CreateOnce adds a credential once in the store's life; see store.Bootstraps.
func (s *Store) CreateOnce(ctx context.Context, name string, onlyIfEmpty bool, c store.Credential) (bool, error) {
	if err := store.CheckName(name); err != nil {
		return false, err
	}
	var created bool
	err := s.writer.do(ctx, func(tx *bbolt.Tx) error {
		created = false
		meta := tx.Bucket(bucketMeta)
		if meta.Get(markKey(name)) != nil {
			return nil
		}
		if !onlyIfEmpty || tx.Bucket(bucketIDs).Sequence() == 0 {
			if err := insert(tx, c); err != nil {
				return err
			}
			created = true
		}
		return put(meta, markKey(name), []byte(c.ID))
	}, nil)
	if err != nil {
		return false, err
	}
	return created, nil
}
