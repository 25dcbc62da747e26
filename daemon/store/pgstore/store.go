package pgstore

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"latchkey/daemon/store"
)

// Options change how a store works; the zero value is right for a daemon.
type Options struct {
	// MaxConns is the most connections that are held at a time; zero means the pool_max_conns of the URL, and 16 when it has none.
	MaxConns int
	// Timeout is how long one call may wait for the server; zero is for as long as its context allows.
	Timeout time.Duration
	// Log hears what an administrator should know, such as that the server was set to lose what it has confirmed. Nil for nobody.
	Log *slog.Logger
}

// withDefaults fills in what zero values mean.
func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Store is a PostgreSQL database. It is safe for concurrent use, and several processes may have one open.
type Store struct {
	pool  *pgxpool.Pool
	log   *slog.Logger
	tells bool // the server has NOTIFY
	close sync.Once
	// creations are the credentials that are being created.
	creations groups[*store.Credential]
	// timeout is Options.Timeout, and late says that it is over.
	timeout time.Duration
	late    error
}

var _ store.Store = (*Store)(nil)

// Open connects to the database that a URL names (postgres://user@host/database, with what libpq understands behind a question
// mark) and brings its tables up to date. The error says what to do: no such server (ErrUnreachable), a password that is not taken,
// no right to make the tables, a database that a newer version has made. It never holds a password.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	o = o.withDefaults()
	config, err := parse(url, o)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	s := &Store{pool: pool, log: o.Log, timeout: o.Timeout, late: fmt.Errorf("the database did not answer within %s", o.Timeout)}
	s.creations.store, s.creations.verb, s.creations.serve = s, "written", s.create
	if err := s.prepare(ctx); err != nil {
		pool.Close()
		if unreachable(err) {
			return nil, fmt.Errorf("%w: %w", ErrUnreachable, bare(err))
		}
		return nil, fmt.Errorf("store: %w", bare(err))
	}
	return s, nil
}

// prepare brings the tables up to date and asks the server what it can do.
func (s *Store) prepare(ctx context.Context) error {
	if err := s.pool.Ping(ctx); err != nil {
		return err
	}
	all, err := migrations()
	if err != nil {
		return err
	}
	if err := migrate(ctx, s.pool, all, s.log); err != nil {
		return err
	}
	if s.tells, err = canTell(ctx, s.pool); err != nil {
		return err
	}
	if !s.tells {
		s.log.Warn("the database server has no NOTIFY, so a node does not hear what another one changes")
	}
	return s.inspect(ctx)
}

// Close waits for calls under way and closes all connections. Calls after it fail; a second Close returns nil.
func (s *Store) Close() error {
	s.close.Do(func() {
		s.creations.stop()
		s.pool.Close()
	})
	return nil
}
