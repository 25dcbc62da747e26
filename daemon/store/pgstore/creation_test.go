package pgstore_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/daemon/store"
	"latchkey/daemon/store/pgstore"
	"latchkey/daemon/store/pgstore/pgtest"
)

// columnsSQL reads all of a row as the server shows it, without what differs between two rows that hold the same.
const columnsSQL = "SELECT (to_jsonb(c) - 'id' - 'digest')::text FROM latchkey.credentials c WHERE id = $1"

// various returns credentials that have every field set, none that need not be, and each in its oddest forms.
func various() []store.Credential {
	zero := "bj\xf6rn \x00 behind, {NULL} \\x"
	full := token(1)
	full.Kind, full.Name, full.Roles, full.Groups = store.KindLegacy, zero, []string{"", zero, "NULL", ""}, []string{"staff"}
	full.Metadata, full.Disabled, full.Service = []byte(`{"raw":"`+"\xff"+`","a":1.0,"a":1}`), true, true
	full.CreatedBy, full.Source, full.UserAgent, full.Backend = zero, zero, zero, zero
	full.LastUsedAt = begin().Add(123456 * time.Microsecond)
	full.Workspace, full.Member, full.Subscription = "ffffffffffffffffffffffff", "000000000000000000000000", token(7).ID
	full.Digest += "0123456789abcdef0123456789abcdef"
	bare := store.Credential{ID: token(2).ID, Kind: store.KindService, Digest: token(2).Digest}
	early, late := token(3), token(4)
	early.CreatedAt, early.ExpiresAt = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC)
	late.CreatedAt, late.ExpiresAt = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)
	return []store.Credential{full, bare, early, late}
}

// TestGroupKeepsEverything creates the same credentials alone and in a group: both come back as they were given, and the server
// has the same in each column of both.
func TestGroupKeepsEverything(t *testing.T) {
	server := pgtest.Start(t)
	url := server.NewDatabase(t)
	s := openAt(t, url, pgstore.Options{})
	all := various()
	for _, c := range all {
		if err := s.CreateCredential(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	wantStored(t, s, all...)
	again := slices.Clone(all)
	for n := range again {
		again[n].ID = token(100 + n).ID
		again[n].Digest = store.Digest("x") + again[n].Digest[1:]
	}
	g := shut(t, url, s)
	for n, err := range g.open(t, g.startAll(t, again...)) {
		wantError(t, fmt.Sprintf("creation %d", n), err, nil)
	}
	wantStored(t, s, again...)
	for n := range all {
		bytes := func(c store.Credential) []byte {
			return ask[[]byte](t, g.admin, "SELECT decode($1, 'hex')", string(c.ID))
		}
		want, got := ask[string](t, g.admin, columnsSQL, bytes(all[n])), ask[string](t, g.admin, columnsSQL, bytes(again[n]))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("credential %d stands otherwise in the table (- alone, + in a group):\n%s", n, diff)
		}
	}
	if n := ask[int](t, g.admin, transactions); n != len(all)+pgstore.MaxGroups+1 {
		t.Errorf("there were %d transactions", n)
	}
}
