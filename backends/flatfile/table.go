package flatfile

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"latchkey/plugins"
)

// maxName is the longest name in bytes, as in plugins.Request.
const maxName = 256

// entry is one user of the file.
type entry struct {
	name string // NFC
	line int    // where he stands, counted from 1
	hash hash
	// refused is why he cannot log in, as one of the plugins.Reason constants, and why says it in words; empty when he can.
	refused, why string
	// padding are the hashes to check after a wrong password so that it costs what an unknown user costs.
	padding []hash
}

// table is what a password file says.
type table struct {
	entries map[string]*entry
	// usable is how many users can log in, refused how many cannot.
	usable, refused int
	// decoys are the hashes to check for a user who is unknown or cannot log in: the work of the strongest hash in the file.
	decoys  []hash
	notices notices
}

// notices are what an administrator should hear about single lines. They hold no hash.
type notices []string

// add keeps one sentence.
func (n *notices) add(format string, arguments ...any) {
	*n = append(*n, fmt.Sprintf(format, arguments...))
}

var (
	errNoName  = errors.New("has no name before the colon")
	errBadName = fmt.Errorf("has a name that nobody can log in with: longer than %d bytes, with a control character or with spaces around it", maxName)
)

// readTable reads a password file: `name:hash`, with what follows a second colon left out, as Apache httpd does. The error
// is a *lineError. A line that cannot let anybody in is no error: its user is refused, and a notice says so.
func readTable(content []byte, policy policy) (*table, error) {
	t := &table{entries: make(map[string]*entry)}
	parser := newParser(policy)
	err := eachLine(content, func(number int, before, after string) {
		name, err := canonical(before)
		if err != nil {
			t.notices.add("line %d %v: it is left out", number, err)
			return
		}
		if first, found := t.entries[name]; found {
			first.refused = plugins.ReasonAmbiguousUser
			first.why = fmt.Sprintf("lines %d and %d are both for user %q", first.line, number, name)
			t.notices.add("%s: he cannot log in", first.why)
			return
		}
		text, _, _ := strings.Cut(after, ":")
		e := &entry{name: name, line: number}
		t.entries[name] = e
		if e.hash, err = parser.parse(text); err != nil {
			e.refused, e.why = plugins.ReasonUnusableHash, fmt.Sprintf("line %d %v", number, err)
			t.notices.add("%s: user %q cannot log in", e.why, name)
			return
		}
		if weakness := e.hash.weakness(); weakness != "" {
			t.notices.add("user %q has a weak password hash: %s", name, weakness)
		}
	})
	if err != nil {
		return nil, err
	}
	t.level(policy.decoyCost)
	return t, nil
}

// level makes all refusals cost the same: that of an unknown user as much as the strongest hash of the file, and that of
// a user with a weaker one what is missing from it; decoyCost is taken where no hash can let anybody in. Otherwise the time would tell which names exist.
func (t *table) level(decoyCost int) {
	strongest := hash{scheme: schemeBcrypt, cost: decoyCost}
	first := true
	for _, e := range t.entries {
		if e.refused != "" {
			t.refused++
			continue
		}
		t.usable++
		if first || e.hash.work() > strongest.work() {
			strongest, first = e.hash, false
		}
	}
	if t.usable == 0 {
		t.notices.add("no line lets anybody log in")
	}
	t.decoys = decoys(strongest.scheme, strongest.work())
	type kind struct {
		scheme scheme
		cost   int
	}
	padding := make(map[kind][]hash)
	for _, e := range t.entries {
		if e.refused != "" {
			continue
		}
		k := kind{e.hash.scheme, e.hash.cost}
		made, found := padding[k]
		if !found {
			made = decoys(strongest.scheme, strongest.work()-e.hash.work())
			padding[k] = made
		}
		e.padding = made
	}
}

// canonical returns the NFC form of a name as it stands in a file, under which the daemon asks for it.
func canonical(name string) (string, error) {
	name = norm.NFC.String(name)
	switch {
	case name == "":
		return "", errNoName
	case len(name) > maxName, strings.ContainsFunc(name, unicode.IsControl), strings.TrimSpace(name) != name:
		return "", errBadName
	}
	return name, nil
}
