package ldap_test

import (
	"strings"
	"testing"

	"latchkey/backends/ldap/slapdtest"
	"latchkey/plugins"
)

// refer is the LDIF of an entry that refers to another server (RFC 3296).
func refer(ou string, urls ...string) string {
	text := "dn: ou=" + ou + ",dc=example,dc=com\nobjectClass: referral\nobjectClass: extensibleObject\nou: " + ou + "\n"
	for _, url := range urls {
		text += "ref: " + url + "\n"
	}
	return text + "\n"
}

// Referrals are followed only where the settings say so, under the same protection; the password is tried where the account is.
func TestReferrals(t *testing.T) {
	authority := slapdtest.NewAuthority(t)
	far := slapdtest.Start(t, slapdtest.Options{Authority: authority, LDIF: person("dora", "d", "") + member("far", "uid=dora,ou=people,dc=example,dc=com")})
	near := slapdtest.Start(t, slapdtest.Options{Authority: authority, LDIF: refer("far", "ldap://"+far.Address+"/dc=example,dc=com??sub") +
		refer("tls", "ldaps://"+far.TLSAddress+"/ou=groups,dc=example,dc=com")})
	groups := kwargs{"group_dns": []string{"cn=far", "cn=st2users"}, "group_dns_check": "or", "base_ou": slapdtest.Suffix, "cacert": near.CAFile}
	with := func(changes kwargs) kwargs {
		settings := plain(near, groups)
		for key, value := range changes {
			settings[key] = value
		}
		return settings
	}
	backend, _ := open(t, with(nil))
	want(t, backend, "dora", "d", plugins.UnknownUser, plugins.ReasonUnknownUser)
	want(t, backend, "alice", slapdtest.AlicePassword, plugins.Accepted, "")
	for name, changes := range map[string]kwargs{
		"plain": {"chase_referrals": true}, "by client option": {"client_options": kwargs{"8": 1}}, "StartTLS": {"chase_referrals": "yes", "use_tls": true},
		"TLS": {"chase_referrals": true, "use_ssl": true, "host": near.TLSAddress},
	} {
		t.Run(name, func(t *testing.T) {
			backend, _ := open(t, with(changes))
			got := want(t, backend, "DORA", "d", plugins.Accepted, "")
			if got.Name != "dora" || len(got.Groups) != 1 || got.Groups[0] != "far" {
				t.Errorf("%+v", got)
			}
			want(t, backend, "dora", "wrong", plugins.Denied, plugins.ReasonWrongPassword)
			// Both servers have this entry: it is one account.
			want(t, backend, "alice", slapdtest.AlicePassword, plugins.Accepted, "")
			want(t, backend, "nobody-here", "x", plugins.UnknownUser, plugins.ReasonUnknownUser)
		})
	}
	// The whole search may be referred, not only a part of it.
	whole := kwargs{"base_ou": "ou=far,dc=example,dc=com", "base_ou_group": slapdtest.Groups}
	backend, _ = open(t, with(whole))
	undecided(t, backend, "dora", "d", "Referral")
	whole["chase_referrals"], whole["base_ou_group"] = true, "ou=far,dc=example,dc=com"
	backend, _ = open(t, with(whole))
	want(t, backend, "dora", "d", plugins.Accepted, "")
}

// A referral that cannot be followed, or that would send a password where the settings do not allow it, decides nothing. hazard 21
func TestUnfollowedReferrals(t *testing.T) {
	authority := slapdtest.NewAuthority(t)
	for name, test := range map[string]struct{ url, says string }{
		"clear text to another host": {"ldap://192.0.2.1/dc=example,dc=com", "in clear to another host"},
		"nobody there":               {"ldap://" + refusing(t) + "/dc=example,dc=com", "connection refused"},
		"no LDAP":                    {"https://ldap.example.com/", "is no LDAP address"},
		"no host":                    {"ldap:///dc=example,dc=com", "with a host"},
		"no such place":              {"ldap://{far}/dc=elsewhere", "No Such Object"},
		"around in a circle":         {"ldap://{far}/dc=example,dc=com", "more than 3 times"},
	} {
		t.Run(name, func(t *testing.T) {
			far := slapdtest.Start(t, slapdtest.Options{Authority: authority})
			url := strings.ReplaceAll(test.url, "{far}", far.Address)
			far.Apply(t, "dn: ou=round,dc=example,dc=com\nchangetype: add\nobjectClass: referral\nobjectClass: extensibleObject\nou: round\nref: ldap://"+far.Address+"/dc=example,dc=com??sub\n")
			near := slapdtest.Start(t, slapdtest.Options{Authority: authority, LDIF: refer("far", url)})
			backend, _ := open(t, plain(near, kwargs{"chase_referrals": true}))
			undecided(t, backend, "alice", slapdtest.AlicePassword, test.says)
			undecided(t, backend, "nobody-here", "x", test.says)
			backend, _ = open(t, plain(near, nil))
			want(t, backend, "alice", slapdtest.AlicePassword, plugins.Accepted, "")
		})
	}
}
