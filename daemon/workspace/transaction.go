package workspace

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"latchkey/daemon/audit"
	"latchkey/daemon/fault"
	"latchkey/daemon/store"
)

// settleTime is how long a store may take over what the audit log has announced.
const settleTime = 10 * time.Second

// errRehearsed ends a rehearsal, so that nothing is kept.
var errRehearsed = errors.New("rehearsed")

// action is what a change is, for permissions and for the audit log.
type action struct {
	// reason is the word in the audit log.
	reason string
	// permission is required; empty means that the change looks for itself.
	permission string
}

// transaction is one change of a workspace, as its function sees it.
type transaction struct {
	*store.WorkspaceChange
	// by is the standing of who makes the change, as it is inside of the transaction. Its Workspace is not set.
	by    Standing
	actor Actor
	now   time.Time
	// event is what the audit log will say; a function adds whom and what it is about.
	event audit.Event
}

// change runs f on the caller's workspace: first as a rehearsal, then, when the audit log has it, for good. F must do the same each
// time. The error is a NotFound fault when he may not see the workspace, a Forbidden one without the permission, what f returned,
// or an Unavailable fault.
func (s *Service) change(ctx context.Context, who Actor, reference string, a action, f func(*transaction) error) error {
	standing, err := s.Find(ctx, who, reference)
	if err != nil {
		return err
	}
	return s.changeFound(ctx, who, standing.Workspace.ID, a, func(t *transaction) error {
		if t.by.Member == nil && !t.by.Admin {
			return errNone // he was removed meanwhile
		}
		if a.permission != "" {
			if err := t.by.require(a.permission); err != nil {
				return err
			}
		}
		return f(t)
	})
}

// changeFound is change for a workspace whose visibility has been looked at.
func (s *Service) changeFound(ctx context.Context, who Actor, id store.ID, a action, f func(*transaction) error) error {
	event := eventOf(who, a.reason, id)
	run := func(c *store.WorkspaceChange) error {
		t, err := s.begin(c, who, a)
		if err != nil {
			return err
		}
		err = f(t)
		event = t.event // of a refusal, too: whom it was about
		return err
	}
	err := s.store.UpdateWorkspace(ctx, id, func(c *store.WorkspaceChange) error {
		if err := run(c); err != nil {
			return err
		}
		return errRehearsed
	})
	if !errors.Is(err, errRehearsed) {
		return s.refused(ctx, event, translate(err))
	}
	return s.settle(ctx, event, func(ctx context.Context) error { return s.store.UpdateWorkspace(ctx, id, run) })
}

// settle records an event and then does what it announces. When that fails a second record says so.
func (s *Service) settle(ctx context.Context, event audit.Event, do func(context.Context) error) error {
	if err := s.audit.Record(ctx, event); err != nil {
		return fault.Unavailablef("audit_unavailable", err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	if err := do(ctx); err != nil {
		known := translate(err)
		event.Outcome, event.Reason = audit.OutcomeError, "not_changed"
		return errors.Join(known, s.audit.Record(ctx, event))
	}
	return nil
}

// refused records that what an event would have announced was refused, and returns why. Whether or not it could be recorded, it stays
// a refusal.
func (s *Service) refused(ctx context.Context, event audit.Event, err error) error {
	known, ok := errors.AsType[*fault.Error](err)
	if !ok || known.Kind == fault.Unavailable || known.Kind == fault.Internal {
		return err
	}
	event.Outcome, event.Reason = audit.OutcomeRefused, event.Reason+":"+known.Reason
	_ = s.audit.Record(ctx, event) // the log counts what it could not write
	return err
}

// eventOf returns the record of a change by somebody.
func eventOf(who Actor, reason string, id store.ID) audit.Event {
	return audit.Event{
		Event: audit.EventWorkspaceChange, Origin: who.Origin, User: who.Name, Workspace: string(id), Outcome: audit.OutcomeOK, Reason: reason,
	}
}

// begin makes a transaction of a store's.
func (s *Service) begin(c *store.WorkspaceChange, who Actor, a action) (*transaction, error) {
	t := &transaction{WorkspaceChange: c, by: Standing{Admin: who.Admin}, actor: who, now: s.now()}
	t.event = eventOf(who, a.reason, c.Workspace.ID)
	if who.User == "" {
		return t, nil
	}
	switch m, err := c.MemberOf(who.User); {
	case err == nil:
		t.by.Member = &m
	case !errors.Is(err, store.ErrNotFound):
		return nil, err
	}
	return t, nil
}

// about says in the audit record whom the change is about.
func (t *transaction) about(m *store.Member) {
	t.event.User, t.event.RealUser = m.User, ""
	if t.event.User == "" {
		t.event.User = m.Mail
	}
	if t.event.User != t.actor.Name {
		t.event.RealUser = t.actor.Name
	}
}

// errNoMember is what an unknown member looks like.
var errNoMember = &fault.Error{Kind: fault.NotFound, Reason: "unknown_member", Public: "Member is not found."}

// member returns the member with this id, account or address.
func (t *transaction) member(reference string) (store.Member, error) {
	m, err := findMember(reference, t.Member, t.MemberOf, t.MemberMailed)
	if err == nil {
		t.about(&m)
	}
	return m, err
}

// findMember looks for a member by his id, his account or his address, in this order.
func findMember(reference string, byID func(store.ID) (store.Member, error), byAccount, byMail func(string) (store.Member, error)) (store.Member, error) {
	finds := []func(string) (store.Member, error){byAccount, func(mail string) (store.Member, error) { return byMail(strings.ToLower(mail)) }}
	if store.ValidID(reference) {
		finds = slices.Insert(finds, 0, func(id string) (store.Member, error) { return byID(store.ID(id)) })
	}
	if reference == "" {
		return store.Member{}, errNoMember
	}
	for _, find := range finds {
		m, err := find(reference)
		if err == nil || !errors.Is(err, store.ErrNotFound) {
			return m, err
		}
	}
	return store.Member{}, errNoMember
}
