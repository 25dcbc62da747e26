package boltstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"latchkey/daemon/store"
)

// schemaVersion is what this package writes; a file with a greater one is refused.
const schemaVersion = 1

// The buckets.
var (
	bucketMeta        = []byte("meta")
	bucketCredentials = []byte("credentials")
	bucketIDs         = []byte("ids")
	bucketOwners      = []byte("owners")
	bucketKinds       = []byte("kinds")
	bucketExpiries    = []byte("expiries")
	bucketUsers       = []byte("users")
	bucketLockouts    = []byte("lockouts")
	bucketForgettings = []byte("forgettings")
	keySchema         = []byte("schema")
)

// Options change how a store works; the zero value is right for a daemon.
type Options struct {
	// NoSync leaves out the fsync of each transaction. It is for tests that do not look at durability.
	NoSync bool
	// LockTimeout is how long to wait for another process to let go of the file; zero means one second.
	LockTimeout time.Duration
	// CacheSize is how many records checks keep in memory, about 1 KiB each; zero means 65536.
	CacheSize int
}

// Store is a bbolt file. It is safe for concurrent use.
type Store struct {
	db     *bbolt.DB
	writer *writer
	cache  *cache
}

var _ store.Store = (*Store)(nil)

// Open opens the file at path and makes it, with mode 0600, when it is not there. The folder must be there. The error names
// the file and says what to do: held by another process, not a store, made by a newer version, no permission.
func Open(path string, o Options) (*Store, error) {
	if o.LockTimeout == 0 {
		o.LockTimeout = time.Second
	}
	if o.CacheSize == 0 {
		o.CacheSize = 65536
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := create(path); err != nil {
			return nil, err
		}
	}
	db, err := open(path, o)
	if err != nil {
		return nil, err
	}
	if err := db.View(checkSchema); err != nil {
		return nil, errors.Join(fmt.Errorf("store %s: %w", path, err), db.Close())
	}
	s := &Store{db: db, cache: newCache(o.CacheSize)}
	s.writer = newWriter(db)
	return s, nil
}

// open opens an existing file.
func open(path string, o Options) (*bbolt.DB, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout: o.LockTimeout, NoSync: o.NoSync, FreelistType: bbolt.FreelistMapType, NoFreelistSync: true,
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("store %s: another process has it open", path)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch), errors.Is(err, bolterrors.ErrChecksum):
		return nil, fmt.Errorf("store %s: the file is no store or is damaged (%w); restore a backup or move it away", path, err)
	case err != nil:
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	return db, nil
}

// create makes an empty store beside path and moves it there when it is whole and on the disk, so that a power cut leaves
// either no store or a good one.
func create(path string) (err error) {
	dir := filepath.Dir(path)
	temporary, err := os.CreateTemp(dir, ".latchkey-new-*")
	if err != nil {
		return fmt.Errorf("store %s: its folder must be there and writable: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary.Name()))
		}
	}()
	if err := temporary.Close(); err != nil {
		return err
	}
	db, err := open(temporary.Name(), Options{LockTimeout: time.Second})
	if err != nil {
		return err
	}
	if err := errors.Join(db.Update(initialise), db.Sync(), db.Close()); err != nil {
		return fmt.Errorf("store %s: %w", path, err)
	}
	// Link and not rename: a store that another process made meanwhile is not replaced.
	if err := os.Link(temporary.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("store %s: %w", path, err)
	}
	if err := os.Remove(temporary.Name()); err != nil {
		return err
	}
	return syncFolder(dir)
}

// syncFolder makes a new name in a folder durable.
func syncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// initialise makes the buckets of an empty store.
func initialise(tx *bbolt.Tx) error {
	for _, name := range [][]byte{
		bucketMeta, bucketCredentials, bucketIDs, bucketOwners, bucketKinds, bucketExpiries, bucketUsers, bucketLockouts, bucketForgettings,
	} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	return tx.Bucket(bucketMeta).Put(keySchema, binary.BigEndian.AppendUint32(nil, schemaVersion))
}

// checkSchema refuses what this version cannot read.
func checkSchema(tx *bbolt.Tx) error {
	meta := tx.Bucket(bucketMeta)
	if meta == nil || len(meta.Get(keySchema)) != 4 {
		return errors.New("the file is a bbolt file but no store of Latchkey's")
	}
	if version := binary.BigEndian.Uint32(meta.Get(keySchema)); version > schemaVersion {
		return fmt.Errorf("it was written by a newer version (schema %d, this version knows %d); upgrade, or restore an older backup",
			version, schemaVersion)
	}
	return nil
}

// Ping returns nil when the store can be read and written: it waits for a write that changes nothing.
func (s *Store) Ping(ctx context.Context) error {
	return s.writer.do(ctx, func(*bbolt.Tx) error { return nil })
}

// Backup writes a consistent copy of the file, while others read and write.
func (s *Store) Backup(ctx context.Context, to io.Writer) error {
	return s.db.View(func(tx *bbolt.Tx) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		_, err := tx.WriteTo(to)
		return err
	})
}

// Close waits for writes under way and closes the file. It may be called once.
func (s *Store) Close() error {
	s.writer.stop()
	return s.db.Close()
}
