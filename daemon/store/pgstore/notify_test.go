package pgstore_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"latchkey/daemon/store"
	"latchkey/daemon/store/pgstore"
	"latchkey/daemon/store/pgstore/pgtest"
)

// heard returns what was told since it was last asked, up to a mark that the test sends itself.
func heard(t *testing.T, listener, teller *pgx.Conn) []string {
	t.Helper()
	run(t, teller, "SELECT pg_notify('"+pgstore.Channel+"', 'mark')")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	payloads := []string{}
	for {
		notification, err := listener.WaitForNotification(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if notification.Payload == "mark" {
			return payloads
		}
		payloads = append(payloads, notification.Payload)
	}
}

// TestAnnouncements listens to what a store tells other nodes: each change, when it is committed and not when it is refused.
func TestAnnouncements(t *testing.T) {
	server := pgtest.Start(t)
	url := server.NewDatabase(t)
	s, listener, teller := openAt(t, url, pgstore.Options{}), connect(t, url), connect(t, url)
	if !s.Tells() {
		t.Fatal("the store says that the server has no NOTIFY")
	}
	run(t, listener, "LISTEN "+pgstore.Channel)
	refusal := errors.New("no")
	named := func(name string) string { return "u " + base64.StdEncoding.EncodeToString([]byte(name)) }
	digests := func(numbers ...int) string {
		line := "c"
		for _, n := range numbers {
			line += " " + token(n).Digest.Hex()
		}
		return line
	}
	put := func(name string) error {
		_, err := s.PutUser(t.Context(), name, func(u *store.User, _ bool) error { u.DisplayName += "x"; return nil })
		return err
	}
	logIn := func(name string) error {
		_, err := s.PutUser(t.Context(), name, func(u *store.User, _ bool) error { u.LastLoginAt = begin(); return nil })
		return err
	}
	for _, test := range []struct {
		what string
		call func() error
		err  error
		want []string
	}{
		{"a new credential", func() error { return s.CreateCredential(t.Context(), token(1)) }, nil, []string{}},
		{"a change", func() error { _, err := s.UpdateCredential(t.Context(), token(1).ID, disable); return err }, nil, []string{digests(1)}},
		{"a change that was refused", func() error {
			_, err := s.UpdateCredential(t.Context(), token(1).ID, func(*store.Credential) error { return refusal })
			return err
		}, refusal, []string{}},
		{"a rotation", func() error {
			_, err := s.UpdateCredential(t.Context(), token(1).ID, func(c *store.Credential) error { c.Digest = token(9).Digest; return nil })
			return err
		}, nil, []string{digests(1, 9)}},
		{"a use", func() error {
			return s.NoteUses(t.Context(), map[store.ID]time.Time{token(1).ID: begin(), token(7).ID: begin()})
		}, nil, []string{digests(9)}},
		{"a use of nothing", func() error { return s.NoteUses(t.Context(), map[store.ID]time.Time{token(7).ID: begin()}) }, nil, []string{}},
		{"a deletion", func() error { _, err := s.DeleteCredential(t.Context(), token(1).ID, nil); return err }, nil, []string{digests(9)}},
		{"a deletion of nothing", func() error { _, err := s.DeleteCredential(t.Context(), token(1).ID, nil); return err }, store.ErrNotFound, []string{}},
		{"a new user", func() error { return put("bj\xf6rn") }, nil, []string{named("bj\xf6rn")}},
		{"a changed user", func() error { return put("bj\xf6rn") }, nil, []string{named("bj\xf6rn")}},
		{"a log-in", func() error { return logIn("bj\xf6rn") }, nil, []string{}},
		{"the longest name", func() error { return put(strings.Repeat("n", 1024)) }, nil, []string{named(strings.Repeat("n", 1024))}},
		{"a deleted user", func() error { return s.DeleteUser(t.Context(), "bj\xf6rn") }, nil, []string{named("bj\xf6rn")}},
		{"a sweep of nothing", func() error { _, err := s.SweepCredentials(t.Context(), begin(), 9); return err }, nil, []string{}},
		{"a counter", func() error {
			_, err := s.PutLockout(t.Context(), "bob", func(l *store.Lockout) time.Time { l.Until = begin(); return begin() })
			return err
		}, nil, []string{}},
	} {
		if err := test.call(); !errors.Is(err, test.err) {
			t.Errorf("%s: %v", test.what, err)
		}
		if got := heard(t, listener, teller); !slices.Equal(got, test.want) {
			t.Errorf("%s told %q, not %q", test.what, got, test.want)
		}
	}
}

// TestManyAnnouncements changes so much at once that it is told in several pieces, or as everything.
func TestManyAnnouncements(t *testing.T) {
	server := pgtest.Start(t)
	url := server.NewDatabase(t)
	s, listener, teller := openAt(t, url, pgstore.Options{}), connect(t, url), connect(t, url)
	run(t, listener, "LISTEN "+pgstore.Channel)
	fill := func(n int) {
		t.Helper()
		run(t, teller, `INSERT INTO latchkey.credentials (id, kind, digest, user_name, expires_at, disabled, service)
			SELECT decode(lpad(to_hex(n), 24, '0'), 'hex'), 'token', sha512(n::text::bytea), 'bob', $2, false, false FROM generate_series(1, $1::int) n`, n, begin())
	}
	fill(1000)
	n, err := s.SweepCredentials(t.Context(), begin(), 1000)
	if n != 1000 || err != nil {
		t.Fatalf("%d were swept, %v", n, err)
	}
	told := map[string]bool{}
	payloads := heard(t, listener, teller)
	for _, payload := range payloads {
		if len(payload) >= 8000 || !strings.HasPrefix(payload, "c ") {
			t.Errorf("a payload of %d bytes: %.80s", len(payload), payload)
		}
		for _, digest := range strings.Fields(payload)[1:] {
			told[digest] = true
		}
	}
	if len(told) != 1000 || len(payloads) > 20 {
		t.Errorf("%d digests were told, in %d pieces", len(told), len(payloads))
	}
	fill(1300)
	if _, err := s.PutUser(t.Context(), "bob", func(*store.User, bool) error { return nil }); err != nil {
		t.Fatal(err)
	}
	heard(t, listener, teller)
	if err := s.DeleteUser(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	if got := heard(t, listener, teller); fmt.Sprint(got) != "[*]" {
		t.Errorf("a user with 1300 credentials was told as %d payloads: %.80q", len(got), got)
	}
}

// TestWithoutNotify opens a database on a server that, as some do, has no NOTIFY: it works, and says so.
func TestWithoutNotify(t *testing.T) {
	server := pgtest.Start(t)
	database := server.NewDatabase(t)
	server.Exec(t, database, `CREATE SCHEMA mute; CREATE FUNCTION mute.pg_notify(text, text) RETURNS void LANGUAGE plpgsql AS
		'BEGIN RAISE EXCEPTION ''not here'' USING ERRCODE = ''feature_not_supported''; END'`)
	s := openAt(t, database+"&search_path=mute,pg_catalog", pgstore.Options{})
	if s.Tells() {
		t.Error("the store says that the server has NOTIFY")
	}
	create(t, s, 1)
	if _, err := s.UpdateCredential(t.Context(), token(1).ID, disable); err != nil {
		t.Error(err)
	}
	if n, err := s.SweepCredentials(t.Context(), begin().Add(time.Hour), 10); n != 1 || err != nil {
		t.Errorf("%d were swept, %v", n, err)
	}
}
