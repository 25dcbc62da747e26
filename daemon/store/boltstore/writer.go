package boltstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"

	"go.etcd.io/bbolt"
)

// maxBatch bounds how many writes share a transaction, and so how long the first of them waits for the others.
const maxBatch = 256

var (
	errClosed = errors.New("the store is closed")
	errGone   = errors.New("the caller has gone")
)

// operation is one write. Its run must look before it leaps: an error that it returns before it has put anything leaves no
// trace. What goes wrong afterwards is wrapped in a writeError.
type operation struct {
	run     func(*bbolt.Tx) error
	settled func() // called after the commit and before the answer, also when the commit failed; may be nil
	done    chan error

	mu   sync.Mutex // held while run runs
	gone bool       // the caller has gone: run is not called any more
}

// leave is for a caller who waits no longer. When it returns, run is not running and will not be called again, so the caller
// may use again what run uses.
func (op *operation) leave() {
	op.mu.Lock()
	defer op.mu.Unlock()
	op.gone = true
}

// writeError is a failure after which the transaction cannot be trusted.
type writeError struct{ error }

func (e writeError) Unwrap() error { return e.error }

// writer is the one goroutine that writes.
type writer struct {
	db         *bbolt.DB
	log        *slog.Logger
	operations chan *operation
	ended      chan struct{}
	sealed     bool // the file says that it was closed properly; used by the goroutine alone

	mu     sync.RWMutex // held for reading by who sends, so that stop can close the channel
	closed bool
}

// newWriter starts the goroutine; sealed says whether the file was closed properly.
func newWriter(db *bbolt.DB, log *slog.Logger, sealed bool) *writer {
	w := &writer{db: db, log: log, operations: make(chan *operation, maxBatch), ended: make(chan struct{}), sealed: sealed}
	go w.loop()
	return w
}

// do runs a write and returns when it is durable. settled, which may be nil, is called when the write is durable, before
// anybody is told. When ctx ends first, do returns ctx's error; the write may still happen, but see operation.leave.
func (w *writer) do(ctx context.Context, run func(*bbolt.Tx) error, settled func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	op := &operation{run: run, settled: settled, done: make(chan error, 1)}
	if err := w.send(ctx, op); err != nil {
		return err
	}
	select {
	case err := <-op.done:
		return err
	case <-ctx.Done():
		op.leave()
		return ctx.Err()
	}
}

func (w *writer) send(ctx context.Context, op *operation) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return errClosed
	}
	select {
	case w.operations <- op:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stop lets what was sent be written, and ends the goroutine.
func (w *writer) stop() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.operations)
	}
	w.mu.Unlock()
	<-w.ended
}

// loop takes what is waiting and writes it.
func (w *writer) loop() {
	defer close(w.ended)
	for op := range w.operations {
		w.write(w.gather(op))
	}
	w.seal()
}

// gather returns a batch: an operation, and those that come while it lets other goroutines run, until none comes any more. Most of
// what a transaction costs is its own, so it should serve all who are about to write. When there is nobody, this takes no time.
func (w *writer) gather(first *operation) []*operation {
	batch := append(make([]*operation, 0, maxBatch), first)
	for grown := true; grown; {
		runtime.Gosched()
		grown = false
		for more := true; more && len(batch) < maxBatch; {
			select {
			case op, ok := <-w.operations:
				if more = ok; ok {
					batch, grown = append(batch, op), true
				}
			default:
				more = false
			}
		}
	}
	return batch
}

// write runs a batch in one transaction and answers all of it. An operation that spoils the transaction is answered with its
// error, and the others are tried again without it.
func (w *writer) write(batch []*operation) {
	for len(batch) > 0 {
		results := make([]error, len(batch))
		spoilt := -1
		err := w.update(func(tx *bbolt.Tx) error {
			if err := w.unseal(tx); err != nil {
				return err
			}
			for i, op := range batch {
				results[i] = w.try(op, tx)
				if _, bad := errors.AsType[writeError](results[i]); bad {
					spoilt = i
					return results[i]
				}
			}
			return nil
		})
		if spoilt >= 0 {
			batch[spoilt].done <- results[spoilt]
			batch = append(batch[:spoilt:spoilt], batch[spoilt+1:]...)
			continue
		}
		if err == nil {
			w.sealed = false
		}
		answer(batch, results, err)
		return
	}
}

// update is bbolt's, and makes an error of its panic about a page that is not what it should be.
func (w *writer) update(f func(*bbolt.Tx) error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if trouble := recover(); trouble != nil {
			w.log.Error("the store is damaged", "panic", trouble, "stack", string(debug.Stack()))
			err = damaged(w.db.Path(), trouble)
		}
	}()
	return w.db.Update(f)
}

// answer tells each of a batch how its write went, with failed if the whole transaction did. A transaction that failed while
// it was being written may be there all the same, so its changes count as made where that is the careful thing to do.
func answer(batch []*operation, results []error, failed error) {
	if failed != nil {
		failed = fmt.Errorf("the store cannot be written: %w", failed)
	}
	for i, op := range batch {
		if results[i] != nil {
			op.done <- results[i]
			continue
		}
		if op.settled != nil {
			op.settled()
		}
		op.done <- failed
	}
}

// try runs an operation whose caller is still there, and makes an error of a panic in it.
func (w *writer) try(op *operation, tx *bbolt.Tx) (err error) {
	op.mu.Lock()
	defer op.mu.Unlock()
	if op.gone {
		return errGone
	}
	defer func() {
		if trouble := recover(); trouble != nil {
			w.log.Error("a change panicked", "panic", trouble, "stack", string(debug.Stack()))
			err = writeError{fmt.Errorf("a change panicked: %v", trouble)}
		}
	}()
	return op.run(tx)
}

// unseal takes back that the file was closed properly, in the first transaction after that.
func (w *writer) unseal(tx *bbolt.Tx) error {
	if !w.sealed {
		return nil
	}
	return tx.Bucket(bucketMeta).Delete(keyClosed)
}

// seal notes that the file is closed properly. When that fails, the whole file is looked at after the next Open.
func (w *writer) seal() {
	if w.sealed {
		return
	}
	if err := w.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucketMeta).Put(keyClosed, []byte{1}) }); err != nil {
		w.log.Warn("the store could not be closed properly; all of it is checked after the next start", "error", err)
	}
}

// put is Bucket.Put whose failure spoils the transaction.
func put(b *bbolt.Bucket, key, value []byte) error {
	if err := b.Put(key, value); err != nil {
		return writeError{err}
	}
	return nil
}

// remove is Bucket.Delete whose failure spoils the transaction.
func remove(b *bbolt.Bucket, key []byte) error {
	if err := b.Delete(key); err != nil {
		return writeError{err}
	}
	return nil
}
