package boltstore

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/bbolt"

	"latchkey/daemon/store"
)

// CreateCredential adds a credential; see store.Credentials.
func (s *Store) CreateCredential(ctx context.Context, c store.Credential) error {
	value, err := prepared(&c)
	if err != nil {
		return err
	}
	return s.writer.do(ctx, func(tx *bbolt.Tx) error { return place(tx, &c, value) }, nil)
}

// prepared makes a credential ready to be kept and returns its record. It is done before the transaction, for which others wait.
func prepared(c *store.Credential) ([]byte, error) {
	if err := c.Settle(); err != nil {
		return nil, err
	}
	return encodeCredential(c)
}

// insert adds a new credential.
func insert(tx *bbolt.Tx, c store.Credential) error {
	value, err := prepared(&c)
	if err != nil {
		return err
	}
	return place(tx, &c, value)
}

// place adds a new credential that is settled, and whose record is value.
func place(tx *bbolt.Tx, c *store.Credential, value []byte) error {
	credentials, ids := tx.Bucket(bucketCredentials), tx.Bucket(bucketIDs)
	if ids.Get(packed(c.ID)) != nil || credentials.Get([]byte(c.Digest)) != nil {
		return store.ErrExists
	}
	// The sequence of the bucket of ids counts every credential that was ever made; CreateOnce asks for it.
	if _, err := ids.NextSequence(); err != nil {
		return writeError{err}
	}
	if err := put(credentials, []byte(c.Digest), value); err != nil {
		return err
	}
	return eachIndex(tx, c, put)
}

// replace writes a credential in place of what it was.
func replace(tx *bbolt.Tx, before, after *store.Credential) error {
	value, err := encodeCredential(after)
	if err != nil {
		return err
	}
	credentials := tx.Bucket(bucketCredentials)
	if after.Digest != before.Digest {
		if credentials.Get([]byte(after.Digest)) != nil {
			return store.ErrExists
		}
		if err := remove(credentials, []byte(before.Digest)); err != nil {
			return err
		}
	}
	if err := put(credentials, []byte(after.Digest), value); err != nil {
		return err
	}
	if after.Digest == before.Digest && after.User == before.User && after.Workspace == before.Workspace &&
		after.ExpiresAt.Equal(before.ExpiresAt) {
		return nil // the indexes say the same
	}
	if err := eachIndex(tx, before, removeKey); err != nil {
		return err
	}
	return eachIndex(tx, after, put)
}

// erase removes a credential.
func erase(tx *bbolt.Tx, c *store.Credential) error {
	if err := remove(tx.Bucket(bucketCredentials), []byte(c.Digest)); err != nil {
		return err
	}
	return eachIndex(tx, c, removeKey)
}

func removeKey(b *bbolt.Bucket, key, _ []byte) error { return remove(b, key) }

// CredentialByDigest returns a credential and its owner; see store.Credentials.
func (s *Store) CredentialByDigest(ctx context.Context, digest store.Digest) (*store.Entry, error) {
	if entry, ok := s.cache.Get(digest); ok {
		return entry, nil
	}
	mark := s.cache.Mark()
	entry := &store.Entry{}
	err := s.view(ctx, func(tx *bbolt.Tx) (err error) {
		if entry.Credential, err = byDigest(tx, []byte(digest)); err != nil {
			return err
		}
		entry.Owner, err = owner(tx, entry.Credential.User)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.cache.Keep(entry, mark)
	return entry, nil
}

// owner returns a user, or nil when he is not known.
func owner(tx *bbolt.Tx, name string) (*store.User, error) {
	if name == "" {
		return nil, nil
	}
	value := tx.Bucket(bucketUsers).Get([]byte(name))
	if value == nil {
		return nil, nil
	}
	u, err := decodeUser([]byte(name), value)
	if err != nil {
		return nil, err
	}
	return &u, nil
}

// byDigest returns the credential with this digest.
func byDigest(tx *bbolt.Tx, digest []byte) (store.Credential, error) {
	value := tx.Bucket(bucketCredentials).Get(digest)
	if value == nil {
		return store.Credential{}, store.ErrNotFound
	}
	return decodeCredential(digest, value)
}

// byID returns the credential with this id.
func byID(tx *bbolt.Tx, id store.ID) (store.Credential, error) {
	to := pointer(tx.Bucket(bucketIDs).Get(packed(id)))
	if to == nil {
		return store.Credential{}, store.ErrNotFound
	}
	return byDigest(tx, to.digest())
}

// Credential returns the credential with this id; see store.Credentials.
func (s *Store) Credential(ctx context.Context, id store.ID) (c store.Credential, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		c, err = byID(tx, id)
		return err
	})
	return c, err
}

