package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
)

// A cell is as wide as a terminal shows it.
func TestColumns(t *testing.T) {
	for text, want := range map[string]int{"": 0, "abc": 3, "ü": 1, "u\u0308": 1, "日本": 4, "ｱ": 1, "Ａ": 2} {
		if got := columns(text); got != want {
			t.Errorf("%q: %d columns, want %d", text, got, want)
		}
	}
}

// Nothing that a terminal could obey gets out, in a table or in JSON, and JSON still means the same. hazard 66
func FuzzOutput(f *testing.F) {
	for _, text := range []string{"plain", "a\x1b[31mb", "\u202e\u2066", "\x9b1m", "\xff\xfe", "日本", "\U000e0041", "a|b\nc", `"\`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var out bytes.Buffer
		a := &app{stdout: &out}
		if err := a.showRows(nil, []string{"A", "B"}, [][]string{{text, text}}); err != nil {
			t.Fatal(err)
		}
		if err := a.showProperties(nil, []property{{"name", text}}); err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(out.String(), "\n"); lines != 7 {
			t.Errorf("%q makes %d lines", text, lines)
		}
		a.options.json = true
		var document bytes.Buffer
		a.stdout = &document
		if err := a.showRows([]string{text}, nil, nil); err != nil {
			t.Fatal(err)
		}
		var back []string
		if err := json.Unmarshal(document.Bytes(), &back); err != nil || len(back) != 1 || back[0] != strings.ToValidUTF8(text, "\ufffd") && strings.ToValidUTF8(text, "") == text {
			t.Errorf("%q is %q in JSON, %v", text, document.String(), err)
		}
		for _, r := range out.String() + document.String() {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Errorf("%q gets %U out", text, r)
			}
		}
	})
}
