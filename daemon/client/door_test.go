package client_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"latchkey/conf"
	"latchkey/daemon/access"
	"latchkey/daemon/api"
	"latchkey/daemon/audit"
	"latchkey/daemon/client"
	"latchkey/daemon/credential"
	"latchkey/daemon/licence"
	"latchkey/daemon/login"
	"latchkey/daemon/store"
	"latchkey/daemon/store/boltstore"
	"latchkey/daemon/user"
	"latchkey/daemon/workspace"
)

// house is the daemon's HTTP side over a real store, without a way to log in.
type house struct {
	t      *testing.T
	url    string
	store  *boltstore.Store
	engine *credential.Engine
}

func newHouse(t *testing.T) *house {
	t.Helper()
	kept, err := boltstore.Open(filepath.Join(t.TempDir(), "store.db"), boltstore.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kept.Close() }) // a test may have closed it
	engine := credential.New(credential.Options{Store: kept, Audit: audit.Discard{}, Now: time.Now, Random: rand.Reader})
	users := user.New(user.Options{Store: kept, Audit: audit.Discard{}, Now: time.Now})
	logins := login.New(login.Options{
		Lockouts: kept, Users: users, Engine: engine, Audit: audit.Discard{}, Now: time.Now, Wait: func(context.Context, time.Duration) {},
	})
	handler, err := api.New(api.Options{
		Workspaces: workspace.New(workspace.Options{Store: kept, Engine: engine, Users: users, Audit: audit.Discard{}, Now: time.Now}),
		Licences:   licence.New(licence.Options{Store: kept, Engine: engine, Audit: audit.Discard{}, Now: time.Now}),
		Login:      logins, Engine: engine, Guard: access.NewGuard(engine, access.NewRoles(nil)), Users: users, Audit: audit.Discard{},
		Log: slog.New(slog.DiscardHandler), Now: time.Now, Random: rand.Reader, Version: "1.2.3",
		Settings: api.Settings{Auth: conf.Auth{Mode: conf.ModeStandalone, Enable: true}, API: conf.API{MaxPageSize: 100}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return &house{t: t, url: server.URL, store: kept, engine: engine}
}

// issue makes a service token.
func (h *house) issue(name string, roles ...string) credential.Issued {
	h.t.Helper()
	made, err := h.engine.Issue(h.t.Context(), credential.Spec{Kind: store.KindService, Name: name, Roles: roles}, audit.Origin{})
	if err != nil {
		h.t.Fatal(err)
	}
	return made
}

// Behind the real door a service lets in who has the role, from the next request on no longer whose token is deleted, and
// nobody when the daemon cannot decide.
func TestRequireAtTheRealDoor(t *testing.T) {
	h := newHouse(t)
	auth, err := client.New(client.Options{URL: h.url})
	if err != nil {
		t.Fatal(err)
	}
	service := auth.Require("ops", "dev")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, _ := client.VisitorOf(r.Context())
		fmt.Fprintf(w, "%s %s %q %s", who.Kind, who.User, who.Roles, who.CredentialID)
	}))
	visit := func(header, text string, want int) *httptest.ResponseRecorder {
		t.Helper()
		request, answer := httptest.NewRequest(http.MethodDelete, "/job", nil), httptest.NewRecorder()
		request.Header.Set(header, text)
		service.ServeHTTP(answer, request)
		if answer.Code != want {
			t.Errorf("%s: %d %s, want %d", header, answer.Code, answer.Body, want)
		}
		return answer
	}
	good, poor := h.issue("ci", "ops", "dev"), h.issue("guest", "ops")
	for header, text := range map[string]string{
		"Authorization": "Bearer " + good.Text.Reveal(), "X-Api-Key": good.Text.Reveal(), "St2-Api-Key": good.Text.Reveal(),
	} {
		if got := visit(header, text, http.StatusOK).Body.String(); got != `service ci ["ops" "dev"] `+string(good.Credential.ID) {
			t.Errorf("%s: %s", header, got)
		}
	}
	visit("X-Api-Key", poor.Text.Reveal(), http.StatusForbidden)
	visit("X-Api-Key", "lks_guess", http.StatusUnauthorized)
	visit("X-Auth-User", "root", http.StatusUnauthorized)

	if _, err := h.engine.Delete(t.Context(), good.Credential.ID, credential.Owner{Any: true, Kinds: credential.AllKinds}, "root", audit.Origin{}); err != nil {
		t.Fatal(err)
	}
	visit("X-Api-Key", good.Text.Reveal(), http.StatusUnauthorized)

	lost := h.issue("late", "ops", "dev")
	if err := h.store.Close(); err != nil {
		t.Fatal(err)
	}
	visit("X-Api-Key", lost.Text.Reveal(), http.StatusServiceUnavailable)
}
