package pgstore

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"latchkey/daemon/store"
)

// What writes a workspace; both take the same values.
const (
	insertWorkspaceSQL = "INSERT INTO latchkey.workspaces (id, name, record) VALUES ($1, $2, $3)"
	updateWorkspaceSQL = "UPDATE latchkey.workspaces SET name = $2, record = $3 WHERE id = $1"
)

// CreateWorkspace adds a workspace; see store.Workspaces.
func (s *Store) CreateWorkspace(ctx context.Context, w store.Workspace, fill func(*store.WorkspaceChange) error) error {
	_, err := s.createWorkspace(ctx, w, fill)
	return err
}

// createWorkspace is CreateWorkspace, and returns the digests of credentials that were changed or removed.
func (s *Store) createWorkspace(ctx context.Context, w store.Workspace, fill func(*store.WorkspaceChange) error) (changed []store.Digest, err error) {
	err = s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		changed, err = s.change(ctx, tx, w, insertWorkspaceSQL, fill)
		return err
	})
	return changed, err
}

// UpdateWorkspace changes a workspace; see store.Workspaces.
func (s *Store) UpdateWorkspace(ctx context.Context, id store.ID, change func(*store.WorkspaceChange) error) error {
	_, err := s.updateWorkspace(ctx, id, change)
	return err
}

// updateWorkspace is UpdateWorkspace, and returns the digests of credentials that were changed or removed.
func (s *Store) updateWorkspace(ctx context.Context, id store.ID, change func(*store.WorkspaceChange) error) (changed []store.Digest, err error) {
	err = s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		// The lock on this row is what lets one change at a time happen to a workspace.
		before, err := workspace(ctx, tx, "WHERE id = $1 FOR UPDATE", id)
		if err != nil {
			return err
		}
		changed, err = s.change(ctx, tx, before, updateWorkspaceSQL, change)
		return err
	})
	return changed, err
}

// change runs a caller's function on a workspace and writes what it made; sql is the statement that writes the workspace itself.
func (s *Store) change(ctx context.Context, tx pgx.Tx, before store.Workspace, sql string, run func(*store.WorkspaceChange) error) ([]store.Digest, error) {
	source := &workspaceSource{ctx: ctx, tx: tx, id: before.ID}
	c := store.NewWorkspaceChange(before, source)
	err := s.guard(func() error { return run(c) })
	if source.broken != nil {
		return nil, source.broken // whatever the function has made of it
	}
	if err != nil {
		return nil, err
	}
	members, credentials, err := c.Result()
	if err != nil {
		return nil, verdict{err}
	}
	row, err := encode(&c.Workspace)
	if err != nil {
		return nil, verdict{err}
	}
	batch := &pgx.Batch{}
	batch.Queue(heldSQL)
	batch.Queue(sql, identifier(before.ID), text(before.Name), row)
	if err := queueMembers(ctx, tx, batch, members); err != nil {
		return nil, err
	}
	var changed []store.Digest
	for i := range credentials {
		before, after := &credentials[i].Before, &credentials[i].After
		if before.ID != "" {
			changed = append(changed, before.Digest)
		}
		switch {
		case after.ID == "":
			batch.Queue("DELETE FROM latchkey.credentials WHERE id = $1", identifier(before.ID))
		case before.ID == "":
			batch.Queue(insertSQL, credentialValues(after)...)
		default:
			batch.Queue(updateSQL, credentialValues(after)...)
		}
	}
	s.announce(batch, changes{credentials: changed})
	_, err = send(ctx, tx, batch)
	return changed, taken(err)
}

// workspaceSource shows a workspace inside of a transaction; see store.WorkspaceSource. It is used while the transaction is, and
// so keeps its context.
type workspaceSource struct {
	ctx    context.Context
	tx     pgx.Tx
	id     store.ID
	broken error
}

// told makes of an error what the caller's function may see. Once the database has failed, it fails for the rest of the
// transaction, so that a function which passes over one error does not act on half of what there is.
func (s *workspaceSource) told(err error) error {
	if s.broken == nil {
		if final, ok := errors.AsType[verdict](err); ok {
			return final.error
		}
		if err != nil {
			s.broken = err
		}
	}
	return s.broken
}

// Member returns a member.
func (s *workspaceSource) Member(id store.ID) (store.Member, error) {
	m, err := member(s.ctx, s.tx, byMemberID, s.id, identifier(id))
	return m, s.told(err)
}

// MemberOf returns a user's membership.
func (s *workspaceSource) MemberOf(user string) (store.Member, error) {
	m, err := member(s.ctx, s.tx, byAccount, s.id, text(user))
	return m, s.told(err)
}

// MemberMailed returns the member with an address.
func (s *workspaceSource) MemberMailed(key string) (store.Member, error) {
	m, err := member(s.ctx, s.tx, byMail, s.id, text(key))
	return m, s.told(err)
}

// Credential returns a credential, which nobody else changes until the transaction ends.
func (s *workspaceSource) Credential(id store.ID) (store.Credential, error) {
	c, err := credential(s.ctx, s.tx, id, " FOR UPDATE")
	return c, s.told(err)
}

// workspace returns the workspace that a condition selects; value is its argument.
func workspace(ctx context.Context, from querier, where string, value any) (w store.Workspace, err error) {
	switch v := value.(type) {
	case store.ID:
		if !store.ValidID(string(v)) {
			return w, verdict{store.ErrNotFound}
		}
		value = identifier(v)
	case string:
		value = text(v)
	}
	var row document
	if err := from.QueryRow(ctx, "SELECT record FROM latchkey.workspaces "+where, value).Scan(&row); err != nil {
		return w, missing(err)
	}
	return w, row.decode(&w)
}

// Workspace returns a workspace; see store.Workspaces.
func (s *Store) Workspace(ctx context.Context, id store.ID) (w store.Workspace, err error) {
	err = s.read(ctx, func(ctx context.Context) error {
		w, err = workspace(ctx, s.pool, "WHERE id = $1", id)
		return err
	})
	return w, err
}

// WorkspaceNamed returns a workspace; see store.Workspaces.
func (s *Store) WorkspaceNamed(ctx context.Context, name string) (w store.Workspace, err error) {
	err = s.read(ctx, func(ctx context.Context) error {
		w, err = workspace(ctx, s.pool, "WHERE name = $1", name)
		return err
	})
	return w, err
}

// Workspaces lists workspaces; see store.Workspaces.
func (s *Store) Workspaces(ctx context.Context, after store.ID, limit int) ([]store.Workspace, int, error) {
	var arguments []any
	chosen := "SELECT w.* FROM latchkey.workspaces w"
	if store.ValidID(string(after)) {
		arguments = append(arguments, identifier(after))
		chosen += " WHERE w.id > $1"
	}
	chosen += " ORDER BY w.id"
	return documents[store.Workspace](ctx, s, "SELECT count(*) AS total FROM latchkey.workspaces", chosen, "w", "w.id", limit, arguments)
}
