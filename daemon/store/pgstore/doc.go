// Package pgstore keeps everything in a PostgreSQL database, which several nodes may share.
//
// # Layout
//
// The tables stand in a schema of their own, latchkey; migrations says what they are. Every text is kept as bytes, so names sort
// by their bytes, any text comes back as it was given, and neither the encoding nor the collation of the database matters, today
// or after an upgrade of the operating system. To read the tables with psql, first say SET bytea_output = 'escape'.
//
//	credentials      one row each: by id, by digest; indexes by user, workspace, expiry, and of all kinds but session tokens
//	users            by name
//	lockouts         counters by key; index by when they may be forgotten
//	facts            marks of what was done once, whether there ever was a credential, a row for Ping to write
//	schema_versions  the migrations that were made
//
// The SQL is plain: no extension, no trigger, no function of our own, no type but bytea, timestamptz, boolean and arrays of
// them. So a server of another make that speaks PostgreSQL's protocol may do; where it has no NOTIFY, Tells says so.
//
// # What always holds
//
// A write is a transaction of its own, but for creations of credentials: those that are called at the same time share one (group.go
// and creation.go), each gets its own outcome, and who is alone waits for nobody. A write is durable when it returns: each
// connection turns synchronous_commit on, whatever the server is set to. A change locks its row (SELECT … FOR UPDATE), runs the
// caller's function in the caller's goroutine, and writes. What collides with another transaction, or finds its connection dead
// before it has begun, is tried again a few times; what loses its connection later is an error, for it may or may not have happened.
//
// All reads and writes go to the one server that takes writes, so a call that begins after a change has returned sees it, on every
// node.
//
// Each transaction that changes or removes a credential, or changes a user, tells so on Channel. A Store remembers nothing. A Node is
// a Store that keeps what checks read, as long as it hears on its line what others change.
//
// The connections heal by themselves after the server was away. With Options.Timeout no call but Export waits longer for the
// server. No error and no line in the log holds a password.
//
// What it does not do: make backups (pg_dump does), choose a server after a failover (the URL does: several hosts, with
// target_session_attrs=read-write), or work through a pooler that gives each transaction another session.
package pgstore
