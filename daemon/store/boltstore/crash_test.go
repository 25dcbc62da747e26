package boltstore_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"latchkey/daemon/store"
	"latchkey/daemon/store/boltstore"
)

// TestKill kills a process that writes, again and again on one file: what it has acknowledged is there, and no write is
// there by half.
func TestKill(t *testing.T) {
	const kills = 30
	path := filepath.Join(t.TempDir(), "store.db")
	last := map[int]string{} // the last word about each token
	words := 0
	for round := range kills {
		c := startChild(t, path, round*childWriters*childRange)
		for wait := 1 + rand.IntN(300); wait > 0; wait-- {
			if _, _, ok := hear(t, c, last); !ok {
				t.Fatal("the child died by itself")
			}
			words++
		}
		if err := c.command.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for _, _, ok := hear(t, c, last); ok; _, _, ok = hear(t, c, last) {
			words++
		}
		c.kill()
		s := openAt(t, path, boltstore.Options{})
		wantAcknowledged(t, s, last)
		wantConsistent(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d kills, %d acknowledged writes, none lost", kills, words)
}

// hear notes what a child says next.
func hear(t *testing.T, c *child, last map[int]string) (string, int, bool) {
	t.Helper()
	word, n, ok := c.next(t)
	if ok && word != "opening" && word != "opened" {
		last[n] = word
	}
	return word, n, ok
}

// wantAcknowledged looks for each token in the state that was last acknowledged, or in the one that its writer was about to
// bring about.
func wantAcknowledged(t *testing.T, s store.Store, last map[int]string) {
	t.Helper()
	for n, word := range last {
		entry, err := s.CredentialByDigest(t.Context(), token(n).Digest)
		there := err == nil
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
		switch {
		case word == "created" && !there && n%3 != 0:
			t.Errorf("token %d was acknowledged and is lost", n)
		case word == "deleted" && there:
			t.Errorf("token %d was revoked and is there", n)
		case word == "disabled" && (!there || !entry.Credential.Disabled):
			t.Errorf("token %d was disabled and is not", n)
		}
	}
}

// wantConsistent reads every credential by every way and fails the test unless they agree.
func wantConsistent(t *testing.T, s store.Store) {
	t.Helper()
	all, total, err := s.Credentials(t.Context(), store.Query{})
	if err != nil || total != len(all) {
		t.Fatalf("%d of %d credentials, %v", len(all), total, err)
	}
	users := map[string]int{}
	for i := range all {
		users[all[i].User]++
		entry, err := s.CredentialByDigest(t.Context(), all[i].Digest)
		if err != nil || entry.Credential.ID != all[i].ID {
			t.Fatalf("credential %s by its digest: %v", all[i].ID, err)
		}
	}
	for user, count := range users {
		if _, total, err := s.Credentials(t.Context(), store.Query{User: user}); err != nil || total != count {
			t.Fatalf("%s has %d of %d credentials, %v", user, total, count, err)
		}
	}
	if _, live, err := s.Credentials(t.Context(), store.Query{Live: begin().Add(100 * 365 * 24 * time.Hour)}); err != nil || live != 0 {
		t.Fatalf("%d credentials never expire, %v", live, err)
	}
}

// TestKillAtFirstStart kills a process while it makes its store: the next start finds none or a good one. hazard 68
func TestKillAtFirstStart(t *testing.T) {
	const kills = 100
	found := 0
	dir := t.TempDir()
	path := filepath.Join(dir, "store.db")
	for range kills {
		c := startChild(t, path, 0)
		if word, _, ok := c.next(t); !ok || word != "opening" {
			t.Fatalf("the child says %q", word)
		}
		timer := time.NewTimer(time.Duration(rand.IntN(3000)) * time.Microsecond)
		<-timer.C // the moment of the blow is what this test is about
		c.kill()
		if _, err := os.Stat(path); err == nil {
			found++
		}
		s := openAt(t, path, boltstore.Options{})
		if err := s.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		left, err := os.ReadDir(dir)
		if err != nil || len(left) != 1 {
			t.Fatalf("beside the store there is something: %v, %v", left, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d kills during the first start, %d of them before the store was there", kills, kills-found)
}
