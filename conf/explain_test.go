package conf

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// Explain says where everything comes from and shows no secret. hazard 25
func TestExplain(t *testing.T) {
	second := write(t, "second.conf", "[auth]\nport = 9000\n", 0o600)
	first := write(t, "first.conf", `[auth]
port = 1
backend = ldap, own
backend_kwargs = {"bind_password": "canary-1", "host": "canary-2"}
[backend.own]
api_pin = canary-3
[bootstrap]
token = canary-9f86d081884c7d659a2feaa0
roles = ops
[roles]
ops = group:wheel, service:ci-*
`, 0o600)
	c, err := Load([]string{first, second}, []string{"LATCHKEY_LOG__LEVEL=warning"})
	if err != nil {
		t.Fatal(err)
	}
	got := c.Explain()
	for _, want := range []string{
		"\nhost = 127.0.0.1 # default\n", "\nport = 9000 # " + second + ":2\n", "\nbackend = ldap, own # " + first + ":3\n", "\nbackend_kwargs = (set) # " + first + ":4\n",
		"\nlevel = warn # LATCHKEY_LOG__LEVEL\n", "\ntoken = (set) # " + first + ":8\n", "\nops = group:wheel, service:ci-* # " + first + ":11\n",
		"\n[backend.ldap]\nbind_password = (set) # " + first + ":4\nhost = (set) # " + first + ":4\n", "\napi_pin = (set) # " + first + ":6\n",
	} {
		if !strings.Contains(spaces(got), want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "canary") {
		t.Errorf("a secret is shown:\n%s", got)
	}
}

// spaces makes one of several spaces.
func spaces(text string) string {
	for strings.Contains(text, "  ") {
		text = strings.ReplaceAll(text, "  ", " ")
	}
	return text
}

// A configuration shows no secret however it is printed. hazard 25
func TestConfigDoesNotPrintSecrets(t *testing.T) {
	c := mustLoad(t, "[auth]\nbackend = ldap\n[backend.ldap]\nbind_password = canary\n[bootstrap]\nroles = ops\ntoken = canary-9f86d081884c7d659a2feaa0\n")
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("configuration", "config", c)
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%+v %#v", c, *c), log.String()} {
		if strings.Contains(text, "canary") {
			t.Errorf("a secret is shown: %s", text)
		}
	}
}
