package boltstore

import (
	"bytes"
	"context"

	"go.etcd.io/bbolt"

	"latchkey/daemon/store"
)

// User returns a user; see store.Users.
func (s *Store) User(ctx context.Context, name string) (u store.User, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		known, err := owner(tx, name)
		if err != nil {
			return err
		}
		if known == nil {
			return store.ErrNotFound
		}
		u = *known
		return nil
	})
	return u, err
}

// Owner returns a user, from memory where he is there; see store.Users.
func (s *Store) Owner(ctx context.Context, name string) (store.User, error) {
	if u, ok := s.cache.Owner(name); ok {
		return u, nil
	}
	mark := s.cache.Mark()
	u, err := s.User(ctx, name)
	if err == nil {
		s.cache.KeepOwner(u, mark)
	}
	return u, err
}

// Users lists users; see store.Users.
func (s *Store) Users(ctx context.Context, after string, limit int) (page []store.User, total int, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(bucketUsers)
		total = int(bucket.Sequence())
		cursor := bucket.Cursor()
		key, value := cursor.Seek([]byte(after))
		if key != nil && string(key) == after {
			key, value = cursor.Next()
		}
		for ; key != nil && (limit <= 0 || len(page) < limit); key, value = cursor.Next() {
			if err := ctx.Err(); err != nil {
				return err
			}
			u, err := decodeUser(key, value)
			if err != nil {
				return err
			}
			page = append(page, u)
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	return page, total, nil
}

// countUsers changes how many users there are, which the bucket's sequence says.
func countUsers(bucket *bbolt.Bucket, by int) error {
	if err := bucket.SetSequence(uint64(int(bucket.Sequence()) + by)); err != nil {
		return writeError{err}
	}
	return nil
}

// PutUser changes or adds a user; see store.Users.
func (s *Store) PutUser(ctx context.Context, name string, change func(*store.User, bool) error) (store.User, error) {
	if err := store.CheckName(name); err != nil {
		return store.User{}, err
	}
	var user store.User
	err := s.writer.do(ctx, func(tx *bbolt.Tx) error {
		known, err := owner(tx, name)
		if err != nil {
			return err
		}
		user = store.User{Name: name}
		if known != nil {
			user = *known
		}
		if err := change(&user, known != nil); err != nil {
			return err
		}
		user.Name = name
		if err := user.Settle(); err != nil {
			return err
		}
		value, err := encodeUser(&user)
		if err != nil {
			return err
		}
		bucket := tx.Bucket(bucketUsers)
		if known == nil {
			if err := countUsers(bucket, 1); err != nil {
				return err
			}
		}
		return put(bucket, []byte(name), value)
	}, func() { s.cache.Touch(name) })
	if err != nil {
		return store.User{}, err
	}
	return user, nil
}

// DeleteUser removes a user and his credentials; see store.Users.
func (s *Store) DeleteUser(ctx context.Context, name string) error {
	var gone []store.Digest
	return s.writer.do(ctx, func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(bucketUsers)
		if name == "" || bucket.Get([]byte(name)) == nil {
			return store.ErrNotFound
		}
		if key, _ := tx.Bucket(bucketAccounts).Cursor().Seek(accountKey(name, "")); bytes.HasPrefix(key, accountKey(name, "")) {
			return store.ErrInUse
		}
		var owned []store.Credential
		for r := range scan(tx.Bucket(bucketOwners), ownerKey(name, 0)) {
			c, err := byDigest(tx, r.to.digest())
			if err != nil {
				return err
			}
			owned = append(owned, c)
		}
		gone = gone[:0]
		for i := range owned {
			if err := erase(tx, &owned[i]); err != nil {
				return err
			}
			gone = append(gone, owned[i].Digest)
		}
		if err := countUsers(bucket, -1); err != nil {
			return err
		}
		return remove(bucket, []byte(name))
	}, func() {
		s.cache.Touch(name)
		s.cache.Drop(gone...)
	})
}
