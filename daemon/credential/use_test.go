package credential_test

import (
	"testing"
	"time"

	"latchkey/daemon/credential"
	"latchkey/daemon/store"
)

// When a service token was last used is noted without a write, and written when asked for.
func TestLastUse(t *testing.T) {
	h := newHouse(t)
	token := h.issue(t, credential.Spec{Kind: store.KindService, Name: "ci"})
	if err := h.check(t, token.Text); err != nil {
		t.Fatal(err)
	}
	if err := h.FlushUses(t.Context(), h.store); err != nil {
		t.Fatal(err)
	}
	c, err := h.Get(t.Context(), token.Credential.ID)
	if err != nil || !c.LastUsedAt.Equal(h.now) {
		t.Fatalf("last used at %v, %v", c.LastUsedAt, err)
	}
}

// A clock that is set back does not stop the noting, and what could not be written is lost without harm.
func TestLastUseAfterTheClockWasSetBack(t *testing.T) {
	h := newHouse(t)
	token := h.issue(t, credential.Spec{Kind: store.KindService, Name: "ci"})
	used := func() time.Time {
		t.Helper()
		if err := h.check(t, token.Text); err != nil {
			t.Fatal(err)
		}
		if err := h.FlushUses(t.Context(), h.store); err != nil {
			t.Fatal(err)
		}
		c, err := h.Get(t.Context(), token.Credential.ID)
		if err != nil {
			t.Fatal(err)
		}
		return c.LastUsedAt
	}
	for _, step := range []struct{ by, age time.Duration }{{0, 0}, {59 * time.Second, 59 * time.Second}, {time.Second, 0}, {-time.Hour, 0}} {
		h.now = h.now.Add(step.by)
		if at := used(); !at.Equal(h.now.Add(-step.age)) {
			t.Errorf("after a step of %v: last used at %v, now %v", step.by, at, h.now)
		}
	}
}
