package conf

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pair writes a certificate and its key into a folder and returns their paths.
func pair(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert = write(t, "tls.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), 0o644)
	key = write(t, "tls.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})), 0o600)
	return cert, key
}

// use_ssl needs a certificate and a key that are there, fit together, and, the key, are not for all to read. hazard 65
func TestCertificate(t *testing.T) {
	cert, key := pair(t)
	c := mustLoad(t, "[auth]\nuse_ssl = True\ncert = "+cert+"\nkey = "+key+"\n")
	if !c.Auth.UseSSL || c.Auth.Cert != cert || c.Auth.Key != key {
		t.Errorf("[auth] %+v", c.Auth)
	}
	c = mustLoad(t, "[auth]\nuse_ssl = True\ncert = "+cert+"\nkey = credential:tls.key\n", "CREDENTIALS_DIRECTORY="+filepath.Dir(key))
	if c.Auth.Key != key {
		t.Errorf("key %s, want %s", c.Auth.Key, key)
	}
	// StackStorm's sample names files that are not there and are not needed without use_ssl.
	mustLoad(t, "[auth]\nuse_ssl = False\ncert = /etc/apache2/ssl/mycert.crt\nkey = /etc/apache2/ssl/mycert.key\n")

	check(t, "[auth]\nuse_ssl = True\n", "2: [auth] use_ssl: it needs cert, the path of a PEM file", "2: [auth] use_ssl: it needs key, the path of a PEM file")
	check(t, "[auth]\nuse_ssl = True\ncert = /nonexistent/tls.crt\nkey = "+filepath.Dir(key)+"\n",
		"3: [auth] cert: /nonexistent/tls.crt cannot be read: no such file or directory", "4: [auth] key: "+filepath.Dir(key)+" is no file")
	check(t, "[auth]\nuse_ssl = True\ncert = credential:tls.crt\nkey = "+key+"\n",
		"3: [auth] cert: there are no credentials: $CREDENTIALS_DIRECTORY is not set, which systemd does for LoadCredential=")
	_, other := pair(t)
	check(t, "[auth]\nuse_ssl = True\ncert = "+cert+"\nkey = "+other+"\n", "3: [auth] cert and key: tls: private key does not match public key")
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	check(t, "[auth]\nuse_ssl = True\ncert = "+cert+"\nkey = "+key+"\n", "4: [auth] key: everybody on this host can read "+key+"; run: chmod o-r "+key)
}

// Nobody is asked for credentials only where nobody else can come from, and only when it is said who everybody is.
func TestEnable(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "127.1.2.3", "::1", "localhost", "::ffff:127.0.0.1"} {
		if c := mustLoad(t, "[auth]\nenable = False\nhost = "+host+"\n[system_user]\nuser = stanley\n"); c.Auth.Enable {
			t.Errorf("%s: it is enabled", host)
		}
	}
	check(t, "[auth]\nenable = False\nhost = 0.0.0.0\n", "2: [auth] enable: False asks nobody for credentials, so host must be 127.0.0.1, ::1 or localhost",
		"2: [auth] enable: False needs [system_user] user, who everybody then is")
}

// Single sign-on is not there, and asking for it is no matter of silence.
func TestSSO(t *testing.T) {
	c := mustLoad(t, "[auth]\nsso = False\nsso_backend = saml2\nsso_backend_kwargs = {}\n")
	if got := noticesOf(c); got != "latchkey.conf:3: [auth] sso_backend, sso_backend_kwargs mean something to StackStorm only and are ignored\n" {
		t.Errorf("notices %s", got)
	}
	check(t, "[auth]\nsso = True\n", "2: [auth] sso: single sign-on is not supported; set it to False or remove it")
	check(t, "[auth]\nsso = saml2\n", "2: [auth] sso: single sign-on is not supported; set it to False or remove it")
}

// debug means the level debug, unless [log] has one.
func TestDebug(t *testing.T) {
	if c := mustLoad(t, "[auth]\ndebug = True\n"); c.Log.Level != slog.LevelDebug {
		t.Errorf("level %v", c.Log.Level)
	}
	if c := mustLoad(t, "[auth]\ndebug = True\n[log]\nlevel = Error\n"); c.Log.Level != slog.LevelError {
		t.Errorf("level %v", c.Log.Level)
	}
}

// Origins are exact; a star, as in StackStorm's files, allows nobody and is told of; null is none. hazard 53
func TestOrigins(t *testing.T) {
	c := mustLoad(t, "[api]\nallow_origin = https://ui.example.com, http://127.0.0.1:3000 # comma separated list allowed here.\n")
	if got := strings.Join(c.API.AllowOrigin, " "); got != "https://ui.example.com http://127.0.0.1:3000" {
		t.Errorf("origins %s", got)
	}
	c = mustLoad(t, "[api]\nallow_origin = *\n")
	if got := noticesOf(c); len(c.API.AllowOrigin) != 0 || got != "latchkey.conf:2: [api] allow_origin: * allows nobody; list the origins, such as https://ui.example.com\n" {
		t.Errorf("origins %q, notices %s", c.API.AllowOrigin, got)
	}
	for _, origin := range []string{"null", "https://*.example.com", "https://ui.example.com/", "ui.example.com", "https://UI.example.com", "ftp://x", "https://u@x", "https://"} {
		check(t, "[api]\nallow_origin = "+origin+"\n",
			`2: [api] allow_origin: "`+origin+`" is no origin such as https://ui.example.com: scheme, host in small letters, port, and no path`)
	}
}

// Whose forwarded headers are believed is written down, and never everybody. hazard 45
func TestTrusted(t *testing.T) {
	for value, want := range map[string]string{
		"":                               "127.0.0.0/8, ::1/128, unix",
		"None":                           "127.0.0.0/8, ::1/128, unix",
		"off":                            "off",
		"unix":                           "unix",
		"10.1.2.3/8, 192.0.2.1":          "10.0.0.0/8, 192.0.2.1/32",
		"2001:db8::/32, unix, 192.0.2.1": "2001:db8::/32, 192.0.2.1/32, unix",
	} {
		c := mustLoad(t, "[proxy]\ntrusted = "+value+"\n")
		if got := showTrusted(c); got != want {
			t.Errorf("%q is read as %s, want %s", value, got, want)
		}
	}
	for _, part := range []string{"proxy.example.com", "10.0.0.0/33", "::ffff:10.0.0.1", "fe80::1%eth0", "off", "*"} {
		check(t, "[proxy]\ntrusted = unix, "+part+"\n", `2: [proxy] trusted: "`+part+`" is neither a network such as 10.0.0.0/8 nor the word unix`)
	}
	for _, part := range []string{"0.0.0.0/0", "::/0"} {
		check(t, "[proxy]\ntrusted = "+part+"\n", "2: [proxy] trusted: "+part+" would believe everybody who says who he is; name the web servers in front")
	}
}
