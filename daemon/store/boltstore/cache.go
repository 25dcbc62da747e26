package boltstore

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"latchkey/daemon/store"
)

// shards is how many locks the cache is spread over.
const shards = 64

// cache keeps decoded records for checks.
//
// It never keeps what is older than a write that has returned. A reader notes the epoch before it reads the file, and what
// it read is kept only if the epoch is the same when it is put in; a writer raises the epoch when its transaction is durable,
// then drops what it changed, and only then returns. A change of a user raises his version instead of dropping each of his
// credentials; a kept record of an older version counts as not there.
type cache struct {
	seed     maphash.Seed
	limit    int // per shard
	epoch    atomic.Uint64
	versions sync.Map // user → *atomic.Uint64
	shards   [shards]shard
}

type shard struct {
	mu      sync.RWMutex
	entries map[store.Digest]kept
}

// kept is a record with the version of its owner that it was read with.
type kept struct {
	entry   *store.Entry
	owner   *atomic.Uint64
	version uint64
}

func newCache(size int) *cache {
	c := &cache{seed: maphash.MakeSeed(), limit: max(1, size/shards)}
	for i := range c.shards {
		c.shards[i].entries = map[store.Digest]kept{}
	}
	return c
}

func (c *cache) shard(digest store.Digest) *shard {
	return &c.shards[maphash.String(c.seed, string(digest))%shards]
}

// get returns the record with this digest when it is kept and its owner has not changed since.
func (c *cache) get(digest store.Digest) (*store.Entry, bool) {
	s := c.shard(digest)
	s.mu.RLock()
	k, ok := s.entries[digest]
	s.mu.RUnlock()
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
	s := c.shard(entry.Credential.Digest)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.epoch.Load() != m.epoch {
		return
	}
	for digest := range s.entries {
		if len(s.entries) < c.limit {
			break
		}
		delete(s.entries, digest) // any one: the order of a map is random
	}
	s.entries[entry.Credential.Digest] = kept{entry, m.owner, m.version}
}

// drop forgets the records with these digests; a write calls it when it is durable.
func (c *cache) drop(digests ...store.Digest) {
	c.epoch.Add(1)
	for _, digest := range digests {
		s := c.shard(digest)
		s.mu.Lock()
		delete(s.entries, digest)
		s.mu.Unlock()
	}
}

// touch makes all records of a user count as not there; a write calls it when it is durable.
func (c *cache) touch(user string) {
	c.epoch.Add(1)
	c.version(user).Add(1)
}

// version returns the counter of a user's changes.
func (c *cache) version(user string) *atomic.Uint64 {
	if v, ok := c.versions.Load(user); ok {
		return v.(*atomic.Uint64)
	}
	v, _ := c.versions.LoadOrStore(user, new(atomic.Uint64))
	return v.(*atomic.Uint64)
}
