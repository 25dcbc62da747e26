package pam

import (
	"strings"
	"testing"
	"unicode"

	"github.com/msteinert/pam/v2"

	"latchkey/plugins/secret"
)

// The password is the answer to one prompt, and no message shows it.
func TestConversation(t *testing.T) {
	c := &conversation{password: secret.New(right)}
	for _, style := range []pam.Style{pam.TextInfo, pam.ErrorMsg} {
		if answer, err := c.RespondPAM(style, "you typed "+right+"\n\x1b[31m"); answer != "" || err != nil {
			t.Errorf("a message of style %v gets %q, %v", style, answer, err)
		}
	}
	if answer, err := c.RespondPAM(pam.PromptEchoOff, "Password: "); answer != right || err != nil || !c.asked || c.extra {
		t.Errorf("the first prompt gets %q, %v", answer, err)
	}
	for _, style := range []pam.Style{pam.PromptEchoOff, pam.PromptEchoOn, pam.BinaryPrompt, pam.Style(99)} {
		c.extra = false
		if answer, err := c.RespondPAM(style, "Code: "); answer != "" || err == nil || !c.extra {
			t.Errorf("a prompt of style %v gets %q, %v", style, answer, err)
		}
	}
	spaced := &conversation{password: secret.New("open sesame")}
	if _, err := spaced.RespondPAM(pam.TextInfo, "you typed open\nsesame"); err != nil || strings.Contains(spaced.messages[0], "open sesame") {
		t.Errorf("the messages are %q, %v", spaced.messages, err)
	}
	if said := strings.Join(c.messages, "\n"); strings.Contains(said, right) || strings.Contains(said, "\x1b") {
		t.Errorf("the messages are %q", said)
	}
}

// FuzzConversation holds that no message of a module gets a control character or the password into a trace.
func FuzzConversation(f *testing.F) {
	f.Add(int(pam.TextInfo), "Your password will expire in 3 days.")
	f.Add(int(pam.ErrorMsg), "\x1b[2J\r\nopensesame opensesame")
	f.Add(int(pam.PromptEchoOn), strings.Repeat("é", 500))
	f.Add(int(pam.PromptEchoOff), "\xff\x00opensesam"+"opensesamee")
	f.Fuzz(func(t *testing.T, style int, message string) {
		c := &conversation{password: secret.New(right)}
		answer, err := c.RespondPAM(pam.Style(style), message)
		if answer != "" && (answer != right || !c.asked) {
			t.Fatalf("a message of style %d gets %q", style, answer)
		}
		if (err != nil) != c.extra {
			t.Fatalf("a message of style %d gets %v and is an extra prompt: %v", style, err, c.extra)
		}
		for _, said := range c.messages {
			if strings.Contains(said, right) || strings.ContainsFunc(said, unicode.IsControl) || len(said) > 5*longestMessage {
				t.Fatalf("the trace has %q", said)
			}
		}
	})
}
