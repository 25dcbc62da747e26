// Package boltstore keeps everything in one bbolt file.
//
// # Layout
//
// A credential stands once, under its digest, because the check is what must be fast: one descent of a B-tree, and a second
// one for the owner. What the other buckets hold is small, and says enough about a credential (its kind, when it expires,
// where it stands) that a list is counted and cut without reading records.
//
//	meta         schema version, marks of what was done once, whether the file was closed properly
//	credentials  digest → record
//	ids          id → pointer                      every credential, in order of creation
//	owners       user 0 kind id → pointer          what a user has
//	kinds        kind id → pointer                 all of a kind but session tokens, which nobody lists without their user
//	workspaces   workspace kind id → pointer       what belongs to a workspace
//	expiries     instant id → digest               what expires, soonest first
//	users        name → record
//	lockouts     key → record
//	forgettings  instant key → nothing             when a counter may be forgotten
//	tenants      id → record                       workspaces
//	names        name → id                         workspaces by name
//	members      workspace id → record
//	accounts     user 0 workspace → id             active members by their user
//	mails        workspace address → id            members by their address
//
// In keys an id is 12 bytes, a kind one, an instant 8 (microseconds, so that bytes sort as times do). A record is a JSON
// object, so its first byte tells it from whatever a later version may write; fields that this version does not know are
// passed over.
//
// A session token of average size takes 735 bytes in all, so ten million are a file of some 7 GB. What a removal costs is the
// page of the record itself and that of its owner, which are other pages for each token. The file does not shrink: pages that
// became free are used again. docs/performance.md says what was measured with ten million.
//
// # What always holds
//
// Writes are durable when they return. One goroutine makes them: it takes all that are waiting, runs them in one transaction,
// and answers each when the transaction is on the disk, so concurrent writers share an fsync. A write that is refused (its
// check said no, or panicked) leaves no trace and does not touch its neighbours; when the disk refuses the transaction, all of
// it is refused and the store goes on.
//
// Checks read from a bounded cache of decoded records. What a write changed is dropped from it before the write returns, so
// no reader sees an old record after that. A check takes no lock that a writer holds while it waits for the disk.
//
// The file is mode 0600, and appears under its name only when it is whole and on the disk. It is opened by one process at a
// time. Opening takes no longer for a large file than for a small one, but for the list of free pages, which is written with
// each transaction. After a crash all of the file is checked while it is in use.
//
// The file is mapped into memory. What the process has of it can be taken back by the system at any time and is no memory of its
// own; that is the cache, the list of free pages, and what a transaction needs.
//
// The package hashes nothing and sees no credential's text. It does not shrink the file, and does not repair one.
package boltstore
