package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"mime"
	"mime/quotedprintable"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"latchkey/conf"
	"latchkey/daemon/mail/mailtest"
	"latchkey/plugins/secret"
)

// all are the ways of encryption.
func all() []conf.MailTLS {
	return []conf.MailTLS{conf.MailStartTLS, conf.MailImplicitTLS, conf.MailNoTLS}
}

// A mail arrives once, at whom it is for, with names in any script, however the connection is encrypted.
func TestSend(t *testing.T) {
	for _, way := range all() {
		t.Run(string(way), func(t *testing.T) {
			s := mailtest.Start(t, way)
			if err := newSender(t, s.Conf(way)).Send(t.Context(), invitation()); err != nil {
				t.Fatal(err)
			}
			mails := s.Mails(t)
			if len(mails) != 1 {
				t.Fatalf("%d mails", len(mails))
			}
			header := mails[0].Header
			to, err := header.AddressList("To")
			if err != nil || len(to) != 1 || to[0].Name != "Zoë Müller" || to[0].Address != "zoe@example.com" {
				t.Errorf("To: %v, %v", to, err)
			}
			subject, err := new(mime.WordDecoder).DecodeHeader(header.Get("Subject"))
			if err != nil || subject != "Invitation to the workspace Größe & Söhne" {
				t.Errorf("Subject: %s, %v", subject, err)
			}
			for name, want := range map[string]string{
				"From": "<latchkey@example.com>", "X-Mailfrom": "latchkey@example.com", "X-Rcptto": "zoe@example.com", "Auto-Submitted": "auto-generated",
				"Content-Type": "text/plain; charset=UTF-8",
			} {
				if got := header.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			if id := header.Get("Message-Id"); !strings.HasSuffix(id, "@example.com>") {
				t.Errorf("Message-ID: %s", id)
			}
			body := text(t, quotedprintable.NewReader(mails[0].Body))
			for _, part := range []string{
				"Hello Zoë Müller,", "山田 太郎 invites you to the workspace Größe & Söhne.", "\n    " + invitation().Link + "\n",
				"\n    latchkey member join " + invitation().Code.Reveal() + "\n", "until 2027-01-08 09:30 UTC",
			} {
				if !strings.Contains(strings.ReplaceAll(body, "\r\n", "\n"), part) {
					t.Errorf("%q is not in\n%s", part, body)
				}
			}
		})
	}
}

// The password is shown over TLS, or in clear on this host where that was asked for, in the way that the server takes.
func TestPassword(t *testing.T) {
	for _, way := range all() {
		for _, mechanism := range []string{"PLAIN", "LOGIN"} {
			t.Run(string(way)+" "+mechanism, func(t *testing.T) {
				s := mailtest.Start(t, way, "--password", "pä ss", "--mechanism", mechanism)
				m := s.Conf(way)
				m.User, m.Password = "latchkey", secret.New("pä ss")
				if err := newSender(t, m).Send(t.Context(), invitation()); err != nil {
					t.Fatal(err)
				}
				if got := s.Passwords(t); len(s.Mails(t)) != 1 || !strings.Contains(got, `"mechanism": "`+mechanism+`", "user": "latchkey"`) {
					t.Errorf("%d mails, the server was shown %s", len(s.Mails(t)), got)
				}
			})
		}
	}
}

// A password that is wrong is in no error, even when the server repeats it. hazard 38
func TestWrongPassword(t *testing.T) {
	s := mailtest.Start(t, conf.MailStartTLS, "--password", "other")
	m := s.Conf(conf.MailStartTLS)
	m.User, m.Password = "latchkey", secret.New("canary-password")
	err := newSender(t, m).Send(t.Context(), invitation())
	if !errors.Is(err, ErrRefused) || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "connecting: refused with 535") {
		t.Errorf("%v, want ErrRefused", err)
	}
	if !strings.Contains(s.Passwords(t), "canary-password") {
		t.Error("the server was not asked")
	}
}

// A server without STARTTLS is told nothing, neither the password nor the mail: somebody on the way can take the word out.
func TestNothingInClear(t *testing.T) {
	s := mailtest.Start(t, conf.MailNoTLS)
	m := s.Conf(conf.MailNoTLS)
	m.TLS, m.User, m.Password = conf.MailStartTLS, "latchkey", secret.New("canary-password")
	err := newSender(t, m).Send(t.Context(), invitation())
	if err == nil || !strings.Contains(err.Error(), "does not support STARTTLS") {
		t.Errorf("%v", err)
	}
	if got := s.Passwords(t); got != "" || len(s.Mails(t)) != 0 {
		t.Errorf("the server was shown %q and %d mails", got, len(s.Mails(t)))
	}
}

