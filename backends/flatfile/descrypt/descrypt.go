// Package descrypt checks passwords against traditional crypt(3) hashes: what `htpasswd -d` writes, 13 characters such as
// "rl0uE1Jqq6kMM".
//
// The algorithm is the one of Seventh Edition Unix (crypt(3), 1979): the low seven bits of the first eight bytes of the
// password are a DES key, with which a block of zeros is encrypted 25 times; the twelve bits of the salt exchange bits of
// DES's expansion. DES itself is FIPS 46-3, whose tables stand below in the standard's own order and numbering. It is
// written here because crypto/des has no place for the salt and because libcrypt would need cgo, which the flat_file backend
// does not use. Its tests compare it with crypto/des and with the libcrypt of the host.
//
// It is a way out of old files and not a way to keep passwords: all of them can be tried out in days. It makes no hashes.
package descrypt

import (
	"crypto/subtle"
	"strings"
)

const (
	// MaxPassword is how many bytes of a password the algorithm looks at.
	MaxPassword = 8

	hashLength = 13
	alphabet   = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// Valid reports whether text has the form of a traditional crypt(3) hash: two characters of salt and eleven of hash, all
// of them out of "./0-9A-Za-z".
func Valid(text string) bool {
	return len(text) == hashLength && strings.Trim(text, alphabet) == ""
}

// Match reports whether password has the hash text, which must be Valid. Only the first MaxPassword bytes of password
// count, and of each the low seven bits; it is up to the caller to refuse a longer one. The time does not depend on where
// the hashes differ.
func Match(text, password string) bool {
	return subtle.ConstantTimeCompare([]byte(crypt(password, text[:2])), []byte(text)) == 1
}

// crypt returns the hash of password with a salt of two characters.
func crypt(password, salt string) string {
	expansion := salted(salt)
	keys := schedule(key(password))
	var block uint64
	for range 25 {
		block = encrypt(block, &keys, &expansion)
	}
	text := []byte(salt)
	for shift := 58; shift > -6; shift -= 6 {
		if shift < 0 { // the last character has four bits of the block and two zeros
			text = append(text, alphabet[block<<-shift&0x3f])
			break
		}
		text = append(text, alphabet[block>>shift&0x3f])
	}
	return string(text)
}

// key returns the DES key of a password: seven bits of each byte, above a parity bit that DES ignores.
func key(password string) uint64 {
	var key uint64
	for i := range min(len(password), MaxPassword) {
		key |= uint64(password[i]&0x7f) << 1 << (56 - 8*i)
	}
	return key
}

// salted returns DES's expansion with bits i and i+24 exchanged wherever bit i of the salt is set.
func salted(salt string) [48]byte {
	table := expansion
	for i := range 2 {
		value := strings.IndexByte(alphabet, salt[i])
		for j := range 6 {
			if value>>j&1 == 1 {
				k := 6*i + j
				table[k], table[k+24] = table[k+24], table[k]
			}
		}
	}
	return table
}

// schedule returns the sixteen round keys of a key, 48 bits each.
func schedule(key uint64) [16]uint64 {
	chosen := permute(key, 64, permutedChoice1[:])
	left, right := chosen>>28, chosen&(1<<28-1)
	var keys [16]uint64
	for round, shift := range leftShifts {
		left = (left<<shift | left>>(28-shift)) & (1<<28 - 1)
		right = (right<<shift | right>>(28-shift)) & (1<<28 - 1)
		keys[round] = permute(left<<28|right, 56, permutedChoice2[:])
	}
	return keys
}

// encrypt returns a block encrypted by DES with the given expansion.
func encrypt(block uint64, keys *[16]uint64, expansion *[48]byte) uint64 {
	block = permute(block, 64, initialPermutation[:])
	left, right := block>>32, block&(1<<32-1)
	for _, key := range keys {
		mixed := permute(right, 32, expansion[:]) ^ key
		var chosen uint64
		for i := range substitution {
			six := mixed >> (42 - 6*i) & 0x3f
			row, column := six>>4&2|six&1, six>>1&0xf
			chosen = chosen<<4 | uint64(substitution[i][16*row+column])
		}
		left, right = right, left^permute(chosen, 32, permutation[:])
	}
	return permute(right<<32|left, 64, finalPermutation[:])
}

// permute returns the bits of value that table names, the first as the highest. Bits are numbered from 1, the highest of
// the width bits of value, as FIPS 46-3 does.
func permute(value uint64, width byte, table []byte) uint64 {
	var out uint64
	for _, bit := range table {
		out = out<<1 | value>>(width-bit)&1
	}
	return out
}
