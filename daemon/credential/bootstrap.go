package credential

import (
	"context"
	"errors"

	"latchkey/daemon/audit"
	"latchkey/daemon/fault"
	"latchkey/daemon/store"
	"latchkey/plugins/secret"
)

// bootstrapMark is what a store remembers of the bootstrap token for ever, so that no restart, no second node and no changed
// configuration brings back one that was deleted or has expired.
const bootstrapMark = "bootstrap"

// CheckBootstrap returns an error, which shows nothing of it, when a text cannot be a bootstrap token: it is neither one that a
// service token of ours could have (with its checksum), nor 20 to 256 printable ASCII characters without spaces and without a
// prefix of ours.
func CheckBootstrap(text secret.Text) error {
	if _, can, ok := digestOf(text.Reveal()); !ok || !can.Has(store.KindService) {
		return errors.New("it has neither a service token's own form nor 20 to 256 printable ASCII characters without lkt_, lka_, lks_, lkd_, lkc_ or lki_ before them")
	}
	return nil
}

// Bootstrap makes the service token that an administrator chose, with this text, if the store has never held a credential and
// nobody did so before. Of several nodes that start at once exactly one makes it. It reports whether this call did.
//
// The error is an Invalid fault when the text cannot be a token, and an Unavailable fault when it could not be recorded or
// stored.
func (e *Engine) Bootstrap(ctx context.Context, once store.Bootstraps, text secret.Text, spec Spec, origin audit.Origin) (created bool, err error) {
	if err := CheckBootstrap(text); err != nil {
		return false, fault.Invalidf("The bootstrap token cannot be used: %s.", err)
	}
	digest, _, _ := digestOf(text.Reveal())
	done, err := once.Done(ctx, bootstrapMark)
	if err != nil || done {
		return false, translate(err)
	}
	spec.Kind, spec.Digest = store.KindService, digest
	issued, err := e.Prepare(spec)
	if err != nil {
		return false, err
	}
	event := eventOf(audit.EventIssue, &issued.Credential, spec.CreatedBy, origin)
	event.Reason = bootstrapMark
	if err := e.record(ctx, event); err != nil {
		return false, err
	}
	settling, cancel := settle(ctx)
	defer cancel()
	created, err = once.CreateOnce(settling, bootstrapMark, true, issued.Credential)
	if err != nil {
		return false, e.failed(ctx, event, err)
	}
	if !created { // the store is in use already, or another node was faster
		event.Event, event.Outcome, event.Reason = audit.EventCredentialFailed, audit.OutcomeRefused, "store_not_empty"
		return false, e.record(ctx, event)
	}
	return true, nil
}