// A certificate that nobody vouches for, or that is for another host, ends it before anything is said. hazard 36
func TestWrongCertificate(t *testing.T) {
	for _, way := range []conf.MailTLS{conf.MailStartTLS, conf.MailImplicitTLS} {
		s := mailtest.Start(t, way)
		unknown, elsewhere := s.Conf(way), s.Conf(way)
		unknown.CAFile = filepath.Join(t.TempDir(), "other.pem")
		mailtest.Certificate(t, unknown.CAFile, filepath.Join(t.TempDir(), "key.pem"))
		elsewhere.Host = "localhost" // the certificate is for 127.0.0.1
		system := s.Conf(way)
		system.CAFile = ""
		for name, m := range map[string]conf.Mail{"unknown": unknown, "another host's": elsewhere, "not the system's": system} {
			m.User, m.Password = "latchkey", secret.New("canary-password")
			err := newSender(t, m).Send(t.Context(), invitation())
			if err == nil || !strings.Contains(err.Error(), "certificate") {
				t.Errorf("%s, %s: %v", way, name, err)
			}
		}
		if got := s.Passwords(t); got != "" || len(s.Mails(t)) != 0 {
			t.Errorf("%s: the server was shown %q and %d mails", way, got, len(s.Mails(t)))
		}
	}
}

// What the server refuses is told in its words, unless they repeat the code. hazard 38
func TestRefused(t *testing.T) {
	s := mailtest.Start(t, conf.MailNoTLS, "--refuse", "zoe@example.com")
	err := newSender(t, s.Conf(conf.MailNoTLS)).Send(t.Context(), invitation())
	if !errors.Is(err, ErrRefused) || err.Error() != "mail server 127.0.0.1: the recipient: refused with 550 (5.1.1 no such user here)" {
		t.Errorf("%v, want ErrRefused", err)
	}
	s = mailtest.Start(t, conf.MailNoTLS, "--answer", "echo")
	err = newSender(t, s.Conf(conf.MailNoTLS)).Send(t.Context(), invitation())
	if !errors.Is(err, ErrRefused) || err.Error() != "mail server 127.0.0.1: the mail: refused with 554" {
		t.Errorf("%v, want ErrRefused", err)
	}
}

// Who does not answer is waited for no longer than the timeout, nor than the caller waits.
func TestHang(t *testing.T) {
	s := mailtest.Start(t, conf.MailNoTLS, "--hang")
	m := s.Conf(conf.MailNoTLS)
	m.Timeout = 300 * time.Millisecond
	err := newSender(t, m).Send(t.Context(), invitation())
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer within 300ms") {
		t.Errorf("%v, want DeadlineExceeded", err)
	}
	m.Timeout = time.Hour
	limited, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := newSender(t, m).Send(limited, invitation()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want DeadlineExceeded", err)
	}
	if took := time.Since(began); took > time.Minute { // the server itself gives up after five
		t.Errorf("it took %s, and the caller waited for 300ms", took)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, and nobody says anything
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, way := range all() {
		m := conf.Mail{Host: "127.0.0.1", Port: silent.Addr().(*net.TCPAddr).Port, TLS: way, From: "a@b.c", Timeout: 200 * time.Millisecond}
		if err := newSender(t, m).Send(t.Context(), invitation()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v, want DeadlineExceeded", way, err)
		}
	}
}

// Nobody there is an error that names the server.
func TestUnreachable(t *testing.T) {
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := gone.Addr().(*net.TCPAddr).Port
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	err = newSender(t, conf.Mail{Host: "127.0.0.1", Port: port, TLS: conf.MailNoTLS, From: "a@b.c"}).Send(t.Context(), invitation())
	if err == nil || !strings.HasPrefix(err.Error(), "mail server 127.0.0.1: connecting: ") || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("%v", err)
	}
}

