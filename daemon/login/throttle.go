package login

import (
	"context"
	"errors"
	"sync"
	"time"

	"latchkey/conf"
	"latchkey/daemon/fault"
	"latchkey/daemon/store"
)

// errLocked means that the name is locked; the caller is told nothing of it.
var errLocked = errors.New("name is locked")

// names counts the failed tries of each name. What has failed is in the store, so that a restart forgets nothing; what is
// under way is in memory, so that many tries at once are not more tries: failures and tries under way together never pass
// the limit, and whoever comes next waits until one of them is settled.
type names struct {
	lockouts store.Lockouts
	now      func() time.Time

	mu      sync.Mutex
	limits  conf.Throttle
	running map[string]*tries
}

// tries are the attempts of one name that are under way or waiting. It lives as long as there are any.
type tries struct {
	// admit is held by the one attempt that is being admitted.
	admit chan struct{}
	// The rest is guarded by names.mu.
	users   int           // attempts that hold a pointer to this
	running int           // attempts admitted and not settled
	settled chan struct{} // closed and replaced when one is settled
}

// ticket is the leave to make one guess. It must be settled once.
type ticket struct {
	names    *names
	key      string
	tries    *tries
	failures int // failures on record when the ticket was given
}

func newNames(lockouts store.Lockouts, now func() time.Time, limits conf.Throttle) *names {
	return &names{lockouts: lockouts, now: now, limits: limits, running: map[string]*tries{}}
}

func (n *names) setLimits(limits conf.Throttle) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.limits = limits
}

// admit waits for leave to guess the password of the name counted under key. The error is errLocked, or an Unavailable fault
// when the counter cannot be read, too many wait already, or ctx ended.
func (n *names) admit(ctx context.Context, key string) (*ticket, error) {
	t, err := n.join(key)
	if err != nil {
		return nil, err
	}
	select {
	case t.admit <- struct{}{}:
	case <-ctx.Done():
		n.leave(key, t)
		return nil, fault.Unavailablef("queue_timeout", context.Cause(ctx))
	}
	failures, err := n.await(ctx, key, t)
	<-t.admit
	if err != nil {
		n.leave(key, t)
		return nil, err
	}
	return &ticket{names: n, key: key, tries: t, failures: failures}, nil
}

// await returns the number of failures on record once one more try keeps within the limit. It runs with t.admit held.
func (n *names) await(ctx context.Context, key string, t *tries) (int, error) {
	for {
		n.mu.Lock()
		limits, running, settled := n.limits, t.running, t.settled
		n.mu.Unlock()
		// Read after running: a try that is settled in between is counted twice here, never not at all.
		lockout, err := n.lockouts.Lockout(ctx, key)
		if err != nil {
			return 0, fault.Unavailablef("store_unavailable", err)
		}
		now := n.now()
		if now.Before(lockout.Until) {
			return 0, errLocked
		}
		failures := len(recent(lockout.Failures, now, limits.Window))
		if failures+running < limits.Failures {
			n.mu.Lock()
			t.running++
			n.mu.Unlock()
			return failures, nil
		}
		if running == 0 {
			// The limit was lowered below what is on record: one try at a time is let through, and its failure locks.
			n.mu.Lock()
			t.running++
			n.mu.Unlock()
			return failures, nil
		}
		select {
		case <-settled:
		case <-ctx.Done():
			return 0, fault.Unavailablef("queue_timeout", context.Cause(ctx))
		}
	}
}

// join registers an attempt on key.
func (n *names) join(key string) (*tries, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.running[key]
	if t == nil {
		t = &tries{admit: make(chan struct{}, 1), settled: make(chan struct{})}
		n.running[key] = t
	}
	if t.users > n.limits.Failures+n.limits.Queue {
		return nil, &fault.Error{Kind: fault.Unavailable, Reason: "queue_full", RetryAfter: time.Second, Err: errQueueFull}
	}
	t.users++
	return t, nil
}

// leave ends what join began.
func (n *names) leave(key string, t *tries) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if t.users--; t.users == 0 {
		delete(n.running, key)
	}
}

// settle gives the ticket back. It says what the guess was: right clears the counter, wrong counts, and neither (the
// backends could not decide) leaves it as it is. The error is an Unavailable fault: the outcome could not be counted.
func (t *ticket) settle(ctx context.Context, decided, right bool) error {
	n := t.names
	var err error
	switch {
	case decided && !right:
		err = n.fail(ctx, t.key)
	case decided && t.failures > 0:
		_, err = n.lockouts.PutLockout(ctx, t.key, func(l *store.Lockout) time.Time {
			*l = store.Lockout{}
			return time.Time{}
		})
	}
	n.mu.Lock()
	t.tries.running--
	close(t.tries.settled)
	t.tries.settled = make(chan struct{})
	n.mu.Unlock()
	n.leave(t.key, t.tries)
	if err != nil {
		return fault.Unavailablef("store_unavailable", err)
	}
	return nil
}

// fail counts one failure under key and locks the name when that is one too many.
func (n *names) fail(ctx context.Context, key string) error {
	n.mu.Lock()
	limits := n.limits
	n.mu.Unlock()
	now := n.now()
	_, err := n.lockouts.PutLockout(ctx, key, func(l *store.Lockout) time.Time {
		if now.Before(l.Until) {
			return l.Until // locked meanwhile: a late failure does not lengthen it
		}
		l.Until = time.Time{}
		l.Failures = append(recent(l.Failures, now, limits.Window), now)
		if len(l.Failures) < limits.Failures {
			return now.Add(limits.Window)
		}
		l.Failures, l.Until = nil, now.Add(limits.Lock)
		return l.Until
	})
	return err
}

// locked reports whether the name counted under key is locked. The error is an Unavailable fault.
func (n *names) locked(ctx context.Context, key string) (bool, error) {
	lockout, err := n.lockouts.Lockout(ctx, key)
	if err != nil {
		return false, fault.Unavailablef("store_unavailable", err)
	}
	return n.now().Before(lockout.Until), nil
}

// unlock forgets what was counted under key.
func (n *names) unlock(ctx context.Context, key string) error {
	_, err := n.lockouts.PutLockout(ctx, key, func(l *store.Lockout) time.Time {
		*l = store.Lockout{}
		return time.Time{}
	})
	if err != nil {
		return fault.Unavailablef("store_unavailable", err)
	}
	return nil
}

// recent returns the failures that still count at now, in a slice of its own.
func recent(failures []time.Time, now time.Time, window time.Duration) []time.Time {
	var counted []time.Time
	for _, at := range failures {
		if now.Sub(at) < window {
			counted = append(counted, at)
		}
	}
	return counted
}
