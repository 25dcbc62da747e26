package conf

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// read returns the content of a file.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Every configuration in this folder is read: samples without a fault, and those in testdata as the report beside them says.
// Run it with UPDATE=1 to write the reports anew. hazard 64
func TestEveryFile(t *testing.T) {
	samples, err := filepath.Glob("*.conf*")
	if err != nil || len(samples) != 3 {
		t.Fatalf("samples %q, %v", samples, err)
	}
	for _, name := range samples {
		if _, err := Load([]string{name}, nil); err != nil {
			t.Errorf("%v", err)
		}
	}
	inputs, err := filepath.Glob("testdata/*.conf")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("inputs %q, %v", inputs, err)
	}
	for _, input := range inputs {
		t.Run(strings.TrimSuffix(filepath.Base(input), ".conf"), func(t *testing.T) {
			got := reportOf(t, input)
			golden := strings.TrimSuffix(input, ".conf") + ".report"
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(read(t, golden), got); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
			if strings.Contains(got, "canary") {
				t.Error("a secret is shown")
			}
		})
	}
}

// reportOf returns what a configuration gets that only its owner can read: its faults, or its notices and all that it says.
func reportOf(t *testing.T, input string) string {
	t.Helper()
	path := write(t, filepath.Base(input), read(t, input), 0o600)
	c, err := Load([]string{path}, nil)
	if err != nil {
		return strings.ReplaceAll(err.Error(), filepath.Dir(path)+"/", "") + "\n"
	}
	report := strings.Builder{}
	for _, notice := range c.Notices {
		fmt.Fprintf(&report, "note: %s\n", notice)
	}
	for line := range strings.Lines(c.Explain()) {
		if strings.Contains(line, "# ") && !strings.Contains(line, "# default") || strings.HasPrefix(line, "[") {
			report.WriteString(line)
		}
	}
	return strings.ReplaceAll(report.String(), filepath.Dir(path)+"/", "")
}

// An unmodified st2.conf means what it means to StackStorm, and loads when everybody can read it, as packages install it.
func TestStackStorm(t *testing.T) {
	c, err := Load([]string{write(t, "st2.conf", read(t, "st2.conf"), 0o644)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Auth.Host != "127.0.0.1" || c.Auth.Port != 9100 || !c.Auth.Enable || c.Auth.APIURL != "" || c.System.User != "stanley" {
		t.Errorf("[auth] %+v, [system_user] %+v", c.Auth, c.System)
	}
	if len(c.Backends) != 1 || c.Backends[0].Name != "flat_file" || settingsOf(t, c.Backends[0])["file_path"] != "/etc/st2/htpasswd" {
		t.Errorf("backends %+v", c.Backends)
	}
}

// A secret in backend_kwargs that everybody can read is told of, and stops nothing: st2.conf must load as it is. hazard 65
func TestStackStormReadableByAll(t *testing.T) {
	text := strings.Replace(read(t, "st2.conf"), `"file_path"`, `"bind_password": "canary", "file_path"`, 1)
	path := write(t, "st2.conf", text, 0o644)
	c, err := Load([]string{path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := "[auth] backend_kwargs: everybody on this host can read the file and the bind_password in it; run: chmod o-r " + path
	if got := noticesOf(c); !strings.Contains(got, want) || strings.Contains(got, "canary") {
		t.Errorf("notices %s", got)
	}
	c, err = Load([]string{write(t, "st2.conf", text, 0o640)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := noticesOf(c); strings.Contains(got, "bind_password") {
		t.Errorf("notices %s", got)
	}
}

// defaultLine and exampleLine are lines of the reference: a default behind one #, an example behind two.
var (
	defaultLine = regexp.MustCompile(`(?m)^#([a-z0-9_]+ = .*)$`)
	exampleLine = regexp.MustCompile(`(?m)^##([a-z0-9_]+ = .*)$`)
)

// The reference shows the defaults: with all of them written down the configuration is the one of an empty file.
func TestReferenceShowsTheDefaults(t *testing.T) {
	values := func(text string) string {
		withoutOrigins := regexp.MustCompile(`(?m)\s*# .*$`).ReplaceAllString(mustLoad(t, text).Explain(), "")
		ours, _, _ := strings.Cut(withoutOrigins, "[backend.")
		return ours
	}
	text := regexp.MustCompile(`(?s)\[bootstrap\].*?\n\n`).ReplaceAllString(read(t, "latchkey.conf.reference"), "") // it has no token of its own
	if diff := cmp.Diff(values(""), values(defaultLine.ReplaceAllString(text, "$1"))); diff != "" {
		t.Errorf("the defaults (-of an empty file +of the reference):\n%s", diff)
	}
}

// The examples of the reference are right, all of them together.
func TestReferenceExamples(t *testing.T) {
	credentials := t.TempDir()
	key := newEd25519(t)
	for name, value := range map[string]string{
		"ldap": "canary", "mail": "canary", "bootstrap": "9f86d081884c7d659a2feaa0", "licence-key": privateKey(t, key),
		"mail-ca.pem": certificate(t), "licence-2027.pem": privateKey(t, key), "licence-2025.pub": publicKey(t, key),
	} {
		if err := os.WriteFile(filepath.Join(credentials, name), []byte(value), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	text := exampleLine.ReplaceAllString(read(t, "latchkey.conf.reference"), "$1")
	text = strings.ReplaceAll(text, "/etc/latchkey/", credentials+"/")
	c := mustLoad(t, defaultLine.ReplaceAllString(text, "$1"), "CREDENTIALS_DIRECTORY="+credentials)
	if c.Bootstrap.Token.Reveal() != "9f86d081884c7d659a2feaa0" || len(c.Roles) != 2 || len(c.Plugins.SHA256) != 1 || len(c.Licence.OtherKeyFiles) != 2 {
		t.Errorf("config %+v", c)
	}
}
