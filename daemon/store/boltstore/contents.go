package boltstore

import (
	"bytes"
	"context"
	"errors"

	"go.etcd.io/bbolt"

	"latchkey/daemon/store"
)

// Export shows every record; see store.Contents.
func (s *Store) Export(ctx context.Context, each func(store.Record) error) error {
	return s.view(ctx, func(tx *bbolt.Tx) error {
		show := func(r store.Record) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return each(r)
		}
		for _, export := range []func(*bbolt.Tx, func(store.Record) error) error{exportFacts, exportUsers, exportLockouts, exportWorkspaces, exportMembers, exportCredentials} {
			if err := export(tx, show); err != nil {
				return err
			}
		}
		return nil
	})
}

func exportFacts(tx *bbolt.Tx, show func(store.Record) error) error {
	if tx.Bucket(bucketIDs).Sequence() > 0 {
		if err := show(store.Record{Held: true}); err != nil {
			return err
		}
	}
	marks, prefix := tx.Bucket(bucketMeta).Cursor(), markKey("")
	for key, _ := marks.Seek(prefix); bytes.HasPrefix(key, prefix); key, _ = marks.Next() {
		if err := show(store.Record{Mark: string(key[len(prefix):])}); err != nil {
			return err
		}
	}
	return nil
}

func exportUsers(tx *bbolt.Tx, show func(store.Record) error) error {
	return tx.Bucket(bucketUsers).ForEach(func(name, value []byte) error {
		u, err := decodeUser(name, value)
		if err != nil {
			return err
		}
		return show(store.Record{User: &u})
	})
}

func exportLockouts(tx *bbolt.Tx, show func(store.Record) error) error {
	return tx.Bucket(bucketLockouts).ForEach(func(key, value []byte) error {
		var row lockoutRow
		if err := decode(value, &row); err != nil {
			return err
		}
		return show(store.Record{Lockout: &store.NamedLockout{
			Key: string(key), Lockout: store.Lockout{Failures: row.Failures, Until: row.Until}, Expires: row.Expires,
		}})
	})
}

func exportCredentials(tx *bbolt.Tx, show func(store.Record) error) error {
	return tx.Bucket(bucketIDs).ForEach(func(_, value []byte) error {
		c, err := byDigest(tx, pointer(value).digest())
		if err != nil {
			return err
		}
		return show(store.Record{Credential: &c})
	})
}

// Import adds records; see store.Contents.
func (s *Store) Import(ctx context.Context, records []store.Record) error {
	return s.writer.do(ctx, func(tx *bbolt.Tx) error {
		for i := range records {
			if err := importRecord(tx, records[i]); err != nil {
				return writeError{err} // what was added before it goes with it
			}
		}
		return nil
	}, func() { s.cache.Clear() })
}

func importRecord(tx *bbolt.Tx, r store.Record) error {
	switch {
	case r.Held:
		_, err := tx.Bucket(bucketIDs).NextSequence()
		return err
	case r.Mark != "":
		return add(tx.Bucket(bucketMeta), markKey(r.Mark), []byte("imported"))
	case r.User != nil:
		return importUser(tx, *r.User)
	case r.Lockout != nil:
		return importLockout(tx, *r.Lockout)
	case r.Workspace != nil:
		w := r.Workspace.Clone()
		if err := w.Settle(); err != nil {
			return err
		}
		return addWorkspace(tx, &w)
	case r.Member != nil:
		m := *r.Member
		if err := m.Settle(); err != nil {
			return err
		}
		return putMember(tx, nil, &m)
	case r.Credential != nil:
		return insert(tx, *r.Credential)
	}
	return nil
}

func importUser(tx *bbolt.Tx, u store.User) error {
	if err := store.CheckName(u.Name); err != nil {
		return err
	}
	if err := u.Settle(); err != nil {
		return err
	}
	value, err := encodeUser(&u)
	if err != nil {
		return err
	}
	if err := add(tx.Bucket(bucketUsers), []byte(u.Name), value); err != nil {
		return err
	}
	return countUsers(tx.Bucket(bucketUsers), 1)
}

func importLockout(tx *bbolt.Tx, l store.NamedLockout) error {
	if err := store.CheckName(l.Key); err != nil {
		return err
	}
	if err := errors.Join(l.Lockout.Settle(), store.SettleTimes(&l.Expires)); err != nil {
		return err
	}
	value, err := encode(lockoutRow{Failures: l.Lockout.Failures, Until: l.Lockout.Until, Expires: l.Expires})
	if err != nil {
		return err
	}
	if err := add(tx.Bucket(bucketLockouts), []byte(l.Key), value); err != nil {
		return err
	}
	return put(tx.Bucket(bucketForgettings), append(endKey(l.Expires), l.Key...), nil)
}

// add is put for a key that must not be there yet.
func add(b *bbolt.Bucket, key, value []byte) error {
	if b.Get(key) != nil {
		return store.ErrExists
	}
	return put(b, key, value)
}
