package boltstore

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"latchkey/daemon/store"
	"latchkey/daemon/store/cache"
)

// Options change how a store works; the zero value is right for a daemon.
type Options struct {
	// NoSync leaves out the fsync of each transaction. It is for tests that do not look at durability.
	NoSync bool
	// LockTimeout is how long to wait for another process to let go of the file; zero means one second.
	LockTimeout time.Duration
	// CacheBytes bounds the memory for decoded records that checks keep, by estimate; zero means 64 MiB, some 60 000 records.
	CacheBytes int64
	// Log hears what an administrator should know: that the file was not closed properly, or that a mode was tightened. Nil for
	// nobody.
	Log *slog.Logger
}

// withDefaults fills in what zero values mean.
func (o Options) withDefaults() Options {
	if o.LockTimeout == 0 {
		o.LockTimeout = time.Second
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = cache.DefaultBytes
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Store is a bbolt file. It is safe for concurrent use.
type Store struct {
	db       *bbolt.DB
	writer   *writer
	cache    *cache.Cache
	examiner *examiner // nil: the file was closed properly
}

var _ store.Store = (*Store)(nil)

// Open opens the file at path and makes it when it is not there; the folder must be there. The error names the file and says
// what to do: held by another process, not a store, damaged, made by a newer version, no permission.
//
// Of a file that was not closed properly all records are read afterwards, beside other work. Damage that is found then is logged, and
// Ping fails from then on.
//
// A file whose mode lets others in gets mode 0600. Half-made files that an earlier crash left beside it are removed.
func Open(path string, o Options) (*Store, error) {
	o = o.withDefaults()
	if err := provide(path, o); err != nil {
		return nil, err
	}
	closed, err := inspect(path, o)
	if err != nil {
		return nil, err
	}
	db, err := openForWriting(path, o)
	if err != nil {
		return nil, err
	}
	removeHalfMade(path)
	s := &Store{db: db, cache: cache.New(o.CacheBytes), writer: newWriter(db, o.Log, closed)}
	if !closed {
		o.Log.Info("the store was not closed properly; all of it is checked while it is in use", "file", path)
		s.examiner = examine(db, path, o.Log)
	}
	return s, nil
}

// view runs f on the file as it is at one moment. Where a page is not what it should be bbolt panics, and where the file ends
// too early memory has nothing behind it: either is an error that says so, and is logged with its place.
func (s *Store) view(ctx context.Context, f func(*bbolt.Tx) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if trouble := recover(); trouble != nil {
			s.writer.log.Error("reading the store panicked", "panic", trouble, "stack", string(debug.Stack()))
			err = damaged(s.db.Path(), trouble)
		}
	}()
	err = s.db.View(f)
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return errClosed
	}
	return err
}

// Ping returns nil when the store can be read and written and no damage was found: it waits for a write that needs about as
// many pages as that of a new credential, and so fails when the disk is full.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.examiner.found(); err != nil {
		return err
	}
	return s.writer.do(ctx, func(tx *bbolt.Tx) error { return put(tx.Bucket(bucketMeta), keyPing, make([]byte, 32<<10)) }, nil)
}

// Backup writes a consistent copy of the file, while others read and write. It ends early with ctx's error when ctx does.
// While it runs, the file grows instead of using free pages again.
func (s *Store) Backup(ctx context.Context, to io.Writer) error {
	return s.view(ctx, func(tx *bbolt.Tx) error {
		_, err := tx.WriteTo(untilDone{ctx, to})
		return err
	})
}

// untilDone is a writer that fails once its context has ended.
type untilDone struct {
	ctx context.Context
	to  io.Writer
}

func (w untilDone) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.to.Write(p)
}

// Close waits for writes under way and closes the file. Calls after it fail; a second Close returns nil.
func (s *Store) Close() error {
	s.examiner.stop()
	s.writer.stop()
	return s.db.Close()
}
