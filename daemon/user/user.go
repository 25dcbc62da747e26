// Package user keeps the known users: everybody who has logged in, or whom somebody named.
//
// A user is known by his canonical name, as the directory spells it. What is kept beside it is what the last log-in said
// (display name, mail, groups, backend) and what an admin said (service flag, nicknames, disabled). Every change is recorded
// in the audit log with the name of who made it, before it is made.
//
// What always holds: a disabled user's credentials are refused from the moment that Change has returned, and he cannot log
// in. What it does not do: it checks no passwords and gives no permissions; the caller must have been allowed to ask.
package user

import (
	"context"
	"errors"
	"slices"
	"time"

	"latchkey/daemon/audit"
	"latchkey/daemon/fault"
	"latchkey/daemon/store"
)

// seenInterval is how old the time of the last log-in may be before it is written again when nothing else has changed: a
// script that logs in every second must not write two records each time.
const seenInterval = time.Minute

// The reasons of audit records that this package gives by itself.
const (
	ReasonCreated = "created"
	ReasonDeleted = "deleted"
)

// pageSize is how many users are read at a time where all are looked at.
const pageSize = 500

// Options are what a Service is made of. All are required.
type Options struct {
	Store store.Users
	Audit audit.Recorder
	Now   func() time.Time
}

// Service answers for known users. It is safe for concurrent use.
type Service struct {
	store store.Users
	audit audit.Recorder
	now   func() time.Time
}

// New returns a Service.
func New(o Options) *Service { return &Service{store: o.Store, audit: o.Audit, now: o.Now} }

// Get returns the user with this canonical name. The error is a NotFound or an Unavailable fault.
func (s *Service) Get(ctx context.Context, name string) (store.User, error) {
	u, err := s.store.User(ctx, name)
	return u, translate(err)
}

// Known is Get for log-ins: it may answer from memory, with an older time of the last log-in where another node has noted a newer one. The
// error is a NotFound or an Unavailable fault.
func (s *Service) Known(ctx context.Context, name string) (store.User, error) {
	u, err := s.store.Owner(ctx, name)
	return u, translate(err)
}

// List returns users in order of name behind after, at most limit (0: all), and how many there are. The error is an
// Unavailable fault.
func (s *Service) List(ctx context.Context, after string, limit int) ([]store.User, int, error) {
	all, total, err := s.store.Users(ctx, after, limit)
	return all, total, translate(err)
}

// Seen records that somebody has logged in, with what the directory said of him. What an admin said of him stays. Known is the user
// as he has just been read, or nil when he was not known; when nothing has changed and his last log-in was not long ago, nothing is
// written. The error is an Unavailable fault.
func (s *Service) Seen(ctx context.Context, seen store.User, known *store.User) error {
	now := s.now()
	if known != nil && same(known, &seen) && recent(known.LastLoginAt, now) {
		return nil
	}
	_, err := s.store.PutUser(ctx, seen.Name, func(u *store.User, found bool) error {
		if !found {
			u.CreatedAt = now
		}
		u.DisplayName, u.Mail, u.Groups, u.Backend = seen.DisplayName, seen.Mail, seen.Groups, seen.Backend
		u.LastLoginAt = now
		return nil
	})
	return translate(err)
}

// recent reports whether a log-in at then needs no new time at now. One that lies in the future, because the clock was put
// back, does.
func recent(then, now time.Time) bool {
	age := now.Sub(then)
	return age >= 0 && age < seenInterval
}

// same reports whether a log-in said the same as the last one.
func same(known, seen *store.User) bool {
	return known.DisplayName == seen.DisplayName && known.Mail == seen.Mail && known.Backend == seen.Backend &&
		slices.Equal(known.Groups, seen.Groups)
}

// Ensure returns the user with this canonical name and creates him when he is not known. The error is an Unavailable fault.
func (s *Service) Ensure(ctx context.Context, name string) (store.User, error) {
	if known, err := s.store.User(ctx, name); err == nil {
		return known, nil
	}
	u, err := s.store.PutUser(ctx, name, func(u *store.User, found bool) error {
		if !found {
			u.CreatedAt = s.now()
		}
		return nil
	})
	return u, translate(err)
}

