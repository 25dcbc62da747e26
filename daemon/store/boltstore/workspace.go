package boltstore

import (
	"context"

	"go.etcd.io/bbolt"

	"latchkey/daemon/store"
)

// CreateWorkspace adds a workspace; see store.Workspaces.
func (s *Store) CreateWorkspace(ctx context.Context, w store.Workspace, fill func(*store.WorkspaceChange) error) error {
	var changed []store.Digest
	return s.writer.do(ctx, func(tx *bbolt.Tx) error {
		change := store.NewWorkspaceChange(w, workspaceSource{tx, w.ID})
		if err := fill(change); err != nil {
			return err
		}
		members, credentials, err := change.Result()
		if err != nil {
			return err
		}
		if err := fits(tx, members, credentials); err != nil {
			return err
		}
		if err := addWorkspace(tx, &change.Workspace); err != nil {
			return err
		}
		changed, err = apply(tx, members, credentials)
		return err
	}, func() { s.cache.Drop(changed...) })
}

// UpdateWorkspace changes a workspace; see store.Workspaces.
func (s *Store) UpdateWorkspace(ctx context.Context, id store.ID, change func(*store.WorkspaceChange) error) error {
	var changed []store.Digest
	return s.writer.do(ctx, func(tx *bbolt.Tx) error {
		before, err := workspace(tx, id)
		if err != nil {
			return err
		}
		c := store.NewWorkspaceChange(before, workspaceSource{tx, id})
		if err := change(c); err != nil {
			return err
		}
		members, credentials, err := c.Result()
		if err != nil {
			return err
		}
		if err := fits(tx, members, credentials); err != nil {
			return err
		}
		value, err := encode(&c.Workspace)
		if err != nil {
			return err
		}
		if err := put(tx.Bucket(bucketTenants), packed(id), value); err != nil {
			return err
		}
		changed, err = apply(tx, members, credentials)
		return err
	}, func() { s.cache.Drop(changed...) })
}

// addWorkspace adds a workspace that is settled.
func addWorkspace(tx *bbolt.Tx, w *store.Workspace) error {
	value, err := encode(w)
	if err != nil {
		return err
	}
	tenants, names := tx.Bucket(bucketTenants), tx.Bucket(bucketNames)
	if tenants.Get(packed(w.ID)) != nil || names.Get([]byte(w.Name)) != nil {
		return store.ErrExists
	}
	if err := put(names, []byte(w.Name), packed(w.ID)); err != nil {
		return err
	}
	return put(tenants, packed(w.ID), value)
}

// fits refuses, before anything is written, what would break an index. The members of one change are each another's concern, too.
func fits(tx *bbolt.Tx, members []store.Member, credentials []store.CredentialChange) error {
	accounts, mails := map[string]store.ID{}, map[string]store.ID{}
	for i := range members {
		m := &members[i]
		if user := m.Account(); user != "" {
			if tx.Bucket(bucketUsers).Get([]byte(user)) == nil {
				return unknownAccount(user)
			}
			if holder := tx.Bucket(bucketAccounts).Get(accountKey(user, m.Workspace)); holder != nil && !rewritten(members, unpacked(holder), m.ID) {
				return store.ErrExists
			}
			if other, taken := accounts[user]; taken && other != m.ID {
				return store.ErrExists
			}
			accounts[user] = m.ID
		}
		if key := m.MailKey(); key != "" {
			if holder := tx.Bucket(bucketMails).Get(mailKey(m.Workspace, key)); holder != nil && !rewritten(members, unpacked(holder), m.ID) {
				return store.ErrExists
			}
			if other, taken := mails[key]; taken && other != m.ID {
				return store.ErrExists
			}
			mails[key] = m.ID
		}
	}
	digests := map[store.Digest]bool{}
	for _, c := range credentials {
		if c.After.ID == "" || c.After.Digest == c.Before.Digest {
			continue
		}
		taken := tx.Bucket(bucketCredentials).Get([]byte(c.After.Digest)) != nil || digests[c.After.Digest]
		if taken || c.Before.ID == "" && tx.Bucket(bucketIDs).Get(packed(c.After.ID)) != nil {
			return store.ErrExists
		}
		digests[c.After.Digest] = true
	}
	return nil
}

