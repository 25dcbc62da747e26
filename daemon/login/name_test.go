package login

import (
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// What has a canonical form and what has not. hazard 4, hazard 5, hazard 16, hazard 49
func TestCanonical(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"bob", "bob"},
		{"Bob", "Bob"},
		{"bob smith", "bob smith"},
		{"bob@corp.example", "bob@corp.example"},
		{"e\u0301va", "\u00e9va"},
		{strings.Repeat("a", 256), strings.Repeat("a", 256)},
	} {
		got, err := Canonical(c.name)
		if err != nil || got != c.want {
			t.Errorf("Canonical(%q) = %q, %v; want %q", c.name, got, err, c.want)
		}
	}
	for _, name := range []string{
		"", " bob", "bob ", "\u00a0bob", "bob\u3000", "bo\x00b", "root\x00x", "bob\n", "a\nb", "a\x7fb", "a\u0085b", "bob\xff", "\xc3\x28",
		"a:b", "a\u200bb", "a\u202eb", "\ufeffbob", "a\u2028b", strings.Repeat("a", 257), strings.Repeat("\u00e9", 129), strings.Repeat("a", 1<<20),
	} {
		if got, err := Canonical(name); err == nil {
			t.Errorf("Canonical(%q) = %q; want an error", name, got)
		}
	}
}

// Spellings that some directory takes for one account are counted together. hazard 4
func TestCounterKeyFoldsSpellings(t *testing.T) {
	want := counterKey("bob")
	for _, name := range []string{"BOB", "Bob", " bob", "bob ", "\tbob\n", "bo\x00b", "\uff42ob", "b\u200bob"} {
		if got := counterKey(name); got != want {
			t.Errorf("counterKey(%q) = %q, want %q", name, got, want)
		}
	}
	if counterKey("alice") == want {
		t.Error("two names share a counter")
	}
}

func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{"bob", " bob", "e\u0301", "a:b", "\xff", "\u1e9b\u0323", "", "a\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		canonical, err := Canonical(name)
		if key := counterKey(name); !utf8.ValidString(key) || len(key) > 2*MaxName+8 {
			t.Fatalf("counterKey(%q) = %q", name, key)
		}
		if err != nil {
			return
		}
		if again, err := Canonical(canonical); err != nil || again != canonical {
			t.Fatalf("Canonical(%q) = %q, which is not canonical: %q, %v", name, canonical, again, err)
		}
		if !norm.NFC.IsNormalString(canonical) || len(canonical) > MaxName || strings.ContainsAny(canonical, "\x00\n\r:") {
			t.Fatalf("Canonical(%q) = %q", name, canonical)
		}
		if counterKey(canonical) != counterKey(name) {
			t.Fatalf("the name and its canonical form are counted apart: %q", name)
		}
	})
}
