package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/daemon/store"
	"latchkey/daemon/store/boltstore"
	"latchkey/daemon/store/pgstore"
	"latchkey/daemon/store/pgstore/pgtest"
	"latchkey/daemon/store/transfer"
)

func bolt(t *testing.T) store.Store {
	t.Helper()
	s, err := boltstore.Open(filepath.Join(t.TempDir(), "store.db"), boltstore.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func database(t *testing.T, server *pgtest.Server) store.Store {
	t.Helper()
	s, err := pgstore.Open(t.Context(), server.NewDatabase(t), pgstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// fill puts n credentials of a hundred users into a store, and what else a store has.
func fill(t *testing.T, s store.Store, n int) {
	t.Helper()
	now := time.Date(2026, 11, 22, 12, 0, 0, 123456000, time.UTC)
	records := []store.Record{{Held: true}, {Mark: "bootstrap"}}
	for i := range 100 {
		records = append(records, store.Record{User: &store.User{Name: fmt.Sprintf("user%d", i), Groups: []string{"wheel"}, CreatedAt: now}},
			store.Record{Lockout: &store.NamedLockout{Key: fmt.Sprintf("name:%d", i), Lockout: store.Lockout{Failures: []time.Time{now}}, Expires: now}})
	}
	for i := range n {
		records = append(records, store.Record{Credential: &store.Credential{
			ID: store.ID(fmt.Sprintf("%024x", i)), Kind: store.KindSession, Digest: store.Digest(fmt.Sprintf("%032d", i)), User: fmt.Sprintf("user%d", i%100),
			CreatedAt: now, ExpiresAt: now.Add(time.Duration(i) * time.Second), Metadata: []byte(`{"a":[1,2.50]}`),
		}})
	}
	if err := s.Import(t.Context(), records); err != nil {
		t.Fatal(err)
	}
}

// A store is copied from a file into a database and from there into a file again, and nothing is lost on the way.
func TestCopyThereAndBack(t *testing.T) {
	server := pgtest.Start(t)
	first, there, back := bolt(t), database(t, server), bolt(t)
	fill(t, first, 3210)
	told := 0
	for _, step := range []struct{ from, to store.Store }{{first, there}, {there, back}} {
		count, err := transfer.Copy(t.Context(), step.from, step.to, func(transfer.Count) { told++ })
		if want := (transfer.Count{Users: 100, Lockouts: 100, Credentials: 3210}); err != nil || count != want {
			t.Fatalf("%s, %v; want %s", count, err, want)
		}
		if err := transfer.Compare(t.Context(), step.from, step.to); err != nil {
			t.Error(err)
		}
		if _, err := transfer.Copy(t.Context(), step.from, step.to, nil); !errors.Is(err, transfer.ErrNotEmpty) {
			t.Errorf("a second time: %v", err)
		}
	}
	if err := transfer.Compare(t.Context(), first, back); err != nil {
		t.Error(err)
	}
	if told == 0 {
		t.Error("nothing was told of the progress")
	}
}

// A difference is found and named: a record that is missing, one too many, one that is not the same.
func TestCompare(t *testing.T) {
	for what, c := range map[string]struct {
		spoil func(t *testing.T, s store.Store) error
		want  string
	}{
		"missing": {func(t *testing.T, s store.Store) error {
			_, err := s.DeleteCredential(t.Context(), store.ID(fmt.Sprintf("%024x", 9)), nil)
			return err
		}, "the credential 000000000000000000000009 is missing"},
		"too many": {func(t *testing.T, s store.Store) error {
			return s.Import(t.Context(), []store.Record{{Credential: &store.Credential{ID: "ffffffffffffffffffffffff", Kind: store.KindAPIKey, Digest: store.Digest(strings.Repeat("x", 32)), User: "u"}}})
		}, "the copy has the credential ffffffffffffffffffffffff too many"},
		"another": {func(t *testing.T, s store.Store) error {
			_, err := s.PutUser(t.Context(), "user5", func(u *store.User, _ bool) error { u.Disabled = true; return nil })
			return err
		}, `the user "user5" and the user "user5" are not the same`},
	} {
		a, b := bolt(t), bolt(t)
		fill(t, a, 10)
		fill(t, b, 10)
		if err := transfer.Compare(t.Context(), a, b); err != nil {
			t.Fatal(err)
		}
		if err := c.spoil(t, b); err != nil {
			t.Fatal(err)
		}
		if err := transfer.Compare(t.Context(), a, b); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", what, err, c.want)
		}
	}
}

// A target that fails ends the copy with its error.
func TestCopyFails(t *testing.T) {
	from, to := bolt(t), bolt(t)
	fill(t, from, 5000)
	broken := &failing{Contents: to}
	if _, err := transfer.Copy(t.Context(), from, broken, nil); err == nil || !strings.Contains(err.Error(), "the target cannot be written: no space") {
		t.Errorf("error %v", err)
	}
}

// failing is a store that takes nothing.
type failing struct{ store.Contents }

func (f *failing) Import(context.Context, []store.Record) error { return errors.New("no space") }
