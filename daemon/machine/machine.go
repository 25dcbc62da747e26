// Package machine tells what a program may say of the machine that it runs on.
//
// What always holds: nothing here is a secret or leads back to one. What it does not do: it proves nothing to anybody; whoever runs
// the machine can change all of it.
package machine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
)

// Digits is how long an id is, in hex digits.
const Digits = 16

// label makes our hash of the machine's id another one than everybody else's.
const label = "latchkey licence machine id 1\n"

// IDFile is where the machine's own id is; see machine-id(5).
const IDFile = "/etc/machine-id"

// ID returns the id by which servers may know this machine: the first 16 hex digits of a SHA-256 over a label of our own and what is in
// the file, usually IDFile, since machine-id(5) asks not to show that to the network. It is empty where there is no id, as in many
// containers.
func ID(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	id := strings.TrimSpace(string(text))
	if !IsHex(id, 32) {
		return ""
	}
	sum := sha256.Sum256([]byte(label + id))
	return hex.EncodeToString(sum[:])[:Digits]
}

// IsHex reports whether a text is so many lower-case hex digits.
func IsHex(text string, digits int) bool {
	return len(text) == digits && strings.Trim(text, "0123456789abcdef") == ""
}

// NewSession returns a random UUID (RFC 9562 section 5.4), which names one run of a program. The error says that the bytes of random
// could not be read.
func NewSession(random io.Reader) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("random bytes: %w", err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}

// InContainer reports whether the program runs in a container of Docker's or Podman's, by the files that they put there.
func InContainer() bool {
	for _, file := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(file); err == nil {
			return true
		}
	}
	return false
}
