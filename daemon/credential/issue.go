package credential

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"latchkey/daemon/audit"
	"latchkey/daemon/fault"
	"latchkey/daemon/store"
	"latchkey/plugins/secret"
)

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
	// Member and Subscription are what a credential of a workspace hangs on, if anything; see store.Credential.
	Member       store.ID
	Subscription store.ID
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

// Issue makes a credential: it is minted, recorded in the audit log, stored durably, and only then returned.
//
// The error is a Conflict fault when the given id or digest is taken, and an Unavailable fault when it could not be recorded
// or stored; there is no credential then. (A store that fails while it writes may have kept a hash all the same: its text was
// shown to nobody.) What no credential can be, such as a session token without an expiry, is an Internal fault, since it is our
// own code that asked for it.
func (e *Engine) Issue(ctx context.Context, spec Spec, origin audit.Origin) (Issued, error) {
	issued, err := e.Prepare(spec)
	if err != nil {
		return Issued{}, err
	}
	event := eventOf(audit.EventIssue, &issued.Credential, spec.CreatedBy, origin)
	if err := e.record(ctx, event); err != nil {
		return Issued{}, err
	}
	ctx, cancel := settle(ctx)
	defer cancel()
	if err := e.store.CreateCredential(ctx, issued.Credential); err != nil {
		return Issued{}, e.failed(ctx, event, err)
	}
	return issued, nil
}

// Prepare makes the record and the text and keeps neither. It is for who keeps the record in a transaction of his own, and
// records it in the audit log before that. The error is an Unavailable fault without randomness, and an Internal one for what no
// credential can be.
func (e *Engine) Prepare(spec Spec) (Issued, error) {
	now := e.now()
	c := store.Credential{
		ID: spec.ID, Kind: spec.Kind, Digest: spec.Digest, User: spec.User, Name: spec.Name, Roles: spec.Roles, Groups: spec.Groups,
		Metadata: spec.Metadata, Disabled: spec.Disabled, CreatedAt: now, ExpiresAt: spec.ExpiresAt, CreatedBy: spec.CreatedBy,
		Source: spec.Source, UserAgent: spec.UserAgent, Backend: spec.Backend, Service: spec.Service, Workspace: spec.Workspace,
		Member: spec.Member, Subscription: spec.Subscription,
	}
	var err error
	if c.ID == "" {
		if c.ID, err = e.ids.next(now); err != nil {
			return Issued{}, fault.Unavailablef("no_random_bytes", err)
		}
	}
	var text secret.Text
	if c.Digest == "" {
		if text, err = e.text(&c); err != nil {
			return Issued{}, err
		}
	}
	if err := c.Check(); err != nil {
		return Issued{}, translate(err)
	}
	return Issued{Text: text, Credential: c}, nil
}

// text mints a text for a credential and sets its digest.
func (e *Engine) text(c *store.Credential) (secret.Text, error) {
	prefix, known := prefixOf(c.Kind)
	if !known {
		return secret.Text{}, &fault.Error{Reason: "no_kind", Err: errors.New("a credential needs a kind")}
	}
	text, err := mint(prefix, e.random)
	if err != nil {
		return secret.Text{}, fault.Unavailablef("no_random_bytes", err)
	}
	c.Digest = digest(text.Reveal())
	return text, nil
}
