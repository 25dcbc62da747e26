package conf

import (
	"bytes"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The marks around values, and between the lines of one value, in what ini.v1 reads. Neither can be in a file, since control
// characters are refused.
const (
	valueMark = "\x01"
	lineMark  = "\x02"
)

// maxBadLines is how many lines that are no text are named before the rest of a file is given up: it is some other file then.
const maxBadLines = 10

// sectionKey names a key of a section.
type sectionKey struct{ section, key string }

// scanner goes through a file line by line and keeps the lines of our sections, in a form in which nothing in a value is
// special to ini.v1, and notes where everything stands. A line that is indented deeper than the key above it continues that
// key's value, as in Python's configparser; in a file that StackStorm's reader (oslo.config) takes, keys are not indented, so
// each line that begins with white space does.
type scanner struct {
	file    string
	lines   []string
	keys    map[sectionKey]int // the line of each key
	begins  map[string]int     // the line of each section of ours
	faults  Faults
	notices Faults

	started bool   // a section has begun
	section string // the one that we are in; empty when it is not ours
	open    bool   // there is a value that a line can continue
	depth   int    // how deep the line that began that value is indented, in bytes
	bad     int    // how many lines were no text
}

// scan goes through the content of a file.
func scan(file string, text []byte) *scanner {
	s := &scanner{file: file, keys: map[sectionKey]int{}, begins: map[string]int{}}
	number := 0
	for raw := range bytes.SplitSeq(bytes.TrimPrefix(text, []byte("\uFEFF")), []byte("\n")) {
		number++
		if s.line(number, strings.TrimSuffix(string(raw), "\r")); s.bad == maxBadLines {
			break
		}
	}
	return s
}

func (s *scanner) fault(line int, message string) {
	s.faults = append(s.faults, Fault{Position{s.file, line}, message})
}

// line takes one line.
func (s *scanner) line(number int, line string) {
	trimmed := strings.Trim(line, " \t")
	depth := len(line) - len(strings.TrimLeft(line, " \t"))
	switch {
	case trimmed == "":
		s.open = false // an empty line ends a value
	case trimmed[0] == '#' || trimmed[0] == ';':
	case s.open && depth > s.depth:
		s.continued(number, trimmed)
	case trimmed[0] == '[':
		s.begin(number, trimmed)
	case s.started && s.section == "":
		s.open, s.depth = true, depth // in a section that is not ours anything may stand
	case !isText(trimmed):
		s.open = false
		s.notText(number)
	case !s.started:
		s.fault(number, "the line stands before the first section, such as [auth]")
	default:
		s.depth = depth
		s.assigned(number, trimmed)
	}
}

// isText reports whether a line is UTF-8 without control characters.
func isText(line string) bool {
	return utf8.ValidString(line) && !strings.ContainsFunc(line, func(c rune) bool { return unicode.IsControl(c) && c != '\t' })
}

// notText notes a line that holds something else than text.
func (s *scanner) notText(number int) {
	s.bad++
	s.fault(number, "the line holds a control character or is not UTF-8")
}

// begin takes a line that begins a section; a comment may follow its name.
func (s *scanner) begin(number int, line string) {
	s.started, s.section, s.open = true, "", false
	name, rest, ok := strings.Cut(line[1:], "]")
	name = strings.Trim(name, " \t")
	if rest = strings.Trim(rest, " \t"); !ok || rest != "" && rest[0] != '#' && rest[0] != ';' {
		s.fault(number, "a section's line is [NAME] and nothing else")
		return
	}
	switch {
	case isSection(name):
		s.section = name
		s.lines = append(s.lines, "["+name+"]")
		if _, ok := s.begins[name]; !ok {
			s.begins[name] = number
		}
	case !isText(name):
		s.notText(number)
	case !isStackStorm(name):
		if near := nearest(name, sectionNames(), closeEnough); near != "" {
			s.notices = append(s.notices, Fault{Position{s.file, number}, "[" + printable(name) + "] is no section of ours and is ignored; did you mean [" + near + "]?"})
		}
	}
}

// continued takes a line that continues the value above it.
func (s *scanner) continued(number int, line string) {
	switch {
	case s.section == "":
	case !isText(line):
		s.notText(number)
	default:
		last := len(s.lines) - 1
		s.lines[last] = strings.TrimSuffix(s.lines[last], valueMark) + lineMark + line + valueMark
	}
}

// assignment is a line that sets a key, which begins with a letter, a digit or an underscore.
var assignment = regexp.MustCompile(`^([\pL\pN_][^=:]*?)[ \t]*[=:][ \t]*(.*)$`)

// assigned takes a line that sets a key of a section of ours.
func (s *scanner) assigned(number int, line string) {
	s.open = false
	parts := assignment.FindStringSubmatch(line)
	if parts == nil {
		s.fault(number, "["+s.section+"]: the line is no \"key = value\"")
		return
	}
	key, value := sectionKey{s.section, parts[1]}, parts[2]
	if first, ok := s.keys[key]; ok {
		s.faults = append(s.faults, Fault{
			Position{s.file, number},
			"[" + s.section + "] " + printable(key.key) + ": it is set already at " + Position{s.file, first}.String() + "; remove one of the two",
		})
		return
	}
	if isStackStorm(s.section) {
		value = unquoted(value)
	}
	s.keys[key], s.open = number, true
	s.lines = append(s.lines, key.key+"="+valueMark+value+valueMark)
}

// unquoted takes off the quotes around a value, as StackStorm does.
func unquoted(value string) string {
	if n := len(value); n >= 2 && value[0] == value[n-1] && (value[0] == '"' || value[0] == '\'') {
		return value[1 : n-1]
	}
	return value
}

// maxPrintable is how much of a name from a file is shown, in bytes.
const maxPrintable = 64

// printable returns a name as it is shown in a message: shortened, and without characters that do not print.
func printable(name string) string {
	if len(name) > maxPrintable {
		name = strings.ToValidUTF8(name[:maxPrintable], "") + "…"
	}
	return strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return '?'
		}
		return c
	}, name)
}
