package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"latchkey/daemon/client"
)

// docs/licence.md names every reason, shows the banner as it is printed, and has the code of the example.
func TestLicenceDocument(t *testing.T) {
	read := func(path ...string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(path...))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	document := read("licence.md")
	own := regexp.MustCompile(`(?m)^\tReason\w+ += "(\w+)"`).FindAllStringSubmatch(read("..", "daemon", "client", "activationerror.go"), -1)
	if len(own) < 8 {
		t.Fatalf("%d reasons", len(own))
	}
	_, table, _ := strings.Cut(document, "| reason | what to do |")
	for _, reason := range own {
		if !strings.Contains(table, "`"+reason[1]+"`") {
			t.Errorf("the reason %s is missing", reason[1])
		}
	}
	var banner strings.Builder
	client.WriteBanner(&banner, "example", &client.ActivationError{
		Reason: "no_licence_assigned", Sentence: "No licence is assigned to bob; ask an administrator of the workspace acme for one.",
	})
	if !strings.Contains(document, "```\n"+strings.TrimSpace(banner.String())+"\n```") {
		t.Errorf("the banner is another one:\n%s", &banner)
	}
	_, code, _ := strings.Cut(document, "```go\n")
	code, _, _ = strings.Cut(code, "```")
	example := read("example-tool", "main.go")
	for line := range strings.Lines(code) {
		if !strings.Contains(example, strings.TrimSpace(line)) {
			t.Errorf("the example has no line %q", line)
		}
	}
	for _, name := range regexp.MustCompile(`o\.Getenv\("(\w+)"\)`).FindAllStringSubmatch(read("..", "daemon", "client", "activate.go"), -1) {
		if !strings.Contains(document, "`"+name[1]+"`") {
			t.Errorf("%s is missing", name[1])
		}
	}
}
