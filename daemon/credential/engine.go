package credential

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"latchkey/daemon/audit"
	"latchkey/daemon/fault"
	"latchkey/daemon/store"
	"latchkey/plugins/secret"
)

// sweepBatch is the most that one call of Sweep removes: one small transaction.
const sweepBatch = 1000

// The refusals of Check. All are Unauthenticated faults; the sentences are StackStorm's.
var (
	ErrUnknown       = &fault.Error{Kind: fault.Unauthenticated, Reason: "unknown_credential", Public: "Unauthorized"}
	ErrMalformed     = &fault.Error{Kind: fault.Unauthenticated, Reason: "malformed_credential", Public: "Unauthorized"}
	ErrWrongKind     = &fault.Error{Kind: fault.Unauthenticated, Reason: "wrong_kind", Public: "Unauthorized"}
	ErrExpired       = &fault.Error{Kind: fault.Unauthenticated, Reason: "expired", Public: "Unauthorized - Token has expired."}
	ErrDisabled      = &fault.Error{Kind: fault.Unauthenticated, Reason: "credential_disabled", Public: "Unauthorized - API key is disabled."}
	ErrOwnerDisabled = &fault.Error{Kind: fault.Unauthenticated, Reason: "user_disabled", Public: "Unauthorized"}
)

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

// Spec says what credential to make.
type Spec struct {
	Kind     store.Kind
	User     string
	Name     string
	Roles    []string
	Groups   []string
	Metadata json.RawMessage
	Disabled bool
	// ExpiresAt is the first instant at which it is refused; session tokens must have one.
	ExpiresAt time.Time
	// CreatedBy is who makes it, where that is not User.
	CreatedBy string
	Backend   string
	Source    string
	UserAgent string
	// Service marks a token of a service user.
	Service   bool
	Workspace store.ID
	// ID and Digest are given when a credential is loaded from elsewhere. With a Digest no text is made.
	ID     store.ID
	Digest store.Digest
}

// Issued is a credential and its text, which is shown once.
type Issued struct {
	// Text is empty when a digest was loaded.
	Text       secret.Text
	Credential store.Credential
}

// Owner says whose credentials may be changed, and of which kinds.
type Owner struct {
	// User owns them; Any means everybody's.
	User  string
	Any   bool
	Kinds Kinds
}

// holds reports whether a credential is the owner's to change.
func (o Owner) holds(c *store.Credential) bool {
	return o.Kinds.Has(c.Kind) && (o.Any || o.User != "" && o.User == c.User)
}

// Issue makes a credential: it is minted, recorded in the audit log, stored durably, and only then returned.
//
// The error is a Conflict fault when the given id or digest is taken, and an Unavailable fault when it could not be recorded
// or stored; there is no credential then. A session token without an expiry is an Internal fault.
func (e *Engine) Issue(ctx context.Context, spec Spec, origin audit.Origin) (Issued, error) {
	issued, err := e.prepare(spec)
	if err != nil {
		return Issued{}, err
	}
	event := eventOf(audit.EventIssue, &issued.Credential, spec.CreatedBy, origin)
	if err := e.record(ctx, event); err != nil {
		return Issued{}, err
	}
	if err := e.store.CreateCredential(ctx, issued.Credential); err != nil {
		return Issued{}, e.failed(ctx, event, err)
	}
	return issued, nil
}

// prepare makes the record and the text.
func (e *Engine) prepare(spec Spec) (Issued, error) {
	now := e.now()
	c := store.Credential{
		ID: spec.ID, Kind: spec.Kind, Digest: spec.Digest, User: spec.User, Name: spec.Name, Roles: spec.Roles, Groups: spec.Groups,
		Metadata: spec.Metadata, Disabled: spec.Disabled, CreatedAt: now, ExpiresAt: spec.ExpiresAt, CreatedBy: spec.CreatedBy,
		Source: spec.Source, UserAgent: spec.UserAgent, Backend: spec.Backend, Service: spec.Service, Workspace: spec.Workspace,
	}
	var err error
	if c.ID == "" {
		if c.ID, err = e.ids.next(now); err != nil {
			return Issued{}, fault.Unavailablef("no_random_bytes", err)
		}
	}
	if c.Digest != "" {
		return Issued{Credential: c}, nil
	}
	text, err := e.text(&c)
	return Issued{Text: text, Credential: c}, err
}

// text mints a text for a credential and sets its digest.
func (e *Engine) text(c *store.Credential) (secret.Text, error) {
	for i := range kinds {
		if kinds[i].kind != c.Kind {
			continue
		}
		if kinds[i].expires && c.ExpiresAt.IsZero() {
			return secret.Text{}, &fault.Error{Reason: "no_expiry", Err: errors.New("a session token must have an expiry")}
		}
		text, err := mint(kinds[i].prefix, e.random)
		if err != nil {
			return secret.Text{}, fault.Unavailablef("no_random_bytes", err)
		}
		c.Digest = digest(text.Reveal())
		return text, nil
	}
	return secret.Text{}, &fault.Error{Reason: "no_kind", Err: errors.New("a credential needs a kind")}
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

// Sweep removes a small batch of expired credentials and returns how many it were; zero means that none is left. The error
// is an Unavailable fault.
func (e *Engine) Sweep(ctx context.Context) (int, error) {
	n, err := e.store.SweepCredentials(ctx, e.now(), sweepBatch)
	return n, translate(err)
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
	}
	if known, ok := errors.AsType[*fault.Error](err); ok {
		return known // made by a check or a change of ours inside the transaction
	}
	return fault.Unavailablef("store_unavailable", err)
}

// eventOf describes a credential for the audit log.
func eventOf(event string, c *store.Credential, by string, origin audit.Origin) audit.Event {
	e := audit.Event{
		Event: event, Origin: origin, User: c.User, Kind: string(c.Kind), CredentialID: string(c.ID), Backend: c.Backend,
		Outcome: audit.OutcomeOK,
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

// failed writes the second record of something that was announced and did not happen, and returns its cause as a fault.
func (e *Engine) failed(ctx context.Context, event audit.Event, cause error) error {
	fault := translate(cause)
	event.Event, event.Outcome, event.Reason = audit.EventCredentialFailed, audit.OutcomeError, reasonOf(fault)
	return errors.Join(fault, e.audit.Record(context.WithoutCancel(ctx), event))
}

// reasonOf returns the word that explains a fault.
func reasonOf(err error) string {
	if known, ok := errors.AsType[*fault.Error](err); ok {
		return known.Reason
	}
	return "internal"
}
