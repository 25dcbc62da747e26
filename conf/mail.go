package conf

import (
	"crypto/x509"
	"errors"
	"fmt"
	netmail "net/mail"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode"

	"latchkey/plugins/secret"
)

// MailTLS is how the connection to the mail server is encrypted.
type MailTLS string

// The values of [mail] tls.
const (
	MailStartTLS    MailTLS = "starttls" // STARTTLS of RFC 3207, and nothing is sent to a server that does not have it
	MailImplicitTLS MailTLS = "implicit" // TLS from the first byte (RFC 8314)
	MailNoTLS       MailTLS = "none"     // in clear
)

// InvitationCode is what stands for the code in [mail] invitation_url.
const InvitationCode = "{code}"

// maxAddress is the longest address of a mailbox, in bytes (RFC 5321, section 4.5.3.1.3, without the angle brackets).
const maxAddress = 254

// Mail is the section [mail].
type Mail struct {
	// Host is the mail server; empty means that no mail is sent, and then of the rest only InvitationURL counts.
	Host     string
	Port     int     // default 587
	TLS      MailTLS // default starttls
	User     string  // empty: the server is shown no credential
	Password secret.Text
	From     string        // an address, and nothing around it
	Timeout  time.Duration // of one mail; default 10 s
	CAFile   string        // PEM file with the certificates that are trusted instead of the system's; empty: the system's
	// InvitationURL has InvitationCode in it, where the code of an invitation is put; empty means that there is no link.
	InvitationURL string
}

// Sends reports whether mail is sent.
func (m Mail) Sends() bool { return m.Host != "" }

// InvitationLink returns where an invitation with this code is taken up, and nothing when there is no such place. The link holds the
// code: it must not be logged.
func (m Mail) InvitationLink(code secret.Text) string {
	return strings.Replace(m.InvitationURL, InvitationCode, url.QueryEscape(code.Reveal()), 1)
}

// Equal reports whether two sections say the same.
func (m Mail) Equal(other Mail) bool {
	equal := m.Password.Equal(other.Password)
	m.Password, other.Password = secret.Text{}, secret.Text{}
	return equal && m == other
}

// mailSection is the section [mail].
func mailSection() section {
	return section{name: "mail", keys: []key{
		into("host", host, func(c *Config) *string { return &c.Mail.Host }),
		into("port", integer(1, 65535), func(c *Config) *int { return &c.Mail.Port }),
		into("tls", oneOf(MailStartTLS, MailImplicitTLS, MailNoTLS), func(c *Config) *MailTLS { return &c.Mail.TLS }),
		into("user", text, func(c *Config) *string { return &c.Mail.User }),
		secretText("password", func(c *Config) *secret.Text { return &c.Mail.Password }),
		into("from", mailAddress, func(c *Config) *string { return &c.Mail.From }),
		into("timeout", duration(time.Second, 5*time.Minute), func(c *Config) *time.Duration { return &c.Mail.Timeout }),
		file("ca_file", func(c *Config) *string { return &c.Mail.CAFile }),
		into("invitation_url", invitationURL, func(c *Config) *string { return &c.Mail.InvitationURL }),
	}}
}

// mailAddress reads the address of a mailbox (RFC 5322, addr-spec), without a name and brackets around it.
func mailAddress(value string) (string, error) {
	parsed, err := netmail.ParseAddress(value)
	ascii := strings.IndexFunc(value, func(c rune) bool { return c > unicode.MaxASCII }) < 0
	if err != nil || parsed.Address != value || len(value) > maxAddress || !ascii {
		return "", errors.New("must be an address such as latchkey@example.com, with nothing around it")
	}
	return value, nil
}

// invitationURL reads a web address with a place for the code of an invitation. The code may not be part of the host's name,
// which is asked about in clear.
func invitationURL(value string) (string, error) {
	const code = "lki_code"
	u, err := url.Parse(strings.Replace(value, InvitationCode, code, 1))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil ||
		strings.Count(value, InvitationCode) != 1 || strings.Contains(u.Host, code) || strings.ContainsAny(value, " <>\"") {
		return "", errors.New("must be a URL with {code} in it once, behind the host, such as https://portal.example.com/join#{code}")
	}
	return value, nil
}

// checkMail looks at [mail] as a whole.
func (r *reader) checkMail(c *Config) {
	m, at := c.Mail, func(key string) Position { return r.position("mail", key) }
	if !m.Sends() {
		for _, key := range []string{"user", "password", "from", "ca_file"} {
			if _, given := r.value("mail", key); given && !r.failed[sectionKey{"mail", "host"}] {
				r.fault(at(key), "[mail] %s: it means nothing without host, the mail server", key)
			}
		}
		return
	}
	if m.From == "" && !r.failed[sectionKey{"mail", "from"}] {
		r.fault(at("host"), "[mail] host: it needs from, the address that mails come from")
	}
	switch {
	case m.User != "" && m.Password.Empty() && !r.failed[sectionKey{"mail", "password"}]:
		r.fault(at("user"), "[mail] user: it needs password or password_file")
	case m.User == "" && !m.Password.Empty():
		r.fault(at("password"), "[mail] password: it needs user")
	}
	switch {
	case m.TLS != MailNoTLS || loopback(m.Host):
	case m.User != "":
		r.fault(at("tls"), "[mail] tls: none would send the password over the network in clear; set starttls or implicit, or leave out user and password")
	default:
		r.notice(at("tls"), "[mail] tls: none sends invitations over the network in clear, so anybody on the way can use them")
	}
	if m.CAFile != "" {
		if err := checkCertificates(m.CAFile); err != nil {
			r.fault(at("ca_file"), "[mail] ca_file: %v", err)
		}
	}
}

// checkCertificates returns nil when a PEM file holds certificates that can be trusted. The error names the file.
func checkCertificates(name string) error {
	if err := readable(name, false); err != nil {
		return err
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("%s cannot be read: %w", name, cause(err))
	}
	if !x509.NewCertPool().AppendCertsFromPEM(content) {
		return fmt.Errorf("%s has no certificate in PEM form", name)
	}
	return nil
}
