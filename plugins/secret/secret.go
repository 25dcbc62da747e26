// Package secret holds the type of every password, token and key in the project.
//
// A Text cannot be printed: every way in which fmt, log/slog and encoding/json turn a value into text gives the word
// "[secret]" instead. The content comes out by Reveal alone, so a search for that name finds each place that handles it.
// The package imports nothing of the project, so that every layer can use it.
//
// It does not wipe memory: Go may have copied the bytes already.
package secret

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
)

const mask = "[secret]"

// Text is a secret string. Its zero value is the empty secret.
type Text struct{ value string }

// New returns the secret whose content is value.
func New(value string) Text { return Text{value: value} }

// Reveal returns the content. Its result must not be logged, put into an error or stored.
func (t Text) Reveal() string { return t.value }

// Empty reports whether the content has no bytes.
func (t Text) Empty() bool { return t.value == "" }

// Len returns the length of the content in bytes.
func (t Text) Len() int { return len(t.value) }

// Equal reports whether two secrets have the same content, in a time that depends on their lengths only.
func (t Text) Equal(other Text) bool {
	return subtle.ConstantTimeCompare([]byte(t.value), []byte(other.value)) == 1
}

// String returns a mask, never the content.
func (t Text) String() string { return mask }

// GoString returns a mask, never the content.
func (t Text) GoString() string { return mask }

// Format writes a mask whatever the verb, so that %x or %#v cannot show the content.
func (t Text) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte(mask)) }

// MarshalText returns a mask, never the content; JSON, XML and text encoders use it.
func (t Text) MarshalText() ([]byte, error) { return []byte(mask), nil }

// LogValue returns a mask for log/slog, never the content.
func (t Text) LogValue() slog.Value { return slog.StringValue(mask) }
