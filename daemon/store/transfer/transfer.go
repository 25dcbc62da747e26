// Package transfer copies one store into another one and compares the two, record by record.
//
// Nothing may use either store meanwhile: what is changed in the source after its part was read is not in the copy, and Compare
// says so. The copy has everything that the source has: identifiers, digests, times, counters of failed log-ins, and what was
// done once, so that no bootstrap token is made a second time.
package transfer

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"

	"golang.org/x/sync/errgroup"

	"latchkey/daemon/store"
)

const (
	batch   = 500 // records in one transaction
	writers = 4   // transactions under way
)

// Count is how many records of each kind there are.
type Count struct{ Users, Lockouts, Workspaces, Members, Credentials int }

// String returns the numbers with their names.
func (c Count) String() string {
	return fmt.Sprintf("%d credentials, %d users, %d workspaces, %d members, %d counters of failed log-ins",
		c.Credentials, c.Users, c.Workspaces, c.Members, c.Lockouts)
}

func (c *Count) add(r store.Record) {
	switch {
	case r.User != nil:
		c.Users++
	case r.Lockout != nil:
		c.Lockouts++
	case r.Workspace != nil:
		c.Workspaces++
	case r.Member != nil:
		c.Members++
	case r.Credential != nil:
		c.Credentials++
	}
}

// ErrNotEmpty means that the target holds something, so that nothing was copied.
var ErrNotEmpty = errors.New("the target holds records already; copy into a new one")

// errFull ends the look at a target that must be empty.
var errFull = errors.New("there is a record")

// Copy adds all records of one store to another, which must be empty (ErrNotEmpty). progress is told now and then what has been
// written; it may be nil. When it fails, the target holds a part, and is to be thrown away.
func Copy(ctx context.Context, from, to store.Contents, progress func(Count)) (Count, error) {
	switch err := to.Export(ctx, func(store.Record) error { return errFull }); {
	case errors.Is(err, errFull):
		return Count{}, ErrNotEmpty
	case err != nil:
		return Count{}, fmt.Errorf("the target cannot be read: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	var count Count
	var waiting []store.Record
	flush := func() {
		records := waiting
		waiting = nil
		group.Go(func() error {
			if err := to.Import(ctx, records); err != nil {
				return fmt.Errorf("the target cannot be written: %w", err)
			}
			return nil
		})
	}
	err := from.Export(ctx, func(r store.Record) error {
		count.add(r)
		if waiting = append(waiting, r); len(waiting) == batch {
			flush()
			if progress != nil {
				progress(count)
			}
		}
		return ctx.Err()
	})
	if len(waiting) > 0 && err == nil {
		flush()
	}
	if failed := group.Wait(); failed != nil {
		return count, failed // what ended the reading, too
	}
	if err != nil {
		return count, fmt.Errorf("the source cannot be read: %w", err)
	}
	return count, nil
}

// Compare reads both stores and returns nil when they hold the same records. The error says where they begin to differ, by an
// identifier or a name and never by a digest.
func Compare(ctx context.Context, a, b store.Contents) error {
	var failed error
	next, stop := iter.Pull(all(ctx, b, &failed))
	defer stop()
	err := a.Export(ctx, func(want store.Record) error {
		got, ok := next()
		if !ok {
			return fmt.Errorf("%s is missing in the copy", describe(want))
		}
		if !reflect.DeepEqual(want, got) {
			return fmt.Errorf("%s and %s are not the same", describe(want), describe(got))
		}
		return nil
	})
	if failed != nil {
		return failed
	}
	if err != nil {
		return err
	}
	if got, ok := next(); ok {
		return fmt.Errorf("the copy has %s too many", describe(got))
	}
	return failed
}

// errStopped ends an export whose reader wants no more.
var errStopped = errors.New("stopped")

// all returns the records of a store; failed is set when it ends early.
func all(ctx context.Context, s store.Contents, failed *error) iter.Seq[store.Record] {
	return func(yield func(store.Record) bool) {
		err := s.Export(ctx, func(r store.Record) error {
			if !yield(r) {
				return errStopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStopped) {
			*failed = err
		}
	}
}

// describe names a record.
func describe(r store.Record) string {
	switch {
	case r.User != nil:
		return fmt.Sprintf("the user %q", r.User.Name)
	case r.Lockout != nil:
		return fmt.Sprintf("the counter %q", r.Lockout.Key)
	case r.Workspace != nil:
		return fmt.Sprintf("the workspace %q", r.Workspace.Name)
	case r.Member != nil:
		return "the member " + string(r.Member.ID)
	case r.Credential != nil:
		return "the credential " + string(r.Credential.ID)
	case r.Mark != "":
		return fmt.Sprintf("the mark %q", r.Mark)
	}
	return "the mark that the store was in use"
}
