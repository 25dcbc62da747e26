package login

import (
	"context"
	"errors"

	"latchkey/daemon/fault"
	"latchkey/plugins"
	"latchkey/plugins/secret"
)

// Explain asks the chain about a name and a password and returns a sentence for each step of the decision, and as the last
// one the outcome with its reason. It is for an administrator at the host's own keyboard: nothing is counted or recorded,
// and no lock is looked at. The error is nil only when the answer is yes.
func (c *Chain) Explain(ctx context.Context, name string, password secret.Text) ([]string, error) {
	canonical, malformed := wellFormed(Attempt{Name: name, Password: password})
	if malformed != nil {
		steps := []string{"no backend is asked: " + malformed.Error()}
		return append(steps, "not accepted: "+malformed.Reason), refusal(malformed)
	}
	verdict, err := c.Ask(ctx, plugins.Request{Name: canonical, Password: password, Trace: true})
	switch {
	case err != nil:
		reason := "could not decide"
		if known, ok := errors.AsType[*fault.Error](err); ok {
			reason += ": " + known.Reason
		}
		return append(verdict.Steps, reason+" (the caller gets 503)"), err
	case verdict.Outcome == plugins.Accepted:
		return append(verdict.Steps, "accepted as "+verdict.Name+" by "+verdict.Backend), nil
	}
	return append(verdict.Steps, "not accepted: "+verdict.Reason+" (the caller gets 401)"),
		refusal(&fault.Error{Reason: verdict.Reason})
}
