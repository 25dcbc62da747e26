// Package mailtest starts a real mail server for tests: aiosmtpd, of Debian's package python3-aiosmtpd, as a process of its own on
// loopback, which ends with the test. It keeps what it takes in a maildir and notes the passwords that it is shown.
//
// It does not pass anything on, and it is for tests only.
package mailtest

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
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
)

// program is the server.
//
//go:embed server.py
var program []byte

// Server is a mail server.
type Server struct {
	// Port is where it listens, on 127.0.0.1.
	Port int
	// CA is a PEM file with the certificate to trust.
	CA string

	maildir, log string
}

// python is Debian's, which has the package python3-aiosmtpd; another one may stand before it in PATH.
const python = "/usr/bin/python3"

// Start starts a server and returns when it listens; without python3-aiosmtpd the test fails. These arguments change what it does:
//
//	--password TEXT     only who shows this password may send
//	--mechanism NAME    PLAIN or LOGIN is the only way to show it
//	--refuse ADDRESS    there is no such recipient
//	--answer echo       every mail is refused, and repeated
//	--hang              no recipient is ever answered
func Start(t testing.TB, tls conf.MailTLS, args ...string) *Server {
	t.Helper()
	dir := t.TempDir()
	s := &Server{maildir: filepath.Join(dir, "mail"), log: filepath.Join(dir, "log"), CA: filepath.Join(dir, "cert.pem")}
	script := filepath.Join(dir, "server.py")
	if err := os.WriteFile(script, program, 0o600); err != nil {
		t.Fatal(err)
	}
	args = append([]string{script, "--maildir", s.maildir, "--log", s.log, "--tls", string(tls)}, args...)
	if tls != conf.MailNoTLS {
		key := filepath.Join(dir, "key.pem")
		Certificate(t, s.CA, key)
		args = append(args, "--cert", s.CA, "--key", key)
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
	if s.Port, err = strconv.Atoi(strings.TrimSpace(first)); err != nil {
		t.Fatal(err)
	}
	return s
}

// Conf returns the section [mail] for the server.
func (s *Server) Conf(tls conf.MailTLS) conf.Mail {
	m := conf.Mail{Host: "127.0.0.1", Port: s.Port, TLS: tls, From: "latchkey@example.com", Timeout: 20 * time.Second}
	if tls != conf.MailNoTLS {
		m.CAFile = s.CA
	}
	return m
}

// Certificate writes a certificate for 127.0.0.1 that vouches for itself, and its key, as PEM files.
func Certificate(t testing.TB, cert, key string) {
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

// Mails returns the mails that the server has taken. X-Mailfrom and X-Rcptto in a mail's header are its envelope's.
func (s *Server) Mails(t testing.TB) []*netmail.Message {
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

// Passwords returns a line of JSON for each password that the server was shown.
func (s *Server) Passwords(t testing.TB) string {
	t.Helper()
	content, err := os.ReadFile(s.log)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(content)
}
