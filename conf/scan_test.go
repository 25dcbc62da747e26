package conf

import (
	"encoding/json"
	"strings"
	"testing"
)

// In a value every character is just a character, however it is given. hazard 64
func TestValuesAreTakenAsTheyStand(t *testing.T) {
	for _, password := range []string{
		`p#w`, `p;w`, `p # w ; x`, `$HOME`, `${x}`, `%(host)s`, `100%`, `"quoted"`, `'single'`, "`tick`", "`half", `"""three`, `"half`, `a=b:c`, `back\slash\`,
		`ends with \`, `{"json": 1}`, `[x]`, `ünïcode`, `a  b`, `None at all`, `#starts`, `;starts`, `=starts`, `:starts`, "tab\tinside", `\n`, `$ % # ; " ' = \`,
		"ends with a wide space\u00a0", "-", "[backend.ldap]", "True",
	} {
		got := settingsOf(t, mustLoad(t, "[auth]\nbackend = ldap\n[backend.ldap]\nbind_password = "+password+"\nhost = h\n").Backends[0])
		if got["bind_password"] != password || got["host"] != "h" {
			t.Errorf("bind_password = %s is read as %q", password, got["bind_password"])
		}
		encoded, err := json.Marshal(map[string]string{"bind_password": password})
		if err != nil {
			t.Fatal(err)
		}
		got = settingsOf(t, mustLoad(t, "[auth]\nbackend = ldap\nbackend_kwargs = "+string(encoded)+"\ntoken_ttl = 60\n").Backends[0])
		if got["bind_password"] != password {
			t.Errorf("backend_kwargs = %s is read as %q", encoded, got["bind_password"])
		}
		got = settingsOf(t, mustLoad(t, "[auth]\nbackend = ldap\n", "LATCHKEY_BACKEND_LDAP__BIND_PASSWORD="+password).Backends[0])
		if got["bind_password"] != password {
			t.Errorf("the environment variable %q is read as %q", password, got["bind_password"])
		}
		file := write(t, "password", password+"\n", 0o600)
		got = settingsOf(t, mustLoad(t, "[auth]\nbackend = ldap\n[backend.ldap]\nbind_password_file = "+file+"\n").Backends[0])
		if got["bind_password"] != password {
			t.Errorf("a file with %q is read as %q", password, got["bind_password"])
		}
	}
}

// What ini files of this kind have had in them.
func TestShapesOfFiles(t *testing.T) {
	for name, c := range map[string]struct{ text, user string }{
		"byte order mark":          {"\ufeff[system_user]\nuser = x\n", "x"},
		"CRLF":                     {"[system_user]\r\nuser = x\r\n", "x"},
		"no spaces, no last line":  {"[system_user]\nuser=x", "x"},
		"colon":                    {"[system_user]\nuser: x\n", "x"},
		"comments":                 {"# a\n; b\n[system_user] # c\n# user = y\nuser = x\n", "x"},
		"section twice":            {"[system_user]\n[api]\n[system_user]\nuser = x\n", "x"},
		"None":                     {"[system_user]\nuser = None\n", ""},
		"empty":                    {"[system_user]\nuser =\n", ""},
		"foreign rubbish":          {"[x]\nthis is\n\x00\xff no ini [\n[system_user]\nuser = x\n[y]\n=\n", "x"},
		"foreign value goes on":    {"[x]\na = 1\n  [system_user]\n  user = y\n[system_user]\nuser = x\n", "x"},
		"no inheritance":           {"[system_user]\n[system_user.sub]\nuser = y\n", ""},
		"no defaults section":      {"[DEFAULT]\nuser = y\n[system_user]\n", ""},
		"no interpolation":         {"[DEFAULT]\ny = z\n[system_user]\nuser = %(y)s$y\n", "%(y)s$y"},
		"no inline comment":        {"[system_user]\nuser = x # y\n", "x # y"},
		"quotes as in StackStorm":  {"[system_user]\nuser = \"x\"\n", "x"},
		"single quotes":            {"[system_user]\nuser = 'x'\n", "x"},
		"a quote is no pair":       {"[system_user]\nuser = \"\n", "\""},
		"indented throughout":      {"[system_user]\n  ssh_key_file = y\n  user = x\n", "x"},
		"indented section":         {"  [system_user]\n  user = x\n", "x"},
		"indented after a section": {"[auth]\nport = 1\n\n  [system_user]\n  user = x\n", "x"},
		"backslash at the end":     {"[auth]\nlogging = C:\\\n[system_user]\nuser = x\n", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := mustLoad(t, c.text).System.User; got != c.user {
				t.Errorf("user %q, want %q", got, c.user)
			}
		})
	}
}

