package licence_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/conf"
	"latchkey/daemon/audit"
	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
	"latchkey/daemon/grant"
	"latchkey/daemon/licence"
	"latchkey/daemon/store"
)

// A grant says what was asked and what was licensed, is good for a day, and is recorded.
func TestGrant(t *testing.T) {
	h := newHouse(t)
	h.licensed(t)
	claims, given := h.verified(t, ask(h.token.Reveal()))
	now := h.now.Truncate(time.Second)
	want := grant.Claims{
		Issuer: "https://latchkey.test", Subject: "ann", ID: claims.ID, IssuedAt: now, NotBefore: now, ExpiresAt: now.Add(24 * time.Hour),
		Kind: grant.KindUser, Workspace: grant.Workspace{ID: string(h.acme), Name: "acme"}, Plan: "team", Features: []string{"debug", "profile"},
		Product: "scanner", Version: "1.2.3", MachineID: "machine-1",
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Error(diff)
	}
	if claims.ID == "" || !given.ExpiresAt.Equal(want.ExpiresAt) || given.Notice != "" {
		t.Errorf("%+v", given)
	}
	m, err := h.workspaces.Member(t.Context(), operator(), "acme", "ann")
	check(t, err)
	recorded := audit.Event{
		Event: audit.EventActivate, Origin: origin(), User: "ann", Kind: "developer", CredentialID: string(m.Token), Workspace: string(h.acme),
		Outcome: audit.OutcomeOK,
	}
	if len(h.audit.all) != 1 || h.audit.all[0] != recorded {
		t.Errorf("recorded: %+v", h.audit.all)
	}
	if second, _ := h.verified(t, ask(h.token.Reveal())); second.ID == claims.ID {
		t.Error("two grants with one id")
	}
	check(t, h.engine.FlushUses(t.Context(), h.store))
	if c, err := h.engine.Get(t.Context(), m.Token); err != nil || !c.LastUsedAt.Equal(h.now.Truncate(time.Microsecond)) {
		t.Errorf("last used at %v, %v", c.LastUsedAt, err)
	}
}

// A grant ends with the subscription when that comes first, at a whole second; there is none for less than one.
func TestGrantEndsWithTheSubscription(t *testing.T) {
	h := newHouse(t)
	ends := h.now.Add(5*time.Hour + 300*time.Millisecond)
	h.seat(t, h.subscribe(t, h.now, ends))
	for _, left := range []time.Duration{5 * time.Hour, time.Minute, time.Second} {
		h.now = ends.Add(-left)
		claims, given := h.verified(t, ask(h.token.Reveal()))
		if !claims.ExpiresAt.Equal(ends.Truncate(time.Second)) || !given.ExpiresAt.Equal(claims.ExpiresAt) {
			t.Errorf("%v left: %v, %v", left, claims.ExpiresAt, given.ExpiresAt)
		}
	}
	h.now = ends.Add(-time.Millisecond)
	h.wantRefused(t, ask(h.token.Reveal()), licence.SubscriptionExpired, expired)
}

// A grant for CI is the token's, and of the subscription that runs longest; it takes no seat.
func TestGrantForCI(t *testing.T) {
	h := newHouse(t)
	_, err := h.workspaces.StartTrial(t.Context(), operator(), "acme")
	check(t, err)
	long := h.subscribe(t, h.now, h.now.Add(30*24*time.Hour))
	r := ask(h.ci(t, time.Time{}).Text.Reveal())
	r.CI, r.Version = true, ""
	claims, _ := h.verified(t, r)
	if claims.Kind != grant.KindCI || claims.Subject != "nightly build" || claims.Plan != "team" || claims.Version != "" {
		t.Errorf("%+v", claims)
	}
	w, err := h.store.Workspace(t.Context(), h.acme)
	if err != nil || w.Subscription(long).Used != 0 {
		t.Errorf("%+v, %v", w, err)
	}
}

// What an admin has changed counts at the next activation, and so do new settings.
func TestChangesCountAtOnce(t *testing.T) {
	h := newHouse(t)
	h.licensed(t)
	r := ask(h.token.Reveal())
	h.verified(t, r)
	check(t, h.workspaces.UnassignSeat(t.Context(), operator(), "acme", "ann"))
	h.wantRefused(t, r, licence.NoLicenceAssigned, noSeat)
	h.seat(t, "")
	h.verified(t, r)
	old := h.settings.Signer
	h.settings.Signer, h.settings.Issuer = newSigner(t), "https://other.test"
	h.SetSettings(h.settings)
	claims, given := h.verified(t, r)
	if claims.Issuer != "https://other.test" {
		t.Errorf("%+v", claims)
	}
	keys, err := grant.ParseKeySet(old.Keys())
	check(t, err)
	if _, err := keys.Verify(given.Grant, h.now, grant.Expectation{MachineID: r.MachineID, Product: r.Product}); err == nil {
		t.Error("signed with the old key")
	}
}

