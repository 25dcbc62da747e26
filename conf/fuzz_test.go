package conf

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// FuzzLoad reads any bytes before, between and behind lines with secrets. Nothing panics, what is returned is a configuration
// or faults and never both or neither, each fault is one line, and no secret is in any of them. hazard 38, hazard 64
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"[auth]\nhost = ::1\n", "[auth\n", "[auth]\nbackend = ldap\nbackend_kwargs = {\n", "[roles]\nAdmin = user:\n", "\ufeff[", "[auth]\n x\n\ty = z\n",
		"[proxy]\ntrusted = 1.2.3.4/33, unix\n", "[auth]\nhost=\"\"\"\nport=`\n", "[plugins]\nsha256_x = 00\n", "[store]\nurl = x\n", "[bootstrap]\nroles = ,\n",
		"[auth]\nuse_ssl = 1\ncert = /\nkey = credential:x\n", "  [log]\n  level = 1\n   2\n", "[x]\n[api]\nallow_origin = http://[\n", "\x00\xff\r", "[log]\nfile_file = /\n",
	} {
		f.Add([]byte(seed), []byte(seed))
	}
	const canary = "canary-Zk3vQ8xN1pR7tW2mB5cY9dL4"
	f.Fuzz(func(t *testing.T, before, after []byte) {
		text := string(before) + "\n\n[backend.ldap]\nbind_password = " + canary + "\n\n[bootstrap]\ntoken = " + canary + "\n\n[auth]\nbackend_kwargs = {\"bind_password\": \"" + canary + "\"}\n\n" + string(after)
		path := filepath.Join(t.TempDir(), "fuzz.conf")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, mode := range []os.FileMode{0o600, 0o644} {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			shown := ""
			c, err := Load([]string{path}, []string{"LATCHKEY_BOOTSTRAP__NAME=" + string(before), "LATCHKEY_" + string(after)})
			faults, ok := errors.AsType[Faults](err)
			switch {
			case (c == nil) != ok || (err == nil) == ok:
				t.Fatalf("config %v, error %v", c, err)
			case ok:
				shown = err.Error()
			default:
				shown = c.Explain()
				for _, notice := range c.Notices {
					faults = append(faults, Fault(notice))
					shown += notice.String()
				}
			}
			for _, fault := range faults {
				if strings.ContainsFunc(fault.Message, unicode.IsControl) || fault.Message == "" {
					t.Fatalf("a fault that is no line: %q", fault.Message)
				}
			}
			if strings.Contains(shown, canary) {
				t.Fatalf("a secret is shown: %q", shown)
			}
		}
	})
}
