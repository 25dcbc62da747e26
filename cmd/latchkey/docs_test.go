package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// docs/cli.md names every command, every flag and every exit code.
func TestDocument(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("..", "..", "docs", "cli.md"))
	if err != nil {
		t.Fatal(err)
	}
	document := string(content)
	var look func(*cobra.Command)
	look = func(cmd *cobra.Command) {
		if !cmd.IsAvailableCommand() || cmd.IsAdditionalHelpTopicCommand() {
			return
		}
		if !cmd.HasSubCommands() && !strings.Contains(document, "`"+cmd.CommandPath()) {
			t.Errorf("%q is not in docs/cli.md", cmd.CommandPath())
		}
		cmd.NonInheritedFlags().VisitAll(func(flag *pflag.Flag) {
			if !strings.Contains(document, "--"+flag.Name) {
				t.Errorf("--%s of %q is not in docs/cli.md", flag.Name, cmd.CommandPath())
			}
		})
		for _, child := range cmd.Commands() {
			look(child)
		}
	}
	a := &app{now: time.Now}
	look(a.command())
	for line := range strings.SplitSeq(exitCodesText, "\n") {
		code, meaning, _ := strings.Cut(strings.TrimSpace(line), "  ")
		if row := fmt.Sprintf("| %s | %s |", code, meaning); !strings.Contains(document, row) {
			t.Errorf("docs/cli.md has no line %q", row)
		}
	}
}
