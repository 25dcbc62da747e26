package workspace

import (
	"context"
	"errors"
	"time"

	"latchkey/daemon/access"
	"latchkey/daemon/audit"
	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
	"latchkey/daemon/mail"
	"latchkey/daemon/store"
	"latchkey/daemon/user"
)

// Store is what a Service keeps its records in.
type Store interface {
	store.Workspaces
	store.Members
}

// Sender sends invitations.
type Sender interface {
	// Send returns when the mail has been handed over to a server. The error says why it was not.
	Send(ctx context.Context, invitation mail.Invitation) error
}

// Options are what a Service is made of. All are required but Mail and Records.
type Options struct {
	Store  Store
	Engine *credential.Engine
	Users  *user.Service
	Audit  audit.Recorder
	Now    func() time.Time
	// Mail sends invitations; nil means that they are shown to the inviter alone.
	Mail Sender
	// Link is where an invitation leads, with {code} in the place of the code; empty means that there is no such page.
	Link string
	// Records is where the audit log is read; nil means that it cannot be.
	Records Records
}

// Service answers for workspaces. It is safe for concurrent use.
type Service struct {
	store   Store
	engine  *credential.Engine
	users   *user.Service
	audit   audit.Recorder
	now     func() time.Time
	mail    Sender
	link    string
	records Records
}

// New returns a Service.
func New(o Options) *Service {
	return &Service{store: o.Store, engine: o.Engine, users: o.Users, audit: o.Audit, now: o.Now, mail: o.Mail, link: o.Link, records: o.Records}
}

// Actor is who asks.
type Actor struct {
	access.Caller
	// Name is what the audit log calls him.
	Name   string
	Origin audit.Origin
}

// Standing is a workspace and what somebody may do in it.
type Standing struct {
	Workspace store.Workspace
	// Member is his membership; nil for an administrator of the daemon who is no member.
	Member *store.Member
	// Admin says that he is an administrator of the daemon, who may do everything.
	Admin bool
}

// errNone is what an unknown workspace and one that is not the caller's look like.
var errNone = &fault.Error{Kind: fault.NotFound, Reason: "unknown_workspace", Public: "Workspace is not found."}

// Find returns the workspace with this id or name as the caller stands in it. The error is a NotFound fault when there is none
// that he may see, with a sentence of its own when he presents a token of another workspace; a Forbidden fault for a CI token, which
// manages nothing; or an Unavailable fault.
func (s *Service) Find(ctx context.Context, who Actor, reference string) (Standing, error) {
	w, err := s.lookUp(ctx, reference)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return Standing{}, translate(err)
	}
	found := err == nil
	if err := s.checkToken(ctx, who, w.ID); err != nil {
		return Standing{}, err
	}
	if !found {
		return Standing{}, errNone
	}
	standing := Standing{Workspace: w, Admin: who.Admin}
	if who.User != "" {
		switch m, err := s.store.MemberOf(ctx, w.ID, who.User); {
		case err == nil:
			standing.Member = &m
		case !errors.Is(err, store.ErrNotFound):
			return Standing{}, translate(err)
		}
	}
	if standing.Member == nil && !who.Admin {
		return Standing{}, errNone
	}
	return standing, nil
}

// lookUp returns the workspace with this id or name. An id is never taken for a name.
func (s *Service) lookUp(ctx context.Context, reference string) (store.Workspace, error) {
	if store.ValidID(reference) {
		return s.store.Workspace(ctx, store.ID(reference))
	}
	return s.store.WorkspaceNamed(ctx, reference)
}

// checkToken refuses a credential that belongs to another workspace than the one that is asked for, whether or not that one
// exists, and one that manages nothing.
func (s *Service) checkToken(ctx context.Context, who Actor, asked store.ID) error {
	if who.Entry == nil || who.Entry.Credential.Workspace == "" {
		return nil
	}
	c := &who.Entry.Credential
	if c.Workspace != asked {
		own, err := s.store.Workspace(ctx, c.Workspace)
		if err != nil {
			return translate(err)
		}
		return fault.NotFoundf("The token belongs to the workspace %q; use a token of the workspace that is asked for.", own.Name)
	}
	if c.Kind == store.KindCI {
		return fault.Forbiddenf("A CI token cannot manage a workspace; log in, or use a developer token.")
	}
	return nil
}

// List returns the workspaces that the caller is a member of, each with his membership, in order of creation. A token of a
// workspace sees that one alone. The error is an Unavailable fault.
func (s *Service) List(ctx context.Context, who Actor) ([]Standing, error) {
	if who.User == "" {
		return nil, nil
	}
	memberships, err := s.store.Memberships(ctx, who.User)
	if err != nil {
		return nil, translate(err)
	}
	var all []Standing
	for i := range memberships {
		m := &memberships[i]
		if who.Entry != nil && who.Entry.Credential.Workspace != "" && who.Entry.Credential.Workspace != m.Workspace {
			continue
		}
		w, err := s.store.Workspace(ctx, m.Workspace)
		if err != nil {
			return nil, translate(err)
		}
		all = append(all, Standing{Workspace: w, Member: m, Admin: who.Admin})
	}
	return all, nil
}

// All returns workspaces in order of creation behind after, at most limit (0: all), and how many there are. The error is a
// Forbidden fault unless the caller is an administrator of the daemon, or an Unavailable fault.
func (s *Service) All(ctx context.Context, who Actor, after store.ID, limit int) ([]store.Workspace, int, error) {
	if err := who.RequireAdmin(); err != nil {
		return nil, 0, err
	}
	all, total, err := s.store.Workspaces(ctx, after, limit)
	return all, total, translate(err)
}

// translate makes a fault of a store's error.
func translate(err error) error {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*fault.Error](err); ok {
		return known
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return errNone
	case errors.Is(err, store.ErrExists):
		return &fault.Error{Kind: fault.Conflict, Reason: "taken", Public: "The name, the address or the key is taken already.", Err: err}
	case errors.Is(err, store.ErrInvalid):
		return &fault.Error{Reason: "invalid_record", Err: err}
	}
	return fault.Unavailablef("store_unavailable", err)
}
