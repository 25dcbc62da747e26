package cache

import (
	"maps"
	"slices"

	"github.com/maypok86/otter/v2"

	"latchkey/daemon/store"
)

// ownersShare is which part of the memory is for users who are kept by themselves, for log-ins: an eighth.
const ownersShare = 8

// keptOwner is a user with the version that he was read with.
type keptOwner struct {
	user    store.User
	version uint64
}

// Owner returns the user with this name when he is kept and has not changed since. What is returned is the caller's own.
func (c *Cache) Owner(name string) (store.User, bool) {
	k, ok := c.owners.GetIfPresent(name)
	if !ok || c.version(name).Load() != k.version {
		return store.User{}, false
	}
	u := k.user
	u.Groups, u.Nicknames = slices.Clone(u.Groups), maps.Clone(u.Nicknames)
	return u, true
}

// KeepOwner puts in a user who was read after the mark was taken, unless something was changed since.
func (c *Cache) KeepOwner(u store.User, m Mark) {
	version := c.version(u.Name).Load() // before the epoch; see Keep
	u.Groups, u.Nicknames = slices.Clone(u.Groups), maps.Clone(u.Nicknames)
	c.owners.Compute(u.Name, func(keptOwner, bool) (keptOwner, otter.ComputeOp) {
		if c.epoch.Load() != uint64(m) {
			return keptOwner{}, otter.CancelOp
		}
		return keptOwner{u, version}, otter.WriteOp
	})
}

// newOwners returns room for users that takes about so many bytes of memory, by estimate.
func newOwners(bytes int64) *otter.Cache[string, keptOwner] {
	return otter.Must(&otter.Options[string, keptOwner]{
		MaximumWeight: uint64(max(1, bytes)),
		Weigher:       func(_ string, k keptOwner) uint32 { return uint32(400 + userWeight(&k.user)) },
	})
}
