package pgstore

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
)

// TestPanicInAGroup has more groups panic than may be under way: each caller is told, the log says where, and the next group is served.
func TestPanicInAGroup(t *testing.T) {
	var said bytes.Buffer
	g := &groups[string]{store: &Store{log: slog.New(slog.NewTextHandler(&said, nil))}, verb: "read"}
	g.serve = func(_ context.Context, all []*call[string]) {
		if all[0].of == "odd" {
			panic("odd")
		}
		g.answer(all, nil)
	}
	for range maxGroups + 1 {
		if err := g.do(t.Context(), "odd"); err == nil || !strings.Contains(err.Error(), "the store cannot be read: it panicked: odd") {
			t.Errorf("the error is %v", err)
		}
	}
	if err := g.do(t.Context(), "even"); err != nil {
		t.Errorf("the next group: %v", err)
	}
	g.stop()
	if !strings.Contains(said.String(), "panic_test.go") {
		t.Errorf("the log does not say where: %s", said.String())
	}
}
