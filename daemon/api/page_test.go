package api

import (
	"net/url"
	"testing"

	"latchkey/daemon/fault"
)

func TestPageOf(t *testing.T) {
	const id = "58e3f3330c0517062a3fda43"
	for _, c := range []struct {
		query    string
		admin    bool
		want     page
		kind     fault.Kind
		sentence string
	}{
		{query: "", want: page{limit: 50}},
		{query: "limit=", want: page{limit: 50}},
		{query: "limit=100&offset=3&after=" + id, want: page{limit: 100, offset: 3, after: id}},
		{query: "limit=-1", admin: true, want: page{limit: -1}},
		{query: "limit=1000", admin: true, want: page{limit: 1000}},
		{query: "limit=1", want: page{limit: 1}},
		{query: "limit=0", kind: fault.Invalid, sentence: `Limit, "0" specified, must be a positive number or -1 for full result set.`},
		{query: "limit=0", admin: true, kind: fault.Invalid, sentence: `Limit, "0" specified, must be a positive number or -1 for full result set.`},
		{query: "limit=-22", kind: fault.Invalid, sentence: `Limit, "-22" specified, must be a positive number.`},
		{query: "limit=-22", admin: true, kind: fault.Invalid, sentence: `Limit, "-22" specified, must be a positive number.`},
		{query: "limit=1000", kind: fault.Forbidden, sentence: `Limit "1000" specified, maximum value is "100"`},
		{query: "limit=101", kind: fault.Forbidden, sentence: `Limit "101" specified, maximum value is "100"`},
		{
			query: "limit=-1", kind: fault.Forbidden,
			sentence: "Administrator access required to be able to specify limit=-1 and retrieve all the records",
		},
		{query: "limit=canary", kind: fault.Invalid, sentence: "limit is not an integer."},
		{query: "limit=99999999999999999999", admin: true, kind: fault.Invalid, sentence: "limit is not an integer."},
		{query: "offset=-1", kind: fault.Invalid, sentence: "offset is not a number of records."},
		{query: "offset=canary", kind: fault.Invalid, sentence: "offset is not a number of records."},
		{query: "offset=2147483648", kind: fault.Invalid, sentence: `Offset "2147483648" specified is more than 32 bit int`},
		{query: "after=canary", kind: fault.Invalid, sentence: "after is not an id."},
	} {
		values, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := pageOf(values, c.admin, 100)
		if c.sentence == "" {
			if err != nil || got != c.want {
				t.Errorf("%s: got %+v, %v", c.query, got, err)
			}
			continue
		}
		if err == nil || err.Error() != c.sentence || fault.KindOf(err) != c.kind {
			t.Errorf("%s: got %+v, %v", c.query, got, err)
		}
	}
	if got, err := pageOf(url.Values{}, false, 20); err != nil || got.limit != 20 {
		t.Errorf("a small page size: got %+v, %v", got, err)
	}
}

func FuzzPageOf(f *testing.F) {
	for _, seed := range []string{"", "limit=1", "limit=-1", "limit=+5", "limit=0x10", "limit=9223372036854775808", "offset=%31", "after=0", "limit=1;offset=2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		values, _ := url.ParseQuery(query)
		got, err := pageOf(values, false, 100)
		if err == nil && (got.limit < 1 || got.limit > 100 || got.offset < 0 || got.most() != got.limit) {
			t.Fatalf("%q gives %+v", query, got)
		}
	})
}
