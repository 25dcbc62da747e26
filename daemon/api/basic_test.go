package api

import (
	"encoding/base64"
	"strings"
	"testing"
	"unicode/utf8"
)

func encode(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// hazard 50
func TestParseBasic(t *testing.T) {
	for _, c := range []struct {
		about, header, name, password string
		ok                            bool
	}{
		{"plain", "Basic " + encode("bob:secret"), "bob", "secret", true},
		{"scheme in any case", "bAsIc " + encode("bob:secret"), "bob", "secret", true},
		{"several spaces", "Basic   " + encode("bob:secret"), "bob", "secret", true},
		{"colons in the password", "Basic " + encode("bob:a:b:c"), "bob", "a:b:c", true},
		{"empty password", "Basic " + encode("bob:"), "bob", "", true},
		{"empty name", "Basic " + encode(":secret"), "", "secret", true},
		{"UTF-8", "Basic " + encode("zoë:pässword"), "zoë", "pässword", true},
		{"Latin-1, as requests sends it", "Basic " + encode("zo\xeb:p\xe4ss"), "zoë", "päss", true},
		{"outer spaces are kept for login to refuse", "Basic " + encode(" bob:x "), " bob", "x ", true},
		{"no colon", "Basic " + encode("bob"), "", "", false},
		{"not base64", "Basic bob:secret", "", "", false},
		{"URL alphabet", "Basic " + base64.URLEncoding.EncodeToString([]byte("bob:\xff\xfe\xfd")), "", "", false},
		{"no padding", "Basic " + strings.TrimRight(encode("bob:secrets"), "="), "", "", false},
		{"trailing bits", "Basic Ym9iOng5", "bob", "x9", true},
		{"trailing bits that are not zero", "Basic Ym9iOnh=", "", "", false},
		{"line break inside", "Basic Ym9i\nOng5", "", "", false},
		{"text after the padding", "Basic " + encode("bob:x9s5") + "AAAA", "", "", false},
		{"NUL in the name", "Basic " + encode("root\x00x:secret"), "", "", false},
		{"NUL in the password", "Basic " + encode("bob:sec\x00ret"), "", "", false},
		{"newline", "Basic " + encode("bob:sec\nret"), "", "", false},
		{"DEL", "Basic " + encode("bob\x7f:secret"), "", "", false},
		{"Bearer", "Bearer " + encode("bob:secret"), "", "", false},
		{"no credentials", "Basic", "", "", false},
		{"nothing", "", "", "", false},
	} {
		name, password, ok := parseBasic(c.header)
		if ok != c.ok || name != c.name || password.Reveal() != c.password {
			t.Errorf("%s: got %q, %q, %v", c.about, name, password.Reveal(), ok)
		}
	}
}

// hazard 50
func FuzzParseBasic(f *testing.F) {
	for _, seed := range []string{
		"", "Basic", "Basic ", "basic " + encode("a:b"), "Basic " + encode(":"), "Basic " + encode("a"), "Basic ====",
		"Basic " + encode("zo\xeb:\x80\x9f"), "Basic " + encode("a:b\x00"), "Basic Ym9i\r\nOng5", "Bearer " + encode("a:b"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		name, password, ok := parseBasic(header)
		if !ok {
			if name != "" || !password.Empty() {
				t.Fatalf("refused and yet returned %q", name)
			}
			return
		}
		word := password.Reveal()
		if strings.Contains(name, ":") || hasControl(name) || hasControl(word) || !utf8.ValidString(name) || !utf8.ValidString(word) {
			t.Fatalf("accepted %q with name %q", header, name)
		}
	})
}
