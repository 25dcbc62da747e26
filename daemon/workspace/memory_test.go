package workspace_test

import (
	"fmt"
	"testing"

	"latchkey/daemon/credential"
	"latchkey/daemon/store"
	"latchkey/daemon/workspace"
	"latchkey/plugins/secret"
)

// What a store keeps in memory for checks is forgotten before a change returns: whoever is removed cannot use his token, nor a key
// that was his, in the next moment.
func TestRemovalIsSeenByTheNextCheck(t *testing.T) {
	const rounds = 30
	onStores(t, func(t *testing.T, s store.Store) {
		h := houseOn(s)
		h.found(t, "acme", "ann")
		h.subscribe(t, "acme", rounds)
		for i := range rounds {
			name, key := fmt.Sprintf("user%d", i), secret.New(fmt.Sprintf("LEGACY-0000-%04d", i))
			token := h.enlist(t, "acme", name, workspace.RoleMember)
			h.legacy(t, "acme", key.Reveal(), name)
			rotated := must[credential.Issued](t)(h.RotateDeveloperToken(t.Context(), h.bearer(t, token), "acme")).Text
			_, code := h.invite(t, "acme", name+"b", workspace.RoleMember)
			if h.usable(t, token) || !h.usable(t, rotated) || !h.usable(t, key) || !h.usable(t, code) {
				t.Fatal("the old token can be used, or the new one, the key or the code cannot")
			}
			check(t, h.Remove(t.Context(), as("ann"), "acme", name))
			if h.usable(t, rotated) || h.usable(t, key) {
				t.Errorf("round %d: the token or the key of a removed member can be used", i)
			}
			check(t, h.Remove(t.Context(), as("ann"), "acme", name+"b@example.com"))
			if h.usable(t, code) {
				t.Errorf("round %d: the code of a withdrawn invitation can be used", i)
			}
		}
	})
}
