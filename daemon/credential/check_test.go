package credential_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"latchkey/daemon/audit"
	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
	"latchkey/daemon/store"
	"latchkey/plugins/secret"
)

// The reasons for which a credential is refused. hazard 29
func TestCheck(t *testing.T) {
	h := newHouse(t)
	session := h.issue(t, credential.Spec{Kind: store.KindSession, User: "bob", ExpiresAt: h.now.Add(time.Minute)})
	key := h.key(t, "bob")
	for name, c := range map[string]struct {
		prepare func()
		text    string
		kinds   credential.Kinds
		want    error
	}{
		"a session token":         {nil, session.Text.Reveal(), credential.Session, nil},
		"as a key":                {nil, session.Text.Reveal(), credential.KeyKinds, credential.ErrWrongKind},
		"a key as a token":        {nil, key.Text.Reveal(), credential.Session, credential.ErrWrongKind},
		"garbage":                 {nil, "garbage", credential.AllKinds, credential.ErrMalformed},
		"an unknown foreign text": {nil, strings.Repeat("aB3", 15), credential.AllKinds, credential.ErrUnknown},
		"with a space":            {nil, session.Text.Reveal() + " ", credential.AllKinds, credential.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := h.Check(t.Context(), c.text, c.kinds); !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
		})
	}
	h.now = h.now.Add(time.Minute)
	if err := h.check(t, session.Text); !errors.Is(err, credential.ErrExpired) {
		t.Errorf("at its expiry: %v", err)
	}
	if err := h.check(t, key.Text); err != nil {
		t.Errorf("a key: %v", err)
	}
	if _, err := h.store.PutUser(t.Context(), "bob", func(u *store.User, _ bool) error { u.Disabled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := h.check(t, key.Text); !errors.Is(err, credential.ErrOwnerDisabled) {
		t.Errorf("of a disabled user: %v", err)
	}
}

// What a refused caller is told is fixed by the contract.
func TestRefusalsSayWhatTheContractSays(t *testing.T) {
	for err, want := range map[*fault.Error]string{
		credential.ErrUnknown:       "Unauthorized",
		credential.ErrMalformed:     "Unauthorized",
		credential.ErrWrongKind:     "Unauthorized",
		credential.ErrOwnerDisabled: "Unauthorized",
		credential.ErrExpired:       "Unauthorized - Token has expired.",
		credential.ErrDisabled:      "Unauthorized - API key is disabled.",
	} {
		if err.Kind != fault.Unauthenticated || err.Public != want || err.Reason == "" {
			t.Errorf("%+v, want %q", err, want)
		}
	}
}

// A store that does not answer is no refusal: the caller may be somebody.
func TestCheckWhenTheStoreIsAway(t *testing.T) {
	h := newHouse(t)
	key := h.key(t, "bob")
	m := h.meddle()
	for _, fail := range []error{errors.New("disk on fire"), context.Canceled, context.DeadlineExceeded, store.ErrInvalid} {
		m.fail = fail
		_, err := h.Check(t.Context(), key.Text.Reveal(), credential.AllKinds)
		wantKind(t, err, fault.Unavailable)
		if _, err = h.Find(t.Context(), key.Text.Reveal()); err == nil || fault.KindOf(err) == fault.NotFound {
			t.Errorf("find: %v", err)
		}
	}
}

// Garbage costs no look into the store, and neither does a text of a kind that is not accepted.
func TestGarbageAsksNobody(t *testing.T) {
	h := newHouse(t)
	key := h.key(t, "bob")
	m := h.meddle()
	foreign := strings.Repeat("aB3", 15)
	for _, c := range []struct {
		text  string
		kinds credential.Kinds
		looks int
	}{
		{"", credential.AllKinds, 0},
		{"lka_" + strings.Repeat("a", 36), credential.AllKinds, 0},
		{strings.Repeat("é", 20), credential.AllKinds, 0},
		{strings.Repeat("a", 4096), credential.AllKinds, 0},
		{key.Text.Reveal(), credential.Session, 0},
		{foreign, credential.Session, 0},
		{foreign, credential.Developer | credential.CI, 0},
		{foreign, credential.KeyKinds, 1},
		{key.Text.Reveal(), credential.KeyKinds, 1},
	} {
		m.lookups = 0
		_, _ = h.Check(t.Context(), c.text, c.kinds) // refused or not, it is the look-ups that count
		if m.lookups != c.looks {
			t.Errorf("%d bytes, kinds %b: %d look-ups, want %d", len(c.text), c.kinds, m.lookups, c.looks)
		}
	}
}

// Disabling a user stops everything of his with the next check, and enabling him brings it back. hazard 24
func TestDisabledUserIsOutAtOnce(t *testing.T) {
	h := newHouse(t)
	disable := func(disabled bool) {
		t.Helper()
		if _, err := h.store.PutUser(t.Context(), "bob", func(u *store.User, _ bool) error { u.Disabled = disabled; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	disable(false)
	his := []credential.Issued{
		h.key(t, "bob"),
		h.issue(t, credential.Spec{Kind: store.KindSession, User: "bob", ExpiresAt: h.now.Add(time.Hour)}),
		h.issue(t, credential.Spec{Kind: store.KindDeveloper, User: "bob"}),
	}
	other := h.key(t, "bobby")
	for _, disabled := range []bool{false, true, false} {
		disable(disabled)
		for _, c := range his {
			if err := h.check(t, c.Text); (err == nil) == disabled || disabled && !errors.Is(err, credential.ErrOwnerDisabled) {
				t.Errorf("%s of a user with disabled = %v: %v", c.Credential.Kind, disabled, err)
			}
		}
		if err := h.check(t, other.Text); err != nil {
			t.Errorf("somebody else: %v", err)
		}
	}
}

// A bent text is nobody's, while the credential lives and after it was revoked. hazard 30
func TestBentTextMatchesNothing(t *testing.T) {
	h := newHouse(t)
	key := h.key(t, "bob")
	plain := key.Text.Reveal()
	bent := []string{
		plain + " ", " " + plain, plain + "\n", plain + "\r\n", "\t" + plain, plain + "\x00", plain + "=", plain[:39], plain[1:], plain + plain,
		strings.ToUpper(plain), strings.ToLower(plain), "LKA_" + plain[4:], "lkt_" + plain[4:], "lka-" + plain[4:], `"` + plain + `"`,
		strings.Replace(plain, "_", "%5F", 1), strings.Replace(plain, "_", "\uff3f", 1),
	}
	refuse := func(when string) {
		t.Helper()
		for _, text := range bent {
			if _, err := h.Check(t.Context(), text, credential.AllKinds); fault.KindOf(err) != fault.Unauthenticated {
				t.Errorf("%s, %q: %v", when, text, err)
			}
			if _, err := h.Find(t.Context(), text); fault.KindOf(err) != fault.NotFound {
				t.Errorf("%s, %q is found: %v", when, text, err)
			}
		}
	}
	refuse("alive")
	if _, err := h.Delete(t.Context(), key.Credential.ID, credential.Owner{User: "bob", Kinds: credential.APIKey}, "bob", audit.Origin{}); err != nil {
		t.Fatal(err)
	}
	refuse("revoked")
	if err := h.check(t, key.Text); !errors.Is(err, credential.ErrUnknown) {
		t.Errorf("revoked: %v", err)
	}
}

// No error and no audit record holds a credential's text or its hash, whatever goes wrong. hazard 37, hazard 38
func TestNothingSaysTheText(t *testing.T) {
	h := newHouse(t)
	key := h.key(t, "bob")
	const foreign = "canary-canary-canary-canary"
	loaded := h.issue(t, credential.Spec{Kind: store.KindAPIKey, User: "bob", Digest: credential.DigestForTest(foreign)})
	m := h.meddle()
	owner := credential.Owner{User: "bob", Kinds: credential.AllKinds}
	var said []error
	try := func() {
		for _, text := range []string{key.Text.Reveal(), key.Text.Reveal() + " ", foreign, foreign + " canary"} {
			said = append(said, second(h.Check(t.Context(), text, credential.AllKinds)), second(h.Check(t.Context(), text, credential.CI)),
				second(h.Find(t.Context(), text)))
		}
		said = append(said,
			second(h.Issue(t.Context(), credential.Spec{Kind: store.KindAPIKey, User: "bob", Digest: loaded.Credential.Digest}, audit.Origin{})),
			second(h.Rotate(t.Context(), key.Credential.ID, owner, "bob", audit.Origin{})),
			second(h.Bootstrap(t.Context(), h.store, secret.New(foreign+" canary"), credential.Spec{Name: "x"}, audit.Origin{})))
	}
	try()
	m.fail = errors.New("disk on fire")
	try()
	h.audit.fail = errors.New("disk full")
	try()
	printed := fmt.Sprintf("%+v", h.audit.all)
	for _, err := range said {
		if err != nil {
			printed += fmt.Sprintf("\n%v %+v %#v", err, err, err)
		}
	}
	hash := key.Credential.Digest
	for _, canary := range []string{key.Text.Reveal(), key.Text.Reveal()[4:34], "canary", hash.Hex(), string(hash), loaded.Credential.Digest.Hex()} {
		if strings.Contains(printed, canary) {
			t.Errorf("%q is said in:\n%s", canary, printed)
		}
	}
}

// A check of a text of our own makes one allocation: the hash that the store is asked for. Garbage makes none.
func TestCheckAllocatesLittle(t *testing.T) {
	h := newHouse(t)
	for text, most := range map[string]float64{
		h.key(t, "bob").Text.Reveal():    1,
		"lka_" + strings.Repeat("a", 36): 0,
		strings.Repeat("a", 4096):        0,
	} {
		_, _ = h.Check(t.Context(), text, credential.AllKinds) // the store keeps it in memory from now on
		if n := testing.AllocsPerRun(100, func() { _, _ = h.Check(t.Context(), text, credential.AllKinds) }); n > most {
			t.Errorf("%d bytes: %v allocations, want %v", len(text), n, most)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	h := newHouse(b)
	text := h.key(b, "bob").Text.Reveal()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := h.Check(b.Context(), text, credential.AllKinds); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
