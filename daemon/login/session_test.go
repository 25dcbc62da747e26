package login

import (
	"errors"
	"testing"
	"time"

	"latchkey/daemon/audit"
	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
	"latchkey/daemon/store"
)

// change changes a known user, who is made when he is not known.
func change(t *testing.T, h *house, name string, f func(*store.User)) {
	t.Helper()
	if _, err := h.users.Ensure(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if _, err := h.users.Change(t.Context(), name, "root", "x", audit.Origin{}, func(u *store.User) error {
		f(u)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func disable(t *testing.T, h *house, name string) {
	t.Helper()
	change(t, h, name, func(u *store.User) { u.Disabled = true })
}

// seconds returns a ttl.
func seconds(n int64) *int64 { return &n }

// The life of a token, with StackStorm's sentences.
func TestSessionTTL(t *testing.T) {
	h := newHouse(t)
	bob := Identity{User: "bob", Groups: []string{"ops"}, Backend: "directory"}
	for name, c := range map[string]struct {
		ttl   *int64
		life  time.Duration
		fault string
	}{
		"none":      {nil, 24 * time.Hour, ""},
		"short":     {seconds(600), 600 * time.Second, ""},
		"longest":   {seconds(86400), 24 * time.Hour, ""},
		"too long":  {seconds(86460), 0, "TTL specified 86460 is greater than max allowed 86400."},
		"very long": {seconds(1 << 62), 0, "TTL specified 4611686018427387904 is greater than max allowed 86400."},
		"zero":      {seconds(0), 0, "0 is less than the minimum of 1"},
		"negative":  {seconds(-1), 0, "-1 is less than the minimum of 1"},
	} {
		t.Run(name, func(t *testing.T) {
			issued, err := h.Session(t.Context(), bob, SessionRequest{TTL: c.ttl}, audit.Origin{Source: "192.0.2.9", UserAgent: "curl"})
			if c.fault != "" {
				wantInvalid(t, err, c.fault)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := issued.Credential
			if want := h.clock.now().Add(c.life); !got.ExpiresAt.Equal(want) {
				t.Errorf("expires at %v, want %v", got.ExpiresAt, want)
			}
			if got.User != "bob" || got.Source != "192.0.2.9" || got.UserAgent != "curl" || got.Backend != "directory" || len(got.Groups) != 1 {
				t.Errorf("record %+v", got)
			}
		})
	}
}

func wantInvalid(t *testing.T, err error, sentence string) {
	t.Helper()
	known, ok := errors.AsType[*fault.Error](err)
	if !ok || known.Kind != fault.Invalid || known.Public != sentence {
		t.Fatalf("error %v, want %q", err, sentence)
	}
}

// A token is refused at the exact instant of its expiry, and swept later. hazard 29
func TestSessionEndsAtItsInstant(t *testing.T) {
	h := newHouse(t)
	issued, err := h.Session(t.Context(), Identity{User: "bob"}, SessionRequest{TTL: seconds(60)}, audit.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	check := func() error {
		_, err := h.engine.Check(t.Context(), issued.Text.Reveal(), credential.Session)
		return err
	}
	h.clock.advance(60*time.Second - time.Nanosecond)
	if err := check(); err != nil {
		t.Fatal(err)
	}
	h.clock.advance(time.Nanosecond)
	if err := check(); !errors.Is(err, credential.ErrExpired) {
		t.Fatalf("error %v, want ErrExpired", err)
	}
	if n, err := h.engine.Sweep(t.Context(), 100); n != 1 || err != nil {
		t.Fatalf("swept %d, %v", n, err)
	}
	if err := check(); !errors.Is(err, credential.ErrUnknown) {
		t.Fatalf("error %v, want ErrUnknown", err)
	}
}

// A log-in makes a known user, and what an admin said of him stays.
func TestSessionMakesUserKnown(t *testing.T) {
	h := newHouse(t)
	bob := Identity{User: "bob", Mail: "bob@example.com", DisplayName: "Bob", Groups: []string{"ops"}, Backend: "directory"}
	if _, err := h.Session(t.Context(), bob, SessionRequest{}, audit.Origin{}); err != nil {
		t.Fatal(err)
	}
	change(t, h, "bob", func(u *store.User) { u.Nicknames = map[string]string{"slack": "bobby"} })
	h.clock.advance(time.Hour)
	bob.Groups = []string{"dev"}
	if _, err := h.Session(t.Context(), bob, SessionRequest{}, audit.Origin{}); err != nil {
		t.Fatal(err)
	}
	u, err := h.users.Get(t.Context(), "bob")
	if err != nil || u.Mail != "bob@example.com" || u.Groups[0] != "dev" || u.Nicknames["slack"] != "bobby" || !u.LastLoginAt.Equal(h.clock.now()) {
		t.Fatalf("user %+v, %v", u, err)
	}
}

// Only a service user gets a token for somebody else, and both names are recorded. hazard 26
func TestImpersonation(t *testing.T) {
	h := newHouse(t)
	bot := Identity{User: "bot", Backend: "directory"}
	session := func(r SessionRequest) (credential.Issued, error) {
		return h.Session(t.Context(), bot, r, audit.Origin{})
	}
	_, err := session(SessionRequest{User: "alice"})
	wantInvalid(t, err, "Could not locate user bot")
	if _, err := session(SessionRequest{}); err != nil {
		t.Fatal(err)
	}
	_, err = session(SessionRequest{User: "alice"})
	wantInvalid(t, err, "Current user is not a service and cannot request impersonated tokens")
	change(t, h, "bot", func(u *store.User) { u.IsService = true })
	change(t, h, "alice", func(u *store.User) { u.Nicknames = map[string]string{"slack": "al"} })
	change(t, h, "albert", func(u *store.User) { u.Nicknames = map[string]string{"slack": "twin"} })
	change(t, h, "alfred", func(u *store.User) { u.Nicknames = map[string]string{"slack": "twin"} })
	disable(t, h, "mallory")

	issued, err := session(SessionRequest{User: "alice"})
	if err != nil || issued.Credential.User != "alice" || issued.Credential.CreatedBy != "bot" {
		t.Fatalf("issued %+v, %v", issued.Credential, err)
	}
	if e := h.events.last(); e.User != "alice" || e.RealUser != "bot" || e.Event != audit.EventIssue {
		t.Errorf("audit record %+v", e)
	}
	if issued, err = session(SessionRequest{ImpersonateUser: "al", NicknameOrigin: "slack"}); err != nil || issued.Credential.User != "alice" {
		t.Fatalf("issued %+v, %v", issued.Credential, err)
	}
	if issued, err = session(SessionRequest{User: "bob", ImpersonateUser: "al", NicknameOrigin: "slack"}); err != nil || issued.Credential.User != "bob" {
		t.Fatalf("user does not win: %+v, %v", issued.Credential, err)
	}
	for sentence, r := range map[string]SessionRequest{
		"Could not locate user zed@slack":                        {ImpersonateUser: "zed", NicknameOrigin: "slack"},
		"Nickname origin is not provided for nickname 'al'":      {ImpersonateUser: "al"},
		"twin@slack matched more than one username":              {ImpersonateUser: "twin", NicknameOrigin: "slack"},
		"Could not locate user mallory":                          {User: "mallory"},
		"TTL specified 86401 is greater than max allowed 86400.": {User: "alice", TTL: seconds(86401)},
	} {
		_, err := session(r)
		wantInvalid(t, err, sentence)
	}
}