// UpdateCredential changes a credential; see store.Credentials.
func (s *Store) UpdateCredential(ctx context.Context, id store.ID, change func(*store.Credential) error) (store.Credential, error) {
	var before, after store.Credential
	err := s.writer.do(ctx, func(tx *bbolt.Tx) (err error) {
		if before, err = byID(tx, id); err != nil {
			return err
		}
		after = before
		if err := change(&after); err != nil {
			return err
		}
		after.ID, after.Kind, after.CreatedAt = before.ID, before.Kind, before.CreatedAt
		if err := after.Settle(); err != nil {
			return err
		}
		return replace(tx, &before, &after)
	}, func() { s.cache.Drop(before.Digest, after.Digest) })
	if err != nil {
		return store.Credential{}, err
	}
	return after, nil
}

// DeleteCredential removes a credential; see store.Credentials.
func (s *Store) DeleteCredential(ctx context.Context, id store.ID, check func(store.Credential) error) (store.Credential, error) {
	var gone store.Credential
	err := s.writer.do(ctx, func(tx *bbolt.Tx) (err error) {
		if gone, err = byID(tx, id); err != nil {
			return err
		}
		if check != nil {
			if err := check(gone); err != nil {
				return err
			}
		}
		return erase(tx, &gone)
	}, func() { s.cache.Drop(gone.Digest) })
	if err != nil {
		return store.Credential{}, err
	}
	return gone, nil
}

// SweepCredentials removes expired credentials; see store.Credentials. When none is expired it writes nothing.
//
// What will be removed is read first, so that the transaction, for which every other writer waits, finds its pages in memory.
func (s *Store) SweepCredentials(ctx context.Context, now time.Time, limit int) (int, error) {
	found := 0
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		for _, digest := range expired(tx, now, limit) {
			c, err := byDigest(tx, []byte(digest))
			if err != nil {
				return err
			}
			if err := eachIndex(tx, &c, func(b *bbolt.Bucket, key, _ []byte) error { b.Get(key); return nil }); err != nil {
				return err
			}
			found++
		}
		return nil
	})
	if err != nil || found == 0 {
		return 0, err
	}
	var gone []store.Digest
	err = s.writer.do(ctx, func(tx *bbolt.Tx) error {
		gone = expired(tx, now, limit)
		var all []store.Credential
		for _, digest := range gone {
			c, err := byDigest(tx, []byte(digest))
			if err != nil {
				return err
			}
			all = append(all, c)
		}
		for i := range all {
			if err := erase(tx, &all[i]); err != nil {
				return err
			}
		}
		return nil
	}, func() { s.cache.Drop(gone...) })
	if err != nil {
		return 0, err
	}
	return len(gone), nil
}

// expired returns the digests of at most limit credentials that are expired at now, soonest first.
func expired(tx *bbolt.Tx, now time.Time, limit int) []store.Digest {
	var digests []store.Digest
	for _, digest := range ended(tx.Bucket(bucketExpiries), now, limit) {
		digests = append(digests, store.Digest(digest))
	}
	return digests
}

// NoteUses notes when credentials were last used; see store.Uses.
func (s *Store) NoteUses(ctx context.Context, used map[store.ID]time.Time) error {
	var changed []store.Digest
	return s.writer.do(ctx, func(tx *bbolt.Tx) error {
		changed = changed[:0]
		for id, at := range used {
			before, err := byID(tx, id)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return writeError{err}
			}
			after := before
			after.LastUsedAt = at
			if err := after.Settle(); err != nil {
				return writeError{err}
			}
			if err := replace(tx, &before, &after); err != nil {
				return writeError{err}
			}
			changed = append(changed, after.Digest)
		}
		return nil
	}, func() { s.cache.Drop(changed...) })
}
