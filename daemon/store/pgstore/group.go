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
	waiting *list.Element // its place in the queue, unless it has a group
	group   *group
	over    bool // it was answered, or its caller has gone
}

// group is calls that are served together. Its context ends when nobody waits for any of them.
type group struct {
	waited int // how many of them are not over
	cancel context.CancelFunc
}

// groups serves calls of one kind together: a call that finds less than maxGroups groups under way is served at once, and those
// that come while as many are under way wait, and are the next group. So a group is as large as there are callers, and nobody
// waits for company. A call that is alone is served in its caller's goroutine, and a group in one that ends when nothing waits.
type groups[T any] struct {
	store *Store
	verb  string // what is done, for errors: "read" or "written"
	// serve does what the calls of a group ask for, in any order, and answers each of them once, if somebody waits for it. Its
	// context ends when nobody waits any more.
	serve func(ctx context.Context, all []*call[T])

	mu     sync.Mutex
	queue  list.List // of *call[T]
	busy   int       // groups under way
	closed bool
	ended  sync.WaitGroup // counts what busy does
}

// do makes a call, and returns its outcome; it returns earlier when ctx ends and when the call has taken too long. Only when it
// returns nil may what serve has put into the call be read.
func (g *groups[T]) do(ctx context.Context, of T) error {
	c := &call[T]{of: of, done: make(chan error, 1)}
	first, err := g.join(c)
	if err != nil {
		return err
	}
	if first {
		runtime.Gosched() // callers that can run now come first; when there are none, this takes no time
		if !g.accompany(c) {
			return g.alone(ctx, c)
		}
	}
	limited, cancel := g.store.bounded(ctx)
	defer cancel()
	select {
	case err := <-c.done:
		return err
	case <-limited.Done():
		g.leave(c)
		return g.store.failure(ctx, g.verb, context.Cause(limited))
	}
}

// join puts a call into the queue if as many groups are under way as may be. Otherwise the call is the first of another one.
func (g *groups[T]) join(c *call[T]) (first bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.closed:
		return false, errClosed
	case g.busy == maxGroups:
		c.waiting = g.queue.PushBack(c)
		return false, nil
	}
	g.busy++
	g.ended.Add(1)
	return true, nil
}

// accompany has the first call of a group served with those that have come meanwhile. It reports whether there are any.
func (g *groups[T]) accompany(c *call[T]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.queue.Len() == 0 {
		return false
	}
	c.waiting = g.queue.PushFront(c)
	go g.work()
	return true
}

// alone serves a call that is a group by itself, in its caller's goroutine, and returns its outcome.
func (g *groups[T]) alone(ctx context.Context, c *call[T]) error {
	defer g.handOver()
	c.group = &group{waited: 1, cancel: func() {}} // it is the caller's context that ends it
	g.attend(ctx, []*call[T]{c})
	return <-c.done
}

// handOver has those that have come meanwhile served in a goroutine, by who was alone and goes.
func (g *groups[T]) handOver() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.queue.Len() > 0 {
		go g.work()
		return
	}
	g.busy--
	g.ended.Done()
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
	for g.next() {
		runtime.Gosched() // as in do
	}
}

// next serves a group of those that wait. It reports whether there was one.
func (g *groups[T]) next() bool {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	all := g.take(cancel)
	if len(all) > 0 {
		g.attend(ctx, all)
	}
	return len(all) > 0
}

// attend serves a group. A panic costs its calls and not the process.
func (g *groups[T]) attend(ctx context.Context, all []*call[T]) {
	defer func() {
		if trouble := recover(); trouble != nil {
			g.store.log.Error("a group of calls panicked", "panic", trouble, "stack", string(debug.Stack()))
			g.answer(g.wanted(all), fmt.Errorf("the store cannot be %s: it panicked: %v", g.verb, trouble))
		}
	}()
	g.serve(ctx, all)
}

// take makes a group of those that have waited longest, which cancel gives up. When nothing is waiting, the group that
// the caller was about to serve does not count as under way any more.
func (g *groups[T]) take(cancel context.CancelFunc) []*call[T] {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]*call[T], min(g.queue.Len(), maxGroup))
	if len(all) == 0 {
		g.busy--
		g.ended.Done()
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
