package boltstore

import (
	"hash/maphash"
	"sync/atomic"

	"github.com/maypok86/otter/v2"

	"latchkey/daemon/store"
)

// owners is how many counters the changes of users are spread over. Users who share one only make each other's records be
// read again.
const owners = 1 << 16

// cache keeps decoded records for checks.
//
// It never keeps what is older than a write that has returned. A reader notes the epoch before it reads the file, and what
// it read is kept only if the epoch is the same when it is put in, which happens under the lock that a removal of the same
// record takes; a writer raises the epoch when its transaction is durable, then drops what it changed, and only then returns.
// A change of a user raises his version instead of dropping each of his credentials; a kept record of another version counts
// as not there.
type cache struct {
	entries  *otter.Cache[store.Digest, kept]
	epoch    atomic.Uint64
	seed     maphash.Seed
	versions [owners]atomic.Uint64
}

// kept is a record with the version of its owner that it was read with.
type kept struct {
	entry   *store.Entry
	owner   *atomic.Uint64
	version uint64
}

func newCache(bytes int64) *cache {
	return &cache{
		seed: maphash.MakeSeed(),
		entries: otter.Must(&otter.Options[store.Digest, kept]{
			MaximumWeight: uint64(bytes),
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
		n += 300 + len(o.Name) + len(o.DisplayName) + len(o.Mail)
		for _, group := range o.Groups {
			n += 16 + len(group)
		}
		for origin, nickname := range o.Nicknames {
			n += 64 + len(origin) + len(nickname)
		}
	}
	return uint32(n)
}

// get returns the record with this digest when it is kept and its owner has not changed since.
func (c *cache) get(digest store.Digest) (*store.Entry, bool) {
	k, ok := c.entries.GetIfPresent(digest)
	if !ok || k.owner.Load() != k.version {
		return nil, false
	}
	return k.entry, true
}

// mark is the state of the world before a read of the file.
type mark struct {
	epoch   uint64
	owner   *atomic.Uint64
	version uint64
}

// keep puts in what was read after the mark was taken, unless something was written since.
func (c *cache) keep(entry *store.Entry, m mark) {
	c.entries.Compute(entry.Credential.Digest, func(kept, bool) (kept, otter.ComputeOp) {
		if c.epoch.Load() != m.epoch {
			return kept{}, otter.CancelOp
		}
		return kept{entry, m.owner, m.version}, otter.WriteOp
	})
}

// drop forgets the records with these digests; a write calls it when it is durable.
func (c *cache) drop(digests ...store.Digest) {
	c.epoch.Add(1)
	for _, digest := range digests {
		c.entries.Invalidate(digest)
	}
}

// touch makes all records of a user count as not there; a write calls it when it is durable.
func (c *cache) touch(user string) {
	c.epoch.Add(1)
	c.version(user).Add(1)
}

// version returns the counter of a user's changes.
func (c *cache) version(user string) *atomic.Uint64 {
	return &c.versions[maphash.String(c.seed, user)%owners]
}
