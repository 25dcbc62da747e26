package boltstore_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"latchkey/daemon/store"
	"latchkey/daemon/store/boltstore"
)

// smallDisk mounts a file system of this size, such as "8m", for the test.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatalf("a small file system cannot be mounted (run the tests as root): %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("the small file system stays mounted: %v", err)
		}
	})
	return dir
}

// TestFullDisk fills the disk, twice: a write fails and leaves nothing, what was there is read, and all goes on when there is
// room again.
func TestFullDisk(t *testing.T) {
	dir := smallDisk(t, "2m")
	path := filepath.Join(dir, "store.db")
	ballast := []string{filepath.Join(dir, "ballast1"), filepath.Join(dir, "ballast2")}
	for _, name := range ballast {
		if err := os.WriteFile(name, make([]byte, 512<<10), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := openAt(t, path, boltstore.Options{})
	n, full := 0, map[int]bool{}
	for _, name := range ballast {
		var failed error
		for ; failed == nil && n < 100_000; n++ {
			if failed = s.CreateCredential(t.Context(), token(n)); failed != nil {
				full[n] = true
			}
		}
		if !errors.Is(failed, unix.ENOSPC) || !strings.Contains(failed.Error(), "the store cannot be written") {
			t.Fatalf("on a full disk: %v", failed)
		}
		if err := s.Ping(t.Context()); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("ready on a full disk: %v", err)
		}
		wantTokens(t, s, n, full)
		crashed := filepath.Join(t.TempDir(), "crashed.db")
		snapshot(t, path, crashed)
		wantTokens(t, openAt(t, crashed, boltstore.Options{NoSync: true}), n, full)

		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		if err := s.Ping(t.Context()); err != nil {
			t.Fatalf("with room again: %v", err)
		}
		for range 50 {
			create(t, s, n)
			n++
		}
		wantTokens(t, s, n, full)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantTokens(t, openAt(t, path, boltstore.Options{}), n, full)
}

// wantTokens fails the test unless the store has the first n tokens, but for those that were refused.
func wantTokens(t *testing.T, s store.Store, n int, refused map[int]bool) {
	t.Helper()
	wantConsistent(t, s)
	if _, total, err := s.Credentials(t.Context(), store.Query{}); err != nil || total != n-len(refused) {
		t.Fatalf("%d credentials, %v; want %d", total, err, n-len(refused))
	}
	for i := range refused {
		if _, err := s.Credential(t.Context(), token(i).ID); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("a refused token is there: %v", err)
		}
	}
}

// TestFullDiskAtStart opens a store on a full disk, and makes none there.
func TestFullDiskAtStart(t *testing.T) {
	dir := smallDisk(t, "256k")
	path, ballast := filepath.Join(dir, "store.db"), filepath.Join(dir, "ballast")
	fill := func() {
		t.Helper()
		if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
	}
	fill()
	if s, err := boltstore.Open(path, boltstore.Options{}); err == nil {
		t.Fatalf("a store was made on a full disk (%v)", s.Close())
	} else if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), path) {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Fatalf("it left something: %v, %v", left, err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	s := openAt(t, path, boltstore.Options{})
	create(t, s, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	fill()
	s = openAt(t, path, boltstore.Options{})
	if _, err := s.CredentialByDigest(t.Context(), token(1).Digest); err != nil {
		t.Errorf("a store on a full disk cannot be read: %v", err)
	}
}
