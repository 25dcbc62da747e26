// Package store says what Latchkey keeps and what a store must do; the implementations are below it (boltstore, a file, and
// pgstore, a database), and storetest is the one suite that holds each of them to this contract.
//
// What always holds: a write is durable when it returns, and either all of it is there or nothing; a change of a record is
// one transaction around a function that sees the record as it is (compare-and-set), so two writers of one row never both
// win; time comes in as an argument; a list is in order of creation. A failure that is not one of the sentinels below means
// that the store could not be read or written, and a caller answers 503; a write that failed so has most likely not happened,
// but the disk may have taken it before it failed.
//
// A method returns soon after its context ends, with the context's error. A write may have happened then, whole, or not at
// all; what is certain is that the function that was given to it is not running and will not be called any more.
//
// Times are kept to the microsecond, rounded down, and come back in UTC; an empty list, map or JSON text comes back as nil, and
// a JSON text with the same meaning.
//
// What it does not do: it knows no HTTP, no permissions and no credential's text.
package store

import (
	"context"
	"errors"
	"io"
	"time"
)

// The sentinels, to be tested with errors.Is.
var (
	// ErrNotFound means that there is no such record.
	ErrNotFound = errors.New("no such record")
	// ErrExists means that the id, the digest or the name is taken.
	ErrExists = errors.New("record exists already")
	// ErrInvalid means that the record must not be kept as it is, such as a session token without an expiry; it is wrapped, and
	// the text says what is wrong. It is a fault of the caller's code.
	ErrInvalid = errors.New("invalid record")
	// ErrInUse means that another record hangs on this one, so that it cannot be removed.
	ErrInUse = errors.New("record is in use")
)

// Query selects credentials. Zero fields do not restrict, except Live.
type Query struct {
	Kind Kind
	// User is the owner's canonical name.
	User string
	// Workspace is the owning workspace.
	Workspace ID
	// Live leaves out what is expired at this instant, when it is not zero.
	Live time.Time
	// After starts behind this id (a cursor).
	After ID
	// Offset leaves out that many of the selected.
	Offset int
	// Limit is the most that is returned; zero means all.
	Limit int
}

// Credentials keeps credentials.
type Credentials interface {
	// CreateCredential adds a credential. ErrExists when its id or digest is taken, ErrInvalid when Credential.Check refuses it:
	// nothing is changed then.
	CreateCredential(ctx context.Context, c Credential) error
	// CredentialByDigest returns the credential with this digest and its owner, in one read. ErrNotFound when there is none. A call
	// that begins after a change has returned sees what it changed.
	CredentialByDigest(ctx context.Context, digest Digest) (*Entry, error)
	// Credential returns the credential with this id. ErrNotFound when there is none.
	Credential(ctx context.Context, id ID) (Credential, error)
	// Credentials returns the selected ones in order of creation, and how many the query selects without After, Offset and
	// Limit.
	Credentials(ctx context.Context, query Query) ([]Credential, int, error)
	// UpdateCredential runs change on the record inside a transaction and writes what it made. The id, the kind and the times of
	// creation stay; a changed digest is re-indexed (rotation), ErrExists when that is taken. An error of change is returned as
	// it is and nothing is written. ErrNotFound when there is none, ErrInvalid when the result must not be kept. Change may run
	// more than once, and must not call the store.
	UpdateCredential(ctx context.Context, id ID, change func(*Credential) error) (Credential, error)
	// DeleteCredential removes the record if check, which runs inside the transaction, returns nil. An error of check is
	// returned as it is and nothing is written. ErrNotFound when there is none, so of many that race exactly one succeeds.
	DeleteCredential(ctx context.Context, id ID, check func(Credential) error) (Credential, error)
	// SweepCredentials removes at most limit credentials that are expired at now, soonest first, by the expiry index and never by
	// a scan, in one transaction, and returns how many it removed: fewer than limit only when no more are expired.
	SweepCredentials(ctx context.Context, now time.Time, limit int) (int, error)
}

// Users keeps known users.
type Users interface {
	// User returns the user. ErrNotFound when there is none.
	User(ctx context.Context, name string) (User, error)
	// Owner returns the user as CredentialByDigest returns the owner of a credential, and may do so from memory: where another node
	// has noted a log-in of his and nothing else, LastLoginAt may be an older one. ErrNotFound when there is none.
	Owner(ctx context.Context, name string) (User, error)
	// Users returns users in order of name, starting behind after, at most limit (0: all), and how many there are.
	Users(ctx context.Context, after string, limit int) ([]User, int, error)
	// PutUser runs change on the user inside a transaction and writes what it made; found is false and the record has only its
	// Name when it is new. An error of change is returned as it is and nothing is written. ErrInvalid when CheckName refuses the
	// name. Change may run more than once, and must not call the store.
	PutUser(ctx context.Context, name string, change func(user *User, found bool) error) (User, error)
	// DeleteUser removes the user and every credential of his, in one transaction. ErrNotFound when there is none, ErrInUse when
	// he is an active member of a workspace.
	DeleteUser(ctx context.Context, name string) error
}