// rewritten reports whether an index entry stands in nobody's way: it is the member's own, or that of one who is changed, too,
// and whose new state is looked at by itself.
func rewritten(members []store.Member, holder, id store.ID) bool {
	if holder == id {
		return true
	}
	for i := range members {
		if members[i].ID == holder {
			return true
		}
	}
	return false
}

// apply writes what fits has passed, and returns the digests of the credentials that were changed or removed.
func apply(tx *bbolt.Tx, members []store.Member, credentials []store.CredentialChange) (changed []store.Digest, err error) {
	// All old entries go before any new one comes, since one member may take what another has left.
	before := make([]*store.Member, len(members))
	for i := range members {
		if before[i], err = storedMember(tx, members[i].Workspace, members[i].ID); err != nil {
			return nil, writeError{err}
		}
		if err := unindexMember(tx, before[i]); err != nil {
			return nil, err
		}
	}
	for i := range members {
		if err := putMember(tx, before[i], &members[i]); err != nil {
			return nil, writeError{err}
		}
	}
	for _, c := range credentials {
		if c.Before.ID != "" {
			changed = append(changed, c.Before.Digest)
		}
		switch {
		case c.After.ID == "":
			err = erase(tx, &c.Before)
		case c.Before.ID == "":
			err = insert(tx, c.After)
		default:
			err = replace(tx, &c.Before, &c.After)
		}
		if err != nil {
			return nil, writeError{err}
		}
	}
	return changed, nil
}

// workspaceSource shows a workspace inside of a transaction; see store.WorkspaceSource.
type workspaceSource struct {
	tx *bbolt.Tx
	id store.ID
}

func (s workspaceSource) Member(id store.ID) (store.Member, error) { return member(s.tx, s.id, id) }

func (s workspaceSource) MemberOf(user string) (store.Member, error) {
	return memberOf(s.tx, s.id, user)
}

func (s workspaceSource) MemberMailed(key string) (store.Member, error) {
	return memberMailed(s.tx, s.id, key)
}

func (s workspaceSource) Credential(id store.ID) (store.Credential, error) { return byID(s.tx, id) }

// workspace returns the workspace with this id.
func workspace(tx *bbolt.Tx, id store.ID) (w store.Workspace, err error) {
	value := tx.Bucket(bucketTenants).Get(packed(id))
	if value == nil {
		return w, store.ErrNotFound
	}
	err = decode(value, &w)
	return w, err
}

// Workspace returns a workspace; see store.Workspaces.
func (s *Store) Workspace(ctx context.Context, id store.ID) (w store.Workspace, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		w, err = workspace(tx, id)
		return err
	})
	return w, err
}

// WorkspaceNamed returns a workspace; see store.Workspaces.
func (s *Store) WorkspaceNamed(ctx context.Context, name string) (w store.Workspace, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		id := tx.Bucket(bucketNames).Get([]byte(name))
		if id == nil {
			return store.ErrNotFound
		}
		w, err = workspace(tx, unpacked(id))
		return err
	})
	return w, err
}

// Workspaces lists workspaces; see store.Workspaces.
func (s *Store) Workspaces(ctx context.Context, after store.ID, limit int) (page []store.Workspace, total int, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		cursor, start := tx.Bucket(bucketTenants).Cursor(), packed(after)
		for key, value := cursor.First(); key != nil; key, value = cursor.Next() {
			total++
			if string(key) <= string(start) || limit > 0 && len(page) == limit {
				continue
			}
			var w store.Workspace
			if err := decode(value, &w); err != nil {
				return err
			}
			page = append(page, w)
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, 0, err
	}
	return page, total, nil
}

func exportWorkspaces(tx *bbolt.Tx, show func(store.Record) error) error {
	return tx.Bucket(bucketTenants).ForEach(func(_, value []byte) error {
		var w store.Workspace
		if err := decode(value, &w); err != nil {
			return err
		}
		return show(store.Record{Workspace: &w})
	})
}
