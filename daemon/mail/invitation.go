package mail

import (
	"crypto/rand"
	"fmt"
	netmail "net/mail"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"latchkey/plugins/secret"
)

// Invitation is what a mail says to whom.
type Invitation struct {
	To        string // the address of whoever is invited
	ToName    string // and the name
	Workspace string // the name of the workspace
	// InvitedBy is who invites; empty when that is nobody with a name.
	InvitedBy string
	Code      secret.Text
	// Link is where the invitation is taken up, with the code in it; empty when there is no such place.
	Link      string
	ExpiresAt time.Time // the first instant at which the code is refused
}

// check returns an error that wraps ErrAddress when a part cannot stand in a mail.
func (i Invitation) check() error {
	if err := CheckAddress(i.To); err != nil {
		return fmt.Errorf("the address of whoever is invited %w", err)
	}
	for _, part := range []struct {
		what, name string
		optional   bool
	}{
		{"the name of whoever is invited", i.ToName, false},
		{"the name of the workspace", i.Workspace, false},
		{"the name of whoever invites", i.InvitedBy, true},
	} {
		if part.optional && part.name == "" {
			continue
		}
		if err := CheckName(part.name); err != nil {
			return fmt.Errorf("%s %w", part.what, err)
		}
	}
	for _, part := range []string{i.Link, i.Code.Reveal()} {
		if strings.ContainsFunc(part, func(c rune) bool { return c <= ' ' || c > '~' }) {
			return fmt.Errorf("the link or the code of the invitation %w", refused("is ASCII without spaces and control characters"))
		}
	}
	return nil
}

// message returns the mail, which comes from an address that CheckAddress takes.
func (i Invitation) message(from string) *gomail.Msg {
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	m.FromMailAddress(&netmail.Address{Address: from})
	m.ToMailAddress(&netmail.Address{Name: i.ToName, Address: i.To})
	m.Subject(fmt.Sprintf("Invitation to the workspace %s", i.Workspace))
	// Not go-mail's own, which tells everybody this host's name.
	m.SetMessageIDWithValue(rand.Text() + from[strings.LastIndexByte(from, '@'):])
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: so that no absence note is sent back
	m.SetBodyString(gomail.TypeTextPlain, i.text())
	return m
}

// text returns what the mail says.
func (i Invitation) text() string {
	var text strings.Builder
	fmt.Fprintf(&text, "Hello %s,\n\n", i.ToName)
	if i.InvitedBy != "" {
		fmt.Fprintf(&text, "%s invites you to the workspace %s.\n\n", i.InvitedBy, i.Workspace)
	} else {
		fmt.Fprintf(&text, "You are invited to the workspace %s.\n\n", i.Workspace)
	}
	if i.Link != "" {
		fmt.Fprintf(&text, "To join, open this address:\n\n    %s\n\nor log in on the command line and hand over the code:\n\n", i.Link)
	} else {
		text.WriteString("To join, log in on the command line and hand over the code:\n\n")
	}
	fmt.Fprintf(&text, "    latchkey member join %s\n\n", i.Code.Reveal())
	fmt.Fprintf(&text, "The invitation is good once, until %s. Do not pass it on.\n", i.ExpiresAt.UTC().Format("2006-01-02 15:04 UTC"))
	text.WriteString("If you did not expect it, you need do nothing.\n")
	return text.String()
}
