// Package boltstore keeps everything in one bbolt file.
//
// The file has these buckets. A credential stands once, under its digest, because the check is what must be fast: it is one
// look-up, and a second one for the owner.
//
//	meta         schema version, marks of what was done once
//	credentials  digest → record
//	ids          id → digest
//	owners       user 0 kind 0 id → digest     what a user has, in order of creation
//	kinds        kind 0 id → digest            all of a kind, in order of creation; not session tokens, which nobody lists all of
//	expiries     instant id → digest           what expires, soonest first
//	users        name → record
//	lockouts     key → record
//	forgettings  instant key → nothing         when a lockout may be forgotten
//
// Writes are durable when they return. One goroutine makes them: it takes all that are waiting, runs them in one transaction,
// and answers each when the transaction is on the disk, so concurrent writers share an fsync. A write that is refused (its
// check said no) leaves no trace and does not touch its neighbours; when the disk refuses the transaction, all of it is
// refused and the store goes on.
//
// Checks read from a bounded cache of decoded records. What a write changed is dropped from it before the write returns, so
// no reader sees an old record after that.
//
// Only one process can have the file open. The package hashes nothing and sees no credential's text.
package boltstore
