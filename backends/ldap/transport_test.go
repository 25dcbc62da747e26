package ldap_test

import (
	"net"
	"strings"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"

	"latchkey/backends/ldap/slapdtest"
	"latchkey/plugins"
)

// A server whose certificate is another authority's, another host's or too old is not asked: 503, and no password was sent. hazard 22
func TestCertificates(t *testing.T) {
	other := slapdtest.NewAuthority(t)
	for name, test := range map[string]struct {
		options slapdtest.Options
		cacert  string
		says    string
	}{
		"another authority": {slapdtest.Options{}, other.File, "unknown authority"},
		"system roots":      {slapdtest.Options{}, "", "certificate"},
		"another host":      {slapdtest.Options{Names: []string{"ldap.example.com"}}, "own", "127.0.0.1"},
		"expired":           {slapdtest.Options{CertificateEnd: time.Now().Add(-time.Minute)}, "own", "expired"},
	} {
		t.Run(name, func(t *testing.T) {
			server := slapdtest.Start(t, test.options)
			cacert := any(test.cacert)
			switch test.cacert {
			case "own":
				cacert = server.CAFile
			case "":
				cacert = nil
			}
			through := newProxy(t, server.Address, nil)
			for _, settings := range []kwargs{
				plain(server, kwargs{"host": server.TLSAddress, "use_ssl": true, "cacert": cacert}),
				plain(server, kwargs{"host": through.address, "use_tls": true, "cacert": cacert}),
			} {
				backend, _ := open(t, settings)
				undecided(t, backend, "alice", slapdtest.AlicePassword, test.says)
				undecided(t, backend, "nobody-here", "x", test.says)
				if err := backend.(plugins.Checker).Check(t.Context()); err == nil || !strings.Contains(err.Error(), test.says) {
					t.Errorf("Check: %v", err)
				}
			}
			if strings.Contains(server.Log(), "BIND") || through.sent(goldap.ApplicationBindRequest) != 0 {
				t.Errorf("a bind was sent:\n%s", server.Log())
			}
			// The one way around it is loud, at each start.
			backend, log := open(t, plain(server, kwargs{"host": server.TLSAddress, "use_ssl": true, "insecure_skip_verify": true}))
			want(t, backend, "alice", slapdtest.AlicePassword, plugins.Accepted, "")
			if !strings.Contains(log.String(), "level=WARN msg=\"insecure_skip_verify is on") {
				t.Errorf("not loud:\n%s", log)
			}
		})
	}
}

// A server, or somebody before it, that does not start TLS gets no bind: neither with a refusal, nor with silence, nor with an
// answer that has more behind it. hazard 21
func TestStartTLSStripped(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Options{})
	for name, answer := range map[string]func(*ber.Packet) *ber.Packet{
		"refused": refuseStartTLS,
		"taken for something else": func(packet *ber.Packet) *ber.Packet {
			return result(packet, goldap.ApplicationBindResponse, goldap.LDAPResultInvalidCredentials)
		},
		"accepted and not done": func(packet *ber.Packet) *ber.Packet {
			return result(packet, goldap.ApplicationExtendedResponse, goldap.LDAPResultSuccess)
		},
		"silence": func(packet *ber.Packet) *ber.Packet {
			return result(packet, goldap.ApplicationExtendedResponse, goldap.LDAPResultSuccess).Children[1]
		},
	} {
		t.Run(name, func(t *testing.T) {
			through := newProxy(t, server.Address, answer)
			backend, _ := open(t, plain(server, kwargs{"host": through.address, "use_tls": true, "cacert": server.CAFile, "network_timeout": 1}))
			undecided(t, backend, "alice", slapdtest.AlicePassword, through.address)
			for _, tag := range through.operations() {
				if tag != goldap.ApplicationExtendedRequest {
					t.Errorf("operation %d was sent in clear", tag)
				}
			}
			if through.sent(goldap.ApplicationExtendedRequest) == 0 {
				t.Error("StartTLS was not asked for: the test shows nothing")
			}
		})
	}
	if strings.Contains(server.Log(), "BIND") {
		t.Errorf("a bind arrived:\n%s", server.Log())
	}
}

// A server may demand a certificate of the client; it is named as in python-ldap.
func TestClientCertificate(t *testing.T) {
	authority := slapdtest.NewAuthority(t)
	server := slapdtest.Start(t, slapdtest.Options{Authority: authority, Global: "TLSVerifyClient demand"})
	certificate, key := authority.Issue(t, time.Now().Add(time.Hour), "latchkey")
	settings := kwargs{"host": server.TLSAddress, "use_ssl": true, "cacert": server.CAFile}
	backend, _ := open(t, plain(server, settings))
	undecided(t, backend, "alice", slapdtest.AlicePassword, server.TLSAddress)
	settings["client_options"] = kwargs{"24580": certificate, "24581": key, "OPT_X_TLS_REQUIRE_CERT": 2}
	backend, _ = open(t, plain(server, settings))
	want(t, backend, "alice", slapdtest.AlicePassword, plugins.Accepted, "")
}

// Plain LDAP to another host must be meant, and says so at each start. hazard 21
func TestPlaintextIsLoud(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Options{})
	_, log := open(t, plain(server, kwargs{"host": "192.0.2.1", "insecure_plaintext": "yes"}))
	if !strings.Contains(log.String(), "level=WARN msg=\"insecure_plaintext is on") || !strings.Contains(log.String(), "192.0.2.1:389") {
		t.Errorf("not loud:\n%s", log)
	}
	_, port, _ := net.SplitHostPort(server.Address)
	backend, quiet := open(t, plain(server, kwargs{"host": "localhost", "port": port}))
	want(t, backend, "bob", slapdtest.BobPassword, plugins.Accepted, "")
	if strings.Contains(quiet.String(), "WARN") {
		t.Errorf("loopback is warned of:\n%s", quiet)
	}
}
