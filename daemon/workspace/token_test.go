package workspace_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
	"latchkey/daemon/store"
	"latchkey/daemon/workspace"
)

func TestTokenRefusals(t *testing.T) {
	s := newSite(t)
	theirs, err := s.CreateCIToken(t.Context(), as("vic"), "umbrella", "deploy", time.Time{})
	check(t, err)
	const noName, notMember = "name is 1 to 64 bytes of printable text.", "Only a member of the workspace has a developer token."
	create := func(name string) func(context.Context, workspace.Actor) error {
		return func(ctx context.Context, who workspace.Actor) error {
			_, err := s.CreateCIToken(ctx, who, "acme", name, time.Time{})
			return err
		}
	}
	rotate := func(id store.ID) func(context.Context, workspace.Actor) error {
		return func(ctx context.Context, who workspace.Actor) error {
			_, err := s.RotateCIToken(ctx, who, "acme", id)
			return err
		}
	}
	end := func(id store.ID) func(context.Context, workspace.Actor) error {
		return func(ctx context.Context, who workspace.Actor) error { return s.DeleteCIToken(ctx, who, "acme", id) }
	}
	own := func(ctx context.Context, who workspace.Actor) error {
		_, err := s.RotateDeveloperToken(ctx, who, "acme")
		return err
	}
	s.wantRefused(t, []refusal{
		{"make without the permission", as("meg"), create("x"), fault.Forbidden, needCI},
		{"rotate without the permission", as("lou"), rotate(s.ciID), fault.Forbidden, needCI},
		{"end without the permission", as("aud"), end(s.ciID), fault.Forbidden, needCI},
		{"no name", as("cid"), create(""), fault.Invalid, noName},
		{"header in the name", as("cid"), create("a\r\nb"), fault.Invalid, noName},
		{"long name", as("cid"), create(strings.Repeat("n", 65)), fault.Invalid, noName},
		{"rotate another workspace's", as("cid"), rotate(theirs.Credential.ID), fault.NotFound, ""},
		{"end another workspace's", as("cid"), end(theirs.Credential.ID), fault.NotFound, ""},
		{"rotate what is none", as("cid"), rotate(s.member(t, "acme", "bob").Token), fault.NotFound, ""},
		{"end a developer token", as("cid"), end(s.member(t, "acme", "bob").Token), fault.NotFound, ""},
		{"end a legacy key", as("cid"), end(s.key), fault.NotFound, ""},
		{"end nothing", as("cid"), end("x"), fault.NotFound, ""},
		{"rotate a developer token without one", operator(), own, fault.Forbidden, notMember},
		{"rotate another workspace's developer token", as("vic"), own, fault.NotFound, noWorkspace},
	})
	_, err = s.DeveloperToken(t.Context(), operator(), "acme")
	wantFault(t, err, fault.Forbidden, notMember)
}

// A developer token is rotated by its owner alone; the old text is dead at once.
func TestDeveloperToken(t *testing.T) {
	s := newSite(t)
	before := must[store.Credential](t)(s.DeveloperToken(t.Context(), s.bearer(t, s.tokens["bob"]), "acme"))
	issued := must[credential.Issued](t)(s.RotateDeveloperToken(t.Context(), s.bearer(t, s.tokens["bob"]), string(s.acme)))
	if s.usable(t, s.tokens["bob"]) || !s.usable(t, issued.Text) || issued.Credential.ID != before.ID || before.User != "bob" {
		t.Errorf("%+v, %+v", before, issued.Credential)
	}
	if !s.usable(t, s.tokens["carl"]) || s.member(t, "acme", "bob").Token != before.ID {
		t.Error("carl's token is dead, or bob's is another")
	}
	if !strings.HasPrefix(issued.Text.Reveal(), "lkd_") {
		t.Error("a developer token of another form")
	}
}

// CI tokens are the workspace's: made, seen, rotated and ended by whoever may, until they expire.
func TestCITokens(t *testing.T) {
	s := newSite(t)
	ends := s.clock.now().Add(time.Hour)
	short := must[credential.Issued](t)(s.CreateCIToken(t.Context(), as("ann"), "acme", "nightly", ends))
	if c := short.Credential; c.CreatedBy != "ann" || c.User != "" || c.Workspace != s.acme || !c.ExpiresAt.Equal(ends) || !strings.HasPrefix(short.Text.Reveal(), "lkc_") {
		t.Errorf("%+v", c)
	}
	all, total, err := s.CITokens(t.Context(), as("cid"), "acme", s.ciID, 5)
	if err != nil || total != 2 || len(all) != 1 || all[0].ID != short.Credential.ID {
		t.Errorf("%+v of %d, %v", all, total, err)
	}
	again := must[credential.Issued](t)(s.RotateCIToken(t.Context(), as("cid"), "acme", short.Credential.ID))
	if s.usable(t, short.Text) || !s.usable(t, again.Text) || !again.Credential.ExpiresAt.Equal(short.Credential.ExpiresAt.Truncate(time.Microsecond)) {
		t.Errorf("%+v", again.Credential)
	}
	s.clock.step(time.Hour)
	s.wantRefused(t, []refusal{{"rotate an expired one", as("cid"), func(ctx context.Context, who workspace.Actor) error {
		_, err := s.RotateCIToken(ctx, who, "acme", short.Credential.ID)
		return err
	}, fault.Conflict, "The token has expired; create a new one."}})
	check(t, s.DeleteCIToken(t.Context(), as("cid"), "acme", s.ciID))
	if s.usable(t, s.ci) {
		t.Error("the token can be used still")
	}
	if _, total, err := s.CITokens(t.Context(), as("vic"), "umbrella", "", 0); err != nil || total != 0 {
		t.Errorf("umbrella sees %d, %v", total, err)
	}
}
