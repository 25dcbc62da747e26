package boltstore

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"latchkey/daemon/store"
)

// CreateCredential adds a credential; see store.Credentials.
func (s *Store) CreateCredential(ctx context.Context, c store.Credential) error {
	return s.writer.doThen(ctx, func(tx *bbolt.Tx) error { return insert(tx, &c) }, func() { s.cache.drop(c.Digest) })
}

// insert adds a credential and its index entries.
func insert(tx *bbolt.Tx, c *store.Credential) error {
	if tx.Bucket(bucketIDs).Get([]byte(c.ID)) != nil || tx.Bucket(bucketCredentials).Get([]byte(c.Digest)) != nil {
		return store.ErrExists
	}
	value, err := encodeCredential(c)
	if err != nil {
		return err
	}
	if err := put(tx.Bucket(bucketCredentials), []byte(c.Digest), value); err != nil {
		return err
	}
	if _, err := tx.Bucket(bucketIDs).NextSequence(); err != nil {
		return writeError{err}
	}
	return eachIndex(tx, c, func(b *bbolt.Bucket, key []byte) error { return put(b, key, []byte(c.Digest)) })
}

// eachIndex calls f with each index that a credential stands in, and its key there.
func eachIndex(tx *bbolt.Tx, c *store.Credential, f func(*bbolt.Bucket, []byte) error) error {
	if err := f(tx.Bucket(bucketIDs), []byte(c.ID)); err != nil {
		return err
	}
	if c.User != "" {
		if err := f(tx.Bucket(bucketOwners), joined(c.User, string(c.Kind), string(c.ID))); err != nil {
			return err
		}
	}
	if c.Kind != store.KindSession {
		if err := f(tx.Bucket(bucketKinds), joined(string(c.Kind), string(c.ID))); err != nil {
			return err
		}
	}
	if !c.ExpiresAt.IsZero() {
		return f(tx.Bucket(bucketExpiries), append(instant(c.ExpiresAt), c.ID...))
	}
	return nil
}

