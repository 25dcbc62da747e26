package credential

import (
	"context"
	"errors"
	"io"
	"time"

	"latchkey/daemon/audit"
	"latchkey/daemon/fault"
	"latchkey/daemon/store"
	"latchkey/plugins/secret"
)

// settleTime is how long a store may take over what the audit log has announced, before the caller is told that it could not
// be done.
const settleTime = 10 * time.Second

// errNotFound is what an unknown id and somebody else's id look like.
var errNotFound = &fault.Error{Kind: fault.NotFound, Reason: "unknown_credential"}

// Options are what an Engine is made of. All are required.
type Options struct {
	Store  store.Credentials
	Audit  audit.Recorder
	Now    func() time.Time
	Random io.Reader
}

// Engine makes, checks and changes credentials. It is safe for concurrent use.
type Engine struct {
	store  store.Credentials
	audit  audit.Recorder
	now    func() time.Time
	random io.Reader
	ids    *ids
	uses   uses
}

// New returns an Engine.
func New(o Options) *Engine {
	return &Engine{store: o.Store, audit: o.Audit, now: o.Now, random: o.Random, ids: &ids{random: o.Random}}
}

// Get returns the credential with this id, in whatever state. The error is a NotFound or an Unavailable fault.
func (e *Engine) Get(ctx context.Context, id store.ID) (store.Credential, error) {
	c, err := e.store.Credential(ctx, id)
	return c, translate(err)
}

// Find returns the credential with this text, in whatever state. The error is a NotFound or an Unavailable fault.
func (e *Engine) Find(ctx context.Context, text string) (store.Credential, error) {
	digest, can, ok := digestOf(text)
	if !ok {
		return store.Credential{}, errNotFound
	}
	entry, err := e.store.CredentialByDigest(ctx, digest)
	if err != nil {
		return store.Credential{}, translate(err)
	}
	if !can.Has(entry.Credential.Kind) {
		return store.Credential{}, errNotFound
	}
	return entry.Credential, nil
}

// List returns the selected credentials in order of creation, and how many the query selects in all. The error is an
// Unavailable fault.
func (e *Engine) List(ctx context.Context, query store.Query) ([]store.Credential, int, error) {
	all, total, err := e.store.Credentials(ctx, query)
	return all, total, translate(err)
}

// NewID returns an identifier for a record that hangs on credentials. The error is an Unavailable fault without randomness.
func (e *Engine) NewID() (store.ID, error) {
	id, err := e.ids.next(e.now())
	if err != nil {
		return "", fault.Unavailablef("no_random_bytes", err)
	}
	return id, nil
}

// Guessable reports whether a text that is not known may have been a guess: one of our own form has 178 random bits and a checksum, and
// is nobody's guess.
func Guessable(text string) bool {
	_, ours := shape(text)
	return !ours
}

// LegacyDigest returns what is kept of a legacy key, which another product made. The error is an Invalid fault, which shows nothing
// of it, when it cannot be one: it has a form of ours, or is not 8 to 256 printable ASCII characters without spaces.
func LegacyDigest(text secret.Text) (store.Digest, error) {
	digest, can, ok := digestOf(text.Reveal())
	if !ok || !can.Has(store.KindLegacy) {
		return "", fault.Invalidf("The legacy key cannot be used: it is not 8 to 256 printable ASCII characters without spaces, or it is one of Latchkey's own tokens.")
	}
	return digest, nil
}

// translate makes a fault of a store's error.
func translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrNotFound):
		return errNotFound
	case errors.Is(err, store.ErrExists):
		return &fault.Error{Kind: fault.Conflict, Reason: "taken", Public: "The id or the key hash is taken already.", Err: err}
	case errors.Is(err, store.ErrInvalid):
		return &fault.Error{Reason: "invalid_record", Err: err}
	}
	if known, ok := errors.AsType[*fault.Error](err); ok {
		return known // made by a check or a change of ours inside the transaction
	}
	return fault.Unavailablef("store_unavailable", err)
}

// eventOf describes a credential for the audit log.
func eventOf(event string, c *store.Credential, by string, origin audit.Origin) audit.Event {
	e := audit.Event{
		Event: event, Origin: origin, User: c.User, Kind: string(c.Kind), CredentialID: string(c.ID),
		Workspace: string(c.Workspace), Backend: c.Backend, Outcome: audit.OutcomeOK,
	}
	if e.User == "" {
		e.User = c.Name
	}
	if by != e.User {
		e.RealUser = by
	}
	return e
}

// record writes an audit record; the error is an Unavailable fault.
func (e *Engine) record(ctx context.Context, event audit.Event) error {
	if err := e.audit.Record(ctx, event); err != nil {
		return fault.Unavailablef("audit_unavailable", err)
	}
	return nil
}

// settle returns the context for what the audit log has announced: a caller who hangs up does not stop it half way, and a
// store that hangs does not hold it for ever.
func settle(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), settleTime)
}

// failed writes the second record of something that was announced and did not happen, and returns its cause as a fault.
func (e *Engine) failed(ctx context.Context, event audit.Event, cause error) error {
	err := translate(cause)
	event.Event, event.Outcome, event.Reason = audit.EventCredentialFailed, audit.OutcomeError, reasonOf(err)
	return errors.Join(err, e.audit.Record(context.WithoutCancel(ctx), event))
}

// reasonOf returns the word that explains a fault.
func reasonOf(err error) string {
	if known, ok := errors.AsType[*fault.Error](err); ok {
		return known.Reason
	}
	return "internal"
}
