package boltstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"latchkey/daemon/store"
	"latchkey/daemon/store/boltstore"
)

// backup writes a copy of a store to a new file, and returns its path.
func backup(t *testing.T, s *boltstore.Store) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "copy.db")
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestBackup copies a store while others write: each copy is a store, and no write is in it by half.
func TestBackup(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "store.db"), boltstore.Options{NoSync: true})
	load(t, s, 0, 500)
	ctx, cancel := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for n := 1000 * (w + 1); ctx.Err() == nil; n++ {
				if err := s.CreateCredential(t.Context(), token(n)); err != nil {
					t.Error(err)
					return
				}
				if _, err := s.DeleteCredential(t.Context(), token(n).ID, nil); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 5 {
		copied := openAt(t, backup(t, s), boltstore.Options{NoSync: true})
		wantConsistent(t, copied)
		for n := range 500 {
			if _, err := copied.CredentialByDigest(t.Context(), token(n).Digest); err != nil {
				t.Fatalf("token %d in the copy: %v", n, err)
			}
		}
		create(t, copied, 1_000_000)
	}
	cancel()
	writers.Wait()
}

// TestSlowBackup leaves a copy half-read while the store grows a thousandfold: neither writers nor readers wait for it.
func TestSlowBackup(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "store.db"), boltstore.Options{NoSync: true, CacheBytes: 1})
	create(t, s, 0)
	reader, writer := io.Pipe()
	t.Cleanup(func() { _ = reader.Close() }) // so that a backup that nobody reads ends before the store is closed
	copied := make(chan error, 1)
	go func() { copied <- s.Backup(t.Context(), writer) }()
	begun := make([]byte, 100)
	if _, err := io.ReadFull(reader, begun); err != nil {
		t.Fatal(err)
	}
	grown := make(chan struct{})
	go func() {
		defer close(grown)
		load(t, s, 1, 5000)
		for n := range 5000 {
			if _, err := s.CredentialByDigest(t.Context(), token(n).Digest); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	soon(t, "writes and reads beside a slow backup", grown)
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-copied; err == nil {
		t.Error("a backup that nobody read is no error")
	}
}

// TestNoTextAtRest looks for credentials' texts in the file and in a copy of it: there is only what cannot be turned back.
// hazard 34
func TestNoTextAtRest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := openAt(t, path, boltstore.Options{NoSync: true})
	var texts [][]byte
	for n, text := range []string{"lkt_CanaryCanaryCanaryCanaryCanary000001", "lka_CanaryCanaryCanaryCanaryCanary000002"} {
		sum := sha256.Sum256([]byte(text))
		c := token(n)
		c.Digest = store.Digest(sum[:])
		if err := s.CreateCredential(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if _, err := s.CredentialByDigest(t.Context(), c.Digest); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, []byte(text), []byte(text[4:34]))
	}
	copied := backup(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, copied} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			if bytes.Contains(content, text) {
				t.Errorf("%s holds %s", name, text)
			}
		}
		if !bytes.Contains(content, []byte("python-requests")) {
			t.Errorf("%s does not hold what it should, so the search shows nothing", name)
		}
	}
}
