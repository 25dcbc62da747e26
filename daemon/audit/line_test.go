package audit

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
)

// A record is one line whatever a caller sent, with the fields that are allowed and no other. hazard 37, hazard 66
func TestRecordIsOneLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := openLog(t, path, time.Second)
	err := l.Record(t.Context(), Event{
		Event: EventLogin, Outcome: OutcomeRefused, User: "a\n{\"type\":\"ok\"}\x00\u2028\xff", Reason: strings.Repeat("ü", 500),
		Origin: Origin{RequestID: "r", Source: "192.0.2.1", UserAgent: "curl\r\n", Route: "POST /auth/v1/tokens"},
	})
	if err != nil {
		t.Fatal(err)
	}
	all := lines(t, path)
	if len(all) != 1 || all[0]["time"] != "2026-11-22T01:51:33.408273Z" || len(all[0]["reason"].(string)) > maxValue {
		t.Fatalf("records %v", all)
	}
	for field := range all[0] {
		if !strings.Contains(" time event request_id source user_agent route user outcome reason ", " "+field+" ") {
			t.Errorf("field %s", field)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// What is not printable is escaped, and what is cut is cut between characters.
func TestValues(t *testing.T) {
	for value, want := range map[string]string{
		"bob":                          "bob",
		"Björn <b@x> & 日本":             "Björn <b@x> & 日本",
		`"\`:                           `\"\\`,
		"a\nb\r\t\x00\x7f":             `a\u000ab\u000d\u0009\u0000\u007f`,
		"\u009b31m\u202e\u2028\u00a0":  `\u009b31m\u202e\u2028\u00a0`,
		"\U000e0041x":                  `\udb40\udc41x`,
		"a\xff\xfeb":                   "a\ufffd\ufffdb",
		strings.Repeat("a", 255) + "ü": strings.Repeat("a", 255),
		strings.Repeat("\x00", 100):    strings.Repeat(`\u0000`, 42),
	} {
		if got := string(appendValue(nil, value)); got != want {
			t.Errorf("%q is written as %s, want %s", value, got, want)
		}
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("a\n{\"type\":\"ok\"}", "\xff\x00")
	f.Add("\u2028\u009b\U000e0041", strings.Repeat("\\\"", 300))
	f.Fuzz(func(t *testing.T, user, agent string) {
		everywhere := Event{
			Time: at(), Event: agent, Origin: Origin{RequestID: agent, Source: agent, UserAgent: agent, Route: agent}, User: user, RealUser: user,
			Kind: agent, CredentialID: agent, Backend: agent, Outcome: agent, Reason: agent,
		}
		text := encode(everywhere)
		if bytes.IndexByte(text, '\n') != len(text)-1 || len(text) > maxLine {
			t.Fatalf("%d bytes: %q", len(text), text)
		}
		var read map[string]string
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if whole := string([]rune(user)); !strings.HasPrefix(whole, read["user"]) || len(whole) < 40 && whole != read["user"] {
			t.Errorf("%q was read as %q", user, read["user"])
		}
		for _, r := range string(text[:len(text)-1]) {
			if !unicode.IsPrint(r) {
				t.Errorf("%U is in the line as it is", r)
			}
		}
	})
}
