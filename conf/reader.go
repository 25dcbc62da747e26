package conf

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"gopkg.in/ini.v1"
)

// maxFile is the longest configuration file, in bytes.
const maxFile = 1 << 20

// setting is one value with its place.
type setting struct {
	value    string
	position Position
	// rank orders the sources: files in the order in which they were named, then the environment.
	rank int
	// shared says that everybody on the host can read the file.
	shared bool
}

// settings are what was read: section → key → setting.
type settings map[string]map[string]setting

// set adds a setting; the last one wins.
func (s settings) set(section, key string, value setting) {
	if s[section] == nil {
		s[section] = map[string]setting{}
	}
	s[section][key] = value
}

// reader reads the sources and notes what is wrong with them.
type reader struct {
	files    []string
	environ  []string
	settings settings
	begins   map[string]Position // where each section of ours begins, in the last file that has it
	failed   map[sectionKey]bool // the keys whose value is at fault, so that what is missing in their place is not said, too
	faults   Faults
	notices  Faults
}

// fault notes something that is wrong.
func (r *reader) fault(p Position, format string, args ...any) {
	r.faults = append(r.faults, Fault{Position: p, Message: fmt.Sprintf(format, args...)})
}

// keyFault notes that a key's value is wrong.
func (r *reader) keyFault(p Position, section, key string, problem error) {
	r.failed[sectionKey{section, key}] = true
	r.fault(p, "[%s] %s: %v", section, key, problem)
}

// notice notes something that stops nothing.
func (r *reader) notice(p Position, format string, args ...any) {
	r.notices = append(r.notices, Fault{Position: p, Message: fmt.Sprintf(format, args...)})
}

// file reads the file of a rank; what it has wins over what was read before.
func (r *reader) file(name string, rank int) {
	text, shared, err := readFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.fault(Position{File: name}, "the file is not there; write it, or name another with --config-file")
	case err != nil:
		r.fault(Position{File: name}, "the file cannot be read: %v", cause(err))
	default:
		r.text(name, text, rank, shared)
	}
}

// readFile returns the content of a configuration file, and whether everybody can read it.
func readFile(name string) (text []byte, shared bool, err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, false, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, false, err
	}
	text, err = io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("it is longer than %d bytes", maxFile)
	}
	return text, info.Mode().IsRegular() && info.Mode().Perm()&0o004 != 0, err
}

// cause returns an error without the operation and the path, which the message has already.
func cause(err error) error {
	if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
		return wrapped.Err
	}
	return err
}

// text reads the content of a file. The scanner decides what a line is and ini.v1 what the lines say; to ini.v1 quotes and
// backticks at the beginning of a value mean something, so it gets every value between two marks.
func (r *reader) text(name string, text []byte, rank int, shared bool) {
	found := scan(name, text)
	r.faults = append(r.faults, found.faults...)
	r.notices = append(r.notices, found.notices...)
	for section, line := range found.begins {
		r.begins[section] = Position{name, line}
	}
	file, err := ini.LoadSources(ini.LoadOptions{
		IgnoreInlineComment:     true,
		IgnoreContinuation:      true,
		PreserveSurroundedQuote: true,
		KeyValueDelimiters:      "=",
		ChildSectionDelimiter:   lineMark, // in no name, so that no section inherits the keys of another
	}, []byte(strings.Join(found.lines, "\n")))
	if err != nil { // the error text of ini.v1 shows the line
		r.fault(Position{File: name}, "the file cannot be understood")
		return
	}
	for _, section := range file.Sections() {
		for _, key := range section.Keys() {
			value := strings.TrimSuffix(strings.TrimPrefix(key.Value(), valueMark), valueMark)
			r.settings.set(section.Name(), key.Name(), setting{
				value:    strings.ReplaceAll(value, lineMark, "\n"),
				position: Position{name, found.keys[sectionKey{section.Name(), key.Name()}]},
				rank:     rank,
				shared:   shared,
			})
		}
	}
}

// position returns where a key was set; when it was not, where its section begins; otherwise the last file.
func (r *reader) position(section, key string) Position {
	if given, ok := r.settings[section][key]; ok {
		return given.position
	}
	if begin, ok := r.begins[section]; ok {
		return begin
	}
	if len(r.files) > 0 {
		return Position{File: r.files[len(r.files)-1]}
	}
	return Position{File: "environment"}
}

// value returns a key's value, and false when it is not set or set to None.
func (r *reader) value(section, key string) (setting, bool) {
	given, ok := r.settings[section][key]
	return given, ok && !isNone(given.value)
}
