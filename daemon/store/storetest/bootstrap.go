package storetest

import (
	"testing"

	"latchkey/daemon/store"
)

func bootstrapTests() map[string]func(*testing.T, store.Store) {
	once := func(t *testing.T, s store.Store, mark string, onlyIfEmpty bool, c store.Credential) bool {
		t.Helper()
		created, err := s.CreateOnce(t.Context(), mark, onlyIfEmpty, c)
		wantError(t, "CreateOnce", err, nil)
		done, err := s.Done(t.Context(), mark)
		wantError(t, "Done", err, nil)
		want(t, "the mark", done, true)
		return created
	}
	return map[string]func(*testing.T, store.Store){
		"Once": func(t *testing.T, s store.Store) {
			done, err := s.Done(t.Context(), "first")
			wantError(t, "Done", err, nil)
			want(t, "the mark of nothing", done, false)
			want(t, "created", once(t, s, "first", true, apiKey(1, "bob")), true)
			wantThere(t, s, apiKey(1, "bob"))
			want(t, "created again", once(t, s, "first", false, apiKey(2, "bob")), false)
			_, err = s.DeleteCredential(t.Context(), id(1), nil)
			wantError(t, "DeleteCredential", err, nil)
			want(t, "created after deletion", once(t, s, "first", false, apiKey(2, "bob")), false)
			want(t, "created under another mark", once(t, s, "second", false, apiKey(2, "bob")), true)
			wantThere(t, s, apiKey(2, "bob"))
		},
		"NotWhenTheStoreHasEverHeldOne": func(t *testing.T, s store.Store) {
			create(t, s, apiKey(1, "bob"))
			_, err := s.DeleteCredential(t.Context(), id(1), nil)
			wantError(t, "DeleteCredential", err, nil)
			want(t, "created", once(t, s, "first", true, apiKey(2, "bob")), false)
			wantGone(t, s, apiKey(2, "bob"))
			want(t, "created later", once(t, s, "first", false, apiKey(2, "bob")), false)
		},
		"ARefusedOneDoesNotCount": func(t *testing.T, s store.Store) {
			wantError(t, "CreateCredential", s.CreateCredential(t.Context(), store.Credential{}), store.ErrInvalid)
			want(t, "created", once(t, s, "first", true, apiKey(1, "bob")), true)
		},
		"TakenID": func(t *testing.T, s store.Store) {
			create(t, s, apiKey(1, "bob"))
			_, err := s.CreateOnce(t.Context(), "first", false, apiKey(1, "bob"))
			wantError(t, "CreateOnce", err, store.ErrExists)
			done, err := s.Done(t.Context(), "first")
			wantError(t, "Done", err, nil)
			want(t, "the mark of what was refused", done, false)
		},
	}
}
