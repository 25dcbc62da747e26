package login

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"latchkey/daemon/fault"
)

var errQueueFull = errors.New("too many password checks are waiting")

// gate lets a few callers through at once and a bounded number wait. Password hashing is the dearest thing that an
// anonymous caller can ask for, so what does not fit is refused at once rather than piled up.
type gate struct {
	slots   chan struct{}
	waiting atomic.Int64
	queue   int64
}

// newGate returns a gate of so many slots in front of which at most queue callers wait.
func newGate(slots, queue int) *gate {
	return &gate{slots: make(chan struct{}, max(1, slots)), queue: int64(max(0, queue))}
}

// enter waits for a slot and returns what gives it back. The error is an Unavailable fault: the queue is full, or ctx ended.
func (g *gate) enter(ctx context.Context) (leave func(), err error) {
	leave = func() { <-g.slots }
	select {
	case g.slots <- struct{}{}:
		return leave, nil
	default:
	}
	if g.waiting.Add(1) > g.queue {
		g.waiting.Add(-1)
		return nil, &fault.Error{Kind: fault.Unavailable, Reason: "queue_full", RetryAfter: time.Second, Err: errQueueFull}
	}
	defer g.waiting.Add(-1)
	select {
	case g.slots <- struct{}{}:
		return leave, nil
	case <-ctx.Done():
		return nil, &fault.Error{Kind: fault.Unavailable, Reason: "queue_timeout", RetryAfter: time.Second, Err: context.Cause(ctx)}
	}
}
