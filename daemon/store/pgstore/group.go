package pgstore

import (
	"container/list"
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
)

const (
	// maxGroup bounds how many calls are served together, and so how long the first of them waits for the others.
	maxGroup = 128
	// maxGroups is how many groups of one kind are served at a time.
	maxGroups = 2
)

// call is a call whose caller waits. It takes and returns what T says.
type call[T any] struct {
	of   T
	done chan error // takes the outcome, whether somebody waits for it or not

	// These belong to the mutex of groups.
	waiting *list.Element // its place in the queue, until it has a group
	group   *group
	over    bool // it was answered, or its caller has gone
}

// group is calls that are served together. Its context ends when nobody waits for any of them.
type group struct {
	waited int // how many of them are not over
	cancel context.CancelFunc
}

// groups serves calls of one kind together: a call that finds less than maxGroups goroutines at work is served at once, and those
// that come while as many are at work wait, and are the next group. So a group is as large as there are callers, nobody waits for
// company, and there is no goroutine while there is nothing to do.
type groups[T any] struct {
	store *Store
	verb  string // what is done, for errors: "read" or "written"
	// serve does what the calls of a group ask for, in any order, and answers each of them once, if somebody waits for it. Its context ends when nobody
	// waits any more.
	serve func(ctx context.Context, all []*call[T])

	mu      sync.Mutex
	queue   list.List // of *call[T]
	servers int       // goroutines at work
	closed  bool
	ended   sync.WaitGroup // servers
}

// do makes a call, and returns its outcome; it returns earlier when ctx ends and when the call has taken too long. Only when it
// returns nil may what serve has put into the call be read.
func (g *groups[T]) do(ctx context.Context, of T) error {
	limited, cancel := g.store.bounded(ctx)
	defer cancel()
	c := &call[T]{of: of, done: make(chan error, 1)}
	if !g.join(c) {
		return errClosed
	}
	select {
	case err := <-c.done:
		return err
	case <-limited.Done():
		g.leave(c)
		return g.store.failure(ctx, g.verb, context.Cause(limited))
	}
}

// join puts a call into the queue, and sees to it that somebody serves it. It reports whether the store is open.
func (g *groups[T]) join(c *call[T]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	c.waiting = g.queue.PushBack(c)
	if g.servers < maxGroups {
		g.servers++
		g.ended.Go(g.work)
	}
	return true
}

// leave is for a call for which nobody waits any more. One that is not being served will not be, and a group in which nobody
// waits for anything is given up.
func (g *groups[T]) leave(c *call[T]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.over {
		return
	}
	c.over = true
	if c.group == nil {
		g.queue.Remove(c.waiting)
		return
	}
	if c.group.waited--; c.group.waited == 0 {
		c.group.cancel()
	}
}

// answer tells callers the outcome of their calls.
func (g *groups[T]) answer(all []*call[T], err error) {
	for _, c := range all {
		g.leave(c)
		c.done <- err
	}
}

// stop lets what is waiting be served. No call is taken afterwards.
func (g *groups[T]) stop() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.ended.Wait()
}

// work serves groups until nothing is waiting.
func (g *groups[T]) work() {
	for {
		// Callers that can run now come first. When there are none, this takes no time.
		runtime.Gosched()
		if !g.next() {
			return
		}
	}
}

// next serves a group. It reports whether there was one. A panic costs the calls of the group and not the process, as it would
// in a caller's goroutine.
func (g *groups[T]) next() (served bool) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	all := g.take(cancel)
	defer func() {
		if trouble := recover(); trouble != nil {
			g.store.log.Error("a group of calls panicked", "panic", trouble, "stack", string(debug.Stack()))
			g.answer(g.wanted(all), fmt.Errorf("the store cannot be %s: it panicked: %v", g.verb, trouble))
		}
	}()
	if served = len(all) > 0; served {
		g.serve(ctx, all)
	}
	return served
}

// take makes a group of those that have waited longest, which cancel gives up. When nothing is waiting, the goroutine that calls
// it does not count as one at work any more.
func (g *groups[T]) take(cancel context.CancelFunc) []*call[T] {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]*call[T], min(g.queue.Len(), maxGroup))
	if len(all) == 0 {
		g.servers--
		return nil
	}
	own := &group{waited: len(all), cancel: cancel}
	for i := range all {
		c, _ := g.queue.Remove(g.queue.Front()).(*call[T])
		c.waiting, c.group = nil, own
		all[i] = c
	}
	return all
}

// wanted returns those of the calls for which somebody waits.
func (g *groups[T]) wanted(all []*call[T]) (left []*call[T]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range all {
		if !c.over {
			left = append(left, c)
		}
	}
	return left
}
