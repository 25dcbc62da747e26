package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"latchkey/plugins/secret"
)

// info is a file's state, as nobody but root could make it.
type info struct {
	fs.FileInfo
	mode  fs.FileMode
	owner uint32
}

func (i info) Mode() fs.FileMode { return i.mode }
func (i info) IsDir() bool       { return i.mode.IsDir() }
func (i info) Sys() any          { return &syscall.Stat_t{Uid: i.owner} }

// What is not the caller's alone is refused, whoever and whatever it is. hazard 65
func TestPrivate(t *testing.T) {
	me := uint32(os.Geteuid())
	for _, test := range []struct {
		name   string
		info   info
		folder bool
		want   string // empty: fine
	}{
		{"file", info{mode: 0o600, owner: me}, false, ""},
		{"read-only file", info{mode: 0o400, owner: me}, false, ""},
		{"folder", info{mode: fs.ModeDir | 0o700, owner: me}, true, ""},
		{"another's file", info{mode: 0o600, owner: me + 1}, false, "belongs to somebody else"},
		{"another's folder", info{mode: fs.ModeDir | 0o700, owner: me + 1}, true, "belongs to somebody else"},
		{"group may read", info{mode: 0o640, owner: me}, false, "mode 0640"},
		{"others may write", info{mode: 0o602, owner: me}, false, "mode 0602"},
		{"others may look", info{mode: fs.ModeDir | 0o711, owner: me}, true, "mode 0711"},
		{"link", info{mode: fs.ModeSymlink | 0o777, owner: me}, false, "is a link"},
		{"link to a folder", info{mode: fs.ModeSymlink | 0o777, owner: me}, true, "is a link"},
		{"pipe", info{mode: fs.ModeNamedPipe | 0o600, owner: me}, false, "not a regular file"},
		{"device", info{mode: fs.ModeDevice | 0o600, owner: me}, false, "not a regular file"},
		{"folder for a file", info{mode: fs.ModeDir | 0o700, owner: me}, false, "not a regular file"},
		{"file for a folder", info{mode: 0o600, owner: me}, true, "not a folder"},
	} {
		err := private("x", test.info, test.folder)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

// Many commands at once keep and read one log-in, and none sees half of it.
func TestCacheIsReplacedWhole(t *testing.T) {
	kept := &cache{folder: filepath.Join(t.TempDir(), "latchkey"), server: "https://host"}
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
	left, err := os.ReadDir(kept.folder)
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
