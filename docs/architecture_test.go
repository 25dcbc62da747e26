// Package docs_test holds the documents to the code: the arrows of docs/architecture.md, the hazards of docs/security.md.
package docs_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// goPackage is what `go list -json` tells of a package.
type goPackage struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Deps         []string
}

// list returns all packages of the module.
func list(t *testing.T) []goPackage {
	t.Helper()
	command := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports,Deps", "latchkey/...")
	command.Dir = ".."
	output, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(output))); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// in reports whether an import path is one of the folders or below one.
func in(path string, folders ...string) bool {
	for _, folder := range folders {
		folder = "latchkey/" + folder
		if path == folder || strings.HasPrefix(path, folder+"/") {
			return true
		}
	}
	return false
}

// The imports run along the arrows that docs/architecture.md draws, and never against them.
func TestArrows(t *testing.T) {
	rules := []struct {
		from   string
		mayUse []string
	}{
		{"plugins/secret", nil},
		{"plugins", []string{"plugins"}},
		{"conf", []string{"conf", "plugins/secret"}},
		{"daemon", []string{"daemon", "plugins", "conf"}},
		{"cmd", []string{"daemon", "plugins", "conf", "backends"}},
	}
	checked := 0
	for _, p := range list(t) {
		for _, imported := range p.Imports {
			if !strings.HasPrefix(imported, "latchkey/") {
				continue
			}
			checked++
			for _, rule := range rules {
				if in(p.ImportPath, rule.from) && !in(imported, rule.mayUse...) && !(rule.from == "plugins" && in(p.ImportPath, "plugins/secret")) {
					t.Errorf("%s imports %s, against the arrows", p.ImportPath, imported)
				}
			}
			if in(p.ImportPath, "backends") {
				own, _, _ := strings.Cut(strings.TrimPrefix(p.ImportPath, "latchkey/backends/"), "/")
				if !in(imported, "plugins", "backends/"+own) {
					t.Errorf("%s imports %s, against the arrows", p.ImportPath, imported)
				}
			}
		}
	}
	if checked == 0 {
		t.Fatal("no import was looked at")
	}
}

// The credential core knows neither HTTP nor a store's implementation, and the daemon knows no backend.
func TestCoreKnowsNoTransport(t *testing.T) {
	for _, p := range list(t) {
		for _, dep := range p.Deps {
			switch {
			case p.ImportPath == "latchkey/daemon/credential" && (dep == "net/http" || dep == "go.etcd.io/bbolt" || in(dep, "daemon/store/boltstore")):
				t.Errorf("%s depends on %s", p.ImportPath, dep)
			case in(p.ImportPath, "daemon") && in(dep, "backends", "cmd"):
				t.Errorf("%s depends on %s", p.ImportPath, dep)
			}
		}
	}
}