// Nothing that somebody writes into a name or an address becomes a header, a recipient or a command; the server is not even
// called. hazard 66
func TestInjection(t *testing.T) {
	s := mailtest.Start(t, conf.MailNoTLS)
	sender := newSender(t, s.Conf(conf.MailNoTLS))
	const evil = "x\r\nBcc: eve@example.com"
	for name, change := range map[string]func(*Invitation){
		"to":         func(i *Invitation) { i.To = "zoe@example.com\r\nBcc: eve@example.com" },
		"command":    func(i *Invitation) { i.To = "zoe@example.com>\r\nRCPT TO:<eve@example.com" },
		"two":        func(i *Invitation) { i.To = "zoe@example.com, eve@example.com" },
		"name":       func(i *Invitation) { i.ToName = evil },
		"no name":    func(i *Invitation) { i.ToName = "" },
		"workspace":  func(i *Invitation) { i.Workspace = evil },
		"invited by": func(i *Invitation) { i.InvitedBy = evil },
		"line feed":  func(i *Invitation) { i.InvitedBy = "x\n.\nRSET" },
		"link":       func(i *Invitation) { i.Link = "https://x/\r\n.\r\n" },
		"code":       func(i *Invitation) { i.Code = secret.New("lki_canary\r\n.\r\n") },
	} {
		i := invitation()
		change(&i)
		err := sender.Send(t.Context(), i)
		if !errors.Is(err, ErrAddress) || strings.ContainsAny(err.Error(), "\r\n") || strings.Contains(err.Error(), "eve@") || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, want ErrAddress", name, err)
		}
	}
	if mails := s.Mails(t); len(mails) != 0 {
		t.Errorf("%d mails", len(mails))
	}
	odd := invitation()
	odd.ToName, odd.InvitedBy = `"Eve" <eve@example.com>, x`, ""
	if err := sender.Send(t.Context(), odd); err != nil {
		t.Fatal(err)
	}
	mails := s.Mails(t)
	if len(mails) != 1 || mails[0].Header.Get("X-Rcptto") != "zoe@example.com" {
		t.Fatalf("mails %v", mails)
	}
	if to, err := mails[0].Header.AddressList("To"); err != nil || len(to) != 1 || to[0].Name != odd.ToName || to[0].Address != odd.To {
		t.Errorf("To: %v, %v", to, err)
	}
}

// A section that cannot work makes no sender.
func TestNew(t *testing.T) {
	good := conf.Mail{Host: "h", Port: 25, TLS: conf.MailStartTLS, From: "a@b.c"}
	for want, change := range map[string]func(*conf.Mail){
		"[mail] host: it is missing":                                                      func(m *conf.Mail) { m.Host = "" },
		"[mail] port: must be a whole number from 1 to 65535":                             func(m *conf.Mail) { m.Port = 0 },
		"[mail] tls: must be starttls or implicit or none":                                func(m *conf.Mail) { m.TLS = "" },
		"[mail] from: an address is written as alice@example.com, with nothing around it": func(m *conf.Mail) { m.From = "alice" },
		"[mail] ca_file: open /nonexistent: no such file or directory":                    func(m *conf.Mail) { m.CAFile = "/nonexistent" },
		"[mail] ca_file: sender_test.go has no certificate in PEM form":                   func(m *conf.Mail) { m.CAFile = "sender_test.go" },
	} {
		m := good
		change(&m)
		if s, err := New(m); s != nil || err == nil || err.Error() != want {
			t.Errorf("%v, %v, want %s", s, err, want)
		}
	}
	if s, err := New(good); err != nil || s.mail.Timeout != 10*time.Second || s.tls().MinVersion != tls.VersionTLS12 {
		t.Errorf("%+v, %v", s, err)
	}
}

// With none the password goes to an address on this host only, wherever the server's name has led.
func TestPasswordStaysHere(t *testing.T) {
	here, there := net.Pipe() // whose ends have no address on this host
	defer here.Close()
	defer there.Close()
	m := conf.Mail{Host: "localhost", Port: 25, TLS: conf.MailNoTLS, From: "a@b.c", User: "latchkey", Password: secret.New("canary-password")}
	p := &password{line: &line{sender: newSender(t, m), conn: here}}
	if _, shown, err := p.Start(&smtp.ServerInfo{Name: "localhost", Auth: []string{"PLAIN"}}); !errors.Is(err, errInClear) || shown != nil {
		t.Errorf("%q, %v, want errInClear", shown, err)
	}
	m.TLS = conf.MailStartTLS
	p = &password{line: &line{sender: newSender(t, m), conn: here}}
	for server, want := range map[*smtp.ServerInfo]error{
		{Name: "localhost", Auth: []string{"PLAIN"}}:               errInClear,
		{Name: "localhost", TLS: true}:                             errNoLogin,
		{Name: "localhost", TLS: true, Auth: []string{"CRAM-MD5"}}: errOtherWay,
	} {
		if _, shown, err := p.Start(server); !errors.Is(err, want) || shown != nil {
			t.Errorf("%+v: %q, %v, want %v", server, shown, err, want)
		}
	}
}
