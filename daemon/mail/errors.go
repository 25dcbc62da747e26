package mail

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/textproto"
	"strings"
	"unicode"
)

// ErrRefused is the error of a mail that the server did not want; the text of an error that wraps it has the server's words.
var ErrRefused = errors.New("refused")

// maxWords is how many bytes of a server's words are kept.
const maxWords = 300

// failure is the error of a mail that was not handed over: one line, without the password and the code.
type failure struct {
	text string
	kind error // ErrRefused, the context's error, or nil
}

// Error returns the line.
func (f *failure) Error() string { return f.text }

// Unwrap returns what kind of failure it is.
func (f *failure) Unwrap() error { return f.kind }

// told returns the error that the caller gets. It does not wrap err, whose text is partly the server's, who may have said what was
// said to him.
func (s *Sender) told(step string, err error, i Invitation) error {
	f := &failure{}
	words := err.Error()
	if said, ok := errors.AsType[*textproto.Error](err); ok {
		f.kind, words = ErrRefused, fmt.Sprintf("refused with %d", said.Code)
		if text := s.safe(said.Msg, i); text != "" {
			words += " (" + text + ")"
		}
	} else if words = s.safe(words, i); words == "" {
		words = "it failed"
	}
	for _, kind := range []error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, kind) {
			f.kind = kind
		}
	}
	f.text = fmt.Sprintf("mail server %s: %s: %s", s.mail.Host, step, words)
	return f
}

// telling is how many characters of a secret in a row are taken for a part of it.
const telling = 8

// repeats reports whether words hold a secret, or so much of it in a row that they tell some of it. Spaces and equals signs do not
// count, since mail breaks lines with them (quoted-printable, RFC 2045, section 6.7).
func repeats(words, hidden string) bool {
	closed := strings.NewReplacer("=", "", " ", "", "\t", "", "\r", "", "\n", "")
	words, hidden = closed.Replace(words), closed.Replace(hidden)
	length := min(telling, len(hidden))
	for i := 0; length > 0 && i+length <= len(hidden); i++ {
		if strings.Contains(words, hidden[i:i+length]) {
			return true
		}
	}
	return false
}

// safe returns words as one line, and nothing when there is a secret in them, in whatever way mail writes it.
func (s *Sender) safe(words string, i Invitation) string {
	user, password := s.mail.User, s.mail.Password.Reveal()
	for _, hidden := range []string{
		password, base64.StdEncoding.EncodeToString([]byte(password)),
		base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password)), i.Code.Reveal(),
	} {
		if repeats(words, hidden) {
			return ""
		}
	}
	words = strings.Join(strings.FieldsFunc(words, func(c rune) bool { return unicode.IsSpace(c) || !unicode.IsPrint(c) }), " ")
	if len(words) > maxWords {
		words = strings.ToValidUTF8(words[:maxWords], "") + "…"
	}
	return words
}
