package grant

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Leeway is how far the reader's clock may be behind the one of the server that signed.
const Leeway = 5 * time.Minute

const (
	maxGrant  = 16 << 10 // bytes of a grant
	maxKeySet = 64 << 10 // bytes of a key set
)

// What is wrong with a grant; errors.Is tells them apart.
var (
	// ErrMalformed means that it is no grant at all, or that its claims are such as none has.
	ErrMalformed = errors.New("it is not a grant")
	// ErrForged means that no known key has signed it, or that it is signed in another way or for another purpose.
	ErrForged = errors.New("the grant's signature is not one of this server's")
	// ErrExpired means that its time is over.
	ErrExpired = errors.New("the grant has expired")
	// ErrNotYet means that by the reader's clock it is not issued yet.
	ErrNotYet = errors.New("by this machine's clock the grant is not issued yet")
	// ErrOtherMachine means that it is for another machine.
	ErrOtherMachine = errors.New("the grant is for another machine")
	// ErrOtherProduct means that it is for another product.
	ErrOtherProduct = errors.New("the grant is for another product")
)

// Expectation is what a grant must be for.
type Expectation struct{ MachineID, Product string }

// KeySet is a set of keys that grants are verified with. The zero value has none, and verifies nothing.
type KeySet struct {
	keys map[string]ed25519.PublicKey // by id
}

// NewKeySet returns the set of these keys; the error says that one is no Ed25519 key.
func NewKeySet(keys ...ed25519.PublicKey) (KeySet, error) {
	set := KeySet{keys: map[string]ed25519.PublicKey{}}
	for _, key := range keys {
		if len(key) != ed25519.PublicKeySize {
			return KeySet{}, errors.New("a key that is not an Ed25519 public key")
		}
		id, err := KeyID(key)
		if err != nil {
			return KeySet{}, err
		}
		set.keys[id] = key
	}
	return set, nil
}

// ParseKeySet reads a JWK set in JSON. Keys of other types and for other purposes are passed over, as RFC 7517 section 5 asks. The
// ids are computed, not believed. The error says that it is no set, or that no key in it can be used.
func ParseKeySet(text []byte) (KeySet, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if len(text) > maxKeySet || json.Unmarshal(text, &set) != nil {
		return KeySet{}, errors.New("it is not a JWK set")
	}
	var usable []ed25519.PublicKey
	for _, entry := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(entry) != nil {
			continue
		}
		public, ok := key.Key.(ed25519.PublicKey)
		if ok && (key.Use == "" || key.Use == "sig") && (key.Algorithm == "" || key.Algorithm == string(jose.EdDSA)) {
			usable = append(usable, public)
		}
	}
	if len(usable) == 0 {
		return KeySet{}, errors.New("the JWK set has no Ed25519 key for signatures in it")
	}
	return NewKeySet(usable...)
}

// Verify returns what a grant says when one of the keys has signed it, now is within its time, and it is for what is wanted. Every
// error is one of the sentinels of this package, with more about it.
func (s KeySet) Verify(token string, now time.Time, want Expectation) (Claims, error) {
	payload, err := s.open(token)
	if err != nil {
		return Claims{}, err
	}
	var c Claims
	if json.Unmarshal(payload, &c) != nil {
		return Claims{}, fmt.Errorf("%w: its claims have another form", ErrMalformed)
	}
	if err := c.check(); err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	switch {
	case now.Before(c.IssuedAt.Add(-Leeway)) || now.Before(c.NotBefore.Add(-Leeway)):
		return Claims{}, fmt.Errorf("%w: it was issued %s, and here it is %s", ErrNotYet, stamp(c.IssuedAt), stamp(now))
	case !now.Before(c.ExpiresAt):
		return Claims{}, fmt.Errorf("%w: %s", ErrExpired, stamp(c.ExpiresAt))
	case c.MachineID != want.MachineID:
		return Claims{}, ErrOtherMachine
	case c.Product != want.Product:
		return Claims{}, ErrOtherProduct
	}
	return c, nil
}

// open returns the payload of a grant that one of the keys has signed.
func (s KeySet) open(token string) ([]byte, error) {
	if len(token) > maxGrant {
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrMalformed, maxGrant)
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.EdDSA})
	if _, ok := errors.AsType[*jose.ErrUnexpectedSignatureAlgorithm](err); ok {
		return nil, fmt.Errorf("%w: it is signed with another algorithm", ErrForged)
	}
	if err != nil || len(signed.Signatures) != 1 {
		return nil, fmt.Errorf("%w: it cannot be read", ErrMalformed)
	}
	if !canonical(token) {
		return nil, fmt.Errorf("%w: it is not in its one form", ErrMalformed)
	}
	header := signed.Signatures[0].Protected
	if header.ExtraHeaders[jose.HeaderType] != typ {
		return nil, fmt.Errorf("%w: it is not of the type %s", ErrForged, typ)
	}
	key, ok := s.keys[header.KeyID]
	if !ok {
		return nil, fmt.Errorf("%w: its key is not known", ErrForged)
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return nil, fmt.Errorf("%w: it was changed, or signed with another key", ErrForged)
	}
	return payload, nil
}

// canonical reports whether the parts of a JWS are encoded as they are made. Readers of base64 pass over line ends and over the bits
// behind the last byte; a grant has one form only, so that one text cannot be taken for another.
func canonical(token string) bool {
	for part := range strings.SplitSeq(token, ".") {
		decoded, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || base64.RawURLEncoding.EncodeToString(decoded) != part {
			return false
		}
	}
	return true
}

// stamp returns a time for a message.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