// A value may go over several lines; comments may stand between them, and an empty line ends it.
func TestContinuedValues(t *testing.T) {
	c := mustLoad(t, `[auth]
backend = ldap
backend_kwargs = {"bind_dn": "cn=x",
    # the server
    "host": "h",
	"group_dns": ["cn=a,dc=x",
	"cn=b,dc=x"]
  }
[roles]
ops = user:alice,
    group:wheel
    service:ci-*
`)
	got := settingsOf(t, c.Backends[0])
	if groups, _ := got["group_dns"].([]any); got["host"] != "h" || len(groups) != 2 {
		t.Errorf("settings %v", got)
	}
	if len(c.Roles) != 1 || c.Roles[0].members() != "user:alice, group:wheel, service:ci-*" {
		t.Errorf("roles %v", c.Roles)
	}
	check(t, "[auth]\nbackend_kwargs = {\n\n  \"host\": \"h\"}\n",
		`2: [auth] backend_kwargs: must be one JSON object, such as {"file_path": "/etc/latchkey/htpasswd"}; it ends before the object does`,
		`4: [auth]: the line is no "key = value"`)
	check(t, "[auth]\nbackend = ldap\n[backend.ldap]\nbind_password = canary\n  host = h\n",
		`4: [backend.ldap] bind_password: the next line is indented and so belongs to this value, which must be on one line; take the white space away`)
}

// Lines that cannot be understood are named and not shown.
func TestBadLines(t *testing.T) {
	check(t, "port = 1\n[auth]\nport = 2\n", "1: the line stands before the first section, such as [auth]")
	check(t, "[auth\nport = 1\n", "1: a section's line is [NAME] and nothing else")
	check(t, "[auth] port = 1\n", "1: a section's line is [NAME] and nothing else")
	check(t, "[auth]\ncanary\n= canary\n\"port\" = 1\n-=1\n", `2: [auth]: the line is no "key = value"`, `3: [auth]: the line is no "key = value"`,
		`4: [auth]: the line is no "key = value"`, `5: [auth]: the line is no "key = value"`)
	check(t, "[auth]\nhost = \xff\nport = 1\x00\ncert = a\x01b\nkey = a\u0085b\n", "2: the line holds a control character or is not UTF-8",
		"3: the line holds a control character or is not UTF-8", "4: the line holds a control character or is not UTF-8", "5: the line holds a control character or is not UTF-8")
	check(t, "[auth]\nbackend_kwargs = {\n  \x00\n  }\n", "3: the line holds a control character or is not UTF-8")
	if got := faultsOf(t, strings.Repeat("\x00\x01\n", 1000)); strings.Count(got, "\n") != maxBadLines {
		t.Errorf("a file that is no text gets %d lines", strings.Count(got, "\n"))
	}
}

// A key that is set twice in one file is refused, and both lines are named.
func TestDuplicates(t *testing.T) {
	c, err := load(t, "[auth]\nport = 1\n[store]\n[auth]\nport = 2\n")
	if c != nil || err == nil || !strings.HasSuffix(err.Error(), "latchkey.conf:2; remove one of the two") || !strings.Contains(err.Error(), "latchkey.conf:5: [auth] port: it is set already at ") {
		t.Errorf("config %v, error %v", c, err)
	}
}

// An unknown key in a section of ours is a fault with the nearest known one, or the section that has it.
func TestUnknownKeys(t *testing.T) {
	check(t, "[auth]\ntoken_tll = 1\n", "2: [auth] token_tll: there is no such key; did you mean token_ttl?")
	check(t, "[auth]\nstart_timeout = 1\n", "2: [auth] start_timeout: there is no such key; it belongs to [plugins]")
	check(t, "[auth]\nxyzzy = 1\n", "2: [auth] xyzzy: there is no such key")
	check(t, "[auth]\nPort = 1\n", "2: [auth] Port: there is no such key; did you mean port?")
	check(t, "[throttle]\nsource_file = 1\n", "2: [throttle] source_file: there is no such key; did you mean source_rate?")
	check(t, "[auth]\n"+strings.Repeat("é", 100)+" = 1\n", "2: [auth] "+strings.Repeat("é", 32)+"…: there is no such key")
	check(t, "[auth]\na\u2028b = 1\n", "2: [auth] a?b: there is no such key")
}

// A section that is nearly one of ours is ignored like any other, but not in silence.
func TestMisspeltSections(t *testing.T) {
	c := mustLoad(t, "[throtle]\nfailures = 1\n[Auth]\nport = 1\n[timer]\n[system]\n[anything else]\n")
	want := "latchkey.conf:1: [throtle] is no section of ours and is ignored; did you mean [throttle]?\n" +
		"latchkey.conf:3: [Auth] is no section of ours and is ignored; did you mean [auth]?\n"
	if got := noticesOf(c); got != want {
		t.Errorf("notices\n%swant\n%s", got, want)
	}
}
