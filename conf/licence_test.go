package conf

import (
	"slices"
	"strings"
	"testing"
)

// The keys are where the configuration says, and without it beside the store's file; a database has no such place.
func TestLicenceKeyFile(t *testing.T) {
	mine := write(t, "mine.pem", privateKey(t, newEd25519(t)), 0o600)
	for text, want := range map[string]string{
		"":                                  "/var/lib/latchkey/licence-key.pem",
		"[store]\nurl = bolt:/srv/x/y.db\n": "/srv/x/licence-key.pem",
		"[store]\nurl = postgres://db/latchkey\n":                              "",
		"[store]\nurl = postgres://db/l\n[licence]\nkey_file = " + mine + "\n": mine,
	} {
		if got := mustLoad(t, text).LicenceKeyFile(); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	check(t, "[audit]\nfile = /var/lib/latchkey/licence-key.pem\n", "2: [audit] file: it is the same file as [licence] key_file; give each its own")
}

// Private and public keys of the right kind are taken.
func TestLicence(t *testing.T) {
	key, next, last := newEd25519(t), newEd25519(t), newEd25519(t)
	mine, private, public := write(t, "a.pem", privateKey(t, key), 0o640), write(t, "b.pem", privateKey(t, next), 0o600), write(t, "c.pub", publicKey(t, last), 0o644)
	c := mustLoad(t, "[licence]\nkey_file = "+mine+"\nother_key_files = "+private+",\n  "+public+"\nissuer = https://licences.example.com\n")
	if c.Licence.KeyFile != mine || !slices.Equal(c.Licence.OtherKeyFiles, []string{private, public}) || c.Licence.Issuer != "https://licences.example.com" {
		t.Errorf("[licence] %+v", c.Licence)
	}
	if !strings.Contains(c.Explain(), "other_key_files = "+private+", "+public) {
		t.Errorf("shown as\n%s", c.Explain())
	}
	if other := mustLoad(t, "[licence]\nkey_file = "+mine+"\n"); c.Licence.SameKeys(other.Licence) || !c.Licence.SameKeys(c.Licence) {
		t.Error("a change of other_key_files is none")
	}
}

// A key that cannot sign or be published is said with its line, and nothing of it is shown. hazard 38
func TestLicenceFaults(t *testing.T) {
	key := newEd25519(t)
	public, open := write(t, "public.pem", publicKey(t, key), 0o644), write(t, "open.pem", privateKey(t, key), 0o644)
	other, junk := write(t, "other.pem", privateKey(t, newECDSA(t)), 0o600), write(t, "junk.pem", pemText("PRIVATE KEY", []byte("canary")), 0o600)
	make := func(name string) string {
		return name + " has no Ed25519 private key; make one with: openssl genpkey -algorithm ed25519 -out " + name
	}
	const none = " has no Ed25519 key, private or public, in PEM form"
	for text, want := range map[string]string{
		"key_file = licence.pem":                   "key_file: must be a path that begins with /, or credential:NAME",
		"key_file = /nonexistent.pem":              "key_file: /nonexistent.pem cannot be read: no such file or directory",
		"key_file = " + open:                       "key_file: everybody on this host can read " + open + "; run: chmod o-r " + open,
		"key_file = " + other:                      "key_file: " + make(other),
		"key_file = " + junk:                       "key_file: " + make(junk),
		"other_key_files = x.pem":                  `other_key_files: "x.pem": must be a path that begins with /`,
		"other_key_files = " + public + "," + open: "other_key_files: everybody on this host can read " + open + "; run: chmod o-r " + open,
		"other_key_files = " + other:               "other_key_files: " + other + none,
		"other_key_files = " + junk:                "other_key_files: " + junk + none,
		"issuer = portal":                          "issuer: must be a URL such as https://myhost.example.com/api/",
		"keyfile = " + other:                       "keyfile: there is no such key; did you mean key_file?",
	} {
		check(t, "[licence]\n"+text+"\n", "2: [licence] "+want)
	}
	private := write(t, "public.pem", publicKey(t, key), 0o600)
	check(t, "[licence]\nkey_file = "+private+"\n", "2: [licence] key_file: "+make(private))
}
