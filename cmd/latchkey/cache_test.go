package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/plugins/secret"
)

// Many commands at once keep and read one log-in, and none sees half of it.
func TestCacheIsReplacedWhole(t *testing.T) {
	kept := &cache{folder: stateFolder(filepath.Join(t.TempDir(), "latchkey")), server: "https://host"}
	login := func(letter string) cached {
		return cached{user: "alice", token: secret.New("lkt_" + strings.Repeat(letter, 4000)), expiry: time.Unix(1_800_000_000, 0)}
	}
	if err := kept.save(login("a")); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	for _, letter := range []string{"a", "b"} {
		go func() {
			for range 50 {
				if err := kept.save(login(letter)); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for running := 2; running > 0; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running--
		default:
		}
		got, found, err := kept.load("alice")
		if err != nil || !found || !got.token.Equal(login("a").token) && !got.token.Equal(login("b").token) {
			t.Fatalf("%v, %v, %d bytes", err, found, got.token.Len())
		}
	}
	left, err := os.ReadDir(kept.folder.Path)
	if err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}

func FuzzParseCached(f *testing.F) {
	for _, text := range []string{
		`{"server":"https://host","user":"alice","token":"lkt_x","expiry":"2026-05-28T12:39:28.650231Z"}`,
		`{"server":"https://host","user":"alice"}`, `{}`, `[]`, `null`, `{"server":"s","user":"u","expiry":"never"}`, "\x00", strings.Repeat("[", 20_000),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		kept, err := parseCached(text)
		if err == nil && (kept.User == "" || kept.Server == "") {
			t.Errorf("%q is taken for %+v", text, kept)
		}
	})
}
