package credential_test

import (
	"testing"
	"time"

	"latchkey/daemon/credential"
	"latchkey/daemon/store"
)

// Expired credentials go in batches of at most so many, from the very instant of their expiry on; the others stay.
// hazard 29, hazard 67
func TestSweep(t *testing.T) {
	h := newHouse(t)
	const expired = 120
	for range expired {
		h.issue(t, credential.Spec{Kind: store.KindSession, User: "bob", ExpiresAt: h.now.Add(time.Minute)})
	}
	later := h.issue(t, credential.Spec{Kind: store.KindSession, User: "bob", ExpiresAt: h.now.Add(time.Minute + time.Microsecond)})
	key := h.key(t, "bob")
	sweep := func(want int) {
		t.Helper()
		if n, err := h.Sweep(t.Context(), 100); err != nil || n != want {
			t.Fatalf("%d swept, %v; want %d", n, err, want)
		}
	}
	h.now = h.now.Add(time.Minute - time.Microsecond)
	sweep(0)
	h.now = h.now.Add(time.Microsecond)
	for _, want := range []int{100, expired - 100, 0} {
		sweep(want)
	}
	if h.check(t, later.Text) != nil || h.check(t, key.Text) != nil {
		t.Error("a live credential was swept")
	}
}
