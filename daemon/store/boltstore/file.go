package boltstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// schemaVersion is what this package writes; a file with a greater one is refused, and one with a smaller one is brought to it
// when it is opened. Version 2 has workspaces and members.
const schemaVersion = 2

// mapSize is how much address space is set aside for the file: 32 GiB where there is room for it. A file that outgrows its
// mapping must be mapped anew, and for that bbolt waits until nobody reads and lets nobody begin to: one slow backup would
// stop every check.
const mapSize = 1 << (30 + 5*(^uint(0)>>63))

// smallest is less than any store has: its two headers and a page.
const smallest = 2 * 4096

// The buckets, and the keys in meta.
var (
	bucketMeta        = []byte("meta")
	bucketCredentials = []byte("credentials")
	bucketIDs         = []byte("ids")
	bucketOwners      = []byte("owners")
	bucketKinds       = []byte("kinds")
	bucketWorkspaces  = []byte("workspaces") // an index of credentials
	bucketExpiries    = []byte("expiries")
	bucketUsers       = []byte("users")
	bucketLockouts    = []byte("lockouts")
	bucketForgettings = []byte("forgettings")
	bucketTenants     = []byte("tenants") // workspaces, by id
	bucketNames       = []byte("names")   // their ids, by name
	bucketMembers     = []byte("members")
	bucketAccounts    = []byte("accounts") // active members' ids, by user and workspace
	bucketMails       = []byte("mails")    // members' ids, by workspace and address

	keySchema = []byte("schema")
	keyClosed = []byte("closed") // there while nothing was written since a proper Close
	keyPing   = []byte("ping")
)

// buckets returns those that a file of a version has.
func buckets(version uint32) [][]byte {
	all := [][]byte{
		bucketMeta, bucketCredentials, bucketIDs, bucketOwners, bucketKinds, bucketWorkspaces, bucketExpiries, bucketUsers,
		bucketLockouts, bucketForgettings,
	}
	if version >= 2 {
		all = append(all, bucketTenants, bucketNames, bucketMembers, bucketAccounts, bucketMails)
	}
	return all
}

// provide sees to it that there is a file at path that others cannot read, and makes an empty store when there is none.
func provide(path string, o Options) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return create(path, o)
	case err != nil:
		return fmt.Errorf("store %s: %w", path, err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("store %s: it is not a regular file", path)
	case info.Size() < smallest:
		return damaged(path, fmt.Sprintf("it is only %d bytes long", info.Size()))
	case info.Mode().Perm()&0o077 != 0:
		if err := os.Chmod(path, 0o600); err != nil {
			return fmt.Errorf("store %s: others can read it, and its mode cannot be made 0600: %w", path, err)
		}
		o.Log.Warn("others could read the store; its mode is 0600 now", "file", path, "mode", info.Mode().Perm().String())
	}
	return nil
}

// create makes an empty store beside path and gives it its name when it is whole and on the disk, so that a crash or a power
// cut leaves either no store or a good one.
func create(path string, o Options) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), halfMade(path))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("store %s: its folder is not there; make it first", path)
	case err != nil:
		return fmt.Errorf("store %s: its folder must be writable: %w", path, err)
	}
	defer os.Remove(temporary.Name()) // the store keeps its other name
	if err := temporary.Close(); err != nil {
		return fmt.Errorf("store %s: %w", path, err)
	}
	if err := fill(temporary.Name(), o); err != nil {
		return fmt.Errorf("store %s: %w", path, err)
	}
	// Link and not rename: a store that another process made meanwhile is not replaced. That process may also have removed ours
	// as half-made.
	if err := os.Link(temporary.Name(), path); err != nil {
		if _, missing := os.Stat(path); missing != nil {
			return fmt.Errorf("store %s: %w", path, err)
		}
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return fmt.Errorf("store %s: %w", path, err)
	}
	return nil
}

// fill makes the empty file at path an empty store.
func fill(path string, o Options) error {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: o.LockTimeout, NoSync: o.NoSync})
	if err != nil {
		return err
	}
	return errors.Join(db.Update(initialise), db.Close())
}

// initialise makes the buckets of an empty store.
func initialise(tx *bbolt.Tx) error {
	if err := upgrade(tx); err != nil {
		return err
	}
	return tx.Bucket(bucketMeta).Put(keyClosed, []byte{1})
}

