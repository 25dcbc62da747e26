package api

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"latchkey/plugins/secret"
)

// parseBasic returns the name and the password of an Authorization header of the Basic scheme (RFC 7617 section 2), and
// false when the header is anything else or bent in any way: another scheme, base64 that is not the padded standard
// alphabet (RFC 4648 section 4), no colon, or a control character.
//
// The scheme's case does not matter and the password is all that follows the first colon. Bytes that are not UTF-8 are
// taken as Latin-1, because that is what Python's requests, and so StackStorm's client, sends.
func parseBasic(header string) (name string, password secret.Text, ok bool) {
	scheme, encoded, found := strings.Cut(header, " ")
	if !found || !strings.EqualFold(scheme, "basic") {
		return "", secret.Text{}, false
	}
	encoded = strings.TrimLeft(encoded, " ")
	if strings.ContainsAny(encoded, "\r\n") { // which encoding/base64 would leave out silently
		return "", secret.Text{}, false
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return "", secret.Text{}, false
	}
	name, word, found := strings.Cut(decode(decoded), ":")
	if !found || hasControl(name) || hasControl(word) {
		return "", secret.Text{}, false
	}
	return name, secret.New(word), true
}

// decode returns text as it is when it is UTF-8, and read as Latin-1 when it is not.
func decode(text []byte) string {
	if utf8.Valid(text) {
		return string(text)
	}
	runes := make([]rune, len(text))
	for i, b := range text {
		runes[i] = rune(b)
	}
	return string(runes)
}

// hasControl reports whether text holds one of the characters that RFC 7617 section 2 forbids (CTL of RFC 5234).
func hasControl(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r == 0x7f })
}
