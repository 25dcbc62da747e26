package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"latchkey/daemon/store"
)

// ids returns the identifiers of a page.
func ids(page []store.Credential) []store.ID {
	var all []store.ID
	for i := range page {
		all = append(all, page[i].ID)
	}
	return all
}

func lists(t *testing.T, s store.Store) {
	ended := session(3, "bob")
	ended.ExpiresAt = epoch
	service := store.Credential{ID: id(4), Kind: store.KindService, Digest: digest(4), Name: "ci", CreatedAt: epoch, Workspace: id(99)}
	// Created out of order: the order of a list is that of the ids.
	create(t, s, service, session(2, "bob"), apiKey(1, "alice"), ended, apiKey(0, "bob"), apiKey(5, "bobby"))
	for name, c := range map[string]struct {
		query store.Query
		want  []int
		total int
	}{
		"all":              {store.Query{}, []int{0, 1, 2, 3, 4, 5}, 6},
		"of a user":        {store.Query{User: "bob"}, []int{0, 2, 3}, 3},
		"of nobody":        {store.Query{User: "bo"}, nil, 0},
		"of a kind":        {store.Query{Kind: store.KindAPIKey}, []int{0, 1, 5}, 3},
		"sessions":         {store.Query{Kind: store.KindSession}, []int{2, 3}, 2},
		"of both":          {store.Query{Kind: store.KindSession, User: "bob"}, []int{2, 3}, 2},
		"live":             {store.Query{Kind: store.KindSession, User: "bob", Live: epoch}, []int{2}, 1},
		"live, all":        {store.Query{Live: epoch}, []int{0, 1, 2, 4, 5}, 5},
		"of a workspace":   {store.Query{Workspace: id(99)}, []int{4}, 1},
		"first two":        {store.Query{Limit: 2}, []int{0, 1}, 6},
		"next two":         {store.Query{Limit: 2, Offset: 2}, []int{2, 3}, 6},
		"past the end":     {store.Query{Limit: 2, Offset: 9}, nil, 6},
		"behind an id":     {store.Query{Limit: 2, After: id(1)}, []int{2, 3}, 6},
		"behind and live":  {store.Query{User: "bob", After: id(0), Live: epoch}, []int{2}, 2},
		"behind an offset": {store.Query{User: "bob", After: id(0), Offset: 1, Limit: 5}, []int{3}, 3},
		"of a kind, paged": {store.Query{Kind: store.KindAPIKey, Offset: 1, Limit: 1}, []int{1}, 3},
	} {
		page, total, err := s.Credentials(t.Context(), c.query)
		must(t, err)
		var want []store.ID
		for _, n := range c.want {
			want = append(want, id(n))
		}
		if got := ids(page); !slices.Equal(got, want) || total != c.total {
			t.Errorf("%s: %v of %d, want %v of %d", name, got, total, want, c.total)
		}
	}
}

func cursors(t *testing.T, s store.Store) {
	const all = 57
	for n := range all {
		create(t, s, apiKey(n, "bob"))
	}
	var seen []store.ID
	for after := store.ID(""); ; {
		page, total, err := s.Credentials(t.Context(), store.Query{User: "bob", Kind: store.KindAPIKey, After: after, Limit: 10})
		must(t, err)
		if total != all {
			t.Fatalf("total %d, want %d", total, all)
		}
		if len(page) == 0 {
			break
		}
		seen = append(seen, ids(page)...)
		after = page[len(page)-1].ID
		// What comes and goes meanwhile shifts nothing.
		extra := apiKey(1000+len(seen), "eve")
		create(t, s, extra)
	}
	if len(seen) != all || !slices.IsSorted(seen) {
		t.Fatalf("%d seen, sorted %v", len(seen), slices.IsSorted(seen))
	}
}

func expiry(t *testing.T, s store.Store) {
	create(t, s, session(0, "bob"))
	at := epoch.Add(time.Hour)
	if n, err := s.SweepCredentials(t.Context(), at.Add(-time.Nanosecond), 10); err != nil || n != 0 {
		t.Fatalf("swept %d before the instant, %v", n, err)
	}
	if page, _, err := s.Credentials(t.Context(), store.Query{Live: at.Add(-time.Nanosecond)}); err != nil || len(page) != 1 {
		t.Fatalf("%d live before the instant, %v", len(page), err)
	}
	if page, _, err := s.Credentials(t.Context(), store.Query{Live: at}); err != nil || len(page) != 0 {
		t.Fatalf("%d live at the instant, %v", len(page), err)
	}
	if n, err := s.SweepCredentials(t.Context(), at, 10); err != nil || n != 1 {
		t.Fatalf("swept %d at the instant, %v", n, err)
	}
}

// sweeping goes in small batches, soonest first, and leaves what does not expire. hazard 67
func sweeping(t *testing.T, s store.Store) {
	ctx := t.Context()
	const expired = 25
	for n := range expired {
		c := session(n, fmt.Sprintf("user%d", n%3))
		c.ExpiresAt = epoch.Add(time.Duration(n) * time.Second)
		create(t, s, c)
	}
	create(t, s, apiKey(100, "bob"), session(101, "bob"))
	now := epoch.Add(time.Minute)
	for _, want := range []int{10, 10, 5, 0} {
		n, err := s.SweepCredentials(ctx, now, 10)
		if err != nil || n != want {
			t.Fatalf("swept %d, %v; want %d", n, err, want)
		}
		if want == 10 {
			if _, err := s.Credential(ctx, id(expired-1)); err != nil {
				t.Fatalf("the last to expire is gone first: %v", err)
			}
		}
	}
	page, total, err := s.Credentials(ctx, store.Query{})
	if err != nil || total != 2 || page[0].ID != id(100) {
		t.Fatalf("left %v of %d, %v", ids(page), total, err)
	}
	_, err = s.CredentialByDigest(ctx, digest(0))
	wantError(t, err, store.ErrNotFound)
}

func lastUses(t *testing.T, s store.Store) {
	ctx := t.Context()
	create(t, s, store.Credential{ID: id(0), Kind: store.KindService, Digest: digest(0), Name: "ci", CreatedAt: epoch})
	_, err := s.CredentialByDigest(ctx, digest(0))
	must(t, err)
	must(t, s.NoteUses(ctx, map[store.ID]time.Time{id(0): epoch.Add(time.Minute), id(7): epoch}))
	entry, err := s.CredentialByDigest(ctx, digest(0))
	if err != nil || !entry.Credential.LastUsedAt.Equal(epoch.Add(time.Minute)) {
		t.Fatalf("last used at %v, %v", entry.Credential.LastUsedAt, err)
	}
	_, err = s.Credential(ctx, id(7))
	wantError(t, err, store.ErrNotFound)
}
