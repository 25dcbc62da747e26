package proxies_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// received is a request as the service behind the proxy got it.
type received struct {
	Method string
	Target string
	Header http.Header
	Body   string
}

// service is what stands behind a proxy: it answers with the request that it got, and remembers it.
type service struct {
	*httptest.Server

	mu  sync.Mutex
	got []received
}

// newService starts a service.
func newService(t testing.TB) *service {
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		request := received{Method: r.Method, Target: r.RequestURI, Header: r.Header, Body: string(body)}
		s.mu.Lock()
		s.got = append(s.got, request)
		s.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(request) // the client has gone
	}))
	t.Cleanup(s.Close)
	return s
}

// address returns where the service listens.
func (s *service) address() string { return s.Listener.Addr().String() }

// take returns the requests since the last call.
func (s *service) take() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.got
	s.got = nil
	return got
}

// site is a running latchkeyd with alice, who is in wheel and so has the role ops, bob, who has no role, and root, and with
// credentials of theirs.
type site struct {
	t       testing.TB
	dir     string
	address string
	daemon  *process

	identity *tls.Certificate // nil: the daemon speaks plain HTTP
	client   *http.Client

	alice, bob, revoked string // session tokens
	aliceKey            string // an API key
	robot               string // a service token with the roles ops and dev
	introspector        string // a service token with the role introspect
}

const configuration = `[auth]
host = 127.0.0.1
port = %[1]s
backend = flat_file
%[4]s

[backend.flat_file]
file_path = %[2]s/htpasswd
group_file = %[2]s/htgroup

[store]
url = bolt:%[2]s/latchkey.db

[admin]
listen = %[3]s
socket = %[2]s/admin.sock

[audit]
file = %[2]s/audit.log

[roles]
admin = user:root
ops = group:wheel
dev = user:alice

[throttle]
source_rate = 100000
source_burst = 100000
`

// newSite starts a daemon, with TLS when it has a certificate, and makes the credentials.
func newSite(t testing.TB, identity *tls.Certificate) *site {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	s := &site{t: t, dir: t.TempDir(), address: freeAddress(t), identity: identity, client: &http.Client{Transport: transport}}
	secure := ""
	if identity != nil {
		secure = s.secure(transport)
	}
	var users bytes.Buffer
	for _, name := range []string{"alice", "bob", "root"} {
		hash, err := bcrypt.GenerateFromPassword([]byte(name+"'s password"), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&users, "%s:%s\n", name, hash)
	}
	write(t, filepath.Join(s.dir, "htpasswd"), users.String())
	write(t, filepath.Join(s.dir, "htgroup"), "wheel: alice\nstaff: alice\n")
	_, port, _ := strings.Cut(s.address, ":")
	config := filepath.Join(s.dir, "latchkey.conf")
	write(t, config, fmt.Sprintf(configuration, port, s.dir, freeAddress(t), secure))
	s.daemon = launch(t, nil, filepath.Join(programs, "latchkeyd"), "--config-file", config)
	eventually(t, "latchkeyd is ready", func() bool {
		select {
		case <-s.daemon.done:
			t.Fatalf("latchkeyd ended:\n%s", s.daemon.text())
		default:
		}
		return strings.Contains(s.daemon.text(), "msg=ready")
	})

	s.alice, s.bob, s.revoked = s.logIn("alice"), s.logIn("bob"), s.logIn("alice")
	s.post("/auth/v1/revoke", url.Values{"token": {s.revoked}}.Encode(), "application/x-www-form-urlencoded", nil)
	s.aliceKey = s.make("/api/v1/apikeys", `{}`, s.alice, "key")
	root := s.logIn("root")
	s.robot = s.make("/api/v1/servicetokens", `{"name":"robot","roles":["ops","dev"]}`, root, "token")
	s.introspector = s.make("/api/v1/servicetokens", `{"name":"apache","roles":["introspect"]}`, root, "token")
	return s
}

// secure writes the certificate for the daemon, lets the client trust it, and returns the settings.
func (s *site) secure(transport *http.Transport) string {
	s.t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(s.identity.PrivateKey)
	if err != nil {
		s.t.Fatal(err)
	}
	write(s.t, filepath.Join(s.dir, "tls.key"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	write(s.t, filepath.Join(s.dir, "tls.crt"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.identity.Certificate[0]})))
	trusted := x509.NewCertPool()
	trusted.AddCert(s.identity.Leaf)
	transport.TLSClientConfig = &tls.Config{RootCAs: trusted}
	return fmt.Sprintf("use_ssl = True\ncert = %[1]s/tls.crt\nkey = %[1]s/tls.key\n", s.dir)
}

// url returns the daemon's root.
func (s *site) url() string {
	if s.identity != nil {
		return "https://" + s.address
	}
	return "http://" + s.address
}

// logIn returns a new session token.
func (s *site) logIn(name string) string {
	s.t.Helper()
	request, err := http.NewRequest(http.MethodPost, s.url()+"/auth/v1/tokens", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	request.SetBasicAuth(name, name+"'s password")
	return s.send(request)["token"].(string)
}

// make posts a JSON body as the holder of token and returns a field of the answer.
func (s *site) make(path, body, token, field string) string {
	s.t.Helper()
	return s.post(path, body, "application/json", http.Header{"X-Auth-Token": {token}})[field].(string)
}

// post sends a body and returns the object that is answered.
func (s *site) post(path, body, kind string, header http.Header) map[string]any {
	s.t.Helper()
	request, err := http.NewRequest(http.MethodPost, s.url()+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if header != nil {
		request.Header = header
	}
	request.Header.Set("Content-Type", kind)
	return s.send(request)
}

// send makes a call that must succeed.
func (s *site) send(request *http.Request) map[string]any {
	s.t.Helper()
	response, err := s.client.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	var object map[string]any
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 300 {
		s.t.Fatalf("%s %s: %v, %v: %s", request.Method, request.URL, response.Status, err, text)
	}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &object); err != nil {
			s.t.Fatal(err)
		}
	}
	return object
}

// secrets returns all credentials of the site.
func (s *site) secrets() []string {
	return []string{s.alice, s.bob, s.revoked, s.aliceKey, s.robot, s.introspector}
}

// write makes a file.
func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// copied writes a file of this folder, with other addresses and paths, to path. Each of the pairs must be in the file, so that
// the test runs what the file says.
func copied(t testing.TB, name, path string, pairs ...string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for pair := range slices.Chunk(pairs, 2) {
		if !bytes.Contains(text, []byte(pair[0])) {
			t.Fatalf("%s does not hold %q", name, pair[0])
		}
	}
	write(t, path, strings.NewReplacer(pairs...).Replace(string(text)))
}