// Create makes a user known under this canonical name, as change fills him in; by is who makes him. The error is a Conflict
// fault when he is known already, what change returned, or an Unavailable fault.
func (s *Service) Create(ctx context.Context, name, by string, origin audit.Origin, change func(*store.User) error) (store.User, error) {
	if _, err := s.Get(ctx, name); err == nil {
		return store.User{}, taken()
	} else if fault.KindOf(err) != fault.NotFound {
		return store.User{}, err
	}
	event := changeEvent(ReasonCreated, name, by, origin)
	if err := s.record(ctx, event); err != nil {
		return store.User{}, err
	}
	u, err := s.store.PutUser(ctx, name, func(u *store.User, found bool) error {
		if found {
			return taken() // by another admin, or a log-in, meanwhile
		}
		if err := change(u); err != nil {
			return err
		}
		u.Name, u.CreatedAt = name, s.now()
		return nil
	})
	return u, s.failed(ctx, err, event)
}

// taken is the fault for a name that is a known user's already.
func taken() error {
	return &fault.Error{Kind: fault.Conflict, Reason: "taken", Public: "The name is taken already."}
}

// Change runs change on the user inside a transaction and returns what he became; by is who changes him, and reason says in
// the audit log what is changed. The name and the times stay. The error is a NotFound fault, what change returned, or an
// Unavailable fault.
func (s *Service) Change(ctx context.Context, name, by, reason string, origin audit.Origin, change func(*store.User) error) (store.User, error) {
	if _, err := s.Get(ctx, name); err != nil {
		return store.User{}, err
	}
	event := changeEvent(reason, name, by, origin)
	if err := s.record(ctx, event); err != nil {
		return store.User{}, err
	}
	u, err := s.store.PutUser(ctx, name, func(u *store.User, found bool) error {
		if !found {
			return store.ErrNotFound // deleted meanwhile
		}
		fixed := *u
		if err := change(u); err != nil {
			return err
		}
		u.Name, u.CreatedAt, u.LastLoginAt = fixed.Name, fixed.CreatedAt, fixed.LastLoginAt
		return nil
	})
	return u, s.failed(ctx, err, event)
}

// Delete removes the user and all his credentials; by is who does. The error is a NotFound fault, a Conflict fault while he is a
// member of a workspace, or an Unavailable fault.
func (s *Service) Delete(ctx context.Context, name, by string, origin audit.Origin) error {
	if _, err := s.Get(ctx, name); err != nil {
		return err
	}
	event := changeEvent(ReasonDeleted, name, by, origin)
	if err := s.record(ctx, event); err != nil {
		return err
	}
	return s.failed(ctx, s.store.DeleteUser(ctx, name), event)
}

// ByNickname returns all users who have this nickname for this origin. The error is an Unavailable fault.
func (s *Service) ByNickname(ctx context.Context, origin, nickname string) ([]store.User, error) {
	var found []store.User
	for after := ""; ; {
		page, _, err := s.store.Users(ctx, after, pageSize)
		if err != nil {
			return nil, translate(err)
		}
		for i := range page {
			if name, ok := page[i].Nicknames[origin]; ok && name == nickname {
				found = append(found, page[i])
			}
		}
		if len(page) < pageSize {
			return found, nil
		}
		after = page[len(page)-1].Name
	}
}

// changeEvent returns the audit record of a change of the user name by somebody.
func changeEvent(reason, name, by string, origin audit.Origin) audit.Event {
	event := audit.Event{Event: audit.EventUserChange, Origin: origin, User: name, Outcome: audit.OutcomeOK, Reason: reason}
	if by != name {
		event.RealUser = by
	}
	return event
}

// record writes the audit record of a change; the error is an Unavailable fault.
func (s *Service) record(ctx context.Context, event audit.Event) error {
	if err := s.audit.Record(ctx, event); err != nil {
		return fault.Unavailablef("audit_unavailable", err)
	}
	return nil
}

// failed returns err as a fault, and writes a second record when a change that was announced did not happen.
func (s *Service) failed(ctx context.Context, err error, event audit.Event) error {
	if err == nil {
		return nil
	}
	event.Outcome, event.Reason = audit.OutcomeError, "not_changed"
	return errors.Join(translate(err), s.audit.Record(context.WithoutCancel(ctx), event))
}

// translate makes a fault of a store's error.
func translate(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, store.ErrNotFound) {
		return fault.NotFoundf("User is not found.")
	}
	if errors.Is(err, store.ErrInUse) {
		return &fault.Error{Kind: fault.Conflict, Reason: "user_in_use", Public: "The user is a member of a workspace; remove him there first."}
	}
	if errors.Is(err, store.ErrInvalid) {
		return fault.Invalidf("The name cannot be used.")
	}
	if known, ok := errors.AsType[*fault.Error](err); ok {
		return known
	}
	return fault.Unavailablef("store_unavailable", err)
}
