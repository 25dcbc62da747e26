package credential

import (
	"bytes"
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"latchkey/daemon/store"
)

// Identifiers grow, even when the clock steps back.
func TestIDsGrow(t *testing.T) {
	source := &ids{random: rand.Reader}
	now := time.Unix(1_800_000_000, 0)
	last := store.ID("")
	for i := range 10_000 {
		if i == 5000 {
			now = now.Add(-time.Hour)
		}
		id, err := source.next(now)
		if err != nil || !store.ValidID(string(id)) || id <= last {
			t.Fatalf("%s after %s, %v", id, last, err)
		}
		last = id
	}
}

// An identifier begins with the time of its creation, so that those of several nodes are in order, too; without randomness,
// which keeps nodes apart, there is none.
func TestIDForm(t *testing.T) {
	source := &ids{random: bytes.NewReader([]byte{0xde, 0xad, 0xbe, 0xef})}
	at := time.UnixMilli(0x19ab54f3c21)
	if id, err := source.next(at); err != nil || id != "019ab54f3c210000deadbeef" {
		t.Fatalf("%s, %v", id, err)
	}
	if id, err := source.next(at); err == nil {
		t.Fatalf("%s without randomness", id)
	}
}

// Many who ask at once get identifiers of their own, although the random source gives them all the same.
func TestIDsOfManyAtOnce(t *testing.T) {
	source := &ids{random: same{}}
	var mu sync.Mutex
	seen := map[store.ID]bool{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				id, err := source.next(time.Unix(1_800_000_000, 0))
				mu.Lock()
				if err != nil || seen[id] {
					t.Errorf("%s again, %v", id, err)
				}
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// same is a random source that gives the same byte for ever.
type same struct{}

func (same) Read(p []byte) (int, error) { return len(p), nil }
