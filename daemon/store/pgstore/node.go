package pgstore

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"latchkey/daemon/store"
	"latchkey/daemon/store/cache"
)

// retryInterval is how often a check asks a database that has just failed, where the answer can come from memory.
const retryInterval = time.Second

// NodeOptions are how a node uses its memory; Now is required.
type NodeOptions struct {
	// CacheBytes is about how much memory the records take that checks keep; zero means cache.DefaultBytes.
	CacheBytes int64
	// Grace is how long after it last heard from the database a node answers checks from memory when the database cannot be
	// reached. Zero means not at all. What is revoked elsewhere in that time is not noticed here.
	Grace time.Duration
	Now   func() time.Time
}

// Node is a Store that keeps in memory what checks and log-ins read, while it hears from the database what any node changes. It takes the
// Store over and closes it.
//
// What always holds: what this node has changed is seen by its next check; what another node has changed is seen within a
// second, since a node that has not had an answer on its line for proofLife reads the database for every check, until it has
// its line back and has forgotten what it kept.
type Node struct {
	*Store
	options NodeOptions
	cache   *cache.Cache
	line    *line // nil: the server carries no notifications, so nothing is kept
	failed  atomic.Pointer[time.Time]
}

var _ store.Store = (*Node)(nil)

// NewNode gives a Store a memory.
func NewNode(s *Store, o NodeOptions) *Node {
	if o.CacheBytes == 0 {
		o.CacheBytes = cache.DefaultBytes
	}
	n := &Node{Store: s, options: o, cache: cache.New(o.CacheBytes)}
	if s.Tells() {
		n.line = newLine(s.pool.Config().ConnConfig, n.cache, s.log, o.Now)
	}
	return n
}

// Whole reports whether this node hears what others change, so that checks are answered from memory.
func (n *Node) Whole() bool { return n.line != nil && n.line.whole() }

// CredentialByDigest returns a credential and its owner, from memory where that is safe; see store.Credentials.
func (n *Node) CredentialByDigest(ctx context.Context, digest store.Digest) (*store.Entry, error) {
	whole := n.Whole()
	if whole || n.justFailed() {
		if entry, ok := n.cache.Get(digest); ok {
			return entry, nil
		}
	}
	mark := n.cache.Mark()
	entry, err := n.Store.CredentialByDigest(ctx, digest)
	switch {
	case err == nil:
		n.failed.Store(nil)
		if whole {
			n.cache.Keep(entry, mark)
		}
		return entry, nil
	case errors.Is(err, store.ErrNotFound), ctx.Err() != nil:
		return nil, err
	}
	if n.withinGrace() {
		now := n.options.Now()
		n.failed.Store(&now)
		if entry, ok := n.cache.Get(digest); ok {
			return entry, nil
		}
	}
	return nil, err
}

// Owner returns a user, from memory where that is safe; see store.Users.
func (n *Node) Owner(ctx context.Context, name string) (store.User, error) {
	whole := n.Whole()
	if whole {
		if u, ok := n.cache.Owner(name); ok {
			return u, nil
		}
	}
	mark := n.cache.Mark()
	u, err := n.Store.User(ctx, name)
	if err == nil && whole {
		n.cache.KeepOwner(u, mark)
	}
	return u, err
}

// withinGrace reports whether the database was heard from so lately that what is in memory counts while it is away.
func (n *Node) withinGrace() bool {
	return n.options.Grace > 0 && n.line != nil && n.line.age() < n.options.Grace
}

// justFailed reports whether the database is away, what is in memory counts, and it is too early to ask again.
func (n *Node) justFailed() bool {
	if n.options.Grace == 0 {
		return false
	}
	failed := n.failed.Load()
	return failed != nil && n.options.Now().Sub(*failed) < retryInterval && n.withinGrace()
}

// UpdateCredential changes a credential; see store.Credentials.
func (n *Node) UpdateCredential(ctx context.Context, id store.ID, change func(*store.Credential) error) (store.Credential, error) {
	var before store.Digest
	after, err := n.Store.UpdateCredential(ctx, id, func(c *store.Credential) error {
		before = c.Digest
		return change(c)
	})
	n.cache.Drop(before, after.Digest) // also when it failed: a commit whose answer was lost has happened
	return after, err
}

// DeleteCredential removes a credential; see store.Credentials.
func (n *Node) DeleteCredential(ctx context.Context, id store.ID, check func(store.Credential) error) (store.Credential, error) {
	var digest store.Digest
	gone, err := n.Store.DeleteCredential(ctx, id, func(c store.Credential) error {
		digest = c.Digest
		if check == nil {
			return nil
		}
		return check(c)
	})
	n.cache.Drop(digest)
	return gone, err
}

// PutUser changes or adds a user; see store.Users.
func (n *Node) PutUser(ctx context.Context, name string, change func(*store.User, bool) error) (store.User, error) {
	u, err := n.Store.PutUser(ctx, name, change)
	n.cache.Touch(name)
	return u, err
}

// DeleteUser removes a user and his credentials; see store.Users.
func (n *Node) DeleteUser(ctx context.Context, name string) error {
	err := n.Store.DeleteUser(ctx, name)
	n.cache.Touch(name) // his credentials do not count as kept any more
	return err
}

// CreateWorkspace adds a workspace; see store.Workspaces.
func (n *Node) CreateWorkspace(ctx context.Context, w store.Workspace, fill func(*store.WorkspaceChange) error) error {
	changed, err := n.createWorkspace(ctx, w, fill)
	n.cache.Drop(changed...)
	return err
}

// UpdateWorkspace changes a workspace; see store.Workspaces.
func (n *Node) UpdateWorkspace(ctx context.Context, id store.ID, change func(*store.WorkspaceChange) error) error {
	changed, err := n.updateWorkspace(ctx, id, change)
	n.cache.Drop(changed...) // also when it failed: a commit whose answer was lost has happened
	return err
}

// NoteUses notes when credentials were last used; see store.Uses.
func (n *Node) NoteUses(ctx context.Context, used map[store.ID]time.Time) error {
	changed, err := n.noteUses(ctx, used)
	n.cache.Drop(changed...)
	return err
}

// SweepCredentials removes expired credentials; see store.Credentials.
func (n *Node) SweepCredentials(ctx context.Context, now time.Time, limit int) (int, error) {
	gone, err := n.sweepCredentials(ctx, now, limit)
	n.cache.Drop(gone...)
	return len(gone), err
}

// Close ends the line and closes the store.
func (n *Node) Close() error {
	if n.line != nil {
		n.line.close()
	}
	return n.Store.Close()
}
