package kept

import (
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
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
		err := Folder{}.private("x", test.info, test.folder)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}
