package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// programs is the folder with the real executables that TestMain builds, as `make build` does.
var programs string

// TestMain builds the daemon, the CLI and the backends once; the tests run them as an administrator does.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		if answer := os.Getenv(baselineVariable); answer != "" {
			return serveBaseline(answer)
		}
		dir, err := os.MkdirTemp("", "latchkeyd-test-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		if err := os.Chmod(dir, 0o755); err != nil { // backends may run as somebody else
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		old := syscall.Umask(0o022)
		build := exec.Command("go", "build", "-o", dir+"/", "latchkey/cmd/...")
		output, err := build.CombinedOutput()
		syscall.Umask(old)
		if err != nil {
			fmt.Fprintf(os.Stderr, "the programs cannot be built (is libpam0g-dev there?): %v\n%s", err, output)
			return 1
		}
		programs = dir
		return m.Run()
	}())
}

// program returns the path of one of the executables.
func program(name string) string { return filepath.Join(programs, name) }

// patience is how long a test waits for something that must come.
const patience = 30 * time.Second

// eventually polls until condition holds, and fails the test when it does not in time.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline, ticker := time.After(patience), time.NewTicker(5*time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("it did not come: %s", what)
		case <-ticker.C:
		}
	}
}

// freePort returns a port of loopback that nobody listens on. It is below those that the kernel hands out by itself, so that no
// connection and no other test takes it before the daemon does, or between two of its starts.
func freePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := 20000 + mathrand.IntN(12000)
		socket, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		if err := socket.Close(); err != nil {
			t.Fatal(err)
		}
		return port
	}
	t.Fatal("no port is free")
	return 0
}

// site is one installation: a folder with a configuration, users, a store.
type site struct {
	t      testing.TB
	dir    string
	port   int
	admin  int
	tls    *authority // nil: plain HTTP
	extra  string     // further sections
	auth   string     // further keys of [auth]
	env    []string
	config func(string) string // changes the configuration before it is written; nil: not at all
	daemon *process
}

// newSite prepares an installation with the flat_file backend and these users.
func newSite(t testing.TB, users map[string]string) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), port: freePort(t), admin: freePort(t)}
	s.writeUsers(users)
	return s
}

// writeUsers writes the htpasswd file with cheap hashes.
func (s *site) writeUsers(users map[string]string) {
	s.t.Helper()
	var file bytes.Buffer
	for name, password := range users {
		hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		if err != nil {
			s.t.Fatal(err)
		}
		fmt.Fprintf(&file, "%s:%s\n", name, hash)
	}
	s.write("htpasswd", file.String())
}

// write puts a file into the folder and returns its path.
func (s *site) write(name, content string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// path returns the path of a file in the folder.
func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// configure writes the configuration and returns its path.
func (s *site) configure() string {
	s.t.Helper()
	ssl := ""
	if s.tls != nil {
		ssl = fmt.Sprintf("use_ssl = True\ncert = %s\nkey = %s\n", s.path("tls.crt"), s.path("tls.key"))
	}
	backend := ""
	if !strings.Contains(s.auth, "backend") {
		backend = fmt.Sprintf("\n[backend.flat_file]\nfile_path = %s\n", s.path("htpasswd"))
	}
	text := fmt.Sprintf(`[auth]
host = 127.0.0.1
port = %d
%s%s
%s
[store]
url = bolt:%s

[admin]
listen = 127.0.0.1:%d
socket = %s

[audit]
file = %s

[roles]
admin = user:root

[throttle]
source_rate = 100000
source_burst = 100000

%s
`, s.port, ssl, s.auth, backend, s.path("latchkey.db"), s.admin, s.path("admin.sock"), s.path("audit.log"), s.extra)
	if s.config != nil {
		text = s.config(text)
	}
	return s.write("latchkey.conf", text)
}

// adminURL returns an address of the admin listener.
func (s *site) adminURL(path string) string {
	return fmt.Sprintf("http://127.0.0.1:%d%s", s.admin, path)
}

// url returns an address of the daemon.
func (s *site) url(path string) string {
	scheme := "http"
	if s.tls != nil {
		scheme = "https"
	}
	return fmt.Sprintf("%s://127.0.0.1:%d%s", scheme, s.port, path)
}

// start runs latchkeyd and waits until it is ready.
func (s *site) start() *process {
	s.t.Helper()
	s.daemon = s.launch("--config-file", s.configure())
	s.daemon.waitFor("msg=ready")
	return s.daemon
}

// launch runs latchkeyd with args.
func (s *site) launch(args ...string) *process {
	s.t.Helper()
	return launch(s.t, s.env, program("latchkeyd"), args...)
}

// process is a program under test.
type process struct {
	t    testing.TB
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	log  string        // the file that it writes to
}

// launch starts a program; the test's end ends it.
func launch(t testing.TB, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(name, args...), done: make(chan struct{}), log: filepath.Join(t.TempDir(), "output")}
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent"}, env...)
	output, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = output, output
	if err := errors.Join(p.cmd.Start(), output.Close()); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the state is read from cmd.ProcessState
		close(p.done)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("output of %s:\n%s", filepath.Base(name), p.text())
		}
	})
	return p
}

