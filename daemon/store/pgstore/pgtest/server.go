// Package pgtest gives tests a PostgreSQL server of their own: a real one, from Debian's package, in a temporary folder, with
// everything on that makes what it confirms durable. It can be stopped, killed and started again, and it is gone after the test.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// patience is how long the server may take to start, to stop, and to recover from a kill.
const patience = time.Minute

// socketPort is the port in the name of the unix socket. Each server has a folder of its own, so it may be the same for all.
const socketPort = "5432"

// Superuser is the name of the database's owner, and Password what he needs by TCP. Both are only ever known to one test.
const (
	Superuser = "latchkey"
	Password  = "hunter2-Zq7w"
)

// Options change how a server is started.
type Options struct {
	// TCP makes the server listen on a port of 127.0.0.1 also, where it asks for the password.
	TCP bool
	// Folder is where the server's folder is made; empty means os.TempDir.
	Folder string
	// Initdb is added to the command line of initdb.
	Initdb []string
	// Settings are settings of postgresql.conf, such as "synchronous_commit": "off".
	Settings map[string]string
}

// Server is a running server.
type Server struct {
	options   Options
	folder    string
	programs  string
	user      *syscall.Credential // nil when the test is not root
	port      int                 // of 127.0.0.1; 0 when it does not listen there
	command   *exec.Cmd
	ended     chan struct{}
	databases atomic.Int32
}

// Start starts a server that listens on a unix socket, and stops it at the end of the test.
func Start(t testing.TB) *Server {
	t.Helper()
	return StartWith(t, Options{})
}

// StartWith is Start with options.
func StartWith(t testing.TB, o Options) *Server {
	t.Helper()
	s := settle(t, o)
	s.initialise(t)
	s.run(t)
	return s
}

// settle gives a new server its folder and its port.
func settle(t testing.TB, o Options) *Server {
	t.Helper()
	s := &Server{options: o, programs: programs(t), user: unprivileged(t)}
	var err error
	// Not t.TempDir: the folders above that one let nobody else in.
	if s.folder, err = os.MkdirTemp(o.Folder, "latchkey-postgres-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(s.folder); err != nil {
			t.Errorf("the folder of PostgreSQL stays: %v", err)
		}
	})
	if s.user != nil {
		if err := os.Chown(s.folder, int(s.user.Uid), int(s.user.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	if o.TCP {
		s.port = freePort(t)
	}
	return s
}

// run starts the server, and stops it at the end of the test.
func (s *Server) run(t testing.TB) {
	t.Helper()
	s.start(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("PostgreSQL said at last:\n%s", s.tail())
		}
		s.Stop(t)
	})
}

