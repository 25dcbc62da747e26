package machine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The id is a hash, the same each time, and nothing where the file holds no id.
func TestID(t *testing.T) {
	file := filepath.Join(t.TempDir(), "machine-id")
	if id := ID(file); id != "" {
		t.Errorf("without a file it is %q", id)
	}
	for _, test := range []struct {
		text string
		is   bool
	}{
		{"0123456789abcdef0123456789abcdef\n", true}, {"uninitialized\n", false}, {"", false}, {strings.Repeat("g", 32), false},
	} {
		if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		id := ID(file)
		if test.is != (len(id) == Digits) || id != ID(file) || id != "" && strings.Contains(test.text, id) {
			t.Errorf("%q gives %q", test.text, id)
		}
	}
}
