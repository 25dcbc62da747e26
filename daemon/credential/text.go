package credential

import (
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"latchkey/daemon/store"
	"latchkey/plugins/secret"
)

// The form of a credential's text: a prefix that names the kind, random characters, and a checksum over both.
const (
	prefixLength   = 4
	randomLength   = 30
	checksumLength = 6
	textLength     = prefixLength + randomLength + checksumLength
)

// alphabet is base62. Thirty characters of it hold 178 bits.
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// unbiased is the first byte value that would favour some characters over others.
const unbiased = 256 - 256%len(alphabet)

// mint returns a new text with this prefix from the bytes of random.
func mint(prefix string, random io.Reader) (secret.Text, error) {
	text := make([]byte, 0, textLength)
	text = append(text, prefix...)
	var buffer [randomLength]byte
	for len(text) < prefixLength+randomLength {
		if _, err := io.ReadFull(random, buffer[:]); err != nil {
			return secret.Text{}, fmt.Errorf("random bytes: %w", err)
		}
		for _, b := range buffer {
			if int(b) < unbiased && len(text) < prefixLength+randomLength {
				text = append(text, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	sum := checksum(crc32.ChecksumIEEE(text))
	return secret.New(string(append(text, sum[:]...))), nil
}

// checksum returns a CRC-32 in six base62 characters, most significant first.
func checksum(crc uint32) (sum [checksumLength]byte) {
	for i := checksumLength - 1; i >= 0; i-- {
		sum[i] = alphabet[crc%uint32(len(alphabet))]
		crc /= uint32(len(alphabet))
	}
	return sum
}

// shape returns the kind that a text has the form of, and false when it is garbage: of another length or prefix, with a
// character that is not base62, or with a wrong checksum.
func shape(text string) (store.Kind, bool) {
	if len(text) != textLength {
		return "", false
	}
	kind, known := kindOfPrefix(text[:prefixLength])
	if !known {
		return "", false
	}
	for i := prefixLength; i < len(text); i++ {
		c := text[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return "", false
		}
	}
	var before [prefixLength + randomLength]byte
	copy(before[:], text)
	sum := checksum(crc32.ChecksumIEEE(before[:]))
	return kind, string(sum[:]) == text[len(before):]
}

// digest returns what is kept of a text of our own form.
func digest(text string) store.Digest {
	var bytes [textLength]byte
	copy(bytes[:], text)
	sum := sha256.Sum256(bytes[:])
	return store.Digest(sum[:])
}

// The lengths between which a text without our prefix may be a key that StackStorm made; its own are 43 to 88 characters.
const (
	minLegacy = 32
	maxLegacy = 128
)

// legacyShape reports whether a text may be an API key that StackStorm made: printable ASCII without spaces, of a plausible
// length and without our prefix.
func legacyShape(text string) bool {
	if len(text) < minLegacy || len(text) > maxLegacy || strings.HasPrefix(text, "lk") && text[3] == '_' {
		return false
	}
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// legacyDigest returns what StackStorm keeps of an API key: SHA-512 of a fixed salt and the key.
func legacyDigest(text string) store.Digest {
	sum := sha512.Sum512([]byte("saltnpepper" + text))
	return store.Digest(sum[:])
}

// digestOf returns the kind and the digest of a text of either form, and false when it is garbage.
func digestOf(text string) (store.Kind, store.Digest, bool) {
	if kind, ok := shape(text); ok {
		return kind, digest(text), true
	}
	if legacyShape(text) {
		return store.KindAPIKey, legacyDigest(text), true
	}
	return "", "", false
}
