package ldap

import (
	"errors"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"latchkey/plugins"
)

// Which answers say something about the account, and which say nothing and must not look like a wrong password. hazard 8
func TestJudgeBind(t *testing.T) {
	policy := func(code int8) []ldap.Control {
		c := ldap.NewControlBeheraPasswordPolicy()
		c.Error = code
		return []ldap.Control{c}
	}
	windows := func(data string) string {
		return "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data " + data + ", v4563\x00"
	}
	const undecided = "undecided"
	for name, test := range map[string]struct {
		code     uint16
		text     string
		controls []ldap.Control
		want     string
	}{
		"right":                               {want: ""},
		"right, policy without an objection":  {controls: policy(-1), want: ""},
		"right, must change":                  {controls: policy(2), want: plugins.ReasonPasswordExpired},
		"right, must change (Netscape)":       {controls: []ldap.Control{&ldap.ControlVChuPasswordMustChange{MustChange: true}}, want: plugins.ReasonPasswordExpired},
		"right, locked":                       {controls: policy(1), want: plugins.ReasonAccountLocked},
		"wrong":                               {code: 49, want: plugins.ReasonWrongPassword},
		"wrong, locked":                       {code: 49, controls: policy(1), want: plugins.ReasonAccountLocked},
		"wrong, expired":                      {code: 49, controls: policy(0), want: plugins.ReasonPasswordExpired},
		"wrong, policy without an objection":  {code: 49, controls: policy(-1), want: plugins.ReasonWrongPassword},
		"Windows: wrong":                      {code: 49, text: windows("52e"), want: plugins.ReasonWrongPassword},
		"Windows: no such user":               {code: 49, text: windows("525"), want: plugins.ReasonUnknownUser},
		"Windows: not at this time":           {code: 49, text: windows("530"), want: plugins.ReasonPermissionDenied},
		"Windows: not from here":              {code: 49, text: windows("531"), want: plugins.ReasonPermissionDenied},
		"Windows: password expired":           {code: 49, text: windows("532"), want: plugins.ReasonPasswordExpired},
		"Windows: disabled":                   {code: 49, text: windows("533"), want: plugins.ReasonAccountDisabled},
		"Windows: account expired":            {code: 49, text: windows("701"), want: plugins.ReasonAccountExpired},
		"Windows: must change":                {code: 49, text: windows("773"), want: plugins.ReasonPasswordExpired},
		"Windows: locked":                     {code: 49, text: windows("775"), want: plugins.ReasonAccountLocked},
		"Windows: a number of tomorrow":       {code: 49, text: windows("9999"), want: plugins.ReasonWrongPassword},
		"a user named like a Windows message": {code: 49, text: "data 533", want: plugins.ReasonWrongPassword},
		"no password":                         {code: 48, want: reasonNotSimple},
		"too many failures (389)":             {code: 19, text: "Exceed password retry limit. Please try later.", want: plugins.ReasonAccountLocked},
		"inactivated (389)":                   {code: 53, text: "Account inactivated. Contact system administrator.", want: plugins.ReasonAccountDisabled},
		"unwilling":                           {code: 53, text: "no", want: reasonRefused},
		"entry gone":                          {code: 32, want: plugins.ReasonUnknownUser},
		"may not bind":                        {code: 50, want: plugins.ReasonPermissionDenied},
		"operations error":                    {code: 1, want: undecided},
		"protocol error":                      {code: 2, want: undecided},
		"time limit":                          {code: 3, want: undecided},
		"simple bind not supported":           {code: 7, want: undecided},
		"stronger authentication":             {code: 8, want: undecided},
		"referral":                            {code: 10, want: undecided},
		"confidentiality":                     {code: 13, want: undecided},
		"SASL in progress":                    {code: 14, want: undecided},
		"name syntax":                         {code: 34, want: undecided},
		"busy":                                {code: 51, want: undecided},
		"unavailable":                         {code: 52, want: undecided},
		"other":                               {code: 80, want: undecided},
		"a code of tomorrow":                  {code: 117, want: undecided},
		"network":                             {code: 200, want: undecided},
		"network, with a control":             {code: 200, controls: policy(1), want: undecided},
		"busy, with a control":                {code: 51, controls: policy(2), want: undecided},
	} {
		var given error
		if test.code != 0 {
			given = ldap.NewError(test.code, errors.New(test.text))
		}
		got, err := judgeBind(test.controls, given)
		if test.want == undecided {
			if err == nil {
				t.Errorf("%s: reason %q, want an error", name, got.reason)
			}
			continue
		}
		if err != nil || got.reason != test.want {
			t.Errorf("%s: reason %q, error %v; want %q", name, got.reason, err, test.want)
		}
	}
	if _, err := judgeBind(policy(1), errors.New("EOF")); err == nil {
		t.Error("an error that is no answer decides")
	}
}
