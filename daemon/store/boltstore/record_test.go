package boltstore

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"latchkey/daemon/store"
)

// Fields of a later version are passed over, and an encoding of a later version is not guessed at.
func TestRecordsOfLaterVersions(t *testing.T) {
	c, err := decodeCredential([]byte("d"), []byte(`{"id":"x","kind":"apikey","user":"bob","seat":{"of":[1,2]},"weight":1e9}`))
	if err != nil || c.User != "bob" || c.Digest != "d" {
		t.Errorf("a record with unknown fields: %+v, %v", c, err)
	}
	for _, value := range [][]byte{nil, {}, {1}, []byte("\x02{}"), []byte("[]")} {
		if _, err := decodeUser([]byte("bob"), value); !errors.Is(err, errEncoding) {
			t.Errorf("a record that begins with % x: %v", value, err)
		}
	}
	if _, err := decodeUser([]byte("bob"), []byte(`{"groups":`)); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("half a record: %v", err)
	}
}

// A session token that stands in the file without an expiry is expired at any time. hazard 29
func TestRecordWithoutExpiry(t *testing.T) {
	c, err := decodeCredential([]byte("d"), []byte(`{"id":"x","kind":"token","user":"bob"}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, now := range []time.Time{{}, time.Unix(0, 0), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if !c.Expired(now) {
			t.Errorf("it lives at %v", now)
		}
	}
}

// Keys sort as the times do that they begin with.
func TestKeysSortByTime(t *testing.T) {
	times := []time.Time{
		time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC), time.Date(1901, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC),
		time.Unix(0, 0), time.Unix(0, 1000), time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), time.Date(2263, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC),
		{}, // the last is never
	}
	for i := range times[1:] {
		if bytes.Compare(endKey(times[i]), endKey(times[i+1])) >= 0 {
			t.Errorf("%v does not sort before %v", times[i], times[i+1])
		}
	}
}

// FuzzRecord reads records that nobody wrote: an error, or something that can be written again.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"id":"574840001878c10d0b6e8fbf","kind":"token","user":"bob","metadata":{"a":[1]},"expires_at":"2026-11-22T00:00:00Z"}`))
	f.Add([]byte(`{"failures":["2026-11-22T00:00:00Z"],"until":"0001-01-01T00:00:00Z","nicknames":{"slack":"b"}}`))
	f.Add([]byte(`{"metadata":null,"roles":[null],"created_at":"9999-12-31T23:59:59.999999999+23:59"}`))
	f.Add([]byte("\x02"))
	f.Fuzz(func(t *testing.T, value []byte) {
		if c, err := decodeCredential([]byte("d"), value); err == nil {
			_ = c.Settle() // it must not panic; the digest above is too short to be kept
			if again, err := encodeCredential(&c); err == nil {
				if same, err := decodeCredential([]byte("d"), again); err != nil || !same.ExpiresAt.Equal(c.ExpiresAt) || same.User != c.User {
					t.Errorf("%+v was written, and %+v read: %v", c, same, err)
				}
			} else if !errors.Is(err, store.ErrInvalid) {
				t.Error(err)
			}
		}
		if u, err := decodeUser([]byte("bob"), value); err == nil {
			_ = u.Settle() // a time may be one that cannot be written
			if _, err := encodeUser(&u); err != nil && !errors.Is(err, store.ErrInvalid) {
				t.Error(err)
			}
		}
		var row lockoutRow
		_ = decode(value, &row) // must not panic
	})
}
