// Package cache keeps in memory the records that checks read, and the users whom log-ins read, so that a check of a credential
// that is used all day long reads no store.
//
// It never keeps what is older than a change that it was told of. A reader takes a Mark, reads the store, and what he read is
// kept only if nothing was changed since the mark, which is looked at under the lock that the removal of the same record takes.
// Whoever changes a record tells the cache when the change is durable and before he answers. A change of a user makes each of his
// records count as not there, without looking for them.
//
// What it does not do: it reads no store, it knows no expiry, and it hears nothing of changes that other processes make unless
// somebody passes them on.
package cache

import (
	"hash/maphash"
	"sync/atomic"

	"github.com/maypok86/otter/v2"

	"latchkey/daemon/store"
)

// DefaultBytes is a size for a daemon: 64 MiB, some 60 000 records.
const DefaultBytes = 64 << 20

// counters is how many counters the changes of users are spread over. Users who share one only make each other's records be
// read again.
const counters = 1 << 16

// Cache is a bounded set of records. It is safe for concurrent use. Looking a record up takes no lock.
type Cache struct {
	entries  *otter.Cache[store.Digest, kept]
	owners   *otter.Cache[string, keptOwner]
	epoch    atomic.Uint64
	seed     maphash.Seed
	versions [counters]atomic.Uint64
}

// kept is a record with the version of its owner that it was read with.
type kept struct {
	entry   *store.Entry
	owner   *atomic.Uint64
	version uint64
}

// Mark is a moment before a read of the store.
type Mark uint64

// New returns a cache that takes about so many bytes of memory, by estimate.
func New(bytes int64) *Cache {
	return &Cache{
		seed:   maphash.MakeSeed(),
		owners: newOwners(bytes / ownersShare),
		entries: otter.Must(&otter.Options[store.Digest, kept]{
			MaximumWeight: uint64(bytes - bytes/ownersShare),
			Weigher:       func(_ store.Digest, k kept) uint32 { return weight(k.entry) },
		}),
	}
}

// weight estimates the memory that a record takes, in bytes.
func weight(e *store.Entry) uint32 {
	c := &e.Credential
	n := 600 + len(c.Metadata) + len(c.User) + len(c.Name) + len(c.UserAgent) + len(c.Source)
	for _, list := range [][]string{c.Roles, c.Groups} {
		for _, text := range list {
			n += 16 + len(text)
		}
	}
	if o := e.Owner; o != nil {
		n += 300 + userWeight(o)
	}
	return uint32(n)
}

// userWeight estimates the memory that the texts of a user take, in bytes.
func userWeight(u *store.User) int {
	n := len(u.Name) + len(u.DisplayName) + len(u.Mail)
	for _, group := range u.Groups {
		n += 16 + len(group)
	}
	for origin, nickname := range u.Nicknames {
		n += 64 + len(origin) + len(nickname)
	}
	return n
}

// Get returns the record with this digest when it is kept and its owner has not changed since. It must not be changed.
func (c *Cache) Get(digest store.Digest) (*store.Entry, bool) {
	k, ok := c.entries.GetIfPresent(digest)
	if !ok || k.owner.Load() != k.version {
		return nil, false
	}
	return k.entry, true
}

// Mark returns this moment, for Keep.
func (c *Cache) Mark() Mark { return Mark(c.epoch.Load()) }

// Keep puts in what was read after the mark was taken, unless something was changed since.
func (c *Cache) Keep(entry *store.Entry, m Mark) {
	// The version is looked at before the epoch, and a change raises the epoch before the version: a change of the user that the
	// read did not see is either seen here or makes the version an old one.
	owner := c.version(entry.Credential.User)
	version := owner.Load()
	c.entries.Compute(entry.Credential.Digest, func(kept, bool) (kept, otter.ComputeOp) {
		if c.epoch.Load() != uint64(m) {
			return kept{}, otter.CancelOp
		}
		return kept{entry, owner, version}, otter.WriteOp
	})
}

// Drop forgets the records with these digests, which were changed or removed; who changes them calls it when that is durable.
func (c *Cache) Drop(digests ...store.Digest) {
	c.epoch.Add(1)
	for _, digest := range digests {
		c.entries.Invalidate(digest)
	}
}

// Touch makes a user and all his records count as not there; who changes him calls it when that is durable.
func (c *Cache) Touch(user string) {
	c.epoch.Add(1)
	c.version(user).Add(1)
}

// Clear forgets everything.
func (c *Cache) Clear() {
	c.epoch.Add(1)
	c.entries.InvalidateAll()
	c.owners.InvalidateAll()
}

// version returns the counter of a user's changes.
func (c *Cache) version(user string) *atomic.Uint64 {
	return &c.versions[maphash.String(c.seed, user)%counters]
}