// Workspaces keeps workspaces, their members, and the credentials that hang on a membership.
type Workspaces interface {
	// CreateWorkspace adds a workspace with what fill puts beside it, in one transaction. An error of fill is returned as it is and
	// nothing is written. ErrExists when the id or the name is taken, ErrInvalid when a record must not be kept. Fill may run more
	// than once, and must not call the store.
	CreateWorkspace(ctx context.Context, w Workspace, fill func(*WorkspaceChange) error) error
	// UpdateWorkspace runs change on a workspace inside a transaction, of which there is one at a time for each workspace, and
	// writes what it made. The id, the name and the time of creation stay. An error of change is returned as it is and nothing is
	// written. ErrNotFound when there is none, ErrExists when a member's account or address is another member's, ErrInvalid when a
	// record must not be kept or an active member's account is not known. Change may run more than once, and must not call the store.
	UpdateWorkspace(ctx context.Context, id ID, change func(*WorkspaceChange) error) error
	// Workspace returns the workspace with this id. ErrNotFound when there is none.
	Workspace(ctx context.Context, id ID) (Workspace, error)
	// WorkspaceNamed returns the workspace with this name. ErrNotFound when there is none.
	WorkspaceNamed(ctx context.Context, name string) (Workspace, error)
	// Workspaces returns workspaces in order of creation, starting behind after, at most limit (0: all), and how many there are.
	Workspaces(ctx context.Context, after ID, limit int) ([]Workspace, int, error)
}

// MemberQuery selects members of a workspace.
type MemberQuery struct {
	Workspace ID
	// Removed selects also those who were removed.
	Removed bool
	// After starts behind this id (a cursor); Limit is the most that is returned, zero means all.
	After ID
	Limit int
}

// Members finds members of workspaces.
type Members interface {
	// Member returns a member of a workspace. ErrNotFound when there is none.
	Member(ctx context.Context, workspace, id ID) (Member, error)
	// MemberOf returns the active member of a workspace whose account this user is. ErrNotFound when there is none.
	MemberOf(ctx context.Context, workspace ID, user string) (Member, error)
	// MemberMailed returns the member of a workspace with this address, in whatever state; see Member.MailKey. ErrNotFound when
	// there is none.
	MemberMailed(ctx context.Context, workspace ID, mailKey string) (Member, error)
	// Members returns the selected members in order of creation, and how many the query selects without After and Limit.
	Members(ctx context.Context, query MemberQuery) ([]Member, int, error)
	// Memberships returns the active memberships of a user, in the order of the workspaces' ids.
	Memberships(ctx context.Context, user string) ([]Member, error)
}

// Uses keeps when credentials were last used.
type Uses interface {
	// NoteUses sets LastUsedAt of the credentials that are still there, in one transaction; the others are passed over.
	NoteUses(ctx context.Context, used map[ID]time.Time) error
}

// Lockouts keeps the counters of failed log-ins, so that a restart forgets none.
type Lockouts interface {
	// Lockout returns the counter of key; the zero Lockout when there is none.
	Lockout(ctx context.Context, key string) (Lockout, error)
	// PutLockout runs change on the counter inside a transaction and writes what it made; a zero result removes it. expires is
	// when the sweep may forget it; the zero time is never. ErrInvalid when CheckName refuses the key. Change may run more than
	// once, and must not call the store.
	PutLockout(ctx context.Context, key string, change func(*Lockout) (expires time.Time)) (Lockout, error)
	// SweepLockouts removes at most limit counters that may be forgotten at now.
	SweepLockouts(ctx context.Context, now time.Time, limit int) (int, error)
}

// Bootstraps remembers what was done once for a store.
type Bootstraps interface {
	// Done reports whether something was recorded under mark.
	Done(ctx context.Context, mark string) (bool, error)
	// CreateOnce adds the credential if nothing was ever recorded under mark and, with onlyIfEmpty, the store has never held a
	// credential; it records mark in either case, in the same transaction. It reports whether the credential was created.
	CreateOnce(ctx context.Context, mark string, onlyIfEmpty bool, c Credential) (bool, error)
}

// Contents is a store as a whole, for moving it to another one.
type Contents interface {
	// Export calls each with every record as it is at one moment: first what is remembered of the past, then users and counters in
	// the order of their keys, then workspaces, members in the order of their workspaces, and credentials in the order of their ids. An error of each ends it and is returned.
	Export(ctx context.Context, each func(Record) error) error
	// Import adds records, all of them or none. It is for a store that nobody else uses. ErrExists when one is there already,
	// ErrInvalid when one must not be kept.
	Import(ctx context.Context, records []Record) error
}

// Store is the whole of it.
type Store interface {
	Credentials
	Uses
	Users
	Workspaces
	Members
	Lockouts
	Bootstraps
	Contents
	Operations
}

// Operations is what an operator needs of a store.
type Operations interface {
	// Ping returns nil when the store can be read and written.
	Ping(ctx context.Context) error
	// Backup writes a consistent copy, from which the same kind of store can be opened, while others read and write.
	Backup(ctx context.Context, to io.Writer) error
	// Close waits for writes under way and releases the store.
	Close() error
}
