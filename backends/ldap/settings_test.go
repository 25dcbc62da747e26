package ldap

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"latchkey/plugins"
	"latchkey/plugins/secret"
)

// smallest is the least that identifies a user.
func smallest() map[string]string {
	return map[string]string{
		"host": `"localhost"`, "base_ou": `"dc=example,dc=com"`, "bind_dn": `"cn=a,dc=example,dc=com"`, "bind_password": `"canary-secret"`,
		"group_dns": `["cn=st2users"]`,
	}
}

// read makes a config of the smallest settings with changes over them; the empty text takes a key out.
func read(changes map[string]string) (*config, error) {
	all := smallest()
	maps.Copy(all, changes)
	var members []string
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if all[key] != "" {
			members = append(members, `"`+key+`": `+all[key])
		}
	}
	return newConfig(plugins.NewSettings(secret.New("{" + strings.Join(members, ", ") + "}")))
}

// Settings that cannot identify a user, or that would send passwords to whoever listens, are refused by name. hazard 2, hazard 21,
// hazard 22
func TestFaults(t *testing.T) {
	notPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(notPEM, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		changes map[string]string
		want    []string
	}{
		"nothing": {
			map[string]string{"host": "", "base_ou": "", "bind_dn": "", "bind_password": "", "group_dns": ""},
			[]string{"bind_dn: is required", "bind_password: is required", "base_ou: is required", "group_dns: is required", "host: is required"},
		},
		"empty values": {
			map[string]string{"host": `" , "`, "base_ou": `" "`, "bind_dn": `""`, "bind_password": `""`, "group_dns": `[]`},
			[]string{"bind_dn: is required", "bind_password: is required", "base_ou: is required", "group_dns: is required", "host: is required"},
		},
		"both kinds of TLS":                  {map[string]string{"use_ssl": "true", "use_tls": "true"}, []string{"use_tls: cannot be on together with use_ssl"}},
		"clear text":                         {map[string]string{"host": `"ldap.example.com"`}, []string{"use_tls: is off", "insecure_plaintext"}},
		"clear text to the second":           {map[string]string{"host": `"localhost,10.1.2.3"`}, []string{"10.1.2.3 in clear"}},
		"pattern for everybody":              {map[string]string{"account_pattern": `"(uid=alice)"`}, []string{"account_pattern: does not contain {username}"}},
		"StackStorm's written default":       {map[string]string{"account_pattern": `"{id_attr}={{username}}"`}, []string{"account_pattern: does not contain {username}"}},
		"pattern with an attribute from out": {map[string]string{"account_pattern": `"(&(objectClass=*)({username}=x))"`}, []string{"account_pattern: has {username} where no value stands"}},
		"pattern unknown place":              {map[string]string{"account_pattern": `"(uid={user_dn})"`}, []string{"account_pattern: knows no placeholder \"user_dn\""}},
		"pattern parentheses":                {map[string]string{"account_pattern": `"(&(uid={username})"`}, []string{"account_pattern: is no search filter"}},
		"pattern brace":                      {map[string]string{"account_pattern": `"(uid={username)"`}, []string{"account_pattern: has a single brace"}},
		"group pattern for everybody":        {map[string]string{"group_pattern": `"(objectClass=*)"`}, []string{"group_pattern: does not contain {user_dn} or {username}"}},
		"id_attr":                            {map[string]string{"id_attr": `"uid=x)(cn"`}, []string{"id_attr: is no attribute's name"}},
		"scope":                              {map[string]string{"scope": `"sub"`}, []string{"scope: must be base, onelevel or subtree"}},
		"group name":                         {map[string]string{"group_dns": `["st2users", "cn=", "cn=ok"]`}, []string{`group_dns: "st2users" is no distinguished name`, `group_dns: "cn=" has a part without a value`}},
		"group check":                        {map[string]string{"group_dns_check": `"xor"`}, []string{"group_dns_check: must be and"}},
		"base":                               {map[string]string{"base_ou": `"example.com"`, "base_ou_group": `"groups"`}, []string{"base_ou: is no distinguished name", "base_ou_group: is no distinguished name"}},
		"hosts":                              {map[string]string{"host": `["ldaps://a", "b:port", "b c", "[::1", ":389"]`}, []string{`"ldaps://a" is no host`, `"b:port" is no host`, `"b c" is no host`, `"[::1" is no host`, `":389" is no host`}},
		"port":                               {map[string]string{"port": "70000"}, []string{"port: must be 1 to 65535"}},
		"timeout":                            {map[string]string{"network_timeout": "0"}, []string{"network_timeout: must be more than 0"}},
		"pool":                               {map[string]string{"pool_size": "0"}, []string{"pool_size: must be 1 to 128"}},
		"cache":                              {map[string]string{"cache_user_groups_ttl": "1", "cache_user_groups_cache_ttl": "2", "cache_user_groups_cache_max_size": "0"}, []string{"cache_user_groups_cache_ttl: says something else", "cache_user_groups_cache_max_size: must be 1"}},
		"no CA file":                         {map[string]string{"cacert": `"/no/such/ca.pem"`}, []string{"cacert: cannot be read"}},
		"CA file":                            {map[string]string{"cacert": `"` + notPEM + `"`}, []string{"holds no certificate"}},
		"community backend":                  {map[string]string{"ldap_uri": `"ldap://x"`, "bind_pw": `"canary-secret"`, "user": "{}"}, []string{"ldap_uri: is an option of StackStorm's community LDAP backend; write host", "bind_pw: is an option", "user: is an option"}},
		"unknown key":                        {map[string]string{"bind_pasword": `"canary-secret"`}, []string{"bind_pasword: unknown setting; did you mean bind_password"}},
		"unreadable is not missing, too":     {map[string]string{"bind_password": "5", "group_dns": "5", "host": "true"}, []string{"bind_password: must be a string", "group_dns: must be a list of strings", "host: must be a list"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(test.changes)
			wrong, ok := errors.AsType[*plugins.SettingsError](err)
			if !ok {
				t.Fatalf("error %v, want faults", err)
			}
			for _, text := range test.want {
				if !strings.Contains(wrong.Error(), text) {
					t.Errorf("no fault with %q in:\n%s", text, wrong)
				}
			}
			if strings.Contains(wrong.Error(), "canary-secret") || strings.Contains(wrong.Error(), "\n") {
				t.Errorf("a secret or a line break in:\n%s", wrong)
			}
			keys := map[string]int{}
			for _, fault := range wrong.Faults {
				keys[fault.Key]++
			}
			if name != "hosts" && name != "group name" {
				for key, times := range keys {
					if times > 1 {
						t.Errorf("%d faults for %s:\n%s", times, key, wrong)
					}
				}
			}
		})
	}
}

