package pam

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"latchkey/plugins"
	"latchkey/plugins/secret"
)

func TestSettings(t *testing.T) {
	folder := stack(t, unix...).ConfDir
	cases := []struct{ object, fault string }{
		{fmt.Sprintf(`{"confdir": %q}`, folder), ""},
		{fmt.Sprintf(`{"confdir": %q, "service": "Latchkey", "min_refusal": "50ms"}`, folder), ""},
		{fmt.Sprintf(`{"confdir": %q, "service": "none"}`, folder), "service: there is no PAM service file " + folder + "/none"},
		{`{"service": "latchkey-none"}`, "service: there is no PAM service file /etc/pam.d/latchkey-none"},
		{`{"service": "../shadow"}`, "service: must be the name of a file in /etc/pam.d"},
		{`{"service": ""}`, "service: must be the name"},
		{`{"confdir": "pam.d"}`, "confdir: must be an absolute path"},
		{`{"min_refusal": 60}`, "min_refusal: must be at most 5 seconds"},
		{`{"servce": "login"}`, "did you mean service?"},
	}
	for _, c := range cases {
		backend, err := New(t.Context(), plugins.NewSettings(secret.New(c.object)), quiet())
		if c.fault == "" {
			if err != nil || backend == nil {
				t.Errorf("%s: %v", c.object, err)
			}
			continue
		}
		if _, ok := errors.AsType[*plugins.SettingsError](err); !ok || !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%s: %v, want %q", c.object, err, c.fault)
		}
	}
	o, err := decode(plugins.NewSettings(secret.New(fmt.Sprintf(`{"confdir": %q, "service": "LATCHKEY", "min_refusal": "0.05"}`, folder))))
	if err != nil || o.Service != "latchkey" || o.MinRefusal != 50*time.Millisecond {
		t.Errorf("decode() = %+v, %v", o, err)
	}
	// All faults at once.
	_, err = decode(plugins.NewSettings(secret.New(`{"service": "a/b", "confdir": "x", "min_refusal": "1h"}`)))
	if wrong, ok := errors.AsType[*plugins.SettingsError](err); !ok || len(wrong.Faults) != 3 {
		t.Errorf("three faults are reported as %v", err)
	}
}
