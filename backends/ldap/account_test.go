package ldap

import (
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"latchkey/plugins"
)

// A value that is not understood counts against the account: "FALSE" is no truth, and "0 " no number. hazard 23
func TestAccountState(t *testing.T) {
	for _, test := range []struct{ attribute, value, reason string }{
		{"userAccountControl", "512", ""},
		{"USERACCOUNTCONTROL", "66048", ""},
		{"userAccountControl", "0", ""},
		{"userAccountControl", "514", plugins.ReasonAccountDisabled},
		{"userAccountControl", "66050", plugins.ReasonAccountDisabled},
		{"userAccountControl", "2", plugins.ReasonAccountDisabled},
		{"userAccountControl", "528", plugins.ReasonAccountLocked},
		{"userAccountControl", "8389120", plugins.ReasonPasswordExpired},
		{"userAccountControl", "", reasonBadState},
		{"userAccountControl", " 512", reasonBadState},
		{"userAccountControl", "0x200", reasonBadState},
		{"userAccountControl", "512.0", reasonBadState},
		{"userAccountControl", "99999999999999999999", reasonBadState},
		{"nsAccountLock", "FALSE", ""},
		{"nsaccountlock", "false", ""},
		{"nsAccountLock", "TRUE", plugins.ReasonAccountDisabled},
		{"nsAccountLock", "true", plugins.ReasonAccountDisabled},
		{"nsAccountLock", "", reasonBadState},
		{"nsAccountLock", "0", reasonBadState},
		{"nsAccountLock", "1", reasonBadState},
		{"nsAccountLock", "no", reasonBadState},
		{"nsAccountLock", " FALSE", reasonBadState},
		{"pwdReset", "TRUE", plugins.ReasonPasswordExpired},
		{"pwdReset", "FALSE", ""},
		{"pwdReset", "maybe", reasonBadState},
		{"pwdAccountLockedTime", "000001010000Z", plugins.ReasonAccountLocked},
		{"pwdAccountLockedTime", "20261122120000Z", ""},
		{"pwdAccountLockedTime", "20261122120000.123456Z", ""},
		{"pwdAccountLockedTime", "soon", reasonBadState},
		{"pwdAccountLockedTime", "", reasonBadState},
	} {
		got, explained := accountState(entry("uid=x", test.attribute, test.value))
		if got != test.reason || explained == "" {
			t.Errorf("%s: %q: reason %q, want %q (%s)", test.attribute, test.value, got, test.reason, explained)
		}
	}
	if got, _ := accountState(entry("uid=x", "cn", "x")); got != "" {
		t.Errorf("without any: %q", got)
	}
	two := &ldap.Entry{Attributes: []*ldap.EntryAttribute{ldap.NewEntryAttribute("nsAccountLock", []string{"FALSE", "FALSE"})}}
	if got, _ := accountState(two); got != reasonBadState {
		t.Errorf("two values: %q", got)
	}
	both := entry("uid=x", "userAccountControl", "512", "nsAccountLock", "TRUE")
	if got, _ := accountState(both); got != plugins.ReasonAccountDisabled {
		t.Errorf("the second of two attributes: %q", got)
	}
}

// The name is the directory's; what Latchkey could not know a user by is none. hazard 4, hazard 5
func TestAccountName(t *testing.T) {
	several := func(dn string, values ...string) *ldap.Entry {
		return &ldap.Entry{DN: dn, Attributes: []*ldap.EntryAttribute{ldap.NewEntryAttribute("UID", values)}}
	}
	for _, test := range []struct {
		entry *ldap.Entry
		name  string
		ok    bool
	}{
		{several("uid=Bob,dc=x", "Bob"), "Bob", true},
		{several("cn=Bob,dc=x", "bob"), "bob", true},
		{several("uid=bob,dc=x", "robert", "bob"), "bob", true},
		{several("cn=bob,dc=x", "robert", "bob"), "", false},
		{several("no dn", "robert", "bob"), "", false},
		{several("uid=bob,dc=x"), "", false},
		{entry("uid=bob,dc=x", "cn", "bob"), "", false},
		{several("uid=x", ""), "", false},
		{several("uid=x", "Jörg 1"), "Jörg 1", true},
		{several("uid=x", " bob"), "", false},
		{several("uid=x", "bob\u00a0"), "", false},
		{several("uid=x", "a:b"), "", false},
		{several("uid=x", "a\nb"), "", false},
		{several("uid=x", "a\x00"), "", false},
		{several("uid=x", "\xff"), "", false},
		{several("uid=x", strings.Repeat("a", 257)), "", false},
		{several("uid=x", strings.Repeat("a", 256)), strings.Repeat("a", 256), true},
	} {
		got, ok := accountName(test.entry, "uid")
		if ok != test.ok || ok && got != test.name {
			t.Errorf("%q, %q: %q, %v", test.entry.DN, test.entry.GetEqualFoldAttributeValues("uid"), got, ok)
		}
	}
}
