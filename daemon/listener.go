package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"

	"latchkey/conf"
)

// Names of the sockets that latchkeyd.socket hands over (FileDescriptorName=, systemd.socket(5)).
const (
	socketHTTP  = "http"
	socketAdmin = "admin"
)

// listeners are the sockets that the daemon serves on.
type listeners struct {
	public []net.Listener // TLS already, where that is configured
	admin  net.Listener   // health and metrics; nil when switched off
	local  net.Listener   // root's unix socket; nil when switched off or impossible
	notes  []string       // what an administrator should hear
}

// listen opens all sockets, or none: those that systemd hands over, and otherwise those of the configuration. tlsConfig is
// nil without use_ssl; unix sockets never speak TLS.
func listen(c *conf.Config, tlsConfig *tls.Config) (l *listeners, err error) {
	l = &listeners{}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	handed, err := activation.ListenersWithNames()
	if err != nil {
		return l, fmt.Errorf("sockets from systemd: %w", err)
	}
	l.public = handed[socketHTTP]
	if len(handed[socketAdmin]) > 0 {
		l.admin = handed[socketAdmin][0]
	}
	if len(l.public) == 0 {
		address := net.JoinHostPort(c.Auth.Host, strconv.Itoa(c.Auth.Port))
		socket, err := net.Listen("tcp", address)
		if err != nil {
			return l, fmt.Errorf("[auth] host and port: %w", err)
		}
		l.public = append(l.public, socket)
	}
	for i, socket := range l.public {
		if tlsConfig != nil && socket.Addr().Network() != "unix" {
			l.public[i] = tls.NewListener(socket, tlsConfig)
		}
	}
	if l.admin == nil && c.Admin.Listen != off {
		if l.admin, err = net.Listen("tcp", c.Admin.Listen); err != nil {
			return l, fmt.Errorf("[admin] listen: %w", err)
		}
	}
	return l, l.listenLocal(c.Admin.Socket)
}

// off switches an optional listener off in the configuration.
const off = "off"

// listenLocal opens root's socket. A missing directory (a daemon started by hand, without systemd's RuntimeDirectory) is
// noted and not an error, since everything else works without the socket.
func (l *listeners) listenLocal(path string) error {
	if path == off || path == "" {
		return nil
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		l.notes = append(l.notes, fmt.Sprintf("[admin] socket: %s is not there, so `latchkeyd backup` and `latchkey --local` cannot reach this daemon",
			filepath.Dir(path)))
		return nil
	}
	if err := removeStale(path); err != nil {
		return err
	}
	old := unix.Umask(0o177) // the socket is 0600 from its first moment
	socket, err := net.Listen("unix", path)
	unix.Umask(old)
	if err != nil {
		return fmt.Errorf("[admin] socket: %w", err)
	}
	l.local = socket
	return nil
}

// removeStale removes a socket that a killed daemon left behind. One that somebody answers on is in use, and anything that
// is no socket is not ours to remove.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("[admin] socket: %w", err)
	}
	if info.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("[admin] socket: %s is there and is no socket; remove it or name another path", path)
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		_ = conn.Close() // only the answer mattered
		return fmt.Errorf("[admin] socket: another daemon answers on %s", path)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("[admin] socket: %w", err)
	}
	return nil
}

func (l *listeners) close() error {
	var errs []error
	for _, socket := range append([]net.Listener{l.admin, l.local}, l.public...) {
		if socket != nil {
			errs = append(errs, socket.Close())
		}
	}
	return errors.Join(errs...)
}

// peerKey is the context key of a unix socket's peer.
type peerKey struct{}

// withPeer is http.Server.ConnContext: it notes the user id of a unix socket's peer (SO_PEERCRED, unix(7)), which the kernel
// vouches for.
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	socket, ok := conn.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return ctx
	}
	var peer *unix.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) {
		peer, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil || failed != nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, int(peer.Uid))
}

// localAdmin reports whether the connection's peer is root or the daemon's own user.
func localAdmin(ctx context.Context) bool {
	uid, ok := ctx.Value(peerKey{}).(int)
	return ok && (uid == 0 || uid == os.Geteuid())
}
