package credential

import (
	"bytes"
	"crypto/rand"
	"crypto/sha512"
	"hash/crc32"
	"strings"
	"testing"

	"latchkey/daemon/store"
)

// What is minted has the form that is looked for, and nothing near it has. hazard 30
func TestTextForm(t *testing.T) {
	for i := range kinds {
		if kinds[i].prefix == "" {
			continue // never made here
		}
		text, err := mint(kinds[i].prefix, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		plain := text.Reveal()
		if kind, ok := shape(plain); !ok || kind != kinds[i].kind || len(plain) != 40 {
			t.Fatalf("a minted %s of %d characters is taken for %q, %v", kinds[i].kind, len(plain), kind, ok)
		}
		for _, bent := range []string{
			plain + " ", " " + plain, plain + "\n", plain[:39], plain + "0", strings.ToUpper(plain), strings.ToLower(plain), plain[:4] + "!" + plain[5:],
			"lkx_" + plain[4:], plain + "=", plain[:39] + "\x00", swapped(plain),
		} {
			if _, ok := shape(bent); ok && bent != plain {
				t.Errorf("%q is taken for a credential", bent)
			}
		}
	}
}

// Whatever single byte of a text is changed, the checksum tells. hazard 30
func TestChecksumTellsEveryByte(t *testing.T) {
	text, err := mint("lka_", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	bent := []byte(text.Reveal())
	for i, right := range bent {
		for b := range 256 {
			bent[i] = byte(b)
			if _, ok := shape(string(bent)); ok != (byte(b) == right) {
				t.Fatalf("byte %d as %#x: %v", i, b, ok)
			}
		}
		bent[i] = right
	}
}

// The checksum is that of the standard library, in base62 of six digits.
func TestChecksum(t *testing.T) {
	for _, text := range []string{"", "lkt_", "123456789", strings.Repeat("z", 34)} {
		value := uint64(0)
		sum := checksum(text)
		for _, c := range sum {
			value = value*62 + uint64(strings.IndexByte(alphabet, c))
		}
		if want := crc32.ChecksumIEEE([]byte(text)); value != uint64(want) {
			t.Errorf("%q: %d, want %d", text, value, want)
		}
	}
}

// swapped flips the case of the first letter behind the prefix.
func swapped(text string) string {
	for i := prefixLength; i < len(text); i++ {
		if c := text[i]; c >= 'a' && c <= 'z' {
			return text[:i] + strings.ToUpper(text[i:i+1]) + text[i+1:]
		}
	}
	return text + "x"
}

// The random characters are drawn without bias: bytes that would favour some are thrown away.
func TestMintDrawsWithoutBias(t *testing.T) {
	source := append(bytes.Repeat([]byte{255, 248}, 30), bytes.Repeat([]byte{61}, 60)...)
	text, err := mint("lkt_", bytes.NewReader(source))
	if err != nil || text.Reveal()[4:34] != strings.Repeat("z", 30) {
		t.Fatalf("%q, %v", text.Reveal(), err)
	}
	if _, err := mint("lkt_", bytes.NewReader(nil)); err == nil {
		t.Fatal("a text without randomness")
	}
}

// A text that was not made here is kept as StackStorm keeps it.
func TestForeignDigest(t *testing.T) {
	const key = "NWE2ZTRhYjY2YzJkZjg2ZjM0YjY0ZjRlZTQ3YmZlMw"
	got, can, ok := digestOf(key)
	sum := sha512.Sum512([]byte("saltnpepper" + key))
	if !ok || got != store.Digest(sum[:]) || can != APIKey|Service|Legacy {
		t.Fatalf("digest %x, kinds %b, %v", got, can, ok)
	}
	// A short one can be a legacy key and nothing that opens a door. hazard 30
	if _, can, ok := digestOf("k7GhT2pQ9x"); !ok || can != Legacy {
		t.Fatalf("a short key can be %b, %v", can, ok)
	}
	for _, garbage := range []string{"", "short", strings.Repeat("a", 257), "has a space in the middle of it", "lkt_" + strings.Repeat("a", 36), "tab\there-and-long-enough-to-be"} {
		if _, _, ok := digestOf(garbage); ok {
			t.Errorf("%q is looked up", garbage)
		}
	}
}

func notBase62(r rune) bool { return !strings.ContainsRune(alphabet, r) }

func FuzzDigestOf(f *testing.F) {
	for _, seed := range []string{"", "lkt_", "lkt_000000000000000000000000000000000000", strings.Repeat("x", 40), "lka_\xff", strings.Repeat("é", 20)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		digest, can, ok := digestOf(text)
		if ok != (digest != "") || ok != (can != 0) {
			t.Fatalf("%q: digest %x, kinds %b, %v", text, digest, can, ok)
		}
		if again, _, _ := digestOf(text); again != digest {
			t.Fatalf("%q has two digests", text)
		}
		if kind, ours := shape(text); ours && (len(text) != textLength || kindSet(kind) != can || strings.ContainsFunc(text[prefixLength:], notBase62)) {
			t.Fatalf("%q has the form of a %q", text, kind)
		}
	})
}

func BenchmarkDigestOf(b *testing.B) {
	text, err := mint("lkt_", rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	plain := text.Reveal()
	b.ReportAllocs()
	for b.Loop() {
		if _, _, ok := digestOf(plain); !ok {
			b.Fatal("not looked up")
		}
	}
}
