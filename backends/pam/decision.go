package pam

import (
	"errors"
	"fmt"

	"github.com/msteinert/pam/v2"

	"latchkey/plugins"
)

// reasonNoAccount is the reason for refusing somebody whose password is right and who has no account.
const reasonNoAccount = "no_account"

// errNobodyAsked is a stack that is no check at all, such as one of pam_permit or pam_rootok alone.
var errNobodyAsked = errors.New("the PAM stack accepted without asking for the password; it must hold a module that checks it, such as pam_unix")

// decide makes an outcome and a reason of what PAM returned in both phases. An error means that PAM could not decide. What
// each code means is described in pam_authenticate(3) and pam_acct_mgmt(3).
func (t *transcript) decide() (plugins.Outcome, string, error) {
	switch {
	case t.conversation.extra:
		return plugins.Denied, plugins.ReasonExtraPrompt, nil
	case t.authenticate != nil:
		return decideAuthenticate(t.authenticate)
	case !t.conversation.asked:
		return plugins.Undecided, "", errNobodyAsked
	case t.account != nil:
		return decideAccount(t.account)
	}
	return plugins.Accepted, "", nil
}

// decideAuthenticate reads the result of pam_authenticate.
func decideAuthenticate(err error) (plugins.Outcome, string, error) {
	switch {
	case errors.Is(err, pam.ErrAuth):
		return plugins.Denied, plugins.ReasonWrongPassword, nil
	case errors.Is(err, pam.ErrUserUnknown):
		return plugins.UnknownUser, plugins.ReasonUnknownUser, nil
	}
	return decideEither("pam_authenticate", err)
}

// decideAccount reads the result of pam_acct_mgmt: the password was right.
func decideAccount(err error) (plugins.Outcome, string, error) {
	switch {
	case errors.Is(err, pam.ErrAuth): // pam_nologin and pam_access say so
		return plugins.Denied, plugins.ReasonPermissionDenied, nil
	case errors.Is(err, pam.ErrUserUnknown):
		return plugins.Denied, reasonNoAccount, nil
	}
	return decideEither("pam_acct_mgmt", err)
}

// decideEither reads the codes that mean the same in both phases.
func decideEither(phase string, err error) (plugins.Outcome, string, error) {
	reasons := []struct {
		code   pam.Error
		reason string
	}{
		{pam.ErrMaxtries, plugins.ReasonAttemptsExhausted},
		{pam.ErrPermDenied, plugins.ReasonPermissionDenied},
		{pam.ErrAcctExpired, plugins.ReasonAccountExpired},
		{pam.ErrNewAuthtokReqd, plugins.ReasonPasswordExpired},
		{pam.ErrCredExpired, plugins.ReasonPasswordExpired},
		{pam.ErrAuthtokExpired, plugins.ReasonPasswordExpired},
	}
	for _, r := range reasons {
		if errors.Is(err, r.code) {
			return plugins.Denied, r.reason, nil
		}
	}
	return plugins.Undecided, "", fmt.Errorf("%s: %w", phase, err)
}
