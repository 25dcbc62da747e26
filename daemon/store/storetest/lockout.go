package storetest

import (
	"testing"
	"time"

	"latchkey/daemon/store"
)

func lockoutTests() map[string]func(*testing.T, store.Store) {
	get := func(t *testing.T, s store.Store, key string) store.Lockout {
		t.Helper()
		l, err := s.Lockout(t.Context(), key)
		wantError(t, "Lockout", err, nil)
		return l
	}
	put := func(t *testing.T, s store.Store, key string, l store.Lockout, expires time.Time) {
		t.Helper()
		_, err := s.PutLockout(t.Context(), key, func(to *store.Lockout) time.Time { *to = l; return expires })
		wantError(t, "PutLockout", err, nil)
	}
	sweep := func(t *testing.T, s store.Store, now time.Time, limit int) int {
		t.Helper()
		n, err := s.SweepLockouts(t.Context(), now, limit)
		wantError(t, "SweepLockouts", err, nil)
		return n
	}
	failed := func(times ...time.Time) store.Lockout { return store.Lockout{Failures: times} }
	return map[string]func(*testing.T, store.Store){
		"CountsAndForgets": func(t *testing.T, s store.Store) {
			want(t, "a counter that is not there", get(t, s, "bob"), store.Lockout{})
			for n := 1; n <= 3; n++ {
				l, err := s.PutLockout(t.Context(), "bob", func(l *store.Lockout) time.Time {
					l.Failures = append(l.Failures, base().Add(time.Duration(len(l.Failures))*time.Second+999))
					return base().Add(time.Hour)
				})
				wantError(t, "PutLockout", err, nil)
				want(t, "the number of failures", len(l.Failures), n)
			}
			want(t, "the counter", get(t, s, "bob"), failed(base(), base().Add(time.Second), base().Add(2*time.Second)))
			locked := store.Lockout{Until: base().Add(15 * time.Minute)}
			put(t, s, "bob", locked, locked.Until)
			want(t, "the locked counter", get(t, s, "bob"), locked)
			want(t, "another counter", get(t, s, "bobby"), store.Lockout{})
			put(t, s, "bob", store.Lockout{}, time.Time{})
			want(t, "the counter that was removed", get(t, s, "bob"), store.Lockout{})
			want(t, "what there is to sweep", sweep(t, s, base().Add(24*time.Hour), 10), 0)
		},
		"SweepAtTheInstant": func(t *testing.T, s store.Store) {
			expires := base().Add(time.Hour)
			for _, key := range []string{"a", "b", "c"} {
				put(t, s, key, failed(base()), expires)
			}
			put(t, s, "later", failed(base()), expires.Add(time.Microsecond))
			put(t, s, "never", failed(base()), time.Time{})
			want(t, "the number swept early", sweep(t, s, expires.Add(-time.Microsecond), 10), 0)
			want(t, "the number in the first batch", sweep(t, s, expires, 2), 2)
			want(t, "the number in the second batch", sweep(t, s, expires, 2), 1)
			want(t, "the number in the third batch", sweep(t, s, expires, 2), 0)
			want(t, "a swept counter", get(t, s, "a"), store.Lockout{})
			want(t, "a counter that stays", get(t, s, "later"), failed(base()))
			want(t, "the number swept much later", sweep(t, s, expires.Add(100*365*24*time.Hour), 10), 1)
			want(t, "a counter that stays for ever", get(t, s, "never"), failed(base()))
		},
		"ANewExpiryReplacesTheOld": func(t *testing.T, s store.Store) {
			put(t, s, "bob", failed(base()), base().Add(time.Minute))
			put(t, s, "bob", failed(base()), base().Add(time.Hour))
			want(t, "the number swept at the old expiry", sweep(t, s, base().Add(time.Minute), 10), 0)
			want(t, "the counter", get(t, s, "bob"), failed(base()))
			put(t, s, "bob", failed(base()), time.Time{})
			want(t, "the number swept at the second expiry", sweep(t, s, base().Add(time.Hour), 10), 0)
		},
		"OddKeys": func(t *testing.T, s store.Store) {
			for _, key := range []string{"", "a\x00b", longName() + "n"} {
				_, err := s.PutLockout(t.Context(), key, func(l *store.Lockout) time.Time { l.Until = base(); return base() })
				wantError(t, "PutLockout", err, store.ErrInvalid)
				want(t, "the counter", get(t, s, key), store.Lockout{})
			}
		},
	}
}
