package pgstore

import (
	"bytes"
	"cmp"
	"container/list"
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"latchkey/daemon/store"
)

const (
	// maxGroup bounds how many creations share a transaction, and so how long the first of them waits for the others.
	maxGroup = 128
	// maxGroups is how many groups are written at a time.
	maxGroups = 2
)

// creation is a credential that is to be created, and whose caller waits.
type creation struct {
	record store.Credential
	done   chan error // takes the outcome, whether somebody waits for it or not

	// These belong to the mutex of creations.
	waiting *list.Element // its place in the queue, until it has a group
	group   *group
	over    bool // it was answered, or its caller has gone
}

// group is creations that share a transaction. Its context ends when nobody waits for any of them.
type group struct {
	creations []*creation
	waited    int // how many of them are not over
	cancel    context.CancelFunc
}

// creations are those that have not been written. At most maxGroups goroutines write them, and none is there while there is nothing
// to write. A creation that finds less than these at work is written at once, and the ones that come while all are at work wait,
// and go together. So a group is as large as there are callers, and nobody waits for company.
type creations struct {
	store *Store

	mu      sync.Mutex
	queue   list.List // of *creation
	writers int
	closed  bool
	ended   sync.WaitGroup // writers
}

// create adds a settled credential, and returns when that is durable, when ctx ends, or when it has taken too long.
func (q *creations) create(ctx context.Context, record store.Credential) error {
	limited, cancel := q.store.bounded(ctx)
	defer cancel()
	c := &creation{record: record, done: make(chan error, 1)}
	if !q.join(c) {
		return errClosed
	}
	select {
	case err := <-c.done:
		return err
	case <-limited.Done():
		q.leave(c)
		return q.store.failure(ctx, "written", context.Cause(limited))
	}
}

// join puts a creation into the queue, and sees to it that somebody writes it. It reports whether the store is open.
func (q *creations) join(c *creation) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	c.waiting = q.queue.PushBack(c)
	if q.writers < maxGroups {
		q.writers++
		q.ended.Go(q.write)
	}
	return true
}

// leave is for a creation that nobody waits for any more. One that is not being written will not be; a transaction of which
// nobody waits for anything is given up.
func (q *creations) leave(c *creation) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if c.over {
		return
	}
	c.over = true
	if c.group == nil {
		q.queue.Remove(c.waiting)
		return
	}
	if c.group.waited--; c.group.waited == 0 {
		c.group.cancel()
	}
}

// stop lets what is waiting be written. No creation is taken afterwards.
func (q *creations) stop() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.ended.Wait()
}

// write writes groups until nothing is waiting.
func (q *creations) write() {
	for {
		// Callers who can run now come first. When nobody else has anything to do, this takes no time.
		runtime.Gosched()
		ctx, cancel := context.WithCancel(context.Background())
		g := q.take(cancel)
		if g != nil {
			q.add(ctx, g.creations)
		}
		cancel()
		if g == nil {
			return
		}
	}
}

// take makes a group of those that have waited longest. When there are none it returns nil, and the goroutine that calls it does
// not count as a writer any more.
func (q *creations) take(cancel context.CancelFunc) *group {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(q.queue.Len(), maxGroup)
	if n == 0 {
		q.writers--
		return nil
	}
	g := &group{creations: make([]*creation, n), waited: n, cancel: cancel}
	for i := range g.creations {
		c, _ := q.queue.Remove(q.queue.Front()).(*creation)
		c.waiting, c.group = nil, g
		g.creations[i] = c
	}
	// Two transactions that add the same digests wait for one another unless both add them in the same order.
	slices.SortFunc(g.creations, func(a, b *creation) int { return cmp.Compare(a.record.Digest, b.record.Digest) })
	return g
}

// add adds creations in one transaction and answers them. When the server refuses one of them it does not say which, and nothing
// has happened: then each half is a transaction of its own, down to the one that is refused.
func (q *creations) add(ctx context.Context, all []*creation) {
	all = q.wanted(all)
	if len(all) == 0 {
		return
	}
	err := q.store.write(ctx, func(ctx context.Context, tx pgx.Tx) error { return insert(ctx, tx, all) })
	if half := len(all) / 2; half > 0 && refused(err) {
		q.add(ctx, all[:half])
		q.add(ctx, all[half:])
		return
	}
	for _, c := range all {
		q.leave(c)
		c.done <- err
	}
}

// wanted leaves out those that nobody waits for any more.
func (q *creations) wanted(all []*creation) []*creation {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.DeleteFunc(all, func(c *creation) bool { return c.over })
}

// refused reports whether the server has undone a transaction because of what was to be written, or of how: because of a value,
// a constraint, a trigger of an administrator's or a size, or because it does not know COPY.
func refused(err error) bool {
	c := code(err)
	for _, class := range []string{"22", "23", "44", "54", "P0", codeUnsupported, codeSyntax} {
		if strings.HasPrefix(c, class) {
			return true
		}
	}
	return false
}

// knownHeld is the key in a connection's own data that says that the row of heldSQL is there.
const knownHeld = "latchkey.held"

// insert adds the credentials of creations, and notes that the store has held one. A connection that has found the note there
// need not look again, since it stays for the life of the store. A new connection may lead to another server.
func insert(ctx context.Context, tx pgx.Tx, all []*creation) error {
	batch, known := &pgx.Batch{}, tx.Conn().PgConn().CustomData()
	note := known[knownHeld] == nil
	if note {
		batch.Queue(heldSQL)
	}
	if len(all) == 1 {
		batch.Queue(insertSQL, credentialValues(&all[0].record)...)
	}
	if batch.Len() > 0 {
		noted, err := send(ctx, tx, batch)
		if err != nil {
			return taken(err)
		}
		if note && noted == 0 {
			known[knownHeld] = true
		}
	}
	if len(all) == 1 {
		return nil
	}
	rows := newCopyRows(len(all))
	for _, c := range all {
		rows.add(&c.record)
	}
	_, err := tx.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(rows.end()), copySQL)
	return err
}
