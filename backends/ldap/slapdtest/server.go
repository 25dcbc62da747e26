package slapdtest

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for slapd: to be ready, to write a line, to end.
const patience = 20 * time.Second

// Options say what a server holds beside the defaults. The zero value is a server with Directory alone, whose certificate is
// good for localhost, 127.0.0.1 and ::1.
type Options struct {
	// LDIF is loaded after Directory.
	LDIF string
	// Modules are loaded beside back_mdb, by name, such as "ppolicy".
	Modules []string
	// Global is put before the database in slapd.conf: schema, `allow`, `TLSVerifyClient`.
	Global string
	// Database is put at the end of the database: overlays.
	Database string
	// Readers are accounts that may read what the service account may.
	Readers []string
	// Authority issues the certificate; nil makes one.
	Authority *Authority
	// Names are what the certificate is issued for.
	Names []string
	// CertificateEnd is the end of the certificate's life; zero is an hour from now.
	CertificateEnd time.Time
}

// Server is a running slapd.
type Server struct {
	// Address is host:port of ldap://, where StartTLS is offered, too.
	Address string
	// TLSAddress is host:port of ldaps://.
	TLSAddress string
	// CAFile is the certificate of the authority that issued the server's, as PEM.
	CAFile string

	folder  string
	command *exec.Cmd
	ended   chan struct{}
	log     *logBuffer
}

// Start starts a server and ends it when the test ends.
func Start(t testing.TB, options Options) *Server {
	t.Helper()
	s := &Server{Address: freeAddress(t), TLSAddress: freeAddress(t), folder: t.TempDir(), log: &logBuffer{}}
	s.copyProgram(t)
	s.configure(t, options)
	directory := filepath.Join(s.folder, "directory.ldif")
	write(t, directory, Directory+options.LDIF)
	load := exec.Command(filepath.Join(s.folder, "slapadd"), "-q", "-f", s.configuration(), "-l", directory)
	if output, err := load.CombinedOutput(); err != nil {
		t.Fatalf("slapadd: %v\n%s", err, output)
	}
	s.Restart(t)
	t.Cleanup(func() { s.Stop(t) })
	return s
}

