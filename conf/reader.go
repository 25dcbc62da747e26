package conf

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/ini.v1"
)

// maxFile is the longest configuration file, in bytes.
const maxFile = 1 << 20

// setting is one value with its place.
type setting struct {
	value    string
	position Position
	// shared says that the file can be read by everybody on the host.
	shared bool
}

// settings are the sections that were read: section → key → setting.
type settings map[string]map[string]setting

// set adds a setting; the last one wins.
func (s settings) set(section, key string, value setting) {
	if s[section] == nil {
		s[section] = map[string]setting{}
	}
	s[section][key] = value
}

// reader reads files and notes what is wrong with them.
type reader struct {
	settings settings
	faults   Faults
}

// fault notes something that is wrong.
func (r *reader) fault(p Position, format string, args ...any) {
	r.faults = append(r.faults, Fault{Position: p, Message: fmt.Sprintf(format, args...)})
}

// file reads one file; what it has wins over what was read before.
func (r *reader) file(name string) {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		r.fault(Position{File: name}, "the file is not there; write it, or name another with --config-file")
		return
	}
	if err == nil && info.Size() > maxFile {
		err = fmt.Errorf("it is longer than %d bytes", maxFile)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(name)
	}
	if err != nil {
		r.fault(Position{File: name}, "the file cannot be read: %v", err)
		return
	}
	r.text(name, text, info.Mode().Perm()&0o004 != 0)
}

// The marks that shield a value from ini.v1, to which quotes and backticks at its beginning mean something. Neither can be in
// a file: control characters are refused.
const (
	shield  = "\x01"
	newline = "\x02"
)

// keyLine is a line that begins a setting.
var keyLine = regexp.MustCompile(`^([^=:\s\[#;][^=:]*?)\s*[=:]\s*(.*)$`)

// text reads the content of a file.
func (r *reader) text(name string, text []byte, shared bool) {
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	lines, ours := r.lines(name, text)
	options := ini.LoadOptions{
		IgnoreInlineComment: true, IgnoreContinuation: true, PreserveSurroundedQuote: true, KeyValueDelimiters: "=",
		ChildSectionDelimiter: newline, // no section inherits from another
	}
	file, err := ini.LoadSources(options, []byte(strings.Join(ours, "\n")))
	if err != nil {
		r.fault(Position{File: name}, "the file cannot be understood")
		return
	}
	for _, section := range file.Sections() {
		for _, key := range section.Keys() {
			value := strings.ReplaceAll(strings.TrimPrefix(key.Value(), shield), newline, "\n")
			line := lines[section.Name()+newline+key.Name()]
			r.settings.set(section.Name(), key.Name(), setting{value, Position{name, line}, shared})
		}
	}
}

// lines goes through a file and returns where each key of our sections stands, and the lines of those sections in a form in
// which nothing in a value is special. It notes lines that cannot be understood and keys that are set twice.
func (r *reader) lines(name string, text []byte) (positions map[string]int, ours []string) {
	positions = map[string]int{}
	section, key := "", "" // key: what a continued line belongs to
	for i, raw := range bytes.Split(text, []byte("\n")) {
		at := Position{name, i + 1}
		line := strings.TrimSuffix(string(raw), "\r")
		if !isSection(section) && !strings.HasPrefix(strings.TrimSpace(line), "[") {
			continue
		}
		trimmed := strings.TrimSpace(line)
		switch {
		case !utf8.ValidString(line) || strings.ContainsFunc(line, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }):
			if isSection(section) {
				r.fault(at, "the line holds a control character or is not UTF-8")
			}
			key = ""
		case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
		case trimmed[0] == '[' && (key == "" || line[0] == '['):
			section, key = r.section(at, trimmed), ""
			if isSection(section) {
				ours = append(ours, "["+section+"]")
			}
		default:
			key, ours = r.keyLine(at, section, key, line, positions, ours)
		}
	}
	return positions, ours
}

// section returns the name in a section's line.
func (r *reader) section(at Position, line string) string {
	name, rest, ok := strings.Cut(line[1:], "]")
	name = strings.TrimSpace(name)
	if rest = strings.TrimSpace(rest); ok && name != "" && (rest == "" || rest[0] == '#' || rest[0] == ';') {
		return name
	}
	if nearest := nearest(strings.Trim(line, "[] "), sectionNames()); nearest != "" {
		r.fault(at, "a section's line is [name]; did you mean [%s]?", nearest)
	}
	return ""
}

// keyLine takes a line that sets a key or continues the value of the one above.
func (r *reader) keyLine(at Position, section, key, line string, positions map[string]int, ours []string) (string, []string) {
	parts := keyLine.FindStringSubmatch(strings.TrimSpace(line))
	if parts == nil || strings.ContainsAny(parts[1], "\"'`{},") {
		indented := line[0] == ' ' || line[0] == '\t'
		if key != "" && indented {
			ours[len(ours)-1] += newline + strings.TrimSpace(line)
			return key, ours
		}
		r.fault(at, "[%s]: the line is no \"key = value\"", section)
		return "", ours
	}
	name := parts[1]
	if first, ok := positions[section+newline+name]; ok {
		r.fault(at, "[%s] %s: it is set on line %d already; remove one of the two", section, name, first)
		return "", ours
	}
	positions[section+newline+name] = at.Line
	return name, append(ours, name+"="+shield+parts[2])
}

// isSection reports whether a section is ours.
func isSection(name string) bool {
	return slices.Contains(sectionNames(), name) || strings.HasPrefix(name, backendPrefix)
}
