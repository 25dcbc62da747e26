package ldap

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"latchkey/plugins"
)

// Attributes that say whether an account may be used.
const (
	attrControl  = "userAccountControl"   // Active Directory: a bit set ([MS-ADTS] section 2.2.16)
	attrNSLock   = "nsAccountLock"        // 389 Directory Server, FreeIPA: a boolean
	attrPwdLock  = "pwdAccountLockedTime" // OpenLDAP's ppolicy: a time; slapo-ppolicy(5)
	attrPwdReset = "pwdReset"             // OpenLDAP's ppolicy: a boolean
)

// Bits of userAccountControl.
const (
	adDisabled = 0x2
	adLocked   = 0x10
	adExpired  = 0x800000 // the password
)

// lockedForGood is what pwdAccountLockedTime holds when only an administrator can unlock the account.
const lockedForGood = "000001010000Z"

// accountAttributes returns what is asked for of an account.
func accountAttributes(idAttr string) []string {
	return []string{idAttr, "cn", "displayName", "mail", attrControl, attrNSLock, attrPwdLock, attrPwdReset}
}

// accountState returns why an account may not be used whatever its password is; "" when the directory has nothing against it.
// A value that is not understood counts against the account. explained is a sentence for a trace.
func accountState(entry *ldap.Entry) (reason, explained string) {
	checks := []struct {
		attribute string
		judge     func(value string) string
	}{
		{attrControl, judgeControl},
		{attrNSLock, judgeBoolean(plugins.ReasonAccountDisabled)},
		{attrPwdLock, judgeLockTime},
		{attrPwdReset, judgeBoolean(plugins.ReasonPasswordExpired)},
	}
	var seen []string
	for _, check := range checks {
		values := entry.GetEqualFoldAttributeValues(check.attribute)
		if len(values) == 0 {
			continue
		}
		seen = append(seen, check.attribute)
		reason := reasonBadState
		if len(values) == 1 {
			reason = check.judge(values[0])
		}
		if reason != "" {
			return reason, fmt.Sprintf("%s speaks against the account: %s", check.attribute, reason)
		}
	}
	if len(seen) == 0 {
		return "", "the entry has no attribute that could lock or disable it"
	}
	return "", "nothing against the account in " + strings.Join(seen, ", ")
}

func judgeControl(value string) string {
	bits, err := strconv.ParseInt(value, 10, 64)
	switch {
	case err != nil:
		return reasonBadState
	case bits&adDisabled != 0:
		return plugins.ReasonAccountDisabled
	case bits&adLocked != 0:
		return plugins.ReasonAccountLocked
	case bits&adExpired != 0:
		return plugins.ReasonPasswordExpired
	}
	return ""
}

// judgeBoolean reads a boolean as RFC 4517 section 3.3.3 writes it, in any case; 389 Directory Server writes it in small letters.
func judgeBoolean(reason string) func(string) string {
	return func(value string) string {
		switch strings.ToUpper(value) {
		case "TRUE":
			return reason
		case "FALSE":
			return ""
		}
		return reasonBadState
	}
}

// judgeLockTime reads pwdAccountLockedTime. A time that is not for good is left to the bind: only the server knows how long its
// policy locks.
func judgeLockTime(value string) string {
	switch {
	case value == lockedForGood:
		return plugins.ReasonAccountLocked
	case regexp.MustCompile(`^[0-9]{10}([0-9]{2}){0,2}([.,][0-9]+)?(Z|[+-][0-9]{2}([0-9]{2})?)$`).MatchString(value):
		return ""
	}
	return reasonBadState
}

// accountName returns the account's one name: the value of idAttr as the directory spells it. Of several values it is the one
// in the distinguished name. ok is false when there is none or several, or when it is no name that Latchkey knows users by:
// UTF-8 of 1 to 256 bytes without control characters, outer spaces and colons.
func accountName(entry *ldap.Entry, idAttr string) (name string, ok bool) {
	values := entry.GetEqualFoldAttributeValues(idAttr)
	if len(values) > 1 {
		values = nil
		if dn, err := ldap.ParseDN(entry.DN); err == nil && len(dn.RDNs) > 0 {
			for _, attribute := range dn.RDNs[0].Attributes {
				if strings.EqualFold(attribute.Type, idAttr) {
					values = append(values, attribute.Value)
				}
			}
		}
	}
	if len(values) != 1 {
		return "", false
	}
	return values[0], usableName(values[0])
}

func usableName(name string) bool {
	return name != "" && len(name) <= 256 && utf8.ValidString(name) && strings.TrimSpace(name) == name &&
		!strings.ContainsFunc(name, func(r rune) bool { return r == ':' || unicode.IsControl(r) })
}
