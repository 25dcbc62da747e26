package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/bcrypt"

	"latchkey/conf"
	"latchkey/daemon"
)

// devUser is the one user of `latchkeyd dev`.
const devUser = "dev"

// devPorts are tried in this order; 0 means any free one.
var devPorts = [...]int{9100, 0}

// devCommand is `latchkeyd dev`.
func (a *app) devCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "dev",
		Short: "Serve on loopback with a temporary store and one user; everything is gone when it ends",
		Long: `dev starts a throw-away instance: it listens on loopback without TLS, keeps its store in a temporary folder, knows one user
with a random password (an admin) and prints lines to paste that work with it. Ctrl-C ends it and removes everything.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.dev(cmd.Context()) },
	}
}

// dev serves from a temporary folder until ctx ends.
func (a *app) dev(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "latchkey-dev-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	password := rand.Text()
	if err := writeDev(dir, password); err != nil {
		return err
	}
	config, err := conf.Load([]string{filepath.Join(dir, "latchkey.conf")}, nil)
	if err != nil {
		return err
	}
	return a.run(ctx, config, nil, func(d *daemon.Daemon) { a.welcome(d.URL(), dir, password) })
}

// writeDev writes the configuration and the htpasswd file of a throw-away instance.
func writeDev(dir, password string) error {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
	if err != nil {
		return err
	}
	users := filepath.Join(dir, "htpasswd")
	if err := os.WriteFile(users, fmt.Appendf(nil, "%s:%s\n", devUser, hash), 0o600); err != nil {
		return err
	}
	port, err := devPort()
	if err != nil {
		return err
	}
	settings := fmt.Sprintf(`[auth]
host = 127.0.0.1
port = %d

[backend.flat_file]
file_path = %s

[store]
url = bolt:%s

[roles]
admin = user:%s

[admin]
listen = off
socket = %s

[audit]
file = %s

[log]
level = warning
`, port, users, filepath.Join(dir, "latchkey.db"), devUser, filepath.Join(dir, "admin.sock"), filepath.Join(dir, "audit.log"))
	return os.WriteFile(filepath.Join(dir, "latchkey.conf"), []byte(settings), 0o600)
}

// devPort returns the first of devPorts that is free.
func devPort() (int, error) {
	var failures []error
	for _, port := range devPorts {
		socket, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			failures = append(failures, err)
			continue
		}
		port = socket.Addr().(*net.TCPAddr).Port
		return port, socket.Close()
	}
	return 0, errors.Join(failures...)
}

// welcome prints lines that work with the instance at url.
func (a *app) welcome(url, dir, password string) {
	cli := "latchkey"
	if self, err := os.Executable(); err == nil {
		cli = filepath.Join(filepath.Dir(self), "latchkey")
	}
	fmt.Fprintf(a.stdout, `Latchkey serves at %[1]s; everything below is temporary and goes with Ctrl-C.

  user      %[2]s (an admin)
  password  %[3]s
  folder    %[4]s (configuration, users, store, audit log)

With curl:

  curl -X POST -u %[2]s:%[3]s %[1]s/auth/v1/tokens
  TOKEN=$(curl -s -X POST -u %[2]s:%[3]s %[1]s/auth/v1/tokens | sed 's/.*"token":"\([^"]*\)".*/\1/')
  curl -H "X-Auth-Token: $TOKEN" %[1]s/api/v1/user
  curl -X POST -H "X-Auth-Token: $TOKEN" -d '{"metadata":{"used_by":"me"}}' %[1]s/api/v1/apikeys

With the CLI:

  export LATCHKEY_URL=%[1]s
  echo %[3]s | %[5]s login %[2]s --password-stdin
  %[5]s whoami
  %[5]s apikey create -k -m '{"used_by": "my integration"}'
`, url, devUser, password, dir, cli)
}