// copyProgram puts a copy of slapd into the server's folder: where AppArmor has a profile for /usr/sbin/slapd, that one may
// not use a temporary folder.
func (s *Server) copyProgram(t testing.TB) {
	t.Helper()
	path, err := exec.LookPath("slapd")
	if err != nil {
		path = "/usr/sbin/slapd"
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("no slapd here: apt-get install slapd ldap-utils (%v)", err)
	}
	// The program says by its name what it does.
	for _, name := range []string{"slapd", "slapadd"} {
		if err := os.WriteFile(filepath.Join(s.folder, name), program, 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *Server) configuration() string { return filepath.Join(s.folder, "slapd.conf") }

// configure writes slapd.conf(5) and what it refers to.
func (s *Server) configure(t testing.TB, options Options) {
	t.Helper()
	authority := options.Authority
	if authority == nil {
		authority = NewAuthority(t)
	}
	s.CAFile = authority.File
	names, end := options.Names, options.CertificateEnd
	if len(names) == 0 {
		names = []string{"localhost", "127.0.0.1", "::1"}
	}
	if end.IsZero() {
		end = time.Now().Add(time.Hour)
	}
	certificate, key := authority.Issue(t, end, names...)
	if err := os.Mkdir(filepath.Join(s.folder, "db"), 0o700); err != nil {
		t.Fatal(err)
	}
	var conf strings.Builder
	for _, schema := range []string{"core", "cosine", "inetorgperson", "nis"} {
		fmt.Fprintf(&conf, "include /etc/ldap/schema/%s.schema\n", schema)
	}
	conf.WriteString("modulepath /usr/lib/ldap\nmoduleload back_mdb\n")
	for _, module := range options.Modules {
		fmt.Fprintf(&conf, "moduleload %s\n", module)
	}
	var readers strings.Builder
	for _, dn := range append([]string{ServiceDN}, options.Readers...) {
		fmt.Fprintf(&readers, " by dn.exact=%q read", dn)
	}
	fmt.Fprintf(&conf, `pidfile %[1]s/slapd.pid
TLSCACertificateFile %[2]s
TLSCertificateFile %[3]s
TLSCertificateKeyFile %[4]s
%[5]s
database mdb
maxsize 8388608
directory %[1]s/db
suffix %[6]q
rootdn %[7]q
rootpw %[8]s
index objectClass,uid eq
access to attrs=userPassword by anonymous auth by * none
access to *%[9]s by * none
%[10]s
`, s.folder, s.CAFile, certificate, key, options.Global, Suffix, RootDN, RootPassword, readers.String(), options.Database)
	write(t, s.configuration(), conf.String())
}

// Restart starts the server on the same ports with the directory as it was left. The server must not be running.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.log.startOver()
	s.command = exec.Command(filepath.Join(s.folder, "slapd"), "-f", s.configuration(), "-d", "stats",
		"-h", fmt.Sprintf("ldap://%s ldaps://%s", s.Address, s.TLSAddress))
	s.command.Stderr = s.log
	// slapd dies with the test, even when that is killed. The kernel ties this to the thread that starts the process, so that
	// thread stays with it to its end.
	s.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	command, started, ended := s.command, make(chan error), make(chan struct{})
	s.ended = ended
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(ended)
		err := command.Start()
		started <- err
		if err == nil {
			_ = command.Wait()
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	Eventually(t, "slapd to be ready", func() bool {
		select {
		case <-ended:
			t.Fatalf("slapd ended:\n%s", s.log.sinceStart())
		default:
		}
		// It says that it starts when its sockets are bound, and listens a moment later.
		return strings.Contains(s.log.sinceStart(), "slapd starting") && listens(s.Address) && listens(s.TLSAddress)
	})
}

// Stop ends the server in good order. It does nothing when the server is not running.
func (s *Server) Stop(t testing.TB) { s.signal(t, syscall.SIGTERM) }

// Kill ends the server at once, as a crash does. It does nothing when the server is not running.
func (s *Server) Kill(t testing.TB) { s.signal(t, syscall.SIGKILL) }

func (s *Server) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	select {
	case <-s.ended:
		return
	default:
	}
	if err := s.command.Process.Signal(sig); err != nil {
		t.Errorf("slapd: %v", err)
	}
	select {
	case <-s.ended:
	case <-time.After(patience):
		_ = s.command.Process.Kill()
		t.Errorf("slapd did not end within %v", patience)
	}
}

// Freeze stops the process without ending it: connections are accepted by the kernel and nobody answers. Thaw undoes it.
func (s *Server) Freeze(t testing.TB) {
	t.Helper()
	if err := s.command.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	// The signal acts later than it is sent: on a busy machine a thread may answer one more question.
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for range 10_000 {
		if s.stopped(t) {
			return
		}
		<-again.C
	}
	t.Fatal("slapd did not stop")
}

// stopped reports whether every thread of the process is stopped; see proc_pid_stat(5).
func (s *Server) stopped(t testing.TB) bool {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", s.command.Process.Pid))
	if err != nil || len(files) == 0 {
		t.Fatalf("the threads of slapd: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return false // the thread has just ended
		}
		if _, state, found := strings.Cut(string(text), ") "); !found || state[0] != 'T' {
			return false
		}
	}
	return true
}

// Thaw lets a frozen server go on.
func (s *Server) Thaw(t testing.TB) {
	t.Helper()
	if err := s.command.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}

// Log returns what slapd has written since the test began: a line for each operation (log level stats).
func (s *Server) Log() string { return s.log.String() }

// Apply changes the directory as the administrator, by an LDIF of changes (ldapmodify(1)).
func (s *Server) Apply(t testing.TB, ldif string) {
	t.Helper()
	command := exec.Command("ldapmodify", "-x", "-H", "ldap://"+s.Address, "-D", RootDN, "-w", RootPassword)
	command.Stdin = strings.NewReader(ldif)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("ldapmodify: %v (apt-get install ldap-utils where it is missing)\n%s", err, output)
	}
}

// Eventually waits until a condition holds and fails the test when it does not within twenty seconds.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// listens reports whether somebody accepts connections at an address.
func listens(address string) bool {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

// freeAddress returns a loopback address that nobody listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// logBuffer keeps what slapd writes.
type logBuffer struct {
	mu    sync.Mutex
	text  bytes.Buffer
	start int
}

var _ io.Writer = (*logBuffer)(nil)

// Write appends to the log.
func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) startOver() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.start = b.text.Len()
}

func (b *logBuffer) sinceStart() string { return b.String()[b.start:] }

// String returns all that was written.
func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
