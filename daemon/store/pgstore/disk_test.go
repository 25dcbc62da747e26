package pgstore_test

import (
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"latchkey/daemon/store"
	"latchkey/daemon/store/pgstore"
	"latchkey/daemon/store/pgstore/pgtest"
)

// smallDisk mounts a file system of this size, such as "8m", for the test. Everybody may use it, as the server is not root.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "latchkey-disk-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(dir) })
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0777,size="+size); err != nil {
		t.Fatalf("a small file system cannot be mounted (run the tests as root): %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("the small file system stays mounted: %v", err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// heavy returns the n-th token with so much attached that a disk is soon full.
func heavy(n int) store.Credential {
	noise := make([]byte, 24<<10)
	source := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)})
	_, _ = source.Read(noise) // never fails
	c := token(n)
	c.Metadata = []byte(`{"noise":"` + base64.StdEncoding.EncodeToString(noise) + `"}`)
	return c
}

// TestFullDisk fills the server's disk, twice: a write fails, what was confirmed stays, and all goes on when there is room again.
func TestFullDisk(t *testing.T) {
	dir := smallDisk(t, "128m")
	ballast := []string{filepath.Join(dir, "ballast1"), filepath.Join(dir, "ballast2")}
	for _, name := range ballast {
		if err := os.WriteFile(name, make([]byte, 24<<20), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server := pgtest.StartWith(t, pgtest.Options{
		Folder: dir, Initdb: []string{"--wal-segsize=1"}, Settings: map[string]string{"min_wal_size": "2MB", "max_wal_size": "4MB"},
	})
	s := openAt(t, server.NewDatabase(t), pgstore.Options{})
	n, confirmed := 0, map[int]bool{}
	for _, name := range ballast {
		var failed error
		for ; failed == nil && n < 10_000; n++ {
			if failed = s.CreateCredential(t.Context(), heavy(n)); failed == nil {
				confirmed[n] = true
			}
		}
		if failed == nil || errors.Is(failed, store.ErrExists) {
			t.Fatalf("on a full disk: %v", failed)
		}
		t.Logf("%d confirmed, then: %v", len(confirmed), failed)
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the store to be ready", func() bool {
			if !server.Running() { // one that cannot write its log any more ends, and somebody starts it again
				server.Restart(t)
			}
			return s.Ping(t.Context()) == nil
		})
		create(t, s, n)
		confirmed[n] = true
		n++
		for i := range n {
			switch c, err := s.Credential(t.Context(), token(i).ID); {
			case err != nil && (confirmed[i] || !errors.Is(err, store.ErrNotFound)):
				t.Fatalf("credential %d: %v", i, err)
			case err == nil && c.Metadata != nil && string(c.Metadata) != string(heavy(i).Metadata):
				t.Fatalf("credential %d came back otherwise", i)
			}
		}
		wantConsistent(t, s)
	}
}
