package credential

import "context"

// Sweep removes at most limit expired credentials in one transaction and returns how many it were; fewer than limit means that
// no more are left. The error is an Unavailable fault.
func (e *Engine) Sweep(ctx context.Context, limit int) (int, error) {
	n, err := e.store.SweepCredentials(ctx, e.now(), limit)
	return n, translate(err)
}