// Every documented option is understood, in the types that StackStorm's JSON has and as the texts of an ini file.
func TestSettings(t *testing.T) {
	for name, changes := range map[string]map[string]string{
		"JSON": {
			"base_ou_group": `"ou=groups,dc=example,dc=com"`, "group_dns": `["CN=a,DC=example,DC=com", "cn=b"]`, "group_dns_check": `"or"`,
			"host": `"one.example.com, two.example.com:1636"`, "port": "2636", "use_ssl": "true", "use_tls": "false", "cacert": "null", "id_attr": `"cn"`,
			"account_pattern": `"(&(objectClass=person)(|(uid={username})(mail={username})))"`, "group_pattern": `"(member={user_dn})"`,
			"scope": `"onelevel"`, "network_timeout": "2.5", "chase_referrals": "true", "debug": "true",
			"client_options": `{"20482": 2, "OPT_DEREF": 3}`, "cache_user_groups_response": "true", "cache_user_groups_ttl": "60", "pool_size": "3",
		},
		"ini": {
			"base_ou_group": `"ou=groups,dc=example,dc=com"`, "group_dns": `"CN=a,DC=example,DC=com; cn=b"`, "group_dns_check": `"OR"`,
			"host": `"one.example.com, two.example.com:1636"`, "port": `"2636"`, "use_ssl": `"True"`, "use_tls": `"False"`, "cacert": `"None"`, "id_attr": `"cn"`,
			"account_pattern": `"(&(objectClass=person)(|(uid={username})(mail={username})))"`, "group_pattern": `"member={user_dn}"`,
			"scope": `"onelevel"`, "network_timeout": `"2.5"`, "chase_referrals": `"yes"`, "debug": `"on"`,
			"client_options": `"{\"ldap.OPT_TIMEOUT\": \"2\", \"2\": 3}"`, "cache_user_groups_response": `"1"`, "cache_user_groups_cache_ttl": `"60"`, "pool_size": `"3"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := read(changes)
			if err != nil {
				t.Fatal(err)
			}
			hosts := []endpoint{{"one.example.com", "one.example.com:2636"}, {"two.example.com", "two.example.com:1636"}}
			if !slices.Equal(c.hosts, hosts) || c.dialer.mode != modeTLS || c.dialer.tls.InsecureSkipVerify || c.dialer.tls.RootCAs != nil {
				t.Errorf("hosts %v, dialer %+v", c.hosts, c.dialer)
			}
			if c.base != "dc=example,dc=com" || c.groupBase != "ou=groups,dc=example,dc=com" || c.scope != ldap.ScopeSingleLevel || c.deref != 3 || c.idAttr != "cn" {
				t.Errorf("%+v", c)
			}
			if c.timeout != 2*time.Second || !c.chase || !c.debug || c.cacheTTL != time.Minute || c.poolSize != 3 {
				t.Errorf("%+v", c)
			}
			if got := c.group.expand(map[string]string{placeUserDN: "cn=x"}); got != "(member=cn=x)" {
				t.Errorf("group filter %s", got)
			}
			if !c.required.any || len(c.required.groups) != 2 {
				t.Errorf("required %+v", c.required)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	c, err := read(map[string]string{"host": `["localhost", "127.0.0.2:1389", "::1", "[::1]:390", "localhost"]`})
	if err != nil {
		t.Fatal(err)
	}
	hosts := []endpoint{{"localhost", "localhost:389"}, {"127.0.0.2", "127.0.0.2:1389"}, {"::1", "[::1]:389"}, {"::1", "[::1]:390"}}
	if !slices.Equal(c.hosts, hosts) {
		t.Errorf("hosts %v", c.hosts)
	}
	if c.idAttr != "uid" || c.scope != ldap.ScopeWholeSubtree || c.groupBase != c.base || c.timeout != 10*time.Second || c.chase || c.required.any ||
		c.cacheTTL != 2*time.Minute || c.deref != ldap.NeverDerefAliases {
		t.Errorf("%+v", c)
	}
	if got := c.account.expand(map[string]string{placeUsername: "bob"}); got != "(uid=bob)" {
		t.Errorf("account filter %s", got)
	}
	tls, err := read(map[string]string{"use_ssl": "true", "host": `"a"`, "cache_user_groups_response": "false"})
	if err != nil || tls.hosts[0].address != "a:636" || tls.cacheTTL != 0 {
		t.Errorf("%+v, %v", tls, err)
	}
}

// Without id_attr the attribute that account_pattern compares with the name is the one that names users: StackStorm's
// configurations have one or the other.
func TestNameAttribute(t *testing.T) {
	for pattern, attribute := range map[string]string{
		"": "uid", "sAMAccountName={username}": "sAMAccountName", "(&(objectClass=person)(|(accountName={username})(mail={username})))": "accountName",
		"(userPrincipalName={username}@example.com)": "uid", "(cn:caseExactMatch:={username})": "uid",
	} {
		c, err := read(map[string]string{"account_pattern": `"` + pattern + `"`})
		if err != nil || c.idAttr != attribute {
			t.Errorf("%q: %+v, %v; want %s", pattern, c, err, attribute)
		}
	}
}

// Options of python-ldap are understood by name and by number; what would weaken TLS, and what is unknown, is refused. hazard 22
func TestClientOptions(t *testing.T) {
	for options, want := range map[string]string{
		`{"24582": 2, "24591": 0, "9": 1, "17": 3, "20481": 255, "24583": 772, "25344": 60, "25345": 3, "25346": 10, "3": 100, "4": 5, "8": 0}`: "",
		`{"24582": 0}`:                     "OPT_X_TLS_REQUIRE_CERT must be 2",
		`{"OPT_X_TLS_REQUIRE_CERT": "3"}`:  "OPT_X_TLS_REQUIRE_CERT must be 2",
		`{"OPT_X_TLS_REQUIRE_CERT": null}`: "OPT_X_TLS_REQUIRE_CERT must be 2",
		`{"24583": 769}`:                   "OPT_X_TLS_PROTOCOL_MIN must be 771 (TLS 1.2) or 772",
		`{"17": 2}`:                        "OPT_PROTOCOL_VERSION must be 3",
		`{"24584": "NULL"}`:                `"24584" is not understood here; known are OPT_DEREF (2)`,
		`{"OPT_X_TLS_ALLOW_ANYTHING": 1}`:  "is not understood here",
		`{"8": true}`:                      "",
		`{"8": 7}`:                         "OPT_REFERRALS must be a whole number from 0 to 1",
		`{"20482": -1}`:                    "OPT_TIMEOUT must be a number of seconds above 0",
		`{"20482": 1, "OPT_TIMEOUT": 2}`:   "OPT_TIMEOUT is given by name and by number",
		`{"24578": "/no/such/file"}`:       "cacert: cannot be read",
		`{"24580": "/no/such/file", "24581": "/no/such/file"}`: "must be the files of a certificate and its key",
		`{"2": [1]}`:                     "OPT_DEREF must be a whole number from 0 to 3",
		`{"25344": {}}`:                  "OPT_X_KEEPALIVE_IDLE must be",
		`"{\"OPT_NETWORK_TIMEOUT\": 1}"`: "",
		`[]`:                             "client_options",
		`"nonsense"`:                     "client_options: must be a JSON object",
	} {
		c, err := read(map[string]string{"client_options": options})
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", options, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", options, err, want)
		case want == "" && c.dialer.tls.MinVersion < 0x303:
			t.Errorf("%s: TLS %#x", options, c.dialer.tls.MinVersion)
		}
	}
	loud, err := read(map[string]string{"client_options": `{"24582": 0}`, "insecure_skip_verify": "true"})
	if err != nil || !loud.dialer.tls.InsecureSkipVerify {
		t.Errorf("with insecure_skip_verify: %v", err)
	}
	two, err := read(map[string]string{"client_options": `{"24578": "/a"}`, "cacert": `"/b"`})
	if err == nil || !strings.Contains(err.Error(), "names another file than cacert") {
		t.Errorf("two CA files: %+v, %v", two, err)
	}
	chase, err := read(map[string]string{"client_options": `{"8": 1, "20485": 3}`})
	if err != nil || !chase.chase || chase.timeout != 3*time.Second {
		t.Errorf("%+v, %v", chase, err)
	}
}

// Whatever stands in client_options: it is taken over or refused with a key, and never weakens TLS.
func FuzzClientOptions(f *testing.F) {
	for _, seed := range []string{
		`{"24582": 0}`, `{"20482": 9}`, `{}`, `{"OPT_DEREF": "3"}`, `{"ldap.opt_timeout": 1e3}`, `null`, `{"8": true, "3": -1}`, `{"20482": "NaN"}`, `{"20482": "Inf"}`,
		`{"24580": "\u0000"}`, `"{"`, `{"9223372036854775808": 1}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, options string) {
		c, err := read(map[string]string{"client_options": options})
		if err != nil {
			if wrong, ok := errors.AsType[*plugins.SettingsError](err); !ok || len(wrong.Faults) == 0 || strings.ContainsAny(err.Error(), "\n\r") || strings.Contains(err.Error(), "canary-secret") {
				t.Fatalf("%q: %v", options, err)
			}
			return
		}
		if c.dialer.tls.MinVersion < 0x303 || c.dialer.tls.InsecureSkipVerify && !strings.Contains(options, "insecure_skip_verify") || c.timeout <= 0 {
			t.Fatalf("%q: %+v", options, c)
		}
	})
}
