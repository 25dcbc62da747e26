package storetest

import (
	"testing"
	"time"

	"latchkey/daemon/store"
)

// shelf adds ten credentials, in an order that is not that of their ids, and two more of another user's.
func shelf(t *testing.T, s store.Store) {
	t.Helper()
	service := store.Credential{ID: id(4), Kind: store.KindService, Digest: digest(4), Name: "ci", CreatedAt: base()}
	short := service
	short.ID, short.Digest, short.ExpiresAt = id(5), digest(5), base().Add(time.Hour)
	seat := apiKey(6, "bob")
	seat.Kind, seat.Workspace = store.KindDeveloper, id(700)
	machine := store.Credential{ID: id(7), Kind: store.KindCI, Digest: digest(7), Name: "build", Workspace: id(700)}
	other := machine
	other.ID, other.Digest, other.Workspace = id(8), digest(8), id(701)
	create(t, s, session(9, "bob", base().Add(2*time.Hour)), apiKey(2, "bob"), service, session(1, "bob", base().Add(time.Hour)), machine,
		short, apiKey(3, "bob"), seat, other, session(10, "bob", base().Add(3*time.Hour)),
		apiKey(11, "bobby"), session(12, "bo", base().Add(time.Hour)))
}

// ids returns the ids with these numbers.
func ids(numbers ...int) []store.ID {
	all := []store.ID{}
	for _, n := range numbers {
		all = append(all, id(n))
	}
	return all
}

func listTests() map[string]func(*testing.T, store.Store) {
	return map[string]func(*testing.T, store.Store){
		"Empty":                           testListEmpty,
		"Selection":                       testListSelection,
		"Pages":                           testListPages,
		"CursorSeesEachOnceWhileOthersGo": testListCursorSeesEachOnceWhileOthersGo,
		"RecordsAreWhole":                 testListRecordsAreWhole,
	}
}

func testListEmpty(t *testing.T, s store.Store) {
	want(t, "an empty store", list(t, s, store.Query{}), ids())
}

func testListSelection(t *testing.T, s store.Store) {
	shelf(t, s)
	for what, test := range map[string]struct {
		query store.Query
		want  []store.ID
	}{
		"all":                 {store.Query{}, ids(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)},
		"user":                {store.Query{User: "bob"}, ids(1, 2, 3, 6, 9, 10)},
		"user and kind":       {store.Query{User: "bob", Kind: store.KindSession}, ids(1, 9, 10)},
		"a user's prefix":     {store.Query{User: "bo"}, ids(12)},
		"unknown user":        {store.Query{User: "nobody"}, ids()},
		"odd user":            {store.Query{User: "bob\x00t"}, ids()},
		"kind":                {store.Query{Kind: store.KindAPIKey}, ids(2, 3, 11)},
		"session tokens":      {store.Query{Kind: store.KindSession}, ids(1, 9, 10, 12)},
		"service tokens":      {store.Query{Kind: store.KindService}, ids(4, 5)},
		"unknown kind":        {store.Query{Kind: "root"}, ids()},
		"workspace":           {store.Query{Workspace: id(700)}, ids(6, 7)},
		"workspace and kind":  {store.Query{Workspace: id(700), Kind: store.KindCI}, ids(7)},
		"workspace and user":  {store.Query{Workspace: id(700), User: "bob"}, ids(6)},
		"odd workspace":       {store.Query{Workspace: "w"}, ids()},
		"live, before":        {store.Query{User: "bob", Live: base().Add(time.Hour - time.Microsecond)}, ids(1, 2, 3, 6, 9, 10)},
		"live, at the expiry": {store.Query{User: "bob", Live: base().Add(time.Hour)}, ids(2, 3, 6, 9, 10)},
		"live service tokens": {store.Query{Kind: store.KindService, Live: base().Add(time.Hour)}, ids(4)},
		"live of all":         {store.Query{Live: base().Add(24 * time.Hour)}, ids(2, 3, 4, 6, 7, 8, 11)},
	} {
		want(t, what, list(t, s, test.query), test.want)
	}
}

func testListPages(t *testing.T, s store.Store) {
	shelf(t, s)
	for what, test := range map[string]struct {
		query store.Query
		want  []store.ID
		total int
	}{
		"first":                 {store.Query{Limit: 2}, ids(1, 2), 12},
		"offset":                {store.Query{Offset: 3, Limit: 2}, ids(4, 5), 12},
		"offset alone":          {store.Query{User: "bob", Offset: 4}, ids(9, 10), 6},
		"last":                  {store.Query{Offset: 11, Limit: 5}, ids(12), 12},
		"beyond":                {store.Query{Offset: 12, Limit: 5}, ids(), 12},
		"after":                 {store.Query{User: "bob", After: id(2), Limit: 2}, ids(3, 6), 6},
		"after what is not his": {store.Query{User: "bob", After: id(5), Limit: 2}, ids(6, 9), 6},
		"after and offset":      {store.Query{User: "bob", After: id(2), Offset: 1, Limit: 2}, ids(6, 9), 6},
		"after the last":        {store.Query{User: "bob", After: id(10)}, ids(), 6},
		"live":                  {store.Query{User: "bob", Live: base().Add(time.Hour), Offset: 1, Limit: 2}, ids(3, 6), 5},
		"kind":                  {store.Query{Kind: store.KindSession, Offset: 1, Limit: 1}, ids(9), 4},
	} {
		page, total, err := s.Credentials(t.Context(), test.query)
		wantError(t, what, err, nil)
		got := ids()
		for _, c := range page {
			got = append(got, c.ID)
		}
		want(t, what, got, test.want)
		want(t, what+": the total", total, test.total)
	}
}

func testListCursorSeesEachOnceWhileOthersGo(t *testing.T, s store.Store) {
	for n := range 50 {
		create(t, s, apiKey(n+1, "bob"))
	}
	var seen []store.ID
	for after := store.ID(""); ; {
		page, _, err := s.Credentials(t.Context(), store.Query{User: "bob", After: after, Limit: 7})
		wantError(t, "Credentials", err, nil)
		if len(page) == 0 {
			break
		}
		for _, c := range page {
			seen = append(seen, c.ID)
			_, err := s.DeleteCredential(t.Context(), c.ID, nil)
			wantError(t, "DeleteCredential", err, nil)
		}
		after = page[len(page)-1].ID
	}
	want(t, "the number seen", len(seen), 50)
}

func testListRecordsAreWhole(t *testing.T, s store.Store) {
	create(t, s, full(1))
	for _, q := range []store.Query{{}, {User: "björn"}, {Kind: store.KindSession}, {Workspace: id(77)}, {Workspace: id(77), User: "björn"}} {
		page, total, err := s.Credentials(t.Context(), q)
		wantError(t, "Credentials", err, nil)
		want(t, "the page", page, []store.Credential{full(1)})
		want(t, "the total", total, 1)
	}
}
