package conf

import (
	"strings"
	"testing"
	"time"

	"latchkey/plugins/secret"
)

// Everything of [mail] is read, its password from a file, too, and shown without the password.
func TestMail(t *testing.T) {
	ca, password := write(t, "ca.pem", certificate(t), 0o644), write(t, "password", "canary\n", 0o600)
	c := mustLoad(t, `[mail]
host = mail.example.com
port = 465
tls = implicit
user = latchkey
password_file = `+password+`
from = latchkey@example.com
timeout = 30
ca_file = `+ca+`
invitation_url = https://portal.example.com/join#{code}
`)
	want := Mail{
		Host: "mail.example.com", Port: 465, TLS: MailImplicitTLS, User: "latchkey", Password: secret.New("canary"), From: "latchkey@example.com",
		Timeout: 30 * time.Second, CAFile: ca, InvitationURL: "https://portal.example.com/join#{code}",
	}
	if c.Mail != want || !c.Mail.Sends() || !c.Mail.Equal(want) || len(c.Notices) != 0 {
		t.Errorf("[mail] %+v, notices %v", c.Mail, c.Notices)
	}
	if text := c.Explain(); strings.Contains(text, "canary") || !strings.Contains(text, "invitation_url = https://portal.example.com/join#{code}") {
		t.Errorf("shown as\n%s", text)
	}
	if link := c.Mail.InvitationLink(secret.New("lki_a&b#c")); link != "https://portal.example.com/join#lki_a%26b%23c" {
		t.Errorf("the link is %s", link)
	}
	want.Password = secret.New("other")
	if c.Mail.Equal(want) {
		t.Error("another password is no change")
	}
	if link := mustLoad(t, "").Mail.InvitationLink(secret.New("lki_x")); link != "" {
		t.Errorf("without invitation_url the link is %s", link)
	}
	none := mustLoad(t, "[mail]\ninvitation_url = http://portal/?code={code}&x=1\n")
	if none.Mail.Sends() || none.Mail.Port != 587 || none.Mail.TLS != MailStartTLS || none.Mail.Timeout != 10*time.Second || none.Mail.InvitationURL == "" {
		t.Errorf("without a host: %+v", none.Mail)
	}
}

// What is wrong with [mail] is said with its line.
func TestMailFaults(t *testing.T) {
	const (
		address = "must be an address such as latchkey@example.com, with nothing around it"
		link    = "must be a URL with {code} in it once, behind the host, such as https://portal.example.com/join#{code}"
		head    = "[mail]\nhost = mail.example.com\nfrom = a@b.c\n"
	)
	noCA := write(t, "ca.pem", "no certificate", 0o644)
	for text, want := range map[string]string{
		"[mail]\nhost = mail.example.com:587":                           "2: [mail] host: must be a host's name or an address such as 0.0.0.0 or ::1; the port has a key of its own",
		"[mail]\nhost = mail.example.com":                               "2: [mail] host: it needs from, the address that mails come from",
		"[mail]\nfrom = a@b.c":                                          "2: [mail] from: it means nothing without host, the mail server",
		"[mail]\npassword = canary":                                     "2: [mail] password: it means nothing without host, the mail server",
		head + "port = 0":                                               "4: [mail] port: must be a whole number from 1 to 65535",
		head + "tls = off":                                              "4: [mail] tls: must be starttls or implicit or none",
		head + "user = latchkey":                                        "4: [mail] user: it needs password or password_file",
		head + "password = canary":                                      "4: [mail] password: it needs user",
		head + "user = u\npassword = canary\ntls = none":                "6: [mail] tls: none would send the password over the network in clear; set starttls or implicit, or leave out user and password",
		head + "timeout = 6m":                                           "4: [mail] timeout: must be a time from 1s to 5m: a number of seconds, or with a unit, such as 15m",
		head + "ca_file = /nonexistent":                                 "4: [mail] ca_file: /nonexistent cannot be read: no such file or directory",
		head + "ca_file = " + noCA:                                      "4: [mail] ca_file: " + noCA + " has no certificate in PEM form",
		"[mail]\nhost = h\nfrom = lätchkey@example.com":                 "3: [mail] from: " + address,
		"[mail]\nhost = h\nfrom = Latchkey <a@b.c>":                     "3: [mail] from: " + address,
		"[mail]\nhost = h\nfrom = latchkey":                             "3: [mail] from: " + address,
		"[mail]\nhost = h\nfrom = " + strings.Repeat("a", 251) + "@b.c": "3: [mail] from: " + address,
		"[mail]\ninvitation_url = https://portal/join":                  "2: [mail] invitation_url: " + link,
		"[mail]\ninvitation_url = https://portal/{code}/{code}":         "2: [mail] invitation_url: " + link,
		"[mail]\ninvitation_url = https://{code}.portal/":               "2: [mail] invitation_url: " + link,
		"[mail]\ninvitation_url = javascript:{code}":                    "2: [mail] invitation_url: " + link,
		"[mail]\ninvitation_url = https://portal/a b{code}":             "2: [mail] invitation_url: " + link,
	} {
		check(t, text+"\n", want)
	}
}

// Without TLS there is a note for a server elsewhere, and none for one on this host, which may be shown a password.
func TestMailInClear(t *testing.T) {
	c := mustLoad(t, "[mail]\nhost = mail.example.com\nfrom = a@b.c\ntls = none\n")
	if got := noticesOf(c); !strings.HasPrefix(got, "latchkey.conf:4: [mail] tls: none sends invitations over the network in clear") {
		t.Errorf("notices %q", got)
	}
	c = mustLoad(t, "[mail]\nhost = 127.0.0.1\nfrom = a@b.c\ntls = none\nuser = u\npassword = canary\n")
	if got := noticesOf(c); got != "" {
		t.Errorf("notices %q", got)
	}
}

// The password is a secret like the others.
func TestMailPasswordIsSecret(t *testing.T) {
	shared := write(t, "shared.conf", "[mail]\nhost = h\nfrom = a@b.c\nuser = u\npassword = canary\n", 0o644)
	_, err := Load([]string{shared}, nil)
	if err == nil || !strings.Contains(err.Error(), "shared.conf:5: [mail] password: it is a secret") || strings.Contains(err.Error(), "canary") {
		t.Errorf("in a file that everybody can read: %v", err)
	}
}
