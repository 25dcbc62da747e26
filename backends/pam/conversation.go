package pam

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/msteinert/pam/v2"

	"latchkey/plugins/secret"
)

// longestMessage is how much of a module's message a trace shows, in bytes.
const longestMessage = 200

var errExtraPrompt = errors.New("there is one answer, and it is the password")

// conversation answers what a stack asks: the password to the first prompt with echo off, and nothing else.
type conversation struct {
	password secret.Text
	asked    bool     // the password was given
	extra    bool     // the stack asked for something else, or a second time
	messages []string // what the modules said, for a trace
}

var _ pam.ConversationHandler = (*conversation)(nil)

// RespondPAM answers one message of a module. An error makes the module's prompt fail (PAM_CONV_ERR).
func (c *conversation) RespondPAM(style pam.Style, message string) (string, error) {
	message = c.clean(message)
	switch style {
	case pam.TextInfo, pam.ErrorMsg:
		c.messages = append(c.messages, fmt.Sprintf("a module says %q", message))
		return "", nil
	case pam.PromptEchoOff:
		if !c.asked && !c.extra {
			c.asked = true
			c.messages = append(c.messages, fmt.Sprintf("a module asks %q and gets the password", message))
			return c.password.Reveal(), nil
		}
	}
	c.extra = true
	c.messages = append(c.messages, fmt.Sprintf("a module asks %q, which nobody is there to answer", message))
	return "", errExtraPrompt
}

// clean returns a message without control characters and without the password, and not too long.
func (c *conversation) clean(message string) string {
	message = c.hide(message)
	message = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(message, "\uFFFD"))
	message = c.hide(message) // spaces in the place of line ends may have made one
	if len(message) > longestMessage {
		message = strings.ToValidUTF8(message[:longestMessage], "") + "…"
	}
	return strings.TrimSpace(message)
}

// hide returns a message with the password left out.
func (c *conversation) hide(message string) string {
	if c.password.Empty() {
		return message
	}
	return strings.ReplaceAll(message, c.password.Reveal(), "…")
}
