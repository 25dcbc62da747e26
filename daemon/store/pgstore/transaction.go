package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/jackc/pgx/v5"
)

// attempts is how often something is tried that others get in the way of. Between two tries there is a pause that grows up to
// longestPause, of a random length, so that those who collided do not do so again.
const (
	attempts     = 12
	longestPause = 100 * time.Millisecond
)

// write runs work in a transaction and returns when that is durable. Work may run more than once: it is run again when the
// transaction collided with another one, and when there was no transaction because the connection had died while it was idle.
// When the connection dies later, whether the transaction was committed may be unknown, so that is an error.
func (s *Store) write(ctx context.Context, work func(context.Context, pgx.Tx) error) error {
	return s.try(ctx, "written", func(ctx context.Context) error { return s.transact(ctx, work) }, func(err error) bool {
		begun, ok := errors.AsType[notBegun](err)
		return ok && cut(begun.error)
	})
}

// read runs work, which only reads, and runs it again when the connection was cut.
func (s *Store) read(ctx context.Context, work func(context.Context) error) error {
	return s.try(ctx, "read", work, cut)
}

// try calls f until it succeeds, gives a verdict, or fails for good, within the time that a call may take. dead says of an error that f
// met a dead connection and has done nothing. When the server was started again, all connections that the pool holds are dead, and each is found so once.
func (s *Store) try(ctx context.Context, done string, f func(context.Context) error, dead func(error) bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	limited, cancel := s.bounded(ctx)
	defer cancel()
	collisions, cuts := 0, int32(0)
	for {
		err := f(limited)
		if err == nil {
			return nil
		}
		if final, ok := errors.AsType[verdict](err); ok {
			return final.error
		}
		switch {
		case limited.Err() == nil && collided(err) && collisions < attempts-1:
			collisions++
			if err := pause(limited, collisions); err != nil {
				return s.failure(ctx, done, context.Cause(limited))
			}
		case limited.Err() == nil && dead(err) && cuts <= s.pool.Stat().MaxConns():
			cuts++
		default:
			if limited.Err() != nil {
				err = context.Cause(limited)
			}
			return s.failure(ctx, done, err)
		}
	}
}

// bounded returns the context of one call to the database, which ends when the call has taken too long.
func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.timeout == 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, s.timeout, s.late)
}

// pause waits before the next attempt. It returns ctx's error when that ends first.
func pause(ctx context.Context, attempt int) error {
	timer := time.NewTimer(rand.N(min(time.Millisecond<<attempt, longestPause)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// transact runs work in one transaction.
func (s *Store) transact(ctx context.Context, work func(context.Context, pgx.Tx) error) error {
	// Not explicitly read-write: where an administrator has made read-only the default, that is what he wants.
	tx, err := s.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return notBegun{err}
	}
	// Of a transaction that is committed this undoes nothing. With a context that has ended it closes the connection, which undoes
	// the transaction without a wait. It must not be left out even if work ends its goroutine.
	defer func() { _ = tx.Rollback(ctx) }()
	if err := work(ctx, tx); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// guard calls a caller's function. Its error is a verdict, and so is a panic in it.
func (s *Store) guard(f func() error) (err error) {
	defer func() {
		if trouble := recover(); trouble != nil {
			s.log.Error("a change panicked", "panic", trouble, "stack", string(debug.Stack()))
			err = verdict{fmt.Errorf("a change panicked: %v", trouble)}
		}
	}()
	if err := f(); err != nil {
		return verdict{err}
	}
	return nil
}

// send runs the statements of a batch in one round trip, and returns how many rows the first one touched.
func send(ctx context.Context, tx pgx.Tx, batch *pgx.Batch) (rows int64, err error) {
	results := tx.SendBatch(ctx, batch)
	for i := range batch.Len() {
		tag, err := results.Exec()
		if err != nil {
			_ = results.Close() // says the same
			return 0, err
		}
		if i == 0 {
			rows = tag.RowsAffected()
		}
	}
	return rows, results.Close()
}
