package boltstore

import (
	"bytes"
	"context"

	"go.etcd.io/bbolt"

	"latchkey/daemon/store"
)

// User returns a user; see store.Users.
func (s *Store) User(ctx context.Context, name string) (u store.User, err error) {
	if err := ctx.Err(); err != nil {
		return u, err
	}
	err = s.db.View(func(tx *bbolt.Tx) error {
		value := tx.Bucket(bucketUsers).Get([]byte(name))
		if value == nil || name == "" {
			return store.ErrNotFound
		}
		u, err = decodeUser([]byte(name), value)
		return err
	})
	return u, err
}

// Users lists users; see store.Users.
func (s *Store) Users(ctx context.Context, after string, limit int) (page []store.User, total int, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(bucketUsers)
		total = bucket.Stats().KeyN
		cursor := bucket.Cursor()
		key, value := cursor.First()
		if after != "" {
			if key, value = cursor.Seek([]byte(after)); bytes.Equal(key, []byte(after)) {
				key, value = cursor.Next()
			}
		}
		for ; key != nil && (limit == 0 || len(page) < limit); key, value = cursor.Next() {
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
	return page, total, err
}

// PutUser changes or adds a user; see store.Users.
func (s *Store) PutUser(ctx context.Context, name string, change func(*store.User, bool) error) (store.User, error) {
	var user store.User
	err := s.writer.doThen(ctx, func(tx *bbolt.Tx) (err error) {
		bucket := tx.Bucket(bucketUsers)
		value := bucket.Get([]byte(name))
		user = store.User{Name: name}
		if value != nil {
			if user, err = decodeUser([]byte(name), value); err != nil {
				return err
			}
		}
		if err := change(&user, value != nil); err != nil {
			return err
		}
		user.Name = name
		encoded, err := encodeUser(&user)
		if err != nil {
			return err
		}
		return put(bucket, []byte(name), encoded)
	}, func() { s.cache.touch(name) })
	if err != nil {
		return store.User{}, err
	}
	return user, nil
}

// DeleteUser removes a user and his credentials; see store.Users.
func (s *Store) DeleteUser(ctx context.Context, name string) error {
	var gone []store.Digest
	return s.writer.doThen(ctx, func(tx *bbolt.Tx) error {
		gone = gone[:0]
		bucket := tx.Bucket(bucketUsers)
		if bucket.Get([]byte(name)) == nil {
			return store.ErrNotFound
		}
		var owned []store.Credential
		prefix, cursor := joined(name, ""), tx.Bucket(bucketOwners).Cursor()
		for key, _ := cursor.Seek(prefix); bytes.HasPrefix(key, prefix); key, _ = cursor.Next() {
			c, err := byID(tx, store.ID(key[len(key)-24:]))
			if err != nil {
				return err
			}
			owned = append(owned, c)
		}
		for i := range owned {
			if err := drop(tx, &owned[i]); err != nil {
				return err
			}
			gone = append(gone, owned[i].Digest)
		}
		return remove(bucket, []byte(name))
	}, func() {
		s.cache.touch(name)
		s.cache.drop(gone...)
	})
}
