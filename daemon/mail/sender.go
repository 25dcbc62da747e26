package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"latchkey/conf"
)

// defaultTimeout is that of [mail] timeout.
const defaultTimeout = 10 * time.Second

// Sender sends invitations through one mail server. It is safe for concurrent use: each mail has a connection of its own.
type Sender struct {
	mail    conf.Mail
	trusted *x509.CertPool // nil: the system's
}

// New returns a sender for a server. It does not call the server. The error names the key of [mail] that is wrong.
func New(m conf.Mail) (*Sender, error) {
	switch {
	case !m.Sends():
		return nil, errors.New("[mail] host: it is missing")
	case m.Port < 1 || m.Port > 65535:
		return nil, errors.New("[mail] port: must be a whole number from 1 to 65535")
	case !slices.Contains([]conf.MailTLS{conf.MailStartTLS, conf.MailImplicitTLS, conf.MailNoTLS}, m.TLS):
		return nil, errors.New("[mail] tls: must be starttls or implicit or none")
	}
	if err := CheckAddress(m.From); err != nil {
		return nil, fmt.Errorf("[mail] from: an address %w", err)
	}
	if m.Timeout <= 0 {
		m.Timeout = defaultTimeout
	}
	s := &Sender{mail: m}
	if m.CAFile == "" {
		return s, nil
	}
	pem, err := os.ReadFile(m.CAFile)
	if err != nil {
		return nil, fmt.Errorf("[mail] ca_file: %w", err)
	}
	s.trusted = x509.NewCertPool()
	if !s.trusted.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("[mail] ca_file: %s has no certificate in PEM form", m.CAFile)
	}
	return s, nil
}

// Send sends an invitation, and returns nil when the server has taken it. An error that wraps ErrAddress is about a name or an
// address of the invitation, and then nothing was sent; one that wraps ErrRefused is the server's refusal; any other says why the
// mail could not be handed over, and may wrap the context's.
func (s *Sender) Send(ctx context.Context, i Invitation) error {
	if err := i.check(); err != nil {
		return err
	}
	limited, cancel := context.WithTimeoutCause(ctx, s.mail.Timeout, fmt.Errorf("no answer within %s: %w", s.mail.Timeout, context.DeadlineExceeded))
	defer cancel()
	line := &line{sender: s}
	defer line.close()
	step, err := s.deliver(limited, line, i)
	if err == nil {
		return nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		<-limited.Done() // the connection has the same deadline, and may be a moment earlier
	}
	if limited.Err() != nil {
		err = context.Cause(limited)
	}
	return s.told(step, err, i)
}

// deliver hands a mail over. With an error it returns what was being done.
func (s *Sender) deliver(ctx context.Context, line *line, i Invitation) (step string, err error) {
	c, err := s.client(ctx, line)
	if err != nil {
		return "preparing", err
	}
	session, err := c.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return "connecting", err
	}
	if err := session.Mail("<" + s.mail.From + ">"); err != nil {
		return "the sender", err
	}
	if err := session.Rcpt("<" + i.To + ">"); err != nil {
		return "the recipient", err
	}
	body, err := session.Data()
	if err != nil {
		return "the mail", err
	}
	if _, err := i.message(s.mail.From).WriteTo(body); err != nil {
		return "the mail", err
	}
	if err := body.Close(); err != nil {
		return "the mail", err
	}
	_ = session.Quit() // the server has the mail, and says so no better by this
	return "", nil
}

// client returns go-mail's client for one mail over one connection. The connection is opened with the mail's context and not with
// the one that go-mail makes of it, which ends before the mail is sent.
func (s *Sender) client(ctx context.Context, line *line) (*gomail.Client, error) {
	dial := func(_ context.Context, network, address string) (net.Conn, error) {
		return line.dial(ctx, network, address)
	}
	options := []gomail.Option{
		gomail.WithPort(s.mail.Port), gomail.WithTimeout(s.mail.Timeout), gomail.WithTLSConfig(s.tls()),
		gomail.WithDialContextFunc(dial), gomail.WithoutSMTPUTF8(), // every header is ASCII
	}
	switch s.mail.TLS {
	case conf.MailStartTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case conf.MailImplicitTLS:
		options = append(options, gomail.WithSSL())
	case conf.MailNoTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if s.mail.User != "" {
		options = append(options, gomail.WithSMTPAuthCustom(&password{line: line}))
	}
	return gomail.NewClient(s.mail.Host, options...)
}

// tls returns how the server's certificate is looked at.
func (s *Sender) tls() *tls.Config {
	return &tls.Config{ServerName: s.mail.Host, RootCAs: s.trusted, MinVersion: tls.VersionTLS12}
}

// line is the connection that one mail goes over. It is closed at the latest when the context of the mail ends, which go-mail heeds
// only until the connection is there.
type line struct {
	sender *Sender
	conn   net.Conn
	stop   func() bool
}

// dial opens the connection.
func (l *line) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var err error
	if l.sender.mail.TLS == conf.MailImplicitTLS {
		l.conn, err = (&tls.Dialer{Config: l.sender.tls()}).DialContext(ctx, network, address)
	} else {
		l.conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
	}
	if err != nil {
		l.conn = nil
		return nil, err
	}
	l.stop = context.AfterFunc(ctx, func() { _ = l.conn.Close() }) // whoever reads or writes gets the error
	return l.conn, nil
}

// close closes the connection.
func (l *line) close() {
	if l.conn == nil {
		return
	}
	l.stop()
	_ = l.conn.Close() // Quit has closed it when all went well
}

// local reports whether the other end is on this host.
func (l *line) local() bool {
	at, ok := l.conn.RemoteAddr().(*net.TCPAddr)
	return ok && at.IP.IsLoopback()
}

// password shows the user and his password to the server, over TLS or to this host only: PLAIN (RFC 4616) or LOGIN.
type password struct {
	line  *line
	shown smtp.Auth
}

var _ smtp.Auth = (*password)(nil)

// The errors of a password that is not shown.
var (
	errInClear  = errors.New("the password is not shown without TLS")
	errNoLogin  = errors.New("the server takes no user and password, so leave them out")
	errOtherWay = errors.New("the server takes a password neither as PLAIN nor as LOGIN")
)

// Start picks the way in which the password is shown.
func (p *password) Start(server *smtp.ServerInfo) (string, []byte, error) {
	m := p.line.sender.mail
	inClear := m.TLS == conf.MailNoTLS && p.line.local()
	switch {
	case !server.TLS && !inClear:
		return "", nil, errInClear
	case len(server.Auth) == 0:
		return "", nil, errNoLogin
	case slices.Contains(server.Auth, "PLAIN"):
		p.shown = smtp.PlainAuth("", m.User, m.Password.Reveal(), m.Host, inClear)
	case slices.Contains(server.Auth, "LOGIN"):
		p.shown = smtp.LoginAuth(m.User, m.Password.Reveal(), m.Host, inClear)
	default:
		return "", nil, errOtherWay
	}
	return p.shown.Start(server)
}

// Next answers the server.
func (p *password) Next(asked []byte, more bool) ([]byte, error) { return p.shown.Next(asked, more) }