// CredentialByDigest returns a credential and its owner; see store.Credentials.
func (s *Store) CredentialByDigest(ctx context.Context, digest store.Digest) (*store.Entry, error) {
	if entry, ok := s.cache.get(digest); ok {
		return entry, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m := mark{epoch: s.cache.epoch.Load()}
	entry := &store.Entry{}
	err := s.db.View(func(tx *bbolt.Tx) error {
		value := tx.Bucket(bucketCredentials).Get([]byte(digest))
		if value == nil {
			return store.ErrNotFound
		}
		var err error
		if entry.Credential, err = decodeCredential([]byte(digest), value); err != nil {
			return err
		}
		name := entry.Credential.User
		m.owner = s.cache.version(name)
		m.version = m.owner.Load()
		if owner := tx.Bucket(bucketUsers).Get([]byte(name)); name != "" && owner != nil {
			user, err := decodeUser([]byte(name), owner)
			entry.Owner = &user
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.cache.keep(entry, m)
	return entry, nil
}

// Credential returns the credential with this id; see store.Credentials.
func (s *Store) Credential(ctx context.Context, id store.ID) (c store.Credential, err error) {
	if err := ctx.Err(); err != nil {
		return c, err
	}
	err = s.db.View(func(tx *bbolt.Tx) error {
		c, err = byID(tx, id)
		return err
	})
	return c, err
}

// byID returns the credential with this id.
func byID(tx *bbolt.Tx, id store.ID) (store.Credential, error) {
	digest := tx.Bucket(bucketIDs).Get([]byte(id))
	if digest == nil {
		return store.Credential{}, store.ErrNotFound
	}
	value := tx.Bucket(bucketCredentials).Get(digest)
	if value == nil {
		return store.Credential{}, store.ErrNotFound
	}
	return decodeCredential(bytes.Clone(digest), value)
}

// Credentials lists credentials; see store.Credentials.
func (s *Store) Credentials(ctx context.Context, q store.Query) (page []store.Credential, total int, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		bucket, prefixes := index(tx, q)
		var ids []store.ID
		for _, prefix := range prefixes {
			cursor := bucket.Cursor()
			for key, _ := cursor.Seek(prefix); key != nil && bytes.HasPrefix(key, prefix); key, _ = cursor.Next() {
				if len(ids)%1024 == 0 && ctx.Err() != nil {
					return ctx.Err()
				}
				ids = append(ids, store.ID(key[max(0, len(key)-24):]))
			}
		}
		if len(prefixes) > 1 {
			slices.Sort(ids)
		}
		page, total, err = collect(tx, ids, q)
		return err
	})
	return page, total, err
}

// index returns the index that answers a query, and the beginnings of the keys to look at there.
func index(tx *bbolt.Tx, q store.Query) (*bbolt.Bucket, [][]byte) {
	switch {
	case q.User != "" && q.Kind != "":
		return tx.Bucket(bucketOwners), [][]byte{joined(q.User, string(q.Kind), "")}
	case q.User != "":
		var prefixes [][]byte
		for _, kind := range allKinds() {
			prefixes = append(prefixes, joined(q.User, string(kind), ""))
		}
		return tx.Bucket(bucketOwners), prefixes
	case q.Kind != "" && q.Kind != store.KindSession:
		return tx.Bucket(bucketKinds), [][]byte{joined(string(q.Kind), "")}
	}
	return tx.Bucket(bucketIDs), [][]byte{nil}
}

func allKinds() []store.Kind {
	return []store.Kind{store.KindSession, store.KindAPIKey, store.KindService, store.KindDeveloper, store.KindCI}
}

// collect returns the page of a query out of the ids that its index gave, and how many of them it selects. Records are read
// only where the index does not answer the query by itself.
func collect(tx *bbolt.Tx, ids []store.ID, q store.Query) (page []store.Credential, total int, err error) {
	exact := q.Live.IsZero() && q.Workspace == "" && (q.Kind != store.KindSession || q.User != "")
	skip := q.Offset
	for _, id := range ids {
		wanted := id > q.After && (q.Limit == 0 || len(page) < q.Limit)
		if exact && (!wanted || skip > 0) {
			total++
			if id > q.After && skip > 0 {
				skip--
			}
			continue
		}
		c, err := byID(tx, id)
		if err != nil {
			return nil, 0, err
		}
		if !selects(q, &c) {
			continue
		}
		total++
		switch {
		case !wanted:
		case skip > 0:
			skip--
		default:
			page = append(page, c)
		}
	}
	return page, total, nil
}

// selects reports whether a query selects a credential.
func selects(q store.Query, c *store.Credential) bool {
	return (q.Kind == "" || q.Kind == c.Kind) && (q.User == "" || q.User == c.User) &&
		(q.Workspace == "" || q.Workspace == c.Workspace) && (q.Live.IsZero() || !c.Expired(q.Live))
}

// UpdateCredential changes a credential; see store.Credentials.
func (s *Store) UpdateCredential(ctx context.Context, id store.ID, change func(*store.Credential) error) (store.Credential, error) {
	var before, after store.Credential
	err := s.writer.doThen(ctx, func(tx *bbolt.Tx) (err error) {
		if before, err = byID(tx, id); err != nil {
			return err
		}
		after = before
		if err := change(&after); err != nil {
			return err
		}
		after.ID, after.Kind, after.CreatedAt = before.ID, before.Kind, before.CreatedAt
		if after.Digest != before.Digest && tx.Bucket(bucketCredentials).Get([]byte(after.Digest)) != nil {
			return store.ErrExists
		}
		if err := drop(tx, &before); err != nil {
			return err
		}
		if err := insert(tx, &after); err != nil {
			return writeError{err}
		}
		return nil
	}, func() { s.cache.drop(before.Digest, after.Digest) })
	if err != nil {
		return store.Credential{}, err
	}
	return after, nil
}

// NoteUses notes when credentials were last used; see store.Uses.
func (s *Store) NoteUses(ctx context.Context, used map[store.ID]time.Time) error {
	var changed []store.Digest
	return s.writer.doThen(ctx, func(tx *bbolt.Tx) error {
		changed = changed[:0]
		for id, at := range used {
			c, err := byID(tx, id)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return writeError{err}
			}
			c.LastUsedAt = at
			value, err := encodeCredential(&c)
			if err != nil {
				return writeError{err}
			}
			if err := put(tx.Bucket(bucketCredentials), []byte(c.Digest), value); err != nil {
				return err
			}
			changed = append(changed, c.Digest)
		}
		return nil
	}, func() { s.cache.drop(changed...) })
}

// drop removes a credential and its index entries.
func drop(tx *bbolt.Tx, c *store.Credential) error {
	if err := remove(tx.Bucket(bucketCredentials), []byte(c.Digest)); err != nil {
		return err
	}
	return eachIndex(tx, c, remove)
}

// DeleteCredential removes a credential; see store.Credentials.
func (s *Store) DeleteCredential(ctx context.Context, id store.ID, check func(store.Credential) error) (store.Credential, error) {
	var gone store.Credential
	err := s.writer.doThen(ctx, func(tx *bbolt.Tx) (err error) {
		if gone, err = byID(tx, id); err != nil {
			return err
		}
		if check != nil {
			if err := check(gone); err != nil {
				return err
			}
		}
		return drop(tx, &gone)
	}, func() { s.cache.drop(gone.Digest) })
	if err != nil {
		return store.Credential{}, err
	}
	return gone, nil
}

// SweepCredentials removes expired credentials; see store.Credentials.
func (s *Store) SweepCredentials(ctx context.Context, now time.Time, limit int) (int, error) {
	var gone []store.Digest
	err := s.writer.doThen(ctx, func(tx *bbolt.Tx) error {
		gone = gone[:0]
		var expired []store.Credential
		cursor, end := tx.Bucket(bucketExpiries).Cursor(), instant(now)
		for key, _ := cursor.First(); key != nil && len(expired) < limit && bytes.Compare(key[:8], end) <= 0; key, _ = cursor.Next() {
			c, err := byID(tx, store.ID(key[8:]))
			if err != nil {
				return err
			}
			expired = append(expired, c)
		}
		for i := range expired {
			if err := drop(tx, &expired[i]); err != nil {
				return err
			}
			gone = append(gone, expired[i].Digest)
		}
		return nil
	}, func() { s.cache.drop(gone...) })
	if err != nil {
		return 0, err
	}
	return len(gone), nil
}
