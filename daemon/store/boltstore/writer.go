package boltstore

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.etcd.io/bbolt"
)

// maxBatch bounds how many writes share a transaction, and so how long the first of them waits for the others.
const maxBatch = 256

var errClosed = errors.New("the store is closed")

// operation is one write. Its run must look before it leaps: an error that it returns before it has put anything leaves no
// trace. What goes wrong afterwards is wrapped in a writeError.
type operation struct {
	run     func(*bbolt.Tx) error
	settled func() // called after the commit and before the answer; may be nil
	done    chan error
}

// writeError is a failure after which the transaction cannot be trusted.
type writeError struct{ error }

func (e writeError) Unwrap() error { return e.error }

// writer is the one goroutine that writes.
type writer struct {
	db         *bbolt.DB
	operations chan *operation
	ended      chan struct{}

	mu     sync.RWMutex // held for reading by who sends, so that stop can close the channel
	closed bool
}

func newWriter(db *bbolt.DB) *writer {
	w := &writer{db: db, operations: make(chan *operation, maxBatch), ended: make(chan struct{})}
	go w.loop()
	return w
}

// do runs a write and returns when it is durable. When ctx ends first it returns ctx's error, and the write may still happen.
func (w *writer) do(ctx context.Context, run func(*bbolt.Tx) error) error {
	return w.doThen(ctx, run, nil)
}

// doThen is do with a function that is called when the write is durable, before anybody is told.
func (w *writer) doThen(ctx context.Context, run func(*bbolt.Tx) error, settled func()) error {
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
		batch := append(make([]*operation, 0, maxBatch), op)
		for len(batch) < maxBatch {
			select {
			case op, ok := <-w.operations:
				if ok {
					batch = append(batch, op)
					continue
				}
			default:
			}
			break
		}
		w.write(batch)
	}
}

// write runs a batch in one transaction and answers all of it. An operation that spoils the transaction is answered with its
// error, and the others are tried again without it.
func (w *writer) write(batch []*operation) {
	for len(batch) > 0 {
		results := make([]error, len(batch))
		spoilt := -1
		err := w.db.Update(func(tx *bbolt.Tx) error {
			for i, op := range batch {
				results[i] = guarded(op.run, tx)
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
		for i, op := range batch {
			if err != nil {
				op.done <- fmt.Errorf("the store cannot be written: %w", err)
				continue
			}
			if op.settled != nil && results[i] == nil {
				op.settled()
			}
			op.done <- results[i]
		}
		return
	}
}

// guarded runs an operation and makes an error of a panic in it.
func guarded(run func(*bbolt.Tx) error, tx *bbolt.Tx) (err error) {
	defer func() {
		if trouble := recover(); trouble != nil {
			err = writeError{fmt.Errorf("a change panicked: %v", trouble)}
		}
	}()
	return run(tx)
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
