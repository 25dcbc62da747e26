package ldap

import (
	"errors"
	"slices"
	"testing"
	"time"

	"latchkey/plugins/plugintest"
)

func TestHosts(t *testing.T) {
	now, log := time.Unix(0, 0), &plugintest.Log{}
	a, b, c := endpoint{"a", "a:1"}, endpoint{"b", "b:1"}, endpoint{"c", "c:1"}
	h := newHosts([]endpoint{a, b, c}, func() time.Time { return now }, log.Logger())
	order := func(want ...endpoint) {
		t.Helper()
		if got := h.order(); !slices.Equal(got, want) {
			t.Errorf("order %v, want %v", got, want)
		}
	}
	due := func(want ...endpoint) {
		t.Helper()
		if got := h.due(); !slices.Equal(got, want) {
			t.Errorf("due %v, want %v", got, want)
		}
	}
	order(a, b, c)
	h.failed(a, errors.New("refused"))
	order(b, c, a)
	h.failed(b, errors.New("silent"))
	order(c, a, b)
	now = now.Add(rest - 1)
	due()
	now = now.Add(1)
	due(a, b)
	due()
	order(c, a, b)
	h.failed(a, errors.New("refused again"))
	h.answered(b)
	order(b, c, a)
	due()
	now = now.Add(rest)
	due(a)
	h.answered(a)
	order(a, b, c)
	h.answered(endpoint{"x", "x:1"})
	order(a, b, c)
	only := newHosts([]endpoint{a}, func() time.Time { return now }, log.Logger())
	only.failed(a, errors.New("x"))
	now = now.Add(rest)
	if got := only.due(); got != nil {
		t.Errorf("an only server is due: %v", got)
	}
}
