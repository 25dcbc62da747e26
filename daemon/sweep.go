package daemon

import (
	"context"
	"log/slog"
	"time"

	"latchkey/daemon/credential"
	"latchkey/daemon/store"
	"latchkey/daemon/store/pace"
)

// sweepInterval is how often expired records are removed.
const sweepInterval = time.Minute

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

// sweep removes all that is expired now, in batches and with rests as package pace has them. What cannot be removed now is
// removed next time: an expired credential is refused whether or not it was swept.
func (s *sweeper) sweep(ctx context.Context) {
	for _, step := range []struct {
		what   string
		remove func(limit int) (int, error)
	}{
		{"credentials", func(limit int) (int, error) { return s.engine.Sweep(ctx, limit) }},
		{"lockouts", func(limit int) (int, error) { return s.store.SweepLockouts(ctx, s.now(), limit) }},
	} {
		total, err := pace.Runner{Now: s.now}.Run(ctx, step.remove)
		if err != nil {
			s.log.Warn("expired records could not be removed; the next sweep tries again", "what", step.what, "error", err)
		}
		if total > 0 {
			s.log.Debug("expired records were removed", "what", step.what, "count", total)
		}
	}
}
