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

// List returns users in order of name behind after, at most limit (0: all), and how many there are. The error is an
// Unavailable fault.
func (s *Service) List(ctx context.Context, after string, limit int) ([]store.User, int, error) {
	all, total, err := s.store.Users(ctx, after, limit)
	return all, total, translate(err)
}

// Seen records that somebody has logged in, with what the directory said of him, and returns the user as he is now. What an
// admin said of him stays. The error is an Unavailable fault.
func (s *Service) Seen(ctx context.Context, seen store.User) (store.User, error) {
	now := s.now()
	if known, err := s.store.User(ctx, seen.Name); err == nil && same(&known, &seen) && now.Sub(known.LastLoginAt) < seenInterval {
		return known, nil
	}
	u, err := s.store.PutUser(ctx, seen.Name, func(u *store.User, found bool) error {
		if !found {
			u.CreatedAt = now
		}
		u.DisplayName, u.Mail, u.Groups, u.Backend = seen.DisplayName, seen.Mail, seen.Groups, seen.Backend
		u.LastLoginAt = now
		return nil
	})
	return u, translate(err)
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

// Change runs change on the user inside a transaction and returns what he became; by is who changes him. The name and the
// times stay. The error is a NotFound fault, what change returned, or an Unavailable fault.
func (s *Service) Change(ctx context.Context, name, by string, origin audit.Origin, change func(*store.User) error) (store.User, error) {
	if _, err := s.Get(ctx, name); err != nil {
		return store.User{}, err
	}
	if err := s.record(ctx, "changed", name, by, origin); err != nil {
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
	return u, s.failed(ctx, err, name, by, origin)
}

// Delete removes the user and all his credentials; by is who does. The error is a NotFound or an Unavailable fault.
func (s *Service) Delete(ctx context.Context, name, by string, origin audit.Origin) error {
	if _, err := s.Get(ctx, name); err != nil {
		return err
	}
	if err := s.record(ctx, "deleted", name, by, origin); err != nil {
		return err
	}
	return s.failed(ctx, s.store.DeleteUser(ctx, name), name, by, origin)
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

// record writes the audit record of a change; the error is an Unavailable fault.
func (s *Service) record(ctx context.Context, reason, name, by string, origin audit.Origin) error {
	event := audit.Event{Event: audit.EventUserChange, Origin: origin, User: name, Outcome: audit.OutcomeOK, Reason: reason}
	if by != name {
		event.RealUser = by
	}
	if err := s.audit.Record(ctx, event); err != nil {
		return fault.Unavailablef("audit_unavailable", err)
	}
	return nil
}

// failed returns err as a fault, and writes a second record when a change that was announced did not happen.
func (s *Service) failed(ctx context.Context, err error, name, by string, origin audit.Origin) error {
	if err == nil {
		return nil
	}
	event := audit.Event{
		Event: audit.EventUserChange, Origin: origin, User: name, RealUser: by, Outcome: audit.OutcomeError, Reason: "not_changed",
	}
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
	if known, ok := errors.AsType[*fault.Error](err); ok {
		return known
	}
	return fault.Unavailablef("store_unavailable", err)
}