// programs returns the folder of the newest server that is installed.
func programs(t testing.TB) string {
	t.Helper()
	all, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(all) == 0 {
		t.Fatal("there is no PostgreSQL server: apt-get install postgresql")
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	return filepath.Dir(slices.MaxFunc(all, func(a, b string) int { return version(a) - version(b) }))
}

// unprivileged returns whom the server is to run as when the test is root, since it refuses to run as root.
func unprivileged(t testing.TB) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	id := func(flag string) uint32 {
		output, err := exec.Command("id", flag, "postgres").Output()
		if err != nil {
			t.Fatalf("there is no user postgres: %v", err)
		}
		n, err := strconv.ParseUint(strings.TrimSpace(string(output)), 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		return uint32(n)
	}
	return &syscall.Credential{Uid: id("-u"), Gid: id("-g")}
}

// freePort returns a port of loopback that nobody listens on, below those that the kernel hands out by itself.
func freePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := 20000 + rand.IntN(12000)
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

func (s *Server) data() string { return filepath.Join(s.folder, "data") }

// initialise makes the server's files. Nothing is worth an fsync yet.
func (s *Server) initialise(t testing.TB) {
	t.Helper()
	password := filepath.Join(s.folder, "password")
	if err := os.WriteFile(password, []byte(Password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s.user != nil {
		if err := os.Chown(password, int(s.user.Uid), int(s.user.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	s.program(t, "initdb", append([]string{
		"--pgdata=" + s.data(), "--username=" + Superuser, "--pwfile=" + password, "--auth-local=trust", "--auth-host=scram-sha-256",
		"--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
	}, s.options.Initdb...)...)
}

// program runs one of PostgreSQL's programs to its end.
func (s *Server) program(t testing.TB, name string, arguments ...string) {
	t.Helper()
	command := exec.Command(filepath.Join(s.programs, name), arguments...)
	command.Dir = s.folder
	command.SysProcAttr = &syscall.SysProcAttr{Credential: s.user}
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, output)
	}
}

// arguments returns the server's command line.
func (s *Server) arguments() []string {
	arguments := []string{"-D", s.data(), "-k", s.folder, "-p", socketPort}
	settings := map[string]string{
		"listen_addresses": "", "fsync": "on", "full_page_writes": "on", "max_connections": "100", "shared_buffers": "32MB",
		"unix_socket_permissions": "0700", "log_min_messages": "warning",
	}
	if s.port != 0 {
		settings["listen_addresses"], settings["port"] = "127.0.0.1", strconv.Itoa(s.port)
		arguments = []string{"-D", s.data(), "-k", s.folder}
	}
	for name, value := range s.options.Settings {
		settings[name] = value
	}
	for name, value := range settings {
		arguments = append(arguments, "-c", name+"="+value)
	}
	return arguments
}

// start starts the server and waits until it answers.
func (s *Server) start(t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	command := exec.Command(filepath.Join(s.programs, "postgres"), s.arguments()...)
	command.Dir, command.Stdout, command.Stderr = s.folder, log, log
	// The server ends with the test, even when that is killed; SIGQUIT lets it take its children along. The kernel ties this to
	// the thread that starts the process, so that thread stays with it to its end.
	command.SysProcAttr = &syscall.SysProcAttr{Credential: s.user, Pdeathsig: syscall.SIGQUIT}
	started, ended := make(chan error), make(chan struct{})
	s.command, s.ended = command, ended
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
	s.eventually(t, "to answer", func() bool {
		select {
		case <-ended:
			t.Fatalf("PostgreSQL ended:\n%s", s.tail())
		default:
		}
		return s.answers()
	})
}

// answers reports whether the server takes connections.
func (s *Server) answers() bool {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		return false
	}
	return conn.Close(ctx) == nil
}

// eventually waits for a condition.
func (s *Server) eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline, ticker := time.After(patience), time.NewTicker(5*time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain for PostgreSQL %s:\n%s", what, s.tail())
		case <-ticker.C:
		}
	}
}

// log is the file that the server writes to.
func (s *Server) log() string { return filepath.Join(s.folder, "log") }

// tail returns the last of what the server has said.
func (s *Server) tail() string {
	said, err := os.ReadFile(s.log())
	if err != nil {
		return err.Error()
	}
	return string(said[max(0, len(said)-4000):])
}

// URL returns the URL of the database that every server has.
func (s *Server) URL() string { return s.databaseURL("postgres") }

func (s *Server) databaseURL(name string) string {
	query := url.Values{"host": {s.folder}, "port": {s.socketPort()}}
	return fmt.Sprintf("postgres://%s@/%s?%s", Superuser, name, query.Encode())
}

func (s *Server) socketPort() string {
	if s.port != 0 {
		return strconv.Itoa(s.port) // one setting says both
	}
	return socketPort
}

// TCPURL returns the URL of a database whose own URL is given, by TCP and with the password. The server must have been started
// with TCP.
func (s *Server) TCPURL(t testing.TB, database string) string {
	t.Helper()
	if s.port == 0 {
		t.Fatal("the server does not listen on TCP")
	}
	u := s.parse(t, database)
	u.User, u.RawQuery = url.UserPassword(Superuser, Password), "sslmode=disable"
	u.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
	return u.String()
}

func (s *Server) parse(t testing.TB, database string) *url.URL {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// NewDatabase makes an empty database, returns its URL, and drops it at the end of the test.
func (s *Server) NewDatabase(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test%d", s.databases.Add(1))
	s.Exec(t, s.URL(), "CREATE DATABASE "+name+" TEMPLATE template0") // which nothing of the server's own ever uses
	t.Cleanup(func() {
		if !s.Running() {
			return // the database goes with the server
		}
		var err error
		s.eventually(t, "to drop a database", func() bool {
			err = s.execute(s.URL(), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
			answer, answered := errors.AsType[*pgconn.PgError](err)
			return err == nil || !answered || answer.Code != inUse
		})
		if err != nil {
			t.Error(err)
		}
	})
	return s.databaseURL(name)
}

// inUse is the code for a database whose sessions have been ended and are not gone within five seconds.
const inUse = "55006"

// Exec runs statements in a database, with a connection of their own.
func (s *Server) Exec(t testing.TB, database, sql string) {
	t.Helper()
	if err := s.execute(database, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func (s *Server) execute(database, sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}
