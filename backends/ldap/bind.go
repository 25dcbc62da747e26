package ldap

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"latchkey/plugins"
)

// Reasons of this backend beside those of the contract.
const (
	reasonRefused   = "refused_by_directory"
	reasonNoName    = "no_usable_name"
	reasonBadState  = "unreadable_account_state"
	reasonNotSimple = "no_password_in_directory"
)

// verdict is what a bind says about an account. A reason of "" means that the password is right.
type verdict struct {
	reason string
	// told is the directory's own words, for a trace.
	told string
}

// judgeBind says what the answer to a user's bind means. Its error means that the bind decided nothing.
//
// Beside the result codes (RFC 4511 section 4.1.9) it reads what directories say in other places: the password policy control
// (draft-behera-ldap-password-policy-10, OpenLDAP's ppolicy), the password-expired control of Netscape's line (389 Directory
// Server, FreeIPA), and Active Directory's "data" numbers.
func judgeBind(controls []ldap.Control, err error) (verdict, error) {
	told := "result 0"
	if err != nil {
		told = err.Error()
	}
	refused := func(reason string) (verdict, error) { return verdict{reason: reason, told: told}, nil }
	if reason := policyReason(controls); reason != "" && (err == nil || resultCode(err) == ldap.LDAPResultInvalidCredentials) {
		return refused(reason)
	}
	if err == nil {
		return verdict{told: told}, nil
	}
	text := strings.ToLower(err.Error())
	switch resultCode(err) {
	case ldap.LDAPResultInvalidCredentials:
		return refused(activeDirectoryReason(text))
	case ldap.LDAPResultInappropriateAuthentication:
		return refused(reasonNotSimple)
	case ldap.LDAPResultConstraintViolation:
		// 389 Directory Server and FreeIPA after too many failures.
		return refused(plugins.ReasonAccountLocked)
	case ldap.LDAPResultUnwillingToPerform:
		// 389 Directory Server and FreeIPA: "Account inactivated. Contact system administrator."
		if strings.Contains(text, "inactivated") || strings.Contains(text, "disabled") {
			return refused(plugins.ReasonAccountDisabled)
		}
		return refused(reasonRefused)
	case ldap.LDAPResultNoSuchObject:
		// It went away after it was found, or the directory says of every entry that may not bind that there is none.
		return refused(plugins.ReasonUnknownUser)
	case ldap.LDAPResultInsufficientAccessRights:
		return refused(plugins.ReasonPermissionDenied)
	}
	return verdict{told: told}, err
}

// policyReason reads the controls of a bind's answer.
func policyReason(controls []ldap.Control) string {
	for _, control := range controls {
		switch control := control.(type) {
		case *ldap.ControlBeheraPasswordPolicy:
			// Section 6.2 of the draft: 0 passwordExpired, 1 accountLocked, 2 changeAfterReset; the others are about changes of
			// a password.
			switch control.Error {
			case 0, 2:
				return plugins.ReasonPasswordExpired
			case 1:
				return plugins.ReasonAccountLocked
			}
		case *ldap.ControlVChuPasswordMustChange:
			return plugins.ReasonPasswordExpired
		}
	}
	return ""
}

// activeDirectoryNumber finds Active Directory's number in a lower-case answer.
var activeDirectoryNumber = regexp.MustCompile(`acceptsecuritycontext error, data ([0-9a-f]+)`)

// activeDirectoryReason reads the number in "80090308: LdapErr: DSID-…, comment: AcceptSecurityContext error, data 533, v…".
// The numbers are Windows system errors in hexadecimal. Without one the password is wrong.
func activeDirectoryReason(text string) string {
	match := activeDirectoryNumber.FindStringSubmatch(text)
	if match == nil {
		return plugins.ReasonWrongPassword
	}
	switch match[1] {
	case "525": // ERROR_NO_SUCH_USER
		return plugins.ReasonUnknownUser
	case "530", "531": // ERROR_INVALID_LOGON_HOURS, ERROR_INVALID_WORKSTATION
		return plugins.ReasonPermissionDenied
	case "532", "773": // ERROR_PASSWORD_EXPIRED, ERROR_PASSWORD_MUST_CHANGE
		return plugins.ReasonPasswordExpired
	case "533": // ERROR_ACCOUNT_DISABLED
		return plugins.ReasonAccountDisabled
	case "701": // ERROR_ACCOUNT_EXPIRED
		return plugins.ReasonAccountExpired
	case "775": // ERROR_ACCOUNT_LOCKED_OUT
		return plugins.ReasonAccountLocked
	}
	return plugins.ReasonWrongPassword
}

// bindService makes a connection ready for searches. An answer that refuses the service account is final, since other servers
// would give the same and might count it against the account.
func (b *Backend) bindService(ctx context.Context, c *conn) error {
	controls, err := c.bind(ctx, b.config.bindDN, b.config.bindPassword.Reveal())
	switch code := resultCode(err); {
	case err == nil && policyReason(controls) == plugins.ReasonPasswordExpired:
		return fmt.Errorf("the service account %s must change its password", b.config.bindDN)
	case err == nil:
		return nil
	case code == noResult:
		return err
	case code == ldap.LDAPResultBusy || code == ldap.LDAPResultUnavailable:
		return &connectionError{c.endpoint, "bind", err}
	default:
		return fmt.Errorf("%s refuses the service account %s: check bind_dn and bind_password: %w", c.endpoint.address, b.config.bindDN, err)
	}
}