// text returns what the program has printed so far.
func (p *process) text() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// waitFor waits until the program has printed text.
func (p *process) waitFor(text string) {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("%q in the output of %s", text, p.cmd.Path), func() bool {
		select {
		case <-p.done:
			if !strings.Contains(p.text(), text) {
				p.t.Fatalf("%s ended: %v\n%s", p.cmd.Path, p.cmd.ProcessState, p.text())
			}
		default:
		}
		return strings.Contains(p.text(), text)
	})
}

// signal sends a signal.
func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// kill ends the program as a power cut would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.done
}

// wait waits for the program's end and returns its exit code.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("%s does not end\n%s", p.cmd.Path, p.text())
	}
	return p.cmd.ProcessState.ExitCode()
}

// stop ends the daemon in good order.
func (p *process) stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		p.t.Fatalf("exit code %d after SIGTERM\n%s", code, p.text())
	}
}

// answer is what the daemon said.
type answer struct {
	status int
	header http.Header
	text   string
	body   map[string]any // when it is an object
}

// client returns an HTTP client that trusts the site's authority alone.
func (s *site) client() *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	if s.tls != nil {
		transport.TLSClientConfig = &tls.Config{RootCAs: s.tls.pool}
	}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// request is a call; auth is "name:password" for Basic.
type request struct {
	method, path, body, auth string
	header                   map[string]string
}

// do makes a call and fails the test when there is no answer.
func (s *site) do(r request) answer {
	s.t.Helper()
	a, err := s.try(s.client(), r)
	if err != nil {
		s.t.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	return a
}

// try makes a call.
func (s *site) try(client *http.Client, r request) (answer, error) {
	call, err := http.NewRequestWithContext(context.Background(), r.method, s.url(r.path), strings.NewReader(r.body))
	if err != nil {
		return answer{}, err
	}
	if r.body != "" {
		call.Header.Set("Content-Type", "application/json")
	}
	if name, password, ok := strings.Cut(r.auth, ":"); ok {
		call.SetBasicAuth(name, password)
	}
	for key, value := range r.header {
		call.Header.Set(key, value)
	}
	response, err := client.Do(call)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: response.StatusCode, header: response.Header, text: string(text)}
	_ = json.Unmarshal(text, &a.body) // it is no object where a list or nothing is answered
	return a, nil
}

// want fails the test unless the answer has this status.
func (a answer) want(t testing.TB, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.text)
	}
	return a
}

// field returns a field of the answer as text.
func (a answer) field(name string) string { return fmt.Sprint(a.body[name]) }

// token logs in and returns the token.
func (s *site) token(auth, body string) string {
	s.t.Helper()
	return s.do(request{method: "POST", path: "/auth/v1/tokens", auth: auth, body: body}).want(s.t, http.StatusCreated).field("token")
}

// authority is a certificate authority of the test's own.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pool *x509.CertPool
}

// secure gives the site a certificate for 127.0.0.1 and localhost and writes ca.crt for its clients.
func (s *site) secure() {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		s.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		s.t.Fatal(err)
	}
	s.tls = &authority{key: key, cert: cert, pool: x509.NewCertPool()}
	s.tls.pool.AddCert(cert)
	s.write("ca.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	s.certify(2)
}

// certify writes a new certificate with this serial number.
func (s *site) certify(serial int64) {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, s.tls.cert, &key.PublicKey, s.tls.key)
	if err != nil {
		s.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		s.t.Fatal(err)
	}
	s.write("tls.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	s.write("tls.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
}
