package boltstore

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
)

// How the whole of a file is looked at: so many records in one transaction, so that no pages are held back from other use for long,
// and after each a pause of about as long as it takes, so that half a core is left to others.
const (
	examinedAtOnce = 5000
	examinePause   = 2 * time.Millisecond
)

// examiner reads all records of a file that was not closed properly, in the background. bbolt's transactions are whole or not there
// after a crash, so nothing is expected to be found; a disk that has lost what it confirmed is what this is for.
type examiner struct {
	cancel context.CancelFunc
	ended  chan struct{}
	damage atomic.Pointer[error]
}

// examine starts one.
func examine(db *bbolt.DB, path string, log *slog.Logger) *examiner {
	ctx, cancel := context.WithCancel(context.Background())
	e := &examiner{cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(e.ended)
		records, err := readAll(ctx, db, path)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			e.damage.Store(&err)
			log.Error("the store is damaged", "file", path, "error", err)
		default:
			log.Info("all of the store was checked", "file", path, "records", records)
		}
	}()
	return e
}

// found returns the damage that was found so far, and nil for a nil examiner.
func (e *examiner) found() error {
	if e == nil {
		return nil
	}
	if err := e.damage.Load(); err != nil {
		return *err
	}
	return nil
}

// stop ends the reading and waits for its end.
func (e *examiner) stop() {
	if e == nil {
		return
	}
	e.cancel()
	<-e.ended
}

// readAll reads all records and returns how many there are.
func readAll(ctx context.Context, db *bbolt.DB, path string) (records int, err error) {
	for _, name := range buckets(schemaVersion) {
		var last []byte
		for more := true; more && ctx.Err() == nil; {
			var n int
			if n, last, err = readSome(db, path, name, last); err != nil {
				return records, err
			}
			records, more = records+n, n == examinedAtOnce
			pause := time.NewTimer(examinePause)
			select {
			case <-pause.C:
			case <-ctx.Done():
			}
			pause.Stop()
		}
	}
	return records, ctx.Err()
}

// readSome reads records of a bucket behind a key, and returns how many and the last one's key. Where a page is not what it should be
// bbolt panics, and where the file ends too early memory has nothing behind it.
func readSome(db *bbolt.DB, path string, name, after []byte) (n int, last []byte, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if trouble := recover(); trouble != nil {
			err = damaged(path, trouble)
		}
	}()
	last = after
	err = db.View(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(name)
		if bucket == nil {
			return damaged(path, fmt.Sprintf("it has no bucket %q", name))
		}
		cursor := bucket.Cursor()
		key, _ := cursor.Seek(after)
		if key != nil && bytes.Equal(key, after) {
			key, _ = cursor.Next()
		}
		for ; key != nil && n < examinedAtOnce; key, _ = cursor.Next() {
			if last != nil && bytes.Compare(last, key) >= 0 {
				return damaged(path, fmt.Sprintf("the keys of bucket %q are out of order", name))
			}
			last = append(last[:0:0], key...)
			n++
		}
		return nil
	})
	return n, last, err
}
