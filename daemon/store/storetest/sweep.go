package storetest

import (
	"testing"
	"time"

	"latchkey/daemon/store"
)

func sweepTests() map[string]func(*testing.T, store.Store) {
	sweep := func(t *testing.T, s store.Store, now time.Time, limit int) int {
		t.Helper()
		n, err := s.SweepCredentials(t.Context(), now, limit)
		wantError(t, "SweepCredentials", err, nil)
		return n
	}
	return map[string]func(*testing.T, store.Store){
		"Nothing": func(t *testing.T, s store.Store) {
			create(t, s, apiKey(1, "bob"))
			want(t, "the number swept", sweep(t, s, base().Add(time.Hour), 10), 0)
			want(t, "the number swept without a limit", sweep(t, s, base().Add(time.Hour), 0), 0)
			wantThere(t, s, apiKey(1, "bob"))
		},
		"ExactInstant": func(t *testing.T, s store.Store) {
			c := session(1, "bob", base().Add(time.Hour))
			create(t, s, c)
			wantThere(t, s, c) // so that a cache has it
			want(t, "the number swept a microsecond early", sweep(t, s, c.ExpiresAt.Add(-time.Microsecond), 10), 0)
			wantThere(t, s, c)
			want(t, "the number swept at the expiry", sweep(t, s, c.ExpiresAt, 10), 1)
			wantGone(t, s, c)
		},
		// hazard 67
		"SmallBatchesSoonestFirst": func(t *testing.T, s store.Store) {
			for n := 1; n <= 25; n++ {
				create(t, s, session(n, "bob", base().Add(time.Duration(26-n)*time.Minute)))
			}
			create(t, s, apiKey(30, "bob"), session(31, "bob", base().Add(24*time.Hour)))
			now := base().Add(time.Hour)
			want(t, "the number in the first batch", sweep(t, s, now, 10), 10)
			left := list(t, s, store.Query{Kind: store.KindSession})
			want(t, "the soonest that is left", left[14], id(15))
			want(t, "how many are left", len(left), 16)
			want(t, "the number in the second batch", sweep(t, s, now, 10), 10)
			want(t, "the number in the third batch", sweep(t, s, now, 10), 5)
			want(t, "the number in the fourth batch", sweep(t, s, now, 10), 0)
			want(t, "what is left", list(t, s, store.Query{}), []store.ID{id(30), id(31)})
		},
		"ServiceTokensWithADate": func(t *testing.T, s store.Store) {
			c := store.Credential{ID: id(1), Kind: store.KindService, Digest: digest(1), Name: "ci", ExpiresAt: base()}
			create(t, s, c)
			want(t, "the number swept", sweep(t, s, base(), 10), 1)
			wantGone(t, s, c)
		},
		"DeletedIsNotCounted": func(t *testing.T, s store.Store) {
			create(t, s, session(1, "bob", base()), session(2, "bob", base()))
			_, err := s.DeleteCredential(t.Context(), id(1), nil)
			wantError(t, "DeleteCredential", err, nil)
			want(t, "the number swept", sweep(t, s, base(), 10), 1)
		},
	}
}
