package pgstore_test

import (
	"testing"

	"latchkey/daemon/store"
	"latchkey/daemon/store/pgstore"
	"latchkey/daemon/store/pgstore/pgtest"
	"latchkey/daemon/store/storetest"
)

// openAt opens a store that is closed at the end of the test.
func openAt(t testing.TB, url string, o pgstore.Options) *pgstore.Store {
	t.Helper()
	s, err := pgstore.Open(t.Context(), url, o)
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

func TestStore(t *testing.T) {
	server := pgtest.Start(t)
	storetest.Run(t, func(t *testing.T) store.Store { return openAt(t, server.NewDatabase(t), pgstore.Options{}) })
}
