package mail

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	netmail "net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"latchkey/conf"
	"latchkey/plugins/secret"
)

// server is a mail server on loopback: a process of its own.
type server struct {
	port    int
	maildir string
	log     string
	ca      string // the certificate to trust
}

// python is Debian's, which has the package python3-aiosmtpd; another one may stand before it in PATH.
const python = "/usr/bin/python3"

// start starts a mail server; the arguments are those of testdata/server.py.
func start(t *testing.T, tls conf.MailTLS, args ...string) *server {
	t.Helper()
	dir := t.TempDir()
	s := &server{maildir: filepath.Join(dir, "mail"), log: filepath.Join(dir, "log"), ca: filepath.Join(dir, "cert.pem")}
	args = append([]string{"testdata/server.py", "--maildir", s.maildir, "--log", s.log, "--tls", string(tls)}, args...)
	if tls != conf.MailNoTLS {
		key := filepath.Join(dir, "key.pem")
		makeCertificate(t, s.ca, key)
		args = append(args, "--cert", s.ca, "--key", key)
	}
	var complaints bytes.Buffer
	command := exec.Command(python, args...)
	command.Stderr = &complaints
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatalf("the tests need Debian's python3: %v", err)
	}
	t.Cleanup(func() {
		_ = stdin.Close() // it ends by that, or else at once
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	first, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		_ = command.Wait()
		t.Fatalf("the mail server does not start; is python3-aiosmtpd installed? %s", complaints.String())
	}
	if s.port, err = strconv.Atoi(strings.TrimSpace(first)); err != nil {
		t.Fatal(err)
	}
	return s
}

// conf returns the section [mail] for the server.
func (s *server) conf(tls conf.MailTLS) conf.Mail {
	m := conf.Mail{Host: "127.0.0.1", Port: s.port, TLS: tls, From: "latchkey@example.com", Timeout: 20 * time.Second}
	if tls != conf.MailNoTLS {
		m.CAFile = s.ca
	}
	return m
}

// makeCertificate writes a certificate for 127.0.0.1 and its key.
func makeCertificate(t *testing.T, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	made, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	bytes, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: made}, key: {Type: "PRIVATE KEY", Bytes: bytes}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// mails returns the mails that the server has taken.
func (s *server) mails(t *testing.T) []*netmail.Message {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.maildir, "new", "*"))
	if err != nil {
		t.Fatal(err)
	}
	var mails []*netmail.Message
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		mail, err := netmail.ReadMessage(bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		mails = append(mails, mail)
	}
	return mails
}

// passwords returns the lines about passwords that the server was shown.
func (s *server) passwords(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(s.log)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(content)
}

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
