package credential

import (
	"context"

	"latchkey/daemon/audit"
	"latchkey/daemon/fault"
	"latchkey/daemon/store"
)

// Owner says whose credentials may be changed, and of which kinds.
type Owner struct {
	// User owns them; Any means everybody's.
	User  string
	Any   bool
	Kinds Kinds
	// Workspace is the one that they belong to; empty means any or none.
	Workspace store.ID
}

// holds reports whether a credential is the owner's to change.
func (o Owner) holds(c *store.Credential) bool {
	return o.Kinds.Has(c.Kind) && (o.Workspace == "" || o.Workspace == c.Workspace) && (o.Any || o.User != "" && o.User == c.User)
}

// Change runs change on a credential of the owner's inside a transaction and returns what it became. By is who changes it.
// The digest, the id, the kind and the time of creation stay what they are, whatever change does, and an expiry can be brought
// forward but never put off. Change runs more than once: first on a copy, so that what it refuses is not announced.
//
// The error is a NotFound fault for an unknown id and for somebody else's alike, what change returned, or an Unavailable
// fault when it could not be recorded or stored.
func (e *Engine) Change(ctx context.Context, id store.ID, owner Owner, by string, origin audit.Origin, change func(*store.Credential) error) (store.Credential, error) {
	before, err := e.owned(ctx, id, owner)
	if err != nil {
		return store.Credential{}, err
	}
	after := before
	if err := change(&after); err != nil {
		return store.Credential{}, err
	}
	event := eventOf(audit.EventChange, &before, by, origin)
	event.Reason = changeOf(&before, &after)
	if err := e.record(ctx, event); err != nil {
		return store.Credential{}, err
	}
	ctx, cancel := settle(ctx)
	defer cancel()
	changed, err := e.store.UpdateCredential(ctx, id, func(c *store.Credential) error {
		if !owner.holds(c) {
			return errNotFound
		}
		fixed := *c
		if err := change(c); err != nil {
			return err
		}
		c.ID, c.Kind, c.Digest, c.CreatedAt = fixed.ID, fixed.Kind, fixed.Digest, fixed.CreatedAt
		if !fixed.ExpiresAt.IsZero() && (c.ExpiresAt.IsZero() || c.ExpiresAt.After(fixed.ExpiresAt)) {
			c.ExpiresAt = fixed.ExpiresAt
		}
		return nil
	})
	if err != nil {
		return store.Credential{}, e.failed(ctx, event, err)
	}
	return changed, nil
}

// changeOf returns the word for a change in the audit log; empty when it is none of those that an auditor looks for.
func changeOf(before, after *store.Credential) string {
	switch {
	case before.User != after.User:
		return "new_owner"
	case !before.Disabled && after.Disabled:
		return "disabled"
	case before.Disabled && !after.Disabled:
		return "enabled"
	}
	return ""
}

// Delete removes a credential of the owner's; of many that race, exactly one succeeds. The errors are those of Change.
func (e *Engine) Delete(ctx context.Context, id store.ID, owner Owner, by string, origin audit.Origin) (store.Credential, error) {
	before, err := e.owned(ctx, id, owner)
	if err != nil {
		return store.Credential{}, err
	}
	event := eventOf(audit.EventRevoke, &before, by, origin)
	if err := e.record(ctx, event); err != nil {
		return store.Credential{}, err
	}
	ctx, cancel := settle(ctx)
	defer cancel()
	gone, err := e.store.DeleteCredential(ctx, id, func(c store.Credential) error {
		if !owner.holds(&c) {
			return errNotFound
		}
		return nil
	})
	if err != nil {
		return store.Credential{}, e.failed(ctx, event, err)
	}
	return gone, nil
}

// Rotate gives a credential of the owner's a new text in one transaction; the old one is refused from then on. All else stays,
// an expiry, too. When two rotate at the same time, one of them gets a Conflict fault and nothing else. The other errors are
// those of Change.
func (e *Engine) Rotate(ctx context.Context, id store.ID, owner Owner, by string, origin audit.Origin) (Issued, error) {
	before, err := e.owned(ctx, id, owner)
	if err != nil {
		return Issued{}, err
	}
	fresh := before
	text, err := e.text(&fresh)
	if err != nil {
		return Issued{}, err
	}
	event := eventOf(audit.EventIssue, &before, by, origin)
	event.Reason = "rotated"
	if err := e.record(ctx, event); err != nil {
		return Issued{}, err
	}
	ctx, cancel := settle(ctx)
	defer cancel()
	changed, err := e.store.UpdateCredential(ctx, id, func(c *store.Credential) error {
		switch {
		case !owner.holds(c):
			return errNotFound
		case c.Digest != before.Digest:
			return &fault.Error{Kind: fault.Conflict, Reason: "rotated_meanwhile", Public: "It was rotated meanwhile; ask for it anew."}
		}
		c.Digest = fresh.Digest
		return nil
	})
	if err != nil {
		return Issued{}, e.failed(ctx, event, err)
	}
	return Issued{Text: text, Credential: changed}, nil
}

// owned returns a credential of the owner's, so that a refusal needs no record of a change that will not be.
func (e *Engine) owned(ctx context.Context, id store.ID, owner Owner) (store.Credential, error) {
	c, err := e.store.Credential(ctx, id)
	if err != nil {
		return store.Credential{}, translate(err)
	}
	if !owner.holds(&c) {
		return store.Credential{}, errNotFound
	}
	return c, nil
}
