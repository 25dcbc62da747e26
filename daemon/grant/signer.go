package grant

import (
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// typ is the header's type, so that nothing else that the same key may ever sign is taken for a grant (RFC 8725 section 3.11).
const typ = "latchkey-grant+jwt"

// Signer signs grants with one key, and publishes it beside others. It is safe for concurrent use.
type Signer struct {
	signer jose.Signer
	keys   []byte
}

// NewSigner returns a signer that signs with current. others are published, too: keys that were current, for as long as their grants
// are good, and keys that will be, so that tools know them before they meet them. One that is given twice is published once. The
// error says that a key is not an Ed25519 key.
func NewSigner(current ed25519.PrivateKey, others []ed25519.PublicKey) (*Signer, error) {
	if len(current) != ed25519.PrivateKeySize {
		return nil, errors.New("the signing key is not an Ed25519 private key")
	}
	own, _ := current.Public().(ed25519.PublicKey)
	published, seen := jose.JSONWebKeySet{}, map[string]bool{}
	for _, key := range append([]ed25519.PublicKey{own}, others...) {
		if len(key) != ed25519.PublicKeySize {
			return nil, errors.New("a published key is not an Ed25519 public key")
		}
		id, err := KeyID(key)
		if err != nil {
			return nil, err
		}
		if !seen[id] {
			seen[id] = true
			published.Keys = append(published.Keys, jose.JSONWebKey{Key: key, KeyID: id, Algorithm: string(jose.EdDSA), Use: "sig"})
		}
	}
	keys, err := json.Marshal(published)
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: current, KeyID: published.Keys[0].KeyID}},
		(&jose.SignerOptions{}).WithType(typ),
	)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	return &Signer{signer: signer, keys: keys}, nil
}

// Sign returns the grant that makes these claims. The error says which claim no grant can make: an id, a product, a machine and a
// kind are needed, it ends after it begins and at most Life after it was issued, and does not begin before that.
func (s *Signer) Sign(c Claims) (string, error) {
	if err := c.check(); err != nil {
		return "", err
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("claims: %w", err)
	}
	signed, err := s.signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("signature: %w", err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		return "", fmt.Errorf("grant: %w", err)
	}
	if len(text) > maxGrant {
		return "", fmt.Errorf("a grant of %d bytes, which no reader takes; %d are the most", len(text), maxGrant)
	}
	return text, nil
}

// Keys returns the JWK set that is published, in JSON: the current key first. The caller must not change it.
func (s *Signer) Keys() []byte { return s.keys }

// KeyID returns a key's id: its thumbprint (RFC 7638) with SHA-256, in base64url without padding. The error says that it is no
// Ed25519 key.
func KeyID(key ed25519.PublicKey) (string, error) {
	print, err := (&jose.JSONWebKey{Key: key}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("key: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(print), nil
}
