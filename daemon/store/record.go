package store

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ID is a record's identifier: 24 lower-case hex digits, in order of creation.
type ID string

// ValidID reports whether text has the form of an ID.
func ValidID(text string) bool {
	if len(text) != 24 {
		return false
	}
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Digest is what is kept of a credential's text: 32 bytes are its SHA-256, 64 bytes are StackStorm's SHA-512 of
// "saltnpepper" and the key. The length tells which.
type Digest string

// Hex returns the digest in lower-case hex digits.
func (d Digest) Hex() string { return hex.EncodeToString([]byte(d)) }

// Kind is the kind of a credential, by the name that X-Auth-Kind shows.
type Kind string

// The kinds of credential.
const (
	KindSession   Kind = "token"     // made by a log-in, expires
	KindAPIKey    Kind = "apikey"    // a user's, for ever
	KindService   Kind = "service"   // a name's, with roles
	KindDeveloper Kind = "developer" // a member's in a workspace
	KindCI        Kind = "ci"        // a workspace's

	// The two that open no door: they are presented on the one route that takes them, and nowhere else.
	KindInvitation Kind = "invitation" // lets its bearer join a workspace, once
	KindLegacy     Kind = "legacy"     // a workspace's, from before there were developer and CI tokens; for activation alone
)

// Kinds returns all of them.
func Kinds() []Kind {
	return []Kind{KindSession, KindAPIKey, KindService, KindDeveloper, KindCI, KindInvitation, KindLegacy}
}

// Credential is what is kept of one credential. It never holds the credential's text.
type Credential struct {
	ID     ID
	Kind   Kind
	Digest Digest
	// User is the principal that the credential speaks for; for a service token it is empty and Name stands for it.
	User string
	// Name is a service or CI token's name.
	Name string
	// Roles are a service token's own roles. A user's roles are not kept: they are worked out at each check.
	Roles []string
	// Groups are the groups that the log-in recorded; session tokens only.
	Groups []string
	// Metadata is the JSON object that the maker attached, or nil.
	Metadata json.RawMessage
	// Disabled credentials are refused until they are enabled again.
	Disabled  bool
	CreatedAt time.Time
	// ExpiresAt is the first instant at which the credential is refused; the zero time means that it does not expire.
	ExpiresAt time.Time
	// LastUsedAt is when a service, developer or CI token or a legacy key was last accepted, to about a minute; zero when it
	// never was.
	LastUsedAt time.Time
	// CreatedBy is who really made it, where that is not User: the admin, or the impersonating service user.
	CreatedBy string
	// Source and UserAgent are where it was asked from; session tokens only.
	Source    string
	UserAgent string
	// Backend is the backend that accepted the log-in; session tokens only.
	Backend string
	// Service marks a session token whose user is a service user.
	Service bool
	// Workspace is the workspace that it belongs to, if any.
	Workspace ID
	// Member is the member of the workspace that a developer token, an invitation or a legacy key is for, if any.
	Member ID
	// Subscription is the one that a legacy key counts in.
	Subscription ID
}

// Check returns nil when the record may be kept, and an error that wraps ErrInvalid when not: the id is not 24 hex digits,
// the digest not 32 or 64 bytes, the kind unknown, a name not one that CheckName takes, or a session token or an invitation has
// no expiry. Nothing that it says comes from the record.
func (c *Credential) Check() error {
	switch {
	case !ValidID(string(c.ID)):
		return fmt.Errorf("%w: a credential's id is 24 lower-case hex digits", ErrInvalid)
	case len(c.Digest) != 32 && len(c.Digest) != 64:
		return fmt.Errorf("%w: a credential's digest is 32 or 64 bytes", ErrInvalid)
	case !slices.Contains(Kinds(), c.Kind):
		return fmt.Errorf("%w: a credential is of a known kind", ErrInvalid)
	case c.User != "" && CheckName(c.User) != nil:
		return CheckName(c.User)
	case !validOrNone(c.Workspace) || !validOrNone(c.Member) || !validOrNone(c.Subscription):
		return fmt.Errorf("%w: the ids of a workspace, a member and a subscription are 24 lower-case hex digits", ErrInvalid)
	case c.mustExpire() && c.ExpiresAt.IsZero():
		return fmt.Errorf("%w: a session token and an invitation expire", ErrInvalid)
	case len(c.Metadata) > 0 && !json.Valid(c.Metadata):
		return fmt.Errorf("%w: metadata is JSON", ErrInvalid)
	}
	return nil
}

// mustExpire reports whether the kind is one that expires always.
func (c *Credential) mustExpire() bool { return c.Kind == KindSession || c.Kind == KindInvitation }

func validOrNone(id ID) bool { return id == "" || ValidID(string(id)) }

// CheckName returns nil when a user, or a counter, may be kept under this name: 1 to 1024 bytes and none of them zero. The
// error wraps ErrInvalid. What a log-in takes for a name is narrower.
func CheckName(name string) error {
	if name == "" || len(name) > 1024 || strings.IndexByte(name, 0) >= 0 {
		return fmt.Errorf("%w: a name is 1 to 1024 bytes, none of them zero", ErrInvalid)
	}
	return nil
}

// Expired reports whether the credential is refused at now: now >= ExpiresAt, and at once when one that must expire
// has no expiry, which no writer of ours produces.
func (c *Credential) Expired(now time.Time) bool {
	if c.ExpiresAt.IsZero() {
		return c.mustExpire()
	}
	return !now.Before(c.ExpiresAt)
}

// User is a known user: somebody who has logged in, or whom an admin has named.
type User struct {
	Name        string
	DisplayName string
	Mail        string
	// Groups are those of the last log-in.
	Groups []string
	// Backend accepted the last log-in.
	Backend string
	// IsService lets the user ask for tokens of others.
	IsService bool
	// Nicknames are the user's names elsewhere, by origin: {"slack": "n"}.
	Nicknames map[string]string
	// Disabled stops every credential of the user.
	Disabled    bool
	CreatedAt   time.Time
	LastLoginAt time.Time
}

// Entry is what a check needs, read at one moment: the credential, and its owner's state. Owner is nil when the credential
// has no user or the user is not known. An Entry may be shared between callers and must not be changed.
type Entry struct {
	Credential Credential
	Owner      *User
}

// Lockout counts the failed log-ins of one name or address.
type Lockout struct {
	// Failures are the times of the failures that still count, oldest first.
	Failures []time.Time
	// Until is the instant at which a lock ends; zero when not locked.
	Until time.Time
}

// NamedLockout is a counter with what it is kept under and when it may be forgotten; the zero time is never.
type NamedLockout struct {
	Key     string
	Lockout Lockout
	Expires time.Time
}

// Record is one thing that a store keeps. One of its fields is set.
type Record struct {
	// Held says that the store has held a credential at some time.
	Held bool
	// Mark is something that was done once; see Bootstraps.
	Mark       string
	User       *User
	Lockout    *NamedLockout
	Workspace  *Workspace
	Member     *Member
	Credential *Credential
}
