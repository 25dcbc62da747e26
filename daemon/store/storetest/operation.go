package storetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"

	"latchkey/daemon/store"
)

func operationTests(open func(*testing.T) store.Store) map[string]func(*testing.T, store.Store) {
	return map[string]func(*testing.T, store.Store){
		"Ping": func(t *testing.T, s store.Store) {
			wantError(t, "Ping", s.Ping(t.Context()), nil)
		},
		"Close": func(t *testing.T, s store.Store) {
			create(t, s, apiKey(1, "bob"))
			wantError(t, "Close", s.Close(), nil)
			wantError(t, "Close once more", s.Close(), nil)
			_, byDigest := s.CredentialByDigest(t.Context(), digest(2))
			_, byID := s.Credential(t.Context(), id(1))
			_, _, listed := s.Credentials(t.Context(), store.Query{})
			_, swept := s.SweepCredentials(t.Context(), base(), 1)
			_, user := s.User(t.Context(), "bob")
			for what, err := range map[string]error{
				"Ping": s.Ping(t.Context()), "CreateCredential": s.CreateCredential(t.Context(), apiKey(2, "bob")), "CredentialByDigest": byDigest,
				"Credential": byID, "Credentials": listed, "SweepCredentials": swept, "User": user, "Backup": s.Backup(t.Context(), io.Discard),
			} {
				if err == nil || errors.Is(err, store.ErrNotFound) {
					t.Errorf("%s of a closed store: %v", what, err)
				}
			}
		},
		"CloseWaitsForWriters": func(t *testing.T, s store.Store) {
			var writers sync.WaitGroup
			for i := range 20 {
				writers.Go(func() { _ = s.CreateCredential(t.Context(), apiKey(i, "bob")) }) // done before or refused after
			}
			wantError(t, "Close", s.Close(), nil)
			writers.Wait()
		},
		"BackupEndsWithItsContext": func(t *testing.T, s store.Store) {
			create(t, s, apiKey(1, "bob"))
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			var copied bytes.Buffer
			wantError(t, "Backup", s.Backup(ctx, &copied), context.Canceled)
			want(t, "the size of the copy", copied.Len(), 0)
		},
		"BackupToABrokenWriter": func(t *testing.T, s store.Store) {
			create(t, s, apiKey(1, "bob"))
			if err := s.Backup(t.Context(), brokenWriter{}); err == nil {
				t.Error("a backup that could not be written is no error")
			}
			create(t, s, apiKey(2, "bob"))
		},
		"StoresAreApart": func(t *testing.T, s store.Store) {
			create(t, s, apiKey(1, "bob"))
			wantGone(t, open(t), apiKey(1, "bob"))
		},
	}
}

// brokenWriter takes nothing.
type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
