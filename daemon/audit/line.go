package audit

import (
	"fmt"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// maxValue bounds each value as it is written, in bytes, and maxLine a record with its newline. A pipe takes that much at
// once or not at all (pipe(7): PIPE_BUF).
const (
	maxValue = 256
	maxLine  = 4096
)

// timeLayout is RFC 3339 in UTC with six fraction digits.
const timeLayout = "2006-01-02T15:04:05.000000Z07:00"

// encode returns an event as one line of JSON with its newline: exactly these fields, and no other.
func encode(e Event) []byte {
	line := append(make([]byte, 0, 512), `{"time":"`...)
	line = append(e.Time.UTC().AppendFormat(line, timeLayout), '"')
	for _, field := range [...]struct{ name, value string }{
		{"event", e.Event},
		{"request_id", e.RequestID},
		{"source", e.Source},
		{"user_agent", e.UserAgent},
		{"route", e.Route},
		{"user", e.User},
		{"real_user", e.RealUser},
		{"kind", e.Kind},
		{"credential_id", e.CredentialID},
		{"workspace", e.Workspace},
		{"backend", e.Backend},
		{"outcome", e.Outcome},
		{"reason", e.Reason},
	} {
		if field.value == "" {
			continue
		}
		line = append(append(append(line, ',', '"'), field.name...), `":"`...)
		line = append(appendValue(line, field.value), '"')
	}
	return append(line, '}', '\n')
}

// appendValue appends a value as the inside of a JSON string (RFC 8259 section 7) and cuts it, between two characters, where
// it would take more than maxValue bytes. What is not printable is escaped, which is more than JSON asks for: a log is read
// on terminals, where U+009B begins a command and U+202E turns the line around. A byte that is no UTF-8 becomes U+FFFD.
func appendValue(line []byte, value string) []byte {
	end := len(line) + maxValue
	var escaped [12]byte
	for _, r := range value {
		next := appendRune(escaped[:0], r)
		if len(line)+len(next) > end {
			break
		}
		line = append(line, next...)
	}
	return line
}

// appendRune appends one character of a value.
func appendRune(line []byte, r rune) []byte {
	switch {
	case r == '"' || r == '\\':
		return append(line, '\\', byte(r))
	case unicode.IsPrint(r):
		return utf8.AppendRune(line, r)
	case r > 0xFFFF:
		high, low := utf16.EncodeRune(r)
		return fmt.Appendf(line, `\u%04x\u%04x`, high, low)
	}
	return fmt.Appendf(line, `\u%04x`, r)
}

// stamped gives an event the time when it has none.
func stamped(e Event, now func() time.Time) Event {
	if e.Time.IsZero() {
		e.Time = now()
	}
	return e
}
