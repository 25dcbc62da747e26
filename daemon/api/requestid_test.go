package api

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// hazard 66
func TestRequestID(t *testing.T) {
	ids, err := newRequestIDs(strings.NewReader("12345678"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		given []string
		want  string
	}{
		{nil, "3132333435363738-1"},
		{[]string{"abc.DEF_9-"}, "abc.DEF_9-"},
		{[]string{strings.Repeat("x", 128)}, strings.Repeat("x", 128)},
		{[]string{strings.Repeat("x", 129)}, "3132333435363738-2"},
		{[]string{""}, "3132333435363738-3"},
		{[]string{"a b"}, "3132333435363738-4"},
		{[]string{"a\n{\"type\":\"ok\"}"}, "3132333435363738-5"},
		{[]string{"é"}, "3132333435363738-6"},
		{[]string{"one", "two"}, "3132333435363738-7"},
	} {
		if got := ids.of(&http.Request{Header: http.Header{requestIDHeader: c.given}}); got != c.want {
			t.Errorf("%q: got %q, want %q", c.given, got, c.want)
		}
	}
	if _, err := newRequestIDs(iotest.ErrReader(errors.New("no randomness"))); err == nil {
		t.Error("ids without randomness")
	}
}
