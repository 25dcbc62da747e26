package credential

import (
	"context"
	"sync"
	"time"

	"latchkey/daemon/store"
)

// useInterval is how exact the time of the last use is: a check within it of the one that was noted costs no lock.
const useInterval = time.Minute

// uses are the times at which credentials of the noted kinds were accepted since they were last written. They are kept in memory and written
// together now and then, so that a check writes nothing; what a crash loses is a minute or two of a time that is for people.
type uses struct {
	mu   sync.Mutex
	seen map[store.ID]time.Time
}

// note remembers that a credential was accepted at now.
func (u *uses) note(c *store.Credential, now time.Time) {
	if recent(now, c.LastUsedAt) {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.seen == nil {
		u.seen = map[store.ID]time.Time{}
	}
	if !recent(now, u.seen[c.ID]) {
		u.seen[c.ID] = now
	}
}

// recent reports whether a use was noted within the interval before now. One that lies in the future, since the clock was set
// back, is not recent.
func recent(now, noted time.Time) bool {
	age := now.Sub(noted)
	return age >= 0 && age < useInterval
}

// take returns what was noted and forgets it.
func (u *uses) take() map[store.ID]time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	seen := u.seen
	u.seen = nil
	return seen
}

// FlushUses writes when service, developer and CI tokens and legacy keys were last used. The error is an Unavailable fault; what could not be written is lost.
func (e *Engine) FlushUses(ctx context.Context, to store.Uses) error {
	seen := e.uses.take()
	if len(seen) == 0 {
		return nil
	}
	return translate(to.NoteUses(ctx, seen))
}
