package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// jsonTime is how answers write times: UTC with six fraction digits, like the server's.
const jsonTime = "2006-01-02T15:04:05.000000Z"

// stamp returns a time for JSON, and nothing for the zero time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(jsonTime)
}

// moment returns a time for people (RFC 3339, UTC, whole seconds), and nothing for the zero time.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// show prints document with --json, and text otherwise.
func (a *app) show(document any, text string) error {
	if a.options.json {
		return a.showJSON(document)
	}
	return a.print(text + "\n")
}

// print writes data to standard output. A failure is an error of the command: what was printed may be a key that nobody can
// show again.
func (a *app) print(text string) error {
	if _, err := a.stdout.Write([]byte(text)); err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	return nil
}

// note tells people, on standard error, that something was done.
func (a *app) note(format string, args ...any) {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = printable(text)
		}
	}
	fmt.Fprintf(a.stderr, format+"\n", args...)
}

// showJSON prints a document, indented. What a terminal could obey is written as \u escapes, which JSON leaves open.
func (a *app) showJSON(document any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(document); err != nil {
		return fmt.Errorf("output: %w", err)
	}
	var safe strings.Builder
	for _, r := range text.String() {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			safe.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&safe, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&safe, `\u%04x`, r)
		}
	}
	return a.print(safe.String())
}

// property is a line of a table about one thing.
type property struct{ name, value string }

// showProperties prints document with --json, and otherwise a table like that of "st2 auth".
func (a *app) showProperties(document any, properties []property) error {
	if a.options.json {
		return a.showJSON(document)
	}
	names, values := len("Property"), len("Value")
	for i := range properties {
		properties[i].value = printable(properties[i].value)
		names, values = max(names, columns(properties[i].name)), max(values, columns(properties[i].value))
	}
	var table strings.Builder
	rule := "+" + strings.Repeat("-", names+2) + "+" + strings.Repeat("-", values+2) + "+\n"
	line := func(name, value string) {
		table.WriteString("| " + padded(name, names) + " | " + padded(value, values) + " |\n")
	}
	table.WriteString(rule)
	line("Property", "Value")
	table.WriteString(rule)
	for _, p := range properties {
		line(p.name, p.value)
	}
	table.WriteString(rule)
	return a.print(table.String())
}

// showRows prints document with --json, and otherwise a table with a line for each row.
func (a *app) showRows(document any, header []string, rows [][]string) error {
	if a.options.json {
		return a.showJSON(document)
	}
	return a.print(rowsText(header, rows))
}

// rowsText returns a table with a line for each row.
func rowsText(header []string, rows [][]string) string {
	widths := make([]int, len(header))
	all := append([][]string{header}, rows...)
	for _, row := range all {
		for i := range row {
			row[i] = printable(row[i])
			widths[i] = max(widths[i], columns(row[i]))
		}
	}
	var table strings.Builder
	for _, row := range all {
		last := len(row) - 1
		for i, cell := range row[:last] {
			table.WriteString(padded(cell, widths[i]) + " | ")
		}
		table.WriteString(row[last] + "\n")
	}
	return table.String()
}

// printable returns text on one line with everything escaped that a terminal might obey instead of show: control characters,
// characters that turn the direction of writing, bytes that are no UTF-8.
func printable(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) {
		return text
	}
	var safe strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&safe, `\x%02x`, text[i])
		case unicode.IsPrint(r):
			safe.WriteRune(r)
		case r == '\n':
			safe.WriteString(`\n`)
		case r < 0x100:
			fmt.Fprintf(&safe, `\x%02x`, r)
		default:
			fmt.Fprintf(&safe, `\u%04x`, r)
		}
		i += size
	}
	return safe.String()
}

// columns returns how many columns of a terminal printable text takes.
func columns(text string) int {
	n := 0
	for _, r := range text {
		switch kind := width.LookupRune(r).Kind(); {
		case unicode.In(r, unicode.Mn, unicode.Me):
		case kind == width.EastAsianWide || kind == width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}

// padded returns text filled up with spaces.
func padded(text string, to int) string { return text + strings.Repeat(" ", max(0, to-columns(text))) }

// indented returns text with every line moved in.
func indented(text string) string {
	return "    " + strings.ReplaceAll(text, "\n", "\n    ")
}

// yesNo returns a word for a cell.
func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}
