package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each row of docs/security.md names tests, and they exist.
func TestSecurityTable(t *testing.T) {
	text, err := os.ReadFile("security.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^\| (\d+) \| .+ \| .+ \| (.*) \|$`)
	rows := row.FindAllStringSubmatch(string(text), -1)
	if len(rows) < 60 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, r := range rows {
		if strings.TrimSpace(r[2]) == "" {
			t.Errorf("row %s names no test", r[1])
			continue
		}
		for name := range strings.SplitSeq(r[2], ", ") {
			if script, ok := strings.CutPrefix(name, "`"); ok {
				if _, err := os.Stat(filepath.Join("..", strings.TrimSuffix(script, "`"))); err != nil {
					t.Errorf("row %s: %v", r[1], err)
				}
				continue
			}
			dot := strings.LastIndex(name, ".")
			files, err := filepath.Glob(filepath.Join("..", name[:dot], "*_test.go"))
			if err != nil || len(files) == 0 {
				t.Errorf("row %s: no tests in %s", r[1], name[:dot])
			}
			found := false
			for _, file := range files {
				source, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				found = found || strings.Contains(string(source), "func "+name[dot+1:]+"(")
			}
			if !found {
				t.Errorf("row %s: there is no %s", r[1], name)
			}
		}
	}
}

// Each row of the tables that name a test for each sentence names one that exists, by its function and its part.
func TestSentenceTables(t *testing.T) {
	for page, table := range map[string]struct {
		folder string // where a test is when none is named
		rows   int    // at least
	}{"service-tokens.md": {"cmd/latchkeyd", 15}, "workspaces.md": {"daemon/api", 45}} {
		t.Run(page, func(t *testing.T) { checkSentences(t, page, table.folder, table.rows) })
	}
}

func checkSentences(t *testing.T, page, folder string, least int) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| sentence | test |")
	rows := regexp.MustCompile(`(?m)^\| .+ \| (.+) \|$`).FindAllStringSubmatch(table, -1)
	if len(rows) < least {
		t.Fatalf("%d rows", len(rows))
	}
	for _, row := range rows {
		if script, ok := strings.CutPrefix(row[1], "`"); ok {
			if _, err := os.Stat(filepath.Join("..", strings.TrimSuffix(script, "`"))); err != nil {
				t.Error(err)
			}
			continue
		}
		dir, name := folder, row[1]
		if dot := strings.LastIndex(name, "."); dot >= 0 {
			dir, name = name[:dot], name[dot+1:]
		}
		function, part, _ := strings.Cut(name, "/")
		files, err := filepath.Glob(filepath.Join("..", dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			found = found || strings.Contains(string(source), "func "+function+"(") && (part == "" || strings.Contains(string(source), `"`+part+`"`))
		}
		if !found {
			t.Errorf("there is no %s in %s", name, dir)
		}
	}
}
