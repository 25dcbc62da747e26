package grant_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"latchkey/daemon/grant"
)

// issued is when the grants of these tests were issued.
func issued() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// private returns a key; the same for the same byte.
func private(b byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, ed25519.SeedSize))
}

// public returns the public half of private(b).
func public(b byte) ed25519.PublicKey { return ed25519.PublicKey(private(b)[ed25519.SeedSize:]) }

// claims are those of a good grant.
func claims() grant.Claims {
	return grant.Claims{
		Issuer: "https://auth.example.com", Subject: "alice", ID: "0123456789abcdef01234567",
		IssuedAt: issued(), NotBefore: issued(), ExpiresAt: issued().Add(grant.Life),
		Kind: grant.KindUser, Workspace: grant.Workspace{ID: "0123456789abcdef01234568", Name: "acme"}, Plan: "team",
		Features: []string{"snapshots"}, Product: "example", Version: "1.2.3", MachineID: "00112233aabbccdd",
	}
}

// wanted is what claims are for.
func wanted() grant.Expectation {
	return grant.Expectation{MachineID: "00112233aabbccdd", Product: "example"}
}

// signer returns a signer.
func signer(t testing.TB, current ed25519.PrivateKey, others ...ed25519.PublicKey) *grant.Signer {
	t.Helper()
	s, err := grant.NewSigner(current, others)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sign returns a grant.
func sign(t testing.TB, s *grant.Signer, c grant.Claims) string {
	t.Helper()
	token, err := s.Sign(c)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// keys returns the set that a signer publishes.
func keys(t testing.TB, s *grant.Signer) grant.KeySet {
	t.Helper()
	set, err := grant.ParseKeySet(s.Keys())
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// part returns a part of a JWS.
func part(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// A grant says what was signed, from its first second to the one before its end, and no longer.
func TestVerifiedInItsTime(t *testing.T) {
	s := signer(t, private(1))
	token, set := sign(t, s, claims()), keys(t, s)
	for _, test := range []struct {
		after time.Duration
		want  error
	}{
		{-grant.Leeway - time.Second, grant.ErrNotYet},
		{-grant.Leeway, nil},
		{0, nil},
		{grant.Life - time.Nanosecond, nil},
		{grant.Life, grant.ErrExpired},
		{1000 * grant.Life, grant.ErrExpired},
	} {
		got, err := set.Verify(token, issued().Add(test.after), wanted())
		if !errors.Is(err, test.want) {
			t.Errorf("%s after: %v, want %v", test.after, err, test.want)
		}
		if test.want == nil {
			if difference := cmp.Diff(claims(), got); difference != "" {
				t.Errorf("%s after (-want +got):\n%s", test.after, difference)
			}
		} else if !cmp.Equal(got, grant.Claims{}) {
			t.Errorf("%s after: a refused grant says %+v", test.after, got)
		}
	}
}

// A grant for another machine or another product is none for this one.
func TestForAnother(t *testing.T) {
	s := signer(t, private(1))
	token, set := sign(t, s, claims()), keys(t, s)
	machine, product := wanted(), wanted()
	machine.MachineID, product.Product = "00112233aabbccde", "Example"
	if _, err := set.Verify(token, issued(), machine); !errors.Is(err, grant.ErrOtherMachine) {
		t.Errorf("other machine: %v", err)
	}
	if _, err := set.Verify(token, issued(), product); !errors.Is(err, grant.ErrOtherProduct) {
		t.Errorf("other product: %v", err)
	}
}

// No change of a grant and no other key gets through, whatever its header says.
func TestForged(t *testing.T) {
	s := signer(t, private(1))
	set := keys(t, s)
	good := sign(t, s, claims())
	header, payload, signature := pieces(good)
	id, err := grant.KeyID(public(1))
	if err != nil {
		t.Fatal(err)
	}
	longer := claims()
	longer.Plan = "enterprise"
	other := sign(t, signer(t, private(2)), claims())
	otherHeader, _, _ := pieces(other)
	_, longerPayload, _ := pieces(sign(t, signer(t, private(2)), longer))
	for name, token := range map[string]string{
		"wrong key":                    other,
		"wrong key under the right id": header + "." + payload + "." + strings.Split(other, ".")[2],
		"right key under another id":   otherHeader + "." + payload + "." + signature,
		"changed claims":               header + "." + longerPayload + "." + signature,
		"alg none":                     part(`{"alg":"none","kid":"`+id+`","typ":"latchkey-grant+jwt"}`) + "." + payload + ".",
		"alg none, signed":             part(`{"alg":"none","kid":"`+id+`","typ":"latchkey-grant+jwt"}`) + "." + payload + "." + signature,
		"alg HS256":                    signedOtherwise(t, jose.HS256, []byte(public(1)), id, "latchkey-grant+jwt"),
		"another typ":                  signedOtherwise(t, jose.EdDSA, private(1), id, "JWT"),
		"no typ":                       signedOtherwise(t, jose.EdDSA, private(1), id, ""),
		"no kid":                       signedOtherwise(t, jose.EdDSA, private(1), "", "latchkey-grant+jwt"),
		"critical header":              part(`{"alg":"EdDSA","crit":["x"],"kid":"`+id+`","typ":"latchkey-grant+jwt","x":1}`) + "." + payload + "." + signature,
		"no signature":                 header + "." + payload + "." + part(strings.Repeat("\x00", 64)),
		"short signature":              header + "." + payload + "." + signature[:len(signature)-2],
	} {
		if _, err := set.Verify(token, issued(), wanted()); !errors.Is(err, grant.ErrForged) {
			t.Errorf("%s: %v, want ErrForged", name, err)
		}
	}
	if _, err := (grant.KeySet{}).Verify(good, issued(), wanted()); !errors.Is(err, grant.ErrForged) {
		t.Errorf("no key at all: %v", err)
	}
}

// pieces returns the three parts of a grant.
func pieces(token string) (header, payload, signature string) {
	all := strings.Split(token, ".")
	return all[0], all[1], all[2]
}

// signedOtherwise returns the claims signed with another algorithm, or with other headers.
func signedOtherwise(t *testing.T, algorithm jose.SignatureAlgorithm, key any, id, typ string) string {
	t.Helper()
	options := &jose.SignerOptions{}
	if typ != "" {
		options.WithType(jose.ContentType(typ))
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: id}}, options)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims())
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// What is cut or padded is no grant, nor is one with a second form of the same bytes.
func TestMalformed(t *testing.T) {
	s := signer(t, private(1))
	token, set := sign(t, s, claims()), keys(t, s)
	header, payload, signature := pieces(token)
	last := "AQgw"[strings.IndexByte("AQgw", signature[len(signature)-1])] + 1 // other bits behind the signature's end
	for name, text := range map[string]string{
		"empty":          "",
		"one part":       header,
		"two parts":      header + "." + payload,
		"four parts":     token + "." + signature,
		"space":          token + " ",
		"line end":       token + "\n",
		"padded":         token + "==",
		"loose bits":     token[:len(token)-1] + string(last),
		"no base64":      header + ".!" + payload[1:] + "." + signature,
		"JSON form":      `{"payload":"` + payload + `","protected":"` + header + `","signature":"` + signature + `"}`,
		"too long":       header + "." + strings.Repeat("A", 1<<20) + "." + signature,
		"unencoded":      part(`{"alg":"EdDSA"`) + "." + payload + "." + signature,
		"header no JSON": "AAAA." + payload + "." + signature,
	} {
		if _, err := set.Verify(text, issued(), wanted()); !errors.Is(err, grant.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
	}
	for n := range len(token) {
		if _, err := set.Verify(token[:n], issued(), wanted()); !errors.Is(err, grant.ErrMalformed) && !errors.Is(err, grant.ErrForged) {
			t.Fatalf("cut after %d bytes: %v", n, err)
		}
	}
}

// Claims that no grant has are refused by who signs.
func TestSignRefuses(t *testing.T) {
	s := signer(t, private(1))
	for name, change := range map[string]func(*grant.Claims){
		"longer than a day": func(c *grant.Claims) { c.ExpiresAt = c.ExpiresAt.Add(time.Second) },
		"no time":           func(c *grant.Claims) { c.ExpiresAt = c.IssuedAt },
		"no issue":          func(c *grant.Claims) { c.IssuedAt = time.Time{} },
		"begins too early":  func(c *grant.Claims) { c.NotBefore = c.IssuedAt.Add(-time.Second) },
		"begins too late":   func(c *grant.Claims) { c.NotBefore = c.ExpiresAt },
		"no id":             func(c *grant.Claims) { c.ID = "" },
		"no product":        func(c *grant.Claims) { c.Product = "" },
		"no machine":        func(c *grant.Claims) { c.MachineID = "" },
		"no kind":           func(c *grant.Claims) { c.Kind = "" },
		"too large":         func(c *grant.Claims) { c.Features = []string{strings.Repeat("x", 1<<15)} },
	} {
		c := claims()
		change(&c)
		if token, err := s.Sign(c); err == nil || token != "" {
			t.Errorf("%s: %q, %v", name, token, err)
		}
	}
}

// FuzzVerify: nothing but what was signed is verified, nothing panics, and every refusal is one of the six.
func FuzzVerify(f *testing.F) {
	s := signer(f, private(1))
	good, set := sign(f, s, claims()), keys(f, s)
	header, payload, _ := pieces(good)
	for _, seed := range []string{good, "", "..", header + "." + payload + ".", sign(f, signer(f, private(2)), claims()), "{}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		_, err := set.Verify(token, issued(), wanted())
		if err == nil && token != good {
			t.Fatalf("verified: %q", token)
		}
		if err != nil && !errors.Is(err, grant.ErrMalformed) && !errors.Is(err, grant.ErrForged) {
			t.Fatalf("an error of its own: %v", err)
		}
	})
}
