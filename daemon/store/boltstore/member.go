package boltstore

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"

	"go.etcd.io/bbolt"

	"latchkey/daemon/store"
)

// memberKey is the key of a member; with no id, the beginning of the keys of all members of a workspace.
func memberKey(workspace, id store.ID) []byte {
	return append(bytes.Clone(packed(workspace)), packed(id)...)
}

// accountKey is the key of an active member in the index of accounts; with no workspace, the beginning of all keys of a user.
func accountKey(user string, workspace store.ID) []byte {
	return append(append([]byte(user), 0), packed(workspace)...)
}

// mailKey is the key of a member in the index of addresses.
func mailKey(workspace store.ID, key string) []byte {
	return append(bytes.Clone(packed(workspace)), key...)
}

// unpacked returns the id that stands in a key.
func unpacked(raw []byte) store.ID { return store.ID(hex.EncodeToString(raw)) }

// unknownAccount is the error for an active member without a user.
func unknownAccount(user string) error {
	return fmt.Errorf("%w: the user %q of an active member is not known", store.ErrInvalid, user)
}

// member returns a member of a workspace.
func member(tx *bbolt.Tx, workspace, id store.ID) (store.Member, error) {
	m, err := storedMember(tx, workspace, id)
	if err == nil && m == nil {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Member{}, err
	}
	return *m, nil
}

// storedMember returns a member, or nil when there is none.
func storedMember(tx *bbolt.Tx, workspace, id store.ID) (*store.Member, error) {
	if packed(workspace) == nil || packed(id) == nil {
		return nil, nil
	}
	value := tx.Bucket(bucketMembers).Get(memberKey(workspace, id))
	if value == nil {
		return nil, nil
	}
	m := &store.Member{}
	return m, decode(value, m)
}

// memberOf returns the active member whose account a user is.
func memberOf(tx *bbolt.Tx, workspace store.ID, user string) (store.Member, error) {
	id := tx.Bucket(bucketAccounts).Get(accountKey(user, workspace))
	if id == nil || packed(workspace) == nil {
		return store.Member{}, store.ErrNotFound
	}
	return member(tx, workspace, unpacked(id))
}

// memberMailed returns the member with an address.
func memberMailed(tx *bbolt.Tx, workspace store.ID, key string) (store.Member, error) {
	id := tx.Bucket(bucketMails).Get(mailKey(workspace, key))
	if id == nil || packed(workspace) == nil {
		return store.Member{}, store.ErrNotFound
	}
	return member(tx, workspace, unpacked(id))
}

// unindexMember takes a member out of the indexes, and does nothing for nil.
func unindexMember(tx *bbolt.Tx, m *store.Member) error {
	if m == nil {
		return nil
	}
	if user := m.Account(); user != "" {
		if err := remove(tx.Bucket(bucketAccounts), accountKey(user, m.Workspace)); err != nil {
			return err
		}
	}
	if key := m.MailKey(); key != "" {
		return remove(tx.Bucket(bucketMails), mailKey(m.Workspace, key))
	}
	return nil
}

// putMember writes a member who is settled; before is what he was and is out of the indexes already, or nil, when he must be new.
func putMember(tx *bbolt.Tx, before, m *store.Member) error {
	value, err := encode(m)
	if err != nil {
		return err
	}
	write := put
	if before == nil {
		write = add
	}
	if err := write(tx.Bucket(bucketMembers), memberKey(m.Workspace, m.ID), value); err != nil {
		return err
	}
	if user := m.Account(); user != "" {
		if err := add(tx.Bucket(bucketAccounts), accountKey(user, m.Workspace), packed(m.ID)); err != nil {
			return err
		}
	}
	if key := m.MailKey(); key != "" {
		return add(tx.Bucket(bucketMails), mailKey(m.Workspace, key), packed(m.ID))
	}
	return nil
}

// Member returns a member; see store.Members.
func (s *Store) Member(ctx context.Context, workspace, id store.ID) (store.Member, error) {
	return s.viewMember(ctx, func(tx *bbolt.Tx) (store.Member, error) { return member(tx, workspace, id) })
}

// MemberOf returns a user's membership; see store.Members.
func (s *Store) MemberOf(ctx context.Context, workspace store.ID, user string) (store.Member, error) {
	return s.viewMember(ctx, func(tx *bbolt.Tx) (store.Member, error) { return memberOf(tx, workspace, user) })
}

// MemberMailed returns the member with an address; see store.Members.
func (s *Store) MemberMailed(ctx context.Context, workspace store.ID, key string) (store.Member, error) {
	return s.viewMember(ctx, func(tx *bbolt.Tx) (store.Member, error) { return memberMailed(tx, workspace, key) })
}

func (s *Store) viewMember(ctx context.Context, f func(*bbolt.Tx) (store.Member, error)) (m store.Member, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		m, err = f(tx)
		return err
	})
	return m, err
}

// Members lists members; see store.Members.
func (s *Store) Members(ctx context.Context, q store.MemberQuery) (page []store.Member, total int, err error) {
	prefix := packed(q.Workspace)
	if prefix == nil {
		return nil, 0, ctx.Err()
	}
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		cursor := tx.Bucket(bucketMembers).Cursor()
		for key, value := cursor.Seek(prefix); bytes.HasPrefix(key, prefix); key, value = cursor.Next() {
			if err := ctx.Err(); err != nil {
				return err
			}
			var m store.Member
			if err := decode(value, &m); err != nil {
				return err
			}
			if m.State == store.MemberRemoved && !q.Removed {
				continue
			}
			total++
			if m.ID > q.After && (q.Limit <= 0 || len(page) < q.Limit) {
				page = append(page, m)
			}
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	return page, total, nil
}

// Memberships lists the workspaces that a user is in; see store.Members.
func (s *Store) Memberships(ctx context.Context, user string) (all []store.Member, err error) {
	if store.CheckName(user) != nil {
		return nil, ctx.Err()
	}
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		prefix := accountKey(user, "")
		cursor := tx.Bucket(bucketAccounts).Cursor()
		for key, id := cursor.Seek(prefix); bytes.HasPrefix(key, prefix); key, id = cursor.Next() {
			m, err := member(tx, unpacked(key[len(prefix):]), unpacked(id))
			if err != nil {
				return err
			}
			all = append(all, m)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

func exportMembers(tx *bbolt.Tx, show func(store.Record) error) error {
	return tx.Bucket(bucketMembers).ForEach(func(_, value []byte) error {
		m := &store.Member{}
		if err := decode(value, m); err != nil {
			return err
		}
		return show(store.Record{Member: m})
	})
}
