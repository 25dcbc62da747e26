package descrypt

import (
	"crypto/des"
	"encoding/binary"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
)

// random returns n characters out of set.
func random(source *rand.Rand, set string, n int) string {
	var text strings.Builder
	for range n {
		text.WriteByte(set[source.IntN(len(set))])
	}
	return text.String()
}

// With the salt of zero bits the algorithm is plain DES, which the standard library has.
func TestBlockIsThatOfCryptoDES(t *testing.T) {
	source := rand.New(rand.NewPCG(1, 2))
	unsalted := salted("..")
	for range 1000 {
		var secret, clear, want [8]byte
		binary.BigEndian.PutUint64(secret[:], source.Uint64())
		binary.BigEndian.PutUint64(clear[:], source.Uint64())
		cipher, err := des.NewCipher(secret[:])
		if err != nil {
			t.Fatal(err)
		}
		cipher.Encrypt(want[:], clear[:])
		keys := schedule(binary.BigEndian.Uint64(secret[:]))
		if got := encrypt(binary.BigEndian.Uint64(clear[:]), &keys, &unsalted); got != binary.BigEndian.Uint64(want[:]) {
			t.Fatalf("encrypt(%x) with key %x = %x, want %x", clear, secret, got, want)
		}
	}
}

// The hashes are those of the host's libcrypt, for every salt character and every length of password.
func TestHashIsThatOfLibcrypt(t *testing.T) {
	source := rand.New(rand.NewPCG(3, 4))
	printable := strings.Map(func(r rune) rune {
		if r < '!' || r > '~' {
			return -1
		}
		return r
	}, alphabet+"!\"#$%&'()*+,-:;<=>?@[]^_`{|}~")
	var arguments []string
	for i := range 512 {
		arguments = append(arguments, random(source, printable, 1+i%12), string(alphabet[i%64])+random(source, alphabet, 1))
	}
	script := `while (my ($password, $salt) = splice @ARGV, 0, 2) { print crypt($password, $salt), "\n" }`
	output, err := exec.Command("perl", append([]string{"-e", script}, arguments...)...).Output()
	if err != nil {
		t.Fatalf("perl (Debian package perl-base) could not ask libcrypt: %v", err)
	}
	hashes := strings.Fields(string(output))
	if len(hashes) != len(arguments)/2 {
		t.Fatalf("libcrypt made %d hashes of %d passwords", len(hashes), len(arguments)/2)
	}
	for i, hash := range hashes {
		password := arguments[2*i]
		if !Valid(hash) || !Match(hash, password) {
			t.Errorf("libcrypt's %q is not matched by %q", hash, password)
		}
		if Match(hash, "x"+password) {
			t.Errorf("%q is matched by a wrong password", hash)
		}
	}
}

func TestValid(t *testing.T) {
	for _, text := range []string{"", "rl0uE1Jqq6kM", "rl0uE1Jqq6kMMM", "rl0uE1Jqq6kM:", "*l0uE1Jqq6kMM", "rl0uE1Jq\x00q6kM", "rl0uE1Jqqé6k"} {
		if Valid(text) {
			t.Errorf("Valid(%q)", text)
		}
	}
	if !Valid("rl0uE1Jqq6kMM") {
		t.Error("a well-formed hash is refused")
	}
}

func BenchmarkMatch(b *testing.B) {
	for b.Loop() {
		Match("rl0uE1Jqq6kMM", "secret")
	}
}