// What no tool says of itself is refused before anything is looked at, and not recorded.
func TestBadRequests(t *testing.T) {
	h := newHouse(t)
	h.licensed(t)
	good := ask(h.token.Reveal())
	h.store.digests = errBroken
	for name, c := range map[string]struct {
		bend  func(r *licence.Request)
		field string
	}{
		"no product":                 {func(r *licence.Request) { r.Product = "" }, "product"},
		"product with a space":       {func(r *licence.Request) { r.Product = "a b" }, "product"},
		"product with a line break":  {func(r *licence.Request) { r.Product = "a\n" }, "product"},
		"long product":               {func(r *licence.Request) { r.Product = strings.Repeat("p", 129) }, "product"},
		"product that is not ASCII":  {func(r *licence.Request) { r.Product = "é" }, "product"},
		"version with a zero byte":   {func(r *licence.Request) { r.Version = "1\x00" }, "version"},
		"long version":               {func(r *licence.Request) { r.Version = strings.Repeat("v", 129) }, "version"},
		"no machine":                 {func(r *licence.Request) { r.MachineID = "" }, "machine_id"},
		"machine that is no UTF-8":   {func(r *licence.Request) { r.MachineID = "\xff" }, "machine_id"},
		"long machine":               {func(r *licence.Request) { r.MachineID = strings.Repeat("m", 129) }, "machine_id"},
		"machine with a delete char": {func(r *licence.Request) { r.MachineID = "m\x7f" }, "machine_id"},
	} {
		t.Run(name, func(t *testing.T) {
			bent := good
			c.bend(&bent)
			given, err := h.Activate(t.Context(), bent)
			want := c.field + " is 1 to 128 printable ASCII characters without spaces."
			if known, ok := err.(*fault.Error); !ok || known.Kind != fault.Invalid || known.Public != want || given != (licence.Activation{}) {
				t.Errorf("%+v, %v", given, err)
			}
		})
	}
	h.store.digests = nil
	good.Product, good.Version, good.MachineID = strings.Repeat("p", 128), strings.Repeat("v", 128), strings.Repeat("m", 128)
	h.audit.all = nil
	h.verified(t, good)
	if len(h.audit.all) != 1 {
		t.Errorf("recorded: %+v", h.audit.all)
	}
}

// What cannot be read is never a refusal: not of a token, not of a workspace or a member, and not of the second look that finds out why.
func TestStoreFails(t *testing.T) {
	h := newHouse(t)
	h.licensed(t)
	dead := h.ci(t, h.now.Add(time.Hour))
	ci := h.ci(t, time.Time{})
	h.legacy(t, "")
	h.now = h.now.Add(time.Hour)
	all := []string{h.token.Reveal(), ci.Text.Reveal(), legacyText, dead.Text.Reveal(), "lkd_000000000000000000000000000000000000", "LEGACY-UNKNOWN"}
	for _, text := range []string{all[0], all[1], all[2], all[3], all[5]} {
		h.store.digests, h.store.after = errBroken, 0
		h.wantUndecided(t, ask(text))
	}
	h.store.after = 1
	h.wantUndecided(t, ask(dead.Text.Reveal()))
	h.store.digests = nil
	for _, failure := range []error{errBroken, store.ErrNotFound} {
		h.store.workspaces = failure
		for _, text := range all[:3] {
			h.wantUndecided(t, ask(text))
		}
	}
	h.store.workspaces, h.store.members = nil, errBroken
	h.wantUndecided(t, ask(h.token.Reveal()))
	h.store.members = nil
	h.verified(t, ask(h.token.Reveal()))
	h.verified(t, ask(legacyText))
}

// A grant that cannot be recorded is not given; a refusal stays one. Without a key nothing is granted and nothing refused.
func TestAuditFails(t *testing.T) {
	h := newHouse(t)
	h.licensed(t)
	h.audit.fail = errBroken
	h.wantUndecided(t, ask(h.token.Reveal()))
	given, err := h.Activate(t.Context(), ask("nothing-known"))
	if fault.KindOf(err) != fault.Forbidden || given != (licence.Activation{}) {
		t.Errorf("%+v, %v", given, err)
	}
	h.audit.fail = nil
	h.settings.Signer = nil
	h.SetSettings(h.settings)
	h.wantUndecided(t, ask(h.token.Reveal()))
	h.wantUndecided(t, ask("nothing-known"))
	if text, err := h.Keys(); fault.KindOf(err) != fault.Unavailable || text != nil {
		t.Errorf("%s, %v", text, err)
	}
}

// A developer token whose member is gone from the store, or has another, is that of somebody who was removed.
func TestTokenWithoutItsMember(t *testing.T) {
	h := newHouse(t)
	h.licensed(t)
	h.store.members = store.ErrNotFound
	h.wantRefused(t, ask(h.token.Reveal()), licence.MemberRemoved, removed)
	h.store.members = nil
	m, err := h.workspaces.Member(t.Context(), operator(), "acme", "ann")
	check(t, err)
	stray, err := h.engine.Issue(t.Context(), credential.Spec{Kind: store.KindDeveloper, User: "ann", Workspace: h.acme, Member: m.ID}, origin())
	check(t, err)
	h.wantRefused(t, ask(stray.Text.Reveal()), licence.MemberRemoved, removed)
}

// What a token licenses can be asked without a grant and without a record; what licenses nothing, or cannot be told, is neither.
func TestLicensed(t *testing.T) {
	h := newHouse(t)
	text := h.token.Reveal()
	want := func(text, plan string) {
		t.Helper()
		if got, ok := h.Licensed(t.Context(), text); ok != (plan != "") || got != plan {
			t.Errorf("%q, %v; want %q", got, ok, plan)
		}
	}
	want(text, "")
	h.licensed(t)
	h.legacy(t, "")
	want(text, "team")
	want(legacyText, "team")
	want("nothing-known", "")
	h.accept(conf.Legacy{})
	want(legacyText, "")
	h.store.members = errBroken
	want(text, "")
	h.store.members = nil
	h.now = h.now.AddDate(1, 0, 0)
	want(text, "")
	if len(h.audit.all) != 0 {
		t.Errorf("recorded: %+v", h.audit.all)
	}
}
