package daemon

import (
	"context"
	"log/slog"
	"time"

	"latchkey/daemon/credential"
	"latchkey/daemon/store"
)

// How expired records are removed: every sweepInterval, in transactions of at most sweepBatch records, so that no writer
// waits long for one.
const (
	sweepInterval = time.Minute
	sweepBatch    = 100
)

// sweeper removes expired credentials and forgotten counters, and writes when service tokens were last used.
type sweeper struct {
	engine *credential.Engine
	store  store.Store
	now    func() time.Time
	log    *slog.Logger
}

// run sweeps until ctx ends.
func (s *sweeper) run(ctx context.Context) {
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.noteUses(ctx)
			s.sweep(ctx)
		}
	}
}

// noteUses writes when service tokens were last used.
func (s *sweeper) noteUses(ctx context.Context) {
	if err := s.engine.FlushUses(ctx, s.store); err != nil {
		s.log.Warn("when service tokens were last used could not be written", "error", err)
	}
}

// sweep removes all that is expired now, batch by batch. What cannot be removed now is removed next time: an expired
// credential is refused whether or not it was swept.
func (s *sweeper) sweep(ctx context.Context) {
	for _, step := range []struct {
		what string
		run  func() (int, error)
	}{
		{"credentials", func() (int, error) { return s.engine.Sweep(ctx) }},
		{"lockouts", func() (int, error) { return s.store.SweepLockouts(ctx, s.now(), sweepBatch) }},
	} {
		total := 0
		for ctx.Err() == nil {
			n, err := step.run()
			if err != nil {
				s.log.Warn("expired records could not be removed; the next sweep tries again", "what", step.what, "error", err)
				break
			}
			if total += n; n == 0 {
				break
			}
		}
		if total > 0 {
			s.log.Debug("expired records were removed", "what", step.what, "count", total)
		}
	}
}
