package credential_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/daemon/audit"
	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
	"latchkey/daemon/store"
	"latchkey/plugins/secret"
)

// The bootstrap token is made once in a store's life, and of many nodes by one. hazard 31, hazard 40
func TestBootstrap(t *testing.T) {
	h := newHouse(t)
	text := secret.New("Zk3vQ8xN1pR7tW2mB5cY9dL4")
	spec := credential.Spec{Name: "bootstrap", Roles: []string{"admin"}, ExpiresAt: h.now.Add(time.Hour)}
	var created atomic.Int64
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			made, err := h.Bootstrap(t.Context(), h.store, text, spec, audit.Origin{})
			if err != nil {
				t.Error(err)
			}
			if made {
				created.Add(1)
			}
		})
	}
	wg.Wait()
	if created.Load() != 1 {
		t.Fatalf("%d of 100 made it", created.Load())
	}
	entry, err := h.Check(t.Context(), text.Reveal(), credential.KeyKinds)
	if err != nil || entry.Credential.Kind != store.KindService || entry.Credential.Roles[0] != "admin" {
		t.Fatalf("entry %+v, %v", entry, err)
	}
	if _, err := h.Delete(t.Context(), entry.Credential.ID, credential.Owner{Any: true, Kinds: credential.AllKinds}, "root", audit.Origin{}); err != nil {
		t.Fatal(err)
	}
	if made, err := h.Bootstrap(t.Context(), h.store, text, spec, audit.Origin{}); made || err != nil {
		t.Fatalf("a deleted one is brought back: %v, %v", made, err)
	}
	_, err = h.Bootstrap(t.Context(), h.store, secret.New("short"), spec, audit.Origin{})
	wantKind(t, err, fault.Invalid)
}
