package mail

import (
	"io"
	"testing"
	"time"

	"latchkey/conf"
	"latchkey/plugins/secret"
)

// newSender returns a sender.
func newSender(t *testing.T, m conf.Mail) *Sender {
	t.Helper()
	s, err := New(m)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// invitation returns an invitation of Alice's.
func invitation() Invitation {
	return Invitation{
		To: "zoe@example.com", ToName: "Zoë Müller", Workspace: "Größe & Söhne", InvitedBy: "山田 太郎", Code: secret.New("lki_canary0123456789abcdefghijklmnopqrst"),
		Link:      "https://portal.example.com/a/rather/long/path/to/join#lki_canary0123456789abcdefghijklmnopqrst",
		ExpiresAt: time.Date(2027, 1, 8, 9, 30, 0, 0, time.UTC),
	}
}

// text returns what a reader gives.
func text(t *testing.T, r io.Reader) string {
	t.Helper()
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
