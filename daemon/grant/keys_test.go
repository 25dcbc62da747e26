package grant_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/daemon/grant"
)

// The published set has the fields of RFC 8037's example, its key's id from that RFC's appendix A.3, and nothing private.
func TestPublishedKeys(t *testing.T) {
	// RFC 8037 appendix A.1
	seed, err := hex.DecodeString("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
	if err != nil {
		t.Fatal(err)
	}
	s := signer(t, ed25519.NewKeyFromSeed(seed), public(2))
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(s.Keys(), &set); err != nil {
		t.Fatal(err)
	}
	if len(set.Keys) != 2 {
		t.Fatalf("%d keys", len(set.Keys))
	}
	want := map[string]string{
		"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
		"kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
	}
	if fmt.Sprint(set.Keys[0]) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", set.Keys[0], want)
	}
}

// When keys change, a grant of the old key goes on being good while that is published, and a reader who fetched the keys before
// the change knows the new one.
func TestOverlap(t *testing.T) {
	before := signer(t, private(1), public(2))           // 2 is next
	after := signer(t, private(2), public(1), public(3)) // 1 was before, 3 is next
	later := signer(t, private(3), public(2))
	old, fresh := sign(t, before, claims()), sign(t, after, claims())
	for _, test := range []struct {
		name  string
		set   grant.KeySet
		token string
		want  error
	}{
		{"old grant, new keys", keys(t, after), old, nil},
		{"new grant, old keys", keys(t, before), fresh, nil},
		{"new grant, later keys", keys(t, later), fresh, nil},
		{"old grant, later keys", keys(t, later), old, grant.ErrForged},
	} {
		if _, err := test.set.Verify(test.token, issued(), wanted()); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
	if twice := signer(t, private(1), public(1), public(2), public(2)); strings.Count(string(twice.Keys()), `"kid"`) != 2 {
		t.Errorf("a key is published twice: %s", twice.Keys())
	}
}

// Of a set, what is for something else is passed over; a set without a key that can be used is an error.
func TestParseKeySet(t *testing.T) {
	good := strings.TrimSuffix(strings.TrimPrefix(string(signer(t, private(1)).Keys()), `{"keys":[`), `]}`)
	const rsa = `{"kty":"RSA","n":"sXch","e":"AQAB"}`
	for name, test := range map[string]struct {
		text string
		ok   bool
	}{
		"with others":   {`{"keys":[` + rsa + `,{"kty":"new"},7,` + good + `]}`, true},
		"renamed":       {`{"keys":[` + strings.Replace(good, `"kid":"`, `"kid":"x`, 1) + `]}`, true},
		"none":          {`{"keys":[]}`, false},
		"others only":   {`{"keys":[` + rsa + `]}`, false},
		"encryption":    {`{"keys":[` + strings.Replace(good, `"sig"`, `"enc"`, 1) + `]}`, false},
		"another alg":   {`{"keys":[` + strings.Replace(good, `"EdDSA"`, `"HS256"`, 1) + `]}`, false},
		"private":       {`{"keys":[` + strings.Replace(good, `{`, `{"d":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE",`, 1) + `]}`, false},
		"symmetric":     {`{"keys":[{"kty":"oct","k":"AQEB"}]}`, false},
		"no JSON":       {`keys`, false},
		"a list":        {`[]`, false},
		"nothing":       {``, false},
		"without bound": {`{"keys":[` + good + strings.Repeat(" ", 1<<20) + `]}`, false},
	} {
		set, err := grant.ParseKeySet([]byte(test.text))
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := set.Verify(sign(t, signer(t, private(1)), claims()), issued(), wanted()); (err == nil) != test.ok {
			t.Errorf("%s: verified %v", name, err)
		}
	}
}

// A key that is written is whole, its owner's alone, and openssl reads it; what is there is never replaced.
func TestWriteNewKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "grant.pem")
	written, err := grant.WriteNewKeyFile(path, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	read, err := grant.ReadKeyFile(path)
	if err != nil || !read.Equal(written) {
		t.Errorf("read back: %v", err)
	}
	der, err := exec.Command("openssl", "pkey", "-in", path, "-pubout", "-outform", "DER").Output()
	if err != nil || !bytes.HasSuffix(der, written[ed25519.SeedSize:]) {
		t.Errorf("openssl (a test needs it: apt-get install openssl): %v", err)
	}
	if _, err := grant.WriteNewKeyFile(path, rand.Reader); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second one: %v", err)
	}
	if again, err := grant.ReadKeyFile(path); err != nil || !again.Equal(written) {
		t.Errorf("the first one was replaced: %v", err)
	}
	if _, err := grant.WriteNewKeyFile(filepath.Join(t.TempDir(), "none", "grant.pem"), rand.Reader); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	if _, err := grant.WriteNewKeyFile(path+"2", bytes.NewReader(nil)); err == nil {
		t.Error("a key without randomness")
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// Keys of openssl are read, private ones only when they are their owner's alone.
func TestReadKeyFiles(t *testing.T) {
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	for _, arguments := range [][]string{
		{"genpkey", "-algorithm", "ed25519", "-out", at("private")},
		{"pkey", "-in", at("private"), "-pubout", "-out", at("public")},
		{"genpkey", "-algorithm", "x25519", "-out", at("x25519")},
		{"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", at("ec")},
	} {
		if output, err := exec.Command("openssl", arguments...).CombinedOutput(); err != nil {
			t.Fatalf("openssl (a test needs it: apt-get install openssl): %v %s", err, output)
		}
	}
	private, err := grant.ReadKeyFile(at("private"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"private", "public"} {
		if public, err := grant.ReadPublicKeyFile(at(name)); err != nil || !public.Equal(private.Public()) {
			t.Errorf("public key of %s: %v", name, err)
		}
	}
	refusedFiles(t, at)
}

// refusedFiles checks the files that are refused.
func refusedFiles(t *testing.T, at func(string) string) {
	t.Helper()
	text, err := os.ReadFile(at("private"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"two": string(text) + string(text), "empty": "", "text": "hello", "cut": string(text[:60]),
		"certificate": strings.ReplaceAll(string(text), "PRIVATE KEY", "CERTIFICATE"),
	} {
		if err := os.WriteFile(at(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"x25519", "ec", "two", "empty", "text", "cut", "certificate", "gone", "."} {
		if _, err := grant.ReadKeyFile(at(name)); err == nil || !strings.Contains(err.Error(), at(name)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := grant.ReadKeyFile(at("public")); err == nil || !strings.Contains(err.Error(), "public key") {
		t.Errorf("a public key to sign with: %v", err)
	}
	if err := os.Chmod(at("public"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := grant.ReadPublicKeyFile(at("public")); err != nil {
		t.Errorf("an open public key: %v", err)
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o620, 0o644} {
		if err := os.Chmod(at("private"), mode); err != nil {
			t.Fatal(err)
		}
		if _, err := grant.ReadKeyFile(at("private")); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %o: %v", mode, err)
		}
		if _, err := grant.ReadPublicKeyFile(at("private")); err == nil {
			t.Errorf("mode %o: the public half is read", mode)
		}
	}
}

// A tool's own key is a public one.
func TestParsePublicKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "grant.pem")
	written, err := grant.WriteNewKeyFile(path, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text, err := exec.Command("openssl", "pkey", "-in", path, "-pubout").Output()
	if err != nil {
		t.Fatalf("openssl (a test needs it: apt-get install openssl): %v", err)
	}
	if key, err := grant.ParsePublicKey(text); err != nil || !key.Equal(written.Public()) {
		t.Errorf("%v", err)
	}
	private, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := grant.ParsePublicKey(private); err == nil {
		t.Error("a private key in a tool")
	}
}

// FuzzParseKeySet: what is no set with a key is refused, and nothing panics.
func FuzzParseKeySet(f *testing.F) {
	good := signer(f, private(1), public(2)).Keys()
	token := sign(f, signer(f, private(3)), claims())
	for _, seed := range []string{string(good), `{"keys":[{"kty":"RSA","n":"sXch","e":"AQAB"}]}`, `{"keys":[null]}`, `{"keys":[[]]}`, ``} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		set, err := grant.ParseKeySet(text)
		if _, verified := set.Verify(token, issued(), wanted()); verified == nil && err != nil {
			t.Fatalf("%q is refused, and verifies", text)
		}
	})
}
