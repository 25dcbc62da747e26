package pgstore

import (
	"context"
	"errors"
	"io"

	"github.com/jackc/pgx/v5"
)

// ErrBackup is what Backup says: the database's own tools know of more than this store does.
var ErrBackup = errors.New("this store is a PostgreSQL database: make a copy with pg_dump --schema=latchkey, or as the server is backed up anyway")

// Ping returns nil when the store can be read and written: it waits for a write of its own, and so fails on a standby, on a
// server that is set to be read only, and when a synchronous standby does not answer.
func (s *Store) Ping(ctx context.Context) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO latchkey.facts (key) VALUES ('ping') ON CONFLICT (key) DO UPDATE SET value = excluded.value")
		return err
	})
}

// Backup always fails, and says how a copy is made.
func (s *Store) Backup(ctx context.Context, _ io.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return ErrBackup
}

// inspect tells the administrator when the server is set so that it may lose what it has confirmed.
func (s *Store) inspect(ctx context.Context) error {
	var version, fsync, pages string
	err := s.pool.QueryRow(ctx, `SELECT coalesce(current_setting('server_version', true), ''), coalesce(current_setting('fsync', true), ''),
		coalesce(current_setting('full_page_writes', true), '')`).Scan(&version, &fsync, &pages)
	if err != nil {
		return err
	}
	for setting, value := range map[string]string{"fsync": fsync, "full_page_writes": pages} {
		if value == "off" {
			s.log.Warn("the database server is set so that a power cut may lose or damage what it has confirmed", setting, value)
		}
	}
	s.log.Info("the store is open", "server_version", version)
	return nil
}
