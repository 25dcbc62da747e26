package login

import (
	"context"
	"sync"
	"time"
)

// firstPace is how long a refusal takes before there is anything to go by: a bcrypt of cost 10 on a common machine.
const firstPace = 60 * time.Millisecond

// pace makes a refusal that no backend was asked about take as long as one that a backend made, so that the time does not
// tell a locked name or a malformed one from a wrong password. It waits and burns no processor time.
type pace struct {
	wait func(context.Context, time.Duration)

	mu   sync.Mutex
	took [32]time.Duration
	n    int // how many were observed; the newest is at (n-1) % len(took)
	next int // which one is handed out next
}

// observe remembers how long a backend's refusal took.
func (p *pace) observe(took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.took[p.n%len(p.took)] = took
	p.n++
}

// pause waits for what is left, after already, of a time that a backend's refusal took lately. The times are handed out in
// turn, so that waits are spread as refusals are.
func (p *pace) pause(ctx context.Context, already time.Duration) {
	p.mu.Lock()
	target := firstPace
	if known := min(p.n, len(p.took)); known > 0 {
		target = p.took[p.next%known]
		p.next++
	}
	p.mu.Unlock()
	if target > already {
		p.wait(ctx, target-already)
	}
}

// waitFor waits for d or until ctx ends.
func waitFor(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
