package store

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Workspace is a company or a team: it has members, subscriptions with seats, and credentials of its own.
type Workspace struct {
	ID        ID        `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	CreatedBy string    `json:"created_by,omitempty"`
	// Admins counts the active members whose role is admin.
	Admins int `json:"admins,omitempty"`
	// TrialUsed says that the workspace has had its trial.
	TrialUsed     bool           `json:"trial_used,omitempty"`
	Subscriptions []Subscription `json:"subscriptions,omitempty"`
}

// Subscription is a plan that a workspace has for some time, with a number of seats.
type Subscription struct {
	ID    ID     `json:"id"`
	Plan  string `json:"plan"`
	Seats int    `json:"seats"`
	// Used counts the members that hold a seat or a legacy key of it, each once, and its legacy keys that nobody is given.
	Used int `json:"used,omitempty"`
	// StartsAt is its first instant, and EndsAt the first instant at which it is over.
	StartsAt time.Time `json:"starts_at"`
	EndsAt   time.Time `json:"ends_at"`
	Features []string  `json:"features,omitempty"`
	Trial    bool      `json:"trial,omitempty"`
}

// Subscription returns the workspace's subscription with this id, for reading and changing, or nil.
func (w *Workspace) Subscription(id ID) *Subscription {
	for i := range w.Subscriptions {
		if w.Subscriptions[i].ID == id {
			return &w.Subscriptions[i]
		}
	}
	return nil
}

// Clone returns a copy that shares no memory with w.
func (w *Workspace) Clone() Workspace {
	c := *w
	c.Subscriptions = slices.Clone(w.Subscriptions)
	for i := range c.Subscriptions {
		c.Subscriptions[i].Features = slices.Clone(c.Subscriptions[i].Features)
	}
	return c
}

// MemberState says how far a membership is.
type MemberState string

// The states of a membership.
const (
	MemberInvited MemberState = "invited" // nobody has joined with the invitation yet
	MemberActive  MemberState = "active"  // a user has joined
	MemberRemoved MemberState = "removed" // shown on request only; may be invited again
)

// Member is somebody's membership in a workspace.
type Member struct {
	ID        ID          `json:"id"`
	Workspace ID          `json:"workspace"`
	State     MemberState `json:"state"`
	// User is the account that has joined; empty until then. It stays when the member is removed.
	User string `json:"user,omitempty"`
	// Name is what the inviter called him, until he joins; then it is the account's.
	Name string `json:"name"`
	Mail string `json:"mail,omitempty"`
	// Role is "admin" or "member".
	Role        string    `json:"role"`
	Permissions []string  `json:"permissions,omitempty"`
	InvitedAt   time.Time `json:"invited_at,omitzero"`
	InvitedBy   string    `json:"invited_by,omitempty"`
	JoinedAt    time.Time `json:"joined_at,omitzero"`
	RemovedAt   time.Time `json:"removed_at,omitzero"`
	// Invitation is the credential that lets him join, while he has not; Token is his developer token.
	Invitation ID `json:"invitation,omitempty"`
	Token      ID `json:"token,omitempty"`
	// Subscription is the one that his seat and his legacy keys count in, once; empty when he has neither.
	Subscription ID   `json:"subscription,omitempty"`
	Seat         bool `json:"seat,omitempty"`
	// LegacyKeys are those that he is given.
	LegacyKeys []ID `json:"legacy_keys,omitempty"`
}

// Clone returns a copy that shares no memory with m.
func (m *Member) Clone() Member {
	c := *m
	c.Permissions, c.LegacyKeys = slices.Clone(m.Permissions), slices.Clone(m.LegacyKeys)
	return c
}

// MailKey returns what two members of a workspace cannot have in common: the mail address without regard to case.
func (m *Member) MailKey() string { return strings.ToLower(m.Mail) }

// Account returns the user to whom the membership belongs now, and nothing unless it is active.
func (m *Member) Account() string {
	if m.State != MemberActive {
		return ""
	}
	return m.User
}

// Settle settles a workspace, and returns an error when it must not be kept.
func (w *Workspace) Settle() error {
	if len(w.Subscriptions) == 0 {
		w.Subscriptions = nil
	}
	for i := range w.Subscriptions {
		s := &w.Subscriptions[i]
		settleLists(&s.Features)
		if err := SettleTimes(&s.StartsAt, &s.EndsAt); err != nil {
			return err
		}
		switch {
		case !ValidID(string(s.ID)):
			return fmt.Errorf("%w: a subscription's id is 24 lower-case hex digits", ErrInvalid)
		case s.Used < 0 || s.Used > s.Seats:
			return fmt.Errorf("%w: no more seats of a subscription are in use than it has", ErrInvalid)
		case !legible(append([]string{s.Plan}, s.Features...)...):
			return errIllegible
		}
	}
	switch {
	case !ValidID(string(w.ID)):
		return fmt.Errorf("%w: a workspace's id is 24 lower-case hex digits", ErrInvalid)
	case CheckName(w.Name) != nil:
		return CheckName(w.Name)
	case !legible(w.Name, w.CreatedBy):
		return errIllegible
	case w.Admins < 1:
		return fmt.Errorf("%w: a workspace has an admin", ErrInvalid)
	}
	return SettleTimes(&w.CreatedAt)
}

// Settle settles a member, and returns an error when he must not be kept.
func (m *Member) Settle() error {
	settleLists(&m.Permissions)
	if len(m.LegacyKeys) == 0 {
		m.LegacyKeys = nil
	}
	for _, id := range append([]ID{m.Invitation, m.Token, m.Subscription}, m.LegacyKeys...) {
		if id != "" && !ValidID(string(id)) {
			return fmt.Errorf("%w: an id is 24 lower-case hex digits", ErrInvalid)
		}
	}
	switch {
	case !ValidID(string(m.ID)) || !ValidID(string(m.Workspace)):
		return fmt.Errorf("%w: the ids of a member and of his workspace are 24 lower-case hex digits", ErrInvalid)
	case m.State != MemberInvited && m.State != MemberActive && m.State != MemberRemoved:
		return fmt.Errorf("%w: a member is invited, active or removed", ErrInvalid)
	case m.State == MemberActive && (CheckName(m.User) != nil || m.Token == ""):
		return fmt.Errorf("%w: an active member has an account and a developer token", ErrInvalid)
	case m.Seat && m.State != MemberActive:
		return fmt.Errorf("%w: a seat is an active member's", ErrInvalid)
	case (m.Subscription != "") != (m.Seat || len(m.LegacyKeys) > 0):
		return fmt.Errorf("%w: a member counts in a subscription while he has a seat or a legacy key", ErrInvalid)
	case !legible(append([]string{m.User, m.Name, m.Mail, m.Role, m.InvitedBy}, m.Permissions...)...):
		return errIllegible
	case len(m.Mail) > 1024:
		return fmt.Errorf("%w: a mail address is at most 1024 bytes", ErrInvalid)
	}
	return SettleTimes(&m.InvitedAt, &m.JoinedAt, &m.RemovedAt)
}

var errIllegible = fmt.Errorf("%w: a text is UTF-8 without zero bytes", ErrInvalid)

// legible reports whether texts come back as they are from every store.
func legible(texts ...string) bool {
	for _, text := range texts {
		if !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
			return false
		}
	}
	return true
}
