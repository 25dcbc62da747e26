package ldap

import (
	"context"
	"slices"
	"sync"
	"time"
)

// pace makes an unknown name wait as long as a known one: a directory answers the bind of an account that does not exist at
// once, and that of one that exists only after it has hashed the password.
type pace struct {
	mu     sync.Mutex
	recent [15]time.Duration // of binds as accounts that exist
	count  int
}

// note remembers how long the bind of an account took.
func (p *pace) note(took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.recent[p.count%len(p.recent)] = took
	p.count++
}

// usual returns the median of what was noted last; 0 when nothing was.
func (p *pace) usual() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	sorted := slices.Clone(p.recent[:min(p.count, len(p.recent))])
	if len(sorted) == 0 {
		return 0
	}
	slices.Sort(sorted)
	return sorted[len(sorted)/2]
}

// wait waits for what took lacks of the usual time. Its error is that ctx ended.
func (p *pace) wait(ctx context.Context, took time.Duration) error {
	missing := p.usual() - took
	if missing <= 0 {
		return nil
	}
	timer := time.NewTimer(missing)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
