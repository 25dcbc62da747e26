package flatfile

import (
	"strings"
	"testing"
)

// FuzzTable holds that no password file makes the reader panic, that what it lets in can be asked for, and that neither
// errors nor notices show a hash.
func FuzzTable(f *testing.F) {
	for _, content := range []string{
		"alice:" + bcryptHash + "\n", "alice:" + shaHash + ":x\r\n#c\n\n", "\uFEFFa:b", "no colon", ":", "a:\n a :*\n", "x\x00:y", "\xff:z",
		"a:$6$rounds=abc$salt$CANARY\na:$argon2id$CANARY\n", strings.Repeat("x", maxLine+1), "a:" + shaHash + "\na:" + shaHash,
	} {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		table, err := readTable(content, policy{decoyCost: minBcryptCost})
		if err != nil {
			if len(err.Error()) > 80 {
				t.Fatalf("the error is longer than its own words: %v", err)
			}
			return
		}
		if table.usable+table.refused != len(table.entries) {
			t.Fatalf("%d users are %d who can log in and %d who cannot", len(table.entries), table.usable, table.refused)
		}
		for name, e := range table.entries {
			if name != e.name || name == "" || len(name) > maxName || strings.HasPrefix(name, "#") || strings.ContainsAny(name, ":\n\x00") {
				t.Fatalf("the table has a user %q", name)
			}
			if (e.refused == "") != (e.why == "") || e.refused == "" && e.hash.matches == nil {
				t.Fatalf("user %q can log in and has no hash, or cannot and nobody says why", name)
			}
			if e.hash.scheme == schemePlain || e.hash.scheme == schemeDES {
				t.Fatalf("user %q has a hash of scheme %s", name, e.hash.scheme)
			}
		}
		for _, notice := range table.notices {
			if strings.Contains(notice, "CANARY") && !strings.Contains(notice, `user "`) {
				t.Fatalf("the notice shows a hash: %s", notice)
			}
		}
	})
}

// FuzzGroups holds that no group file makes the reader panic and that its groups and users can be names.
func FuzzGroups(f *testing.F) {
	for _, content := range []string{"ops: alice bob\n", "ops:alice\nops:alice\n", ": alice", "no colon", "#x\n\n a b : c\u00a0d\n", "g\x01: a", "\xff: a", "g:" + strings.Repeat("x", 300)} {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		m, err := readGroups(content)
		if err != nil {
			return
		}
		for name, groups := range m.groups {
			for _, text := range append(groups, name) {
				if text == "" || len(text) > maxName || strings.TrimSpace(text) != text || strings.ContainsAny(text, "\x00\n") {
					t.Fatalf("%q is in %q", name, groups)
				}
			}
		}
	})
}
