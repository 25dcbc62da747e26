package main

import (
	"fmt"
	"io"
	"mime/quotedprintable"
	"os"
	"strings"
	"syscall"
	"testing"

	"latchkey/conf"
	"latchkey/daemon/mail/mailtest"
)

// An invitation is mailed by the real daemon through a real mail server, over TLS and with a password, and joins whoever got it. Neither
// the code nor the password is in a log. One that the mail server refuses is the inviter's to hand over. hazard 38
func TestInvitationByMail(t *testing.T) {
	server := mailtest.Start(t, conf.MailStartTLS, "--password", "canary-password", "--refuse", "ann@example.com")
	s := newSite(t, map[string]string{"root": "toor", "zoe": "secret"})
	s.extra = fmt.Sprintf(`[mail]
host = 127.0.0.1
port = %d
user = latchkey
password_file = %s
from = latchkey@example.com
ca_file = %s
invitation_url = https://portal.example.com/join#{code}
`, server.Port, s.write("password", "canary-password\n"), server.CA)
	s.start()
	root := []string{"LATCHKEY_AUTH_TOKEN=" + s.token("root:toor", "{}"), "LATCHKEY_WORKSPACE=acme"}
	s.cli(root, "workspace", "create", "acme").want(t, 0)
	made := s.cli(root, "member", "invite", "Zoë Müller", "zoe@example.com").want(t, 0)
	matches(t, made.stderr, `A mail is on its way to zoe@example\.com`)
	code := strings.TrimSpace(made.stdout)

	mails := server.Mails(t)
	if len(mails) != 1 || mails[0].Header.Get("X-Rcptto") != "zoe@example.com" {
		t.Fatalf("mails %v", mails)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(mails[0].Body))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"Hello Zoë Müller,", "root invites you to the workspace acme.", "https://portal.example.com/join#" + code} {
		if !strings.Contains(string(text), part) {
			t.Errorf("%q is not in\n%s", part, text)
		}
	}
	zoe := []string{"LATCHKEY_AUTH_TOKEN=" + s.token("zoe:secret", "{}")}
	joined := s.cli(zoe, "member", "join", code).want(t, 0)
	matches(t, joined.stdout, `^lkd_[0-9A-Za-z]{36}$`)

	refused := s.cli(root, "member", "invite", "Ann", "ann@example.com").want(t, 0)
	matches(t, refused.stdout, `^lki_`)
	matches(t, refused.stderr, `No mail was sent, so pass this on to Ann\.`)
	s.daemon.waitFor("no such user here")
	record, err := os.ReadFile(s.path("audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{code, strings.TrimSpace(refused.stdout), "canary-password"} {
		if strings.Contains(s.daemon.text()+string(record), secret) {
			t.Errorf("%s is in a log", secret)
		}
	}
}

// A reload that finds another mail server or other keys says that it needs a restart.
func TestMailNeedsRestart(t *testing.T) {
	s := newSite(t, map[string]string{"root": "toor"})
	s.start()
	s.extra = "[mail]\nhost = 127.0.0.1\nfrom = latchkey@example.com\n[licence]\nkey_file = " + s.path("licence-key.pem") + "\n"
	s.configure()
	s.daemon.signal(syscall.SIGHUP)
	for _, key := range []string{"[mail]", `"[licence] key files"`} {
		s.daemon.waitFor(`msg="a changed setting needs a restart" key=` + key)
	}
}
