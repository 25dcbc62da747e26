package credential

import "context"

// sweepBatch is the most that one call of Sweep removes: one small transaction, so that no other writer waits long for it.
const sweepBatch = 100

// Sweep removes a small batch of expired credentials and returns how many it were; zero means that none is left. The error
// is an Unavailable fault.
func (e *Engine) Sweep(ctx context.Context) (int, error) {
	n, err := e.store.SweepCredentials(ctx, e.now(), sweepBatch)
	return n, translate(err)
}
