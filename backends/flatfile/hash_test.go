package flatfile

import (
	"strings"
	"testing"
)

// Texts that look like a hash and are none are refused when they are read; some of them make go-htpasswd panic when a
// password is checked.
func TestMalformedHashes(t *testing.T) {
	long := strings.Repeat("a", 86)
	for _, text := range []string{
		"$6$", "$6$$", "$6$salt", "$6$salt$", "$6$salt$short", "$6$$" + long, "$6$rounds=abc$" + long, "$6$rounds=abc$salt$" + long,
		"$6$rounds=$salt$" + long, "$6$rounds=-1$salt$" + long, "$6$rounds=999$salt$" + long, "$6$rounds=05000$salt$" + long,
		"$6$rounds=99999999999999999999$salt$" + long, "$6$rounds=1000000000$salt$" + long, "$6$rounds=5000$" + long,
		"$6$seventeenletters_$" + long, "$6$sa:lt$" + long, "$6$salt$" + long + "a", "$6$salt$" + long[1:] + "!", "$6$s\u00e9lt$" + long,
		"$5$salt$" + long, "$5$rounds=1000$salt$" + long[:42],
		"$2y$", "$2y$10$", "$2y$10$short", "$2y$1$" + long[:53], "$2y$03$" + long[:53], "$2y$99$" + long[:53], "$2y$1a$" + long[:53],
		"$2y$10$" + long[:54], "$2y$10$" + long[:52] + "+", "$2y$-1$" + long[:53], "$2x$10$" + long[:53], "$2$10$" + long[:53],
		"$apr1$", "$apr1$salt", "$apr1$$" + long[:22], "$apr1$ninechars$" + long[:22], "$apr1$salt$" + long[:21], "$apr1$salt$" + long[:22] + "$",
		"{SHA}", "{SHA}!", "{SHA}F2GPAaOiG5EcklvLUlodIavTBnM", "{SHA}F2GPAaOiG5EcklvLUlodIavTBnM==", "{SHA}AAAA",
		"{SSHA}", "{SSHA}AAAA", "{SSHA}F2GPAaOiG5EcklvLUlodIavTBnM=", "{SSHA}F2GPAaOiG5EcklvLUlodIavTBnM==",
		"{sha}F2GPAaOiG5EcklvLUlodIavTBnM=", "$7$", "$", "{", "!", "*", "!!", "", "{PLAIN}", "{CRYPT}aaaaaaaaaaaaa",
		"_J9..rasmBYk8r9AiWNc", "5f4dcc3b5aa765d61d8327deb882cf99",
	} {
		if h, err := newParser(policy{plain: true, des: true}).parse(text); err == nil {
			t.Errorf("parse(%q) = a hash of scheme %s", text, h.scheme)
		} else if len(text) > 8 && strings.Contains(err.Error(), text[3:]) {
			t.Errorf("parse(%q) shows the hash: %v", text, err)
		}
	}
}

// FuzzHash holds that no text makes the parser or a check panic, that an accepted text is never its own password, unless it
// is a password in plain text, and that plain text and DES stay out without their options.
func FuzzHash(f *testing.F) {
	for _, text := range []string{
		bcryptHash, sha512Hash, shaHash, "$5$salt$" + strings.Repeat("a", 43), "$apr1$salt$" + strings.Repeat("a", 22),
		"{SSHA}" + strings.Repeat("a", 32), "{PLAIN}x", "$6$rounds=abc$salt$x", "$6$rounds=abc$" + strings.Repeat("a", 86), "$2y$04$", "aaaaaaaaaaaaa", "secret", "!", "",
	} {
		f.Add(text, "password", true)
		f.Add(text, "", false)
	}
	f.Fuzz(func(t *testing.T, text, password string, options bool) {
		h, err := newParser(policy{plain: options, des: options}).parse(text)
		if err != nil {
			if len(text) > 12 && strings.Contains(err.Error(), text) {
				t.Fatalf("the error shows the hash: %v", err)
			}
			return
		}
		if !options && (h.scheme == schemePlain || h.scheme == schemeDES) {
			t.Fatalf("%q is taken for %s", text, h.scheme)
		}
		if h.work() > quick {
			return
		}
		h.matches(within(h, password))
		if h.matches(within(h, text)) && h.scheme != schemePlain {
			t.Fatalf("%q is its own password", text)
		}
		if h.scheme == schemePlain && strings.HasPrefix(text, "{PLAIN}") && h.matches(text) {
			t.Fatalf("%q is its own password", text)
		}
	})
}

// quick is the most work, in nanoseconds, that a fuzzed hash may cost to be checked.
const quick = 5_000_000
