package credential

import (
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash/crc32"
	"io"

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
	sum := checksum(string(text))
	return secret.New(string(append(text, sum[:]...))), nil
}

// checksum returns the CRC-32 (IEEE) of a text in six base62 characters, most significant first. It goes over the standard
// library's table by itself because crc32.ChecksumIEEE makes its argument escape to the heap, and garbage shall cost nothing.
func checksum(text string) (sum [checksumLength]byte) {
	crc := ^uint32(0)
	for i := range len(text) {
		crc = crc32.IEEETable[byte(crc)^text[i]] ^ crc>>8
	}
	crc = ^crc
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
	const signed = prefixLength + randomLength
	sum := checksum(text[:signed])
	return kind, string(sum[:]) == text[signed:]
}

// digest returns what is kept of a text of our own form.
func digest(text string) store.Digest {
	var bytes [textLength]byte
	copy(bytes[:], text)
	sum := sha256.Sum256(bytes[:])
	return store.Digest(sum[:])
}

// The lengths between which a text without our form may be a credential all the same: a key that StackStorm made (43 to 88
// characters), or a bootstrap token that an administrator chose. Legacy keys of other products are often shorter.
const (
	minForeign = 20
	minLegacy  = 8
	maxForeign = 256
)

// foreignShape reports whether a text may be a credential that was not made here: printable ASCII without spaces, of a
// plausible length and without our prefix.
func foreignShape(text string) bool {
	if len(text) < minLegacy || len(text) > maxForeign {
		return false
	}
	if _, ours := kindOfPrefix(text[:prefixLength]); ours {
		return false
	}
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// foreignDigest returns what is kept of a text that was not made here. It is what StackStorm keeps of an API key, SHA-512 of a
// fixed salt and the key, so that its hashes can be loaded.
func foreignDigest(text string) store.Digest {
	sum := sha512.Sum512([]byte("saltnpepper" + text))
	return store.Digest(sum[:])
}

// digestOf returns the digest of a text of either form, the kinds of credential that it can be, and false when it is garbage.
func digestOf(text string) (store.Digest, Kinds, bool) {
	if kind, ok := shape(text); ok {
		return digest(text), kindSet(kind), true
	}
	switch {
	case !foreignShape(text):
		return "", 0, false
	case len(text) < minForeign:
		return foreignDigest(text), Legacy, true
	}
	return foreignDigest(text), foreign, true
}
