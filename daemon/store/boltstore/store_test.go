package boltstore_test

import (
	"path/filepath"
	"testing"

	"latchkey/daemon/store"
	"latchkey/daemon/store/boltstore"
	"latchkey/daemon/store/storetest"
)

// open opens a store in a folder of the test's, without fsync.
func open(t *testing.T) store.Store {
	return openAt(t, filepath.Join(t.TempDir(), "store.db"), boltstore.Options{NoSync: true})
}

// openAt opens a store that is closed at the end of the test.
func openAt(t testing.TB, path string, o boltstore.Options) *boltstore.Store {
	t.Helper()
	s, err := boltstore.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func TestStore(t *testing.T) { storetest.Run(t, open) }