// upgrade makes of a store of an older version, or of an empty file, one of this version. Nothing that is there changes.
func upgrade(tx *bbolt.Tx) error {
	for _, name := range buckets(schemaVersion) {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	return tx.Bucket(bucketMeta).Put(keySchema, binary.BigEndian.AppendUint32(nil, schemaVersion))
}

// halfMade is the pattern of the names of stores that are being made.
func halfMade(path string) string { return "." + filepath.Base(path) + ".new-*" }

// removeHalfMade removes what creations that did not get to their end have left. It is called by who holds the store, so
// whoever is still making one is too late anyway. Rubbish that stays does no harm.
func removeHalfMade(path string) {
	dir, prefix := filepath.Dir(path), strings.TrimSuffix(halfMade(path), "*")
	files, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, file := range files {
		if strings.HasPrefix(file.Name(), prefix) {
			_ = os.Remove(filepath.Join(dir, file.Name()))
		}
	}
}

// syncFolder makes a new name in a folder durable.
func syncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// openForWriting opens an existing file, which inspect has passed.
func openForWriting(path string, o Options) (db *bbolt.DB, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if trouble := recover(); trouble != nil {
			err = damaged(path, trouble)
		}
	}()
	// The list of free pages is written with each transaction, so that a start after a crash need not read the whole file to find them.
	// With statistics, each read would take a lock.
	db, err = bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout: o.LockTimeout, NoSync: o.NoSync, FreelistType: bbolt.FreelistArrayType, InitialMmapSize: mapSize,
		NoStatistics: true,
	})
	if err == nil && fileVersion(db) < schemaVersion {
		if err = db.Update(upgrade); err != nil {
			err = errors.Join(err, db.Close())
		}
	}
	return db, explain(path, err)
}

// fileVersion returns the version of an open store, which inspect has passed.
func fileVersion(db *bbolt.DB) (version uint32) {
	_ = db.View(func(tx *bbolt.Tx) error { // it returns what the function does
		version = binary.BigEndian.Uint32(tx.Bucket(bucketMeta).Get(keySchema))
		return nil
	})
	return version
}

// inspect refuses what is no store, what a newer version wrote, and what can be seen to be damaged, and reports whether the file was
// closed properly. It reads the edges of every bucket; the rest of one that was not closed is for an examiner.
func inspect(path string, o Options) (closed bool, err error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: o.LockTimeout, ReadOnly: true, NoStatistics: true})
	if err != nil {
		return false, explain(path, err)
	}
	// Where a page is not what it should be bbolt panics, and where the file ends too early memory has nothing behind it.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if trouble := recover(); trouble != nil {
			err = damaged(path, trouble)
		}
		err = errors.Join(err, db.Close())
	}()
	err = db.View(func(tx *bbolt.Tx) error {
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("store %s: %w", path, err)
		}
		if info.Size() < tx.Size() {
			return damaged(path, fmt.Sprintf("it is cut off after %d of %d bytes", info.Size(), tx.Size()))
		}
		version, err := checkSchema(tx)
		if err != nil {
			return fmt.Errorf("store %s: %w", path, err)
		}
		closed = tx.Bucket(bucketMeta).Get(keyClosed) != nil
		return walk(path, tx, buckets(version))
	})
	return closed, err
}

// checkSchema returns the version of a file, and refuses what this version cannot read.
func checkSchema(tx *bbolt.Tx) (uint32, error) {
	meta := tx.Bucket(bucketMeta)
	if meta == nil || len(meta.Get(keySchema)) != 4 {
		return 0, errors.New("the file is a bbolt file but no store of Latchkey's")
	}
	version := binary.BigEndian.Uint32(meta.Get(keySchema))
	if version > schemaVersion {
		return 0, fmt.Errorf("it was written by a newer version (schema %d, this version knows %d); upgrade, or restore an older backup",
			version, schemaVersion)
	}
	return version, nil
}

// walk reads the first and the last record of every named bucket. Reading one makes bbolt check the pages that lead to it.
func walk(path string, tx *bbolt.Tx, names [][]byte) error {
	for _, name := range names {
		bucket := tx.Bucket(name)
		if bucket == nil {
			return damaged(path, fmt.Sprintf("it has no bucket %q", name))
		}
		cursor := bucket.Cursor()
		cursor.First()
		cursor.Last()
	}
	return nil
}

// explain says what an error of bbolt's means for whoever starts the daemon.
func explain(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("store %s: another process has it open", path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("store %s: it must be the daemon's own, and writable: %w", path, err)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch), errors.Is(err, bolterrors.ErrChecksum):
		return fmt.Errorf("store %s: the file is no store or is damaged (%w); restore a backup or move it away", path, err)
	}
	return fmt.Errorf("store %s: %w", path, err)
}

// damaged returns the error for a file that cannot be trusted.
func damaged(path string, what any) error {
	return fmt.Errorf("store %s: the file is damaged (%v); restore a backup or move it away", path, what)
}
