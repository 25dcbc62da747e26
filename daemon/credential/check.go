package credential

import (
	"context"
	"errors"

	"latchkey/daemon/fault"
	"latchkey/daemon/store"
)

// The refusals of Check. All are Unauthenticated faults; the sentences are StackStorm's.
var (
	ErrUnknown       = &fault.Error{Kind: fault.Unauthenticated, Reason: "unknown_credential", Public: "Unauthorized"}
	ErrMalformed     = &fault.Error{Kind: fault.Unauthenticated, Reason: "malformed_credential", Public: "Unauthorized"}
	ErrWrongKind     = &fault.Error{Kind: fault.Unauthenticated, Reason: "wrong_kind", Public: "Unauthorized"}
	ErrExpired       = &fault.Error{Kind: fault.Unauthenticated, Reason: "expired", Public: "Unauthorized - Token has expired."}
	ErrDisabled      = &fault.Error{Kind: fault.Unauthenticated, Reason: "credential_disabled", Public: "Unauthorized - API key is disabled."}
	ErrEnded         = &fault.Error{Kind: fault.Unauthenticated, Reason: "credential_ended", Public: "Unauthorized"}
	ErrOwnerDisabled = &fault.Error{Kind: fault.Unauthenticated, Reason: "user_disabled", Public: "Unauthorized"}
)

// Check returns the credential that a text is, with its owner's state, if it is one of kinds and may be used now. The entry
// is shared and must not be changed.
//
// The error is one of the Err… refusals, all of them Unauthenticated faults, or an Unavailable fault when the store does not
// answer. Garbage is turned away without a look into the store.
func (e *Engine) Check(ctx context.Context, text string, accepted Kinds) (*store.Entry, error) {
	digest, can, ok := digestOf(text)
	if !ok {
		return nil, ErrMalformed
	}
	if accepted&can == 0 {
		return nil, ErrWrongKind
	}
	entry, err := e.store.CredentialByDigest(ctx, digest)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, fault.Unavailablef("store_unavailable", err)
	}
	c, now := &entry.Credential, e.now()
	switch {
	case !(accepted & can).Has(c.Kind):
		return nil, ErrWrongKind
	case c.Expired(now):
		return nil, ErrExpired
	case c.Disabled && c.Kind == store.KindAPIKey:
		return nil, ErrDisabled
	case c.Disabled: // a removed member's developer token
		return nil, ErrEnded
	case entry.Owner != nil && entry.Owner.Disabled:
		return nil, ErrOwnerDisabled
	}
	if noted.Has(c.Kind) {
		e.uses.note(c, now)
	}
	return entry, nil
}
