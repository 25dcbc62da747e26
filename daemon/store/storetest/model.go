package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"latchkey/daemon/store"
)

// likeMap does random things to the store and to a map and compares what they say.
func likeMap(t *testing.T, s store.Store) {
	base := 0 // each round uses ids of its own, since the store is not emptied
	rapid.Check(t, func(rt *rapid.T) {
		model, digests := map[int]store.Credential{}, map[store.Digest]int{}
		base += 1000
		user := fmt.Sprintf("user%d", base)
		pick := func() int { return base + rapid.IntRange(0, 7).Draw(rt, "n") }
		rt.Repeat(map[string]func(*rapid.T){
			"create": func(rt *rapid.T) {
				n := pick()
				c := session(n, user)
				c.ExpiresAt = epoch.Add(time.Duration(rapid.IntRange(1, 9).Draw(rt, "life")) * time.Hour)
				err := s.CreateCredential(t.Context(), c)
				_, known := model[n]
				_, used := digests[c.Digest]
				if known || used {
					if !errors.Is(err, store.ErrExists) {
						rt.Fatalf("error %v, want ErrExists", err)
					}
					return
				}
				if err != nil {
					rt.Fatal(err)
				}
				model[n], digests[c.Digest] = c, n
			},
			"update": func(rt *rapid.T) {
				n, disabled := pick(), rapid.Bool().Draw(rt, "disabled")
				got, err := s.UpdateCredential(t.Context(), id(n), func(c *store.Credential) error { c.Disabled = disabled; return nil })
				c, known := model[n]
				if !known {
					if !errors.Is(err, store.ErrNotFound) {
						rt.Fatalf("error %v, want ErrNotFound", err)
					}
					return
				}
				c.Disabled = disabled
				if err != nil || got.Disabled != disabled {
					rt.Fatalf("%+v, %v", got, err)
				}
				model[n] = c
			},
			"delete": func(rt *rapid.T) {
				n := pick()
				_, err := s.DeleteCredential(t.Context(), id(n), nil)
				c, known := model[n]
				if known != (err == nil) {
					rt.Fatalf("known %v, error %v", known, err)
				}
				delete(digests, c.Digest)
				delete(model, n)
			},
			"": func(rt *rapid.T) {
				var want []store.ID
				for n, c := range model {
					entry, err := s.CredentialByDigest(t.Context(), c.Digest)
					if err != nil || entry.Credential.Disabled != c.Disabled || entry.Credential.ID != c.ID {
						rt.Fatalf("credential %d: %+v, %v; want %+v", n, entry, err, c)
					}
					want = append(want, c.ID)
				}
				slices.Sort(want)
				page, total, err := s.Credentials(t.Context(), store.Query{User: user})
				if err != nil || total != len(want) || !slices.Equal(ids(page), want) {
					rt.Fatalf("list %v of %d, %v; want %v", ids(page), total, err, want)
				}
			},
		})
	})
}

// readersBesideWriters look at one credential while it is switched off and on: what they read is never older than the last
// change that had returned before they asked.
func readersBesideWriters(t *testing.T, s store.Store) {
	ctx := t.Context()
	create(t, s, apiKey(0, "bob"))
	_, err := s.PutUser(ctx, "bob", func(*store.User, bool) error { return nil })
	must(t, err)
	var returned atomic.Int64 // the number of the last change that has returned
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				before := returned.Load()
				entry, err := s.CredentialByDigest(ctx, digest(0))
				if err != nil {
					t.Error(err)
					return
				}
				seen := max(entry.Credential.CreatedBy, entry.Owner.Mail)
				if seen < number(before) {
					t.Errorf("read %s after %s had returned", seen, number(before))
					return
				}
			}
		})
	}
	for n := int64(1); n <= 200; n++ {
		_, err := s.UpdateCredential(ctx, id(0), func(c *store.Credential) error { c.CreatedBy = number(n); return nil })
		must(t, err)
		if n%2 == 0 {
			_, err = s.PutUser(ctx, "bob", func(u *store.User, _ bool) error { u.Mail = number(n); return nil })
			must(t, err)
		}
		returned.Store(n)
	}
	close(stop)
	readers.Wait()
}

// number returns a number as text that sorts like it.
func number(n int64) string { return fmt.Sprintf("%08d", n) }
