package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"syscall"

	"latchkey/conf"
	"latchkey/daemon/api"
	"latchkey/daemon/store/pgstore"
)

// backupPath is the one route that only root's socket has beside those of the API.
const backupPath = "/local/v1/backup"

// localName is who acts over root's socket, in the audit log.
const localName = "root@localhost"

// localHandler serves root's socket: the API, as an admin, and the backup. Anybody but root and the daemon's own user is
// turned away, whatever the socket's mode became.
func (d *Daemon) localHandler(public http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !localAdmin(r.Context()) {
			http.Error(w, `{"faultstring":"Unauthorized"}`, http.StatusForbidden)
			return
		}
		if r.URL.Path == backupPath && r.Method == http.MethodGet {
			d.sendBackup(w, r)
			return
		}
		public.ServeHTTP(w, r.WithContext(api.AsAdmin(r.Context(), localName)))
	})
}

// sendBackup answers with a copy of the store.
func (d *Daemon) sendBackup(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/octet-stream")
	if err := d.store.Backup(r.Context(), w); err != nil {
		d.log.Error("a backup failed", "error", err)
		panic(http.ErrAbortHandler) // the answer is cut off, so the reader sees that it is not whole
	}
}

// Backup writes a consistent copy of the configured store to w: a running daemon makes it, over its local socket, and when
// none runs the store is opened here. Of a database it is pgstore.ErrBackup, which says how a copy is made.
func Backup(ctx context.Context, c *conf.Config, w io.Writer) error {
	if _, ok := boltPath(c.Store); !ok {
		return pgstore.ErrBackup
	}
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", c.Admin.Socket)
		},
		DisableKeepAlives: true,
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://local"+backupPath, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return backupFile(ctx, c, w)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: run this as root or as the daemon's own user: %w", c.Admin.Socket, err)
	case err != nil:
		return fmt.Errorf("%s: %w", c.Admin.Socket, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: the daemon answered %s", c.Admin.Socket, response.Status)
	}
	if _, err := io.Copy(w, response.Body); err != nil {
		return fmt.Errorf("the copy is not whole: %w", err)
	}
	return nil
}

// backupFile copies a store that no daemon holds.
func backupFile(ctx context.Context, c *conf.Config, w io.Writer) (err error) {
	opened, err := openForTool(ctx, c.Store, slog.New(slog.DiscardHandler))
	if err != nil {
		return fmt.Errorf("[store] url: %w", err)
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	return opened.Backup(ctx, w)
}
