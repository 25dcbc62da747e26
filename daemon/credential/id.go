package credential

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"sync"
	"time"

	"latchkey/daemon/store"
)

// ids makes identifiers: 48 bits of milliseconds since 1970, 16 bits of a counter, 32 random bits; 24 hex digits in all. They
// grow strictly within a process, even when its clock steps back, and the random part keeps nodes apart.
type ids struct {
	random io.Reader

	mu   sync.Mutex
	last uint64 // milliseconds << 16 | counter
}

// next returns an identifier that is greater than every one before it.
func (s *ids) next(now time.Time) (store.ID, error) {
	var raw [12]byte
	if _, err := io.ReadFull(s.random, raw[8:]); err != nil {
		return "", fmt.Errorf("random bytes: %w", err)
	}
	s.mu.Lock()
	s.last = max(s.last+1, uint64(now.UnixMilli())<<16)
	binary.BigEndian.PutUint64(raw[:8], s.last)
	s.mu.Unlock()
	return store.ID(hex.EncodeToString(raw[:])), nil
}
