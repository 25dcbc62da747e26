package pam

import (
	"context"
	"fmt"
	"runtime"
	"sync"
)

// maxWorkers is how many calls into PAM run at once. It is more than the daemon asks at once, so that some modules that hang
// do not stop the others.
const maxWorkers = 16

// pool runs calls into C, which nothing can interrupt, on threads of their own.
type pool struct {
	slots chan struct{}

	mu    sync.Mutex
	stuck int // workers whose caller has given up
}

func newPool(workers int) *pool { return &pool{slots: make(chan struct{}, workers)} }

// run calls work on a thread of its own and returns what it returns, or an error when ctx ends before. In that case the
// worker stays occupied until work returns.
func run[T any](ctx context.Context, p *pool, work func() (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, fmt.Errorf("before PAM was asked: %w", err)
	}
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return none, fmt.Errorf("all %d PAM workers are occupied: %w", cap(p.slots), ctx.Err())
	}
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer) // unbuffered, so that exactly one of the two sides sees the other gone
	given := make(chan struct{})
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine, and what a module did to it
		value, err := work()
		select {
		case answers <- answer{value, err}:
		case <-given:
			p.unstick()
		}
		<-p.slots
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		p.mu.Lock()
		p.stuck++
		p.mu.Unlock()
		close(given)
		return none, fmt.Errorf("PAM did not answer in time: %w", ctx.Err())
	}
}

// unstick counts a worker back that was given up and has returned after all.
func (p *pool) unstick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stuck--
}

// exhausted returns an error when every worker is stuck in a call that its caller has given up.
func (p *pool) exhausted() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stuck < cap(p.slots) {
		return nil
	}
	return fmt.Errorf("all %d PAM workers are stuck in modules that do not return; only a new process helps", cap(p.slots))
}
