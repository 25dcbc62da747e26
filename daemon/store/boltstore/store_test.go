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
	t.Helper()
	s, err := boltstore.Open(filepath.Join(t.TempDir(), "store.db"), boltstore.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) { storetest.Run(t, open) }
