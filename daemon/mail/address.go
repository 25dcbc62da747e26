package mail

import (
	"errors"
	"fmt"
	netmail "net/mail"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxBytes is the longest name and the longest address, in bytes (RFC 5321, section 4.5.3.1.3, without the angle brackets).
const maxBytes = 254

// ErrAddress is the error of a name or an address that cannot stand in a mail. Errors that wrap it say why and do not hold it.
var ErrAddress = errors.New("it cannot stand in a mail")

// CheckName returns nil when a text can be a person's or a workspace's name in a mail: 1 to 254 bytes of UTF-8 that are
// printable, so that no name begins a line of its own or turns the direction of writing, and without space at its ends. The error
// wraps ErrAddress, completes the sentence "the name …" and does not hold the name.
func CheckName(name string) error {
	switch {
	case name == "" || len(name) > maxBytes:
		return refused("has 1 to %d bytes", maxBytes)
	case !utf8.ValidString(name):
		return refused("is UTF-8")
	case strings.ContainsFunc(name, func(c rune) bool { return !unicode.IsPrint(c) }):
		return refused("has no line break, control character or invisible character")
	case name != strings.TrimSpace(name):
		return refused("has no space at its beginning or end")
	}
	return nil
}

// CheckAddress returns nil when a text is the address of one mailbox: an addr-spec of RFC 5322, section 3.4.1, such as
// alice@example.com, of at most 254 bytes of ASCII, with nothing around it. Quoted names before the @ are refused. The error wraps
// ErrAddress, completes the sentence "the address …" and does not hold the address.
func CheckAddress(address string) error {
	switch {
	case address == "" || len(address) > maxBytes:
		return refused("has 1 to %d bytes", maxBytes)
	case strings.ContainsFunc(address, func(c rune) bool { return c <= ' ' || c > '~' }):
		return refused("is ASCII without spaces and control characters")
	}
	if parsed, err := netmail.ParseAddress(address); err != nil || parsed.Address != address {
		return refused("is written as alice@example.com, with nothing around it")
	}
	return nil
}

// refused returns an error that wraps ErrAddress.
func refused(format string, args ...any) error {
	return &refusal{fmt.Sprintf(format, args...)}
}

// refusal is an error that says what a name or an address is like that can stand in a mail.
type refusal struct{ rule string }

// Error returns the rule.
func (r *refusal) Error() string { return r.rule }

// Unwrap returns ErrAddress.
func (*refusal) Unwrap() error { return ErrAddress }
