package workspace_test

import (
	"path/filepath"
	"testing"
	"time"

	"latchkey/daemon/store"
	"latchkey/daemon/store/boltstore"
	"latchkey/daemon/store/pgstore"
	"latchkey/daemon/store/pgstore/pgtest"
)

// onStores runs a test over each store. The database does not wait for the disk, since nothing is killed here.
func onStores(t *testing.T, test func(t *testing.T, s store.Store)) {
	t.Helper()
	t.Run("bolt", func(t *testing.T) {
		s, err := boltstore.Open(filepath.Join(t.TempDir(), "store.db"), boltstore.Options{NoSync: true})
		check(t, err)
		t.Cleanup(func() { _ = s.Close() })
		test(t, s)
	})
	t.Run("postgres", func(t *testing.T) {
		_, node := startNode(t)
		test(t, node)
	})
}

// startNode starts a database, and what the daemon has of it: a store with a memory.
func startNode(t *testing.T) (*pgtest.Server, *pgstore.Node) {
	t.Helper()
	server := pgtest.StartWith(t, pgtest.Options{Settings: map[string]string{"synchronous_commit": "off", "fsync": "off"}})
	s, err := pgstore.Open(t.Context(), server.NewDatabase(t), pgstore.Options{})
	check(t, err)
	node := pgstore.NewNode(s, pgstore.NodeOptions{Now: time.Now})
	t.Cleanup(func() { check(t, node.Close()) })
	waitWhole(t, node)
	return server, node
}

// waitWhole waits until a database's node answers from memory.
func waitWhole(t *testing.T, node *pgstore.Node) {
	t.Helper()
	deadline, ticker := time.After(time.Minute), time.NewTicker(5*time.Millisecond)
	defer ticker.Stop()
	for !node.Whole() {
		select {
		case <-deadline:
			t.Fatal("the node does not hear from its database")
		case <-ticker.C:
		}
	}
}
