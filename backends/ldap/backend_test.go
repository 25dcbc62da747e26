package ldap_test

import (
	"context"
	"encoding/json"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/backends/ldap"
	"latchkey/backends/ldap/slapdtest"
	"latchkey/plugins"
	"latchkey/plugins/plugintest"
	"latchkey/plugins/secret"
)

// kwargs are settings as StackStorm's backend_kwargs hold them.
type kwargs map[string]any

// plain returns the settings for a server's unencrypted port; changes are put over them, nil takes one out.
func plain(server *slapdtest.Server, changes kwargs) kwargs {
	settings := kwargs{
		"host": server.Address, "base_ou": slapdtest.Suffix, "bind_dn": slapdtest.ServiceDN,
		"bind_password": slapdtest.ServicePassword, "group_dns": []string{"cn=st2users,ou=groups,dc=example,dc=com"},
	}
	maps.Copy(settings, changes)
	maps.DeleteFunc(settings, func(_ string, value any) bool { return value == nil })
	return settings
}

func (k kwargs) text(t testing.TB) string {
	t.Helper()
	text, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// open makes a backend that is closed with the test.
func open(t testing.TB, settings kwargs) (plugins.Backend, *plugintest.Log) {
	t.Helper()
	log := &plugintest.Log{}
	backend, err := ldap.New(t.Context(), plugins.NewSettings(secret.New(settings.text(t))), log.Logger())
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(func() {
		if err := backend.(plugins.Closer).Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return backend, log
}

// ask logs in, within ten seconds.
func ask(t testing.TB, backend plugins.Backend, name, password string) (plugins.Result, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return backend.Authenticate(ctx, plugins.Request{Name: name, Password: secret.New(password), Trace: true})
}

// want logs in and compares the outcome and the reason.
func want(t testing.TB, backend plugins.Backend, name, password string, outcome plugins.Outcome, reason string) plugins.Result {
	t.Helper()
	result, err := ask(t, backend, name, password)
	if err != nil || result.Outcome != outcome || result.Reason != reason {
		t.Fatalf("name %q: outcome %d, reason %q, error %v; want outcome %d, reason %q\n%s",
			name, result.Outcome, result.Reason, err, outcome, reason, strings.Join(result.Steps, "\n"))
	}
	return result
}

// undecided logs in and wants an error that mentions what is given.
func undecided(t testing.TB, backend plugins.Backend, name, password, mentions string) {
	t.Helper()
	result, err := ask(t, backend, name, password)
	if err == nil || result.Outcome != plugins.Undecided || !strings.Contains(err.Error(), mentions) {
		t.Fatalf("outcome %d, reason %q, error %v; want an error with %q", result.Outcome, result.Reason, err, mentions)
	}
}

// The contract of package plugins, in process and as a child process. Alice's password is not ASCII.
func TestContract(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Options{})
	settings := plain(server, kwargs{"host": server.TLSAddress, "use_ssl": true, "cacert": server.CAFile})
	plugintest.Run(t, plugintest.Fixture{
		Factory: ldap.New, Backend: "ldap", Package: "latchkey/cmd/latchkey-backend-ldap", Settings: settings.text(t),
		User: "alice", Password: slapdtest.AlicePassword, Name: "alice", Groups: []string{"st2users", "developers", "wheel"},
		Unknown: "nobody-here",
	})
}

// Each way to protect the connection logs in and says who somebody is, as the directory spells it. hazard 5
func TestTransports(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Options{})
	_, port, _ := net.SplitHostPort(server.TLSAddress)
	for name, changes := range map[string]kwargs{
		"plain on loopback": {},
		"StartTLS":          {"use_tls": true, "cacert": server.CAFile},
		"TLS":               {"host": server.TLSAddress, "use_ssl": true, "cacert": server.CAFile},
		"ini texts":         {"host": "localhost", "port": port, "use_ssl": "True", "cacert": server.CAFile, "use_tls": "None", "network_timeout": "10.0"},
	} {
		t.Run(name, func(t *testing.T) {
			backend, _ := open(t, plain(server, changes))
			if err := backend.(plugins.Checker).Check(t.Context()); err != nil {
				t.Fatalf("Check: %v", err)
			}
			for _, typed := range []string{"alice", "ALICE", "Alice", "ａｌｉｃｅ"} {
				got := want(t, backend, typed, slapdtest.AlicePassword, plugins.Accepted, "")
				if got.Name != "alice" || got.DisplayName != "Alice A." || got.Mail != "alice@example.com" ||
					!slices.Equal(got.Groups, []string{"developers", "st2users", "wheel"}) {
					t.Errorf("typed %q: %+v", typed, got)
				}
			}
			if got := want(t, backend, "bob", slapdtest.BobPassword, plugins.Accepted, ""); got.DisplayName != "Bob Baker" {
				t.Errorf("without displayName: %q", got.DisplayName)
			}
			want(t, backend, "alice", "wrong", plugins.Denied, plugins.ReasonWrongPassword)
			want(t, backend, "carol", slapdtest.CarolPassword, plugins.Denied, plugins.ReasonNotInGroup)
			want(t, backend, "carol", "wrong", plugins.Denied, plugins.ReasonWrongPassword)
			want(t, backend, "nobody-here", "wrong", plugins.UnknownUser, plugins.ReasonUnknownUser)
			found, err := backend.(plugins.Looker).Lookup(t.Context(), "CAROL")
			if err != nil || found.Outcome != plugins.Accepted || found.Name != "carol" || len(found.Groups) != 0 {
				t.Errorf("Lookup = %+v, %v", found, err)
			}
		})
	}
}

// The sample of StackStorm's documentation works as it stands there, apart from the names of the server and the file.
func TestStackStormSample(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Options{
		LDIF: "dn: ou=users,dc=example,dc=com\nobjectClass: organizationalUnit\nou: users\n\n" +
			"dn: CN=st2admin,ou=users,dc=example,dc=com\nobjectClass: applicationProcess\nobjectClass: simpleSecurityObject\ncn: st2admin\nuserPassword: foobar123\n\n" +
			member("st2developers", "uid=alice,ou=people,dc=example,dc=com"),
		Readers: []string{"cn=st2admin,ou=users,dc=example,dc=com"},
	})
	host, port, _ := net.SplitHostPort(server.TLSAddress)
	sample := `{"bind_dn": "CN=st2admin,ou=users,dc=example,dc=com", "bind_password": "foobar123", "base_ou": "dc=example,dc=com",
		"group_dns": ["CN=st2users,ou=groups,dc=example,dc=com", "CN=st2developers,ou=groups,dc=example,dc=com"],
		"host": "identity.example.com", "port": 636, "use_ssl": true, "cacert": "/path/to/cacert.pem"}`
	sample = strings.NewReplacer("identity.example.com", host, "636", port, "/path/to/cacert.pem", server.CAFile).Replace(sample)
	backend, err := ldap.New(t.Context(), plugins.NewSettings(secret.New(sample)), (&plugintest.Log{}).Logger())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = backend.(plugins.Closer).Close() }()
	want(t, backend, "alice", slapdtest.AlicePassword, plugins.Accepted, "")
	want(t, backend, "bob", slapdtest.BobPassword, plugins.Denied, plugins.ReasonNotInGroup)
}
