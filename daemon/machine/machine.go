// Package machine tells what a program may say of the machine that it runs on.
//
// What always holds: nothing here is a secret or leads back to one. What it does not do: it proves nothing to anybody; whoever runs
// the machine can change all of it.
package machine

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
)

// Digits is how long an id is, in hex digits.
const Digits = 16

// label makes our hash of the machine's id another one than everybody else's.
const label = "latchkey licence machine id 1\n"

// ID returns the id by which servers may know this machine: the first 16 hex digits of a SHA-256 over a label of our own and
// /etc/machine-id, since machine-id(5) asks not to show that one to the network. It is empty where there is none, as in many
// containers.
func ID() string { return idOf("/etc/machine-id") }

func idOf(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	id := strings.TrimSpace(string(text))
	if len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" {
		return ""
	}
	sum := sha256.Sum256([]byte(label + id))
	return hex.EncodeToString(sum[:])[:Digits]
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
