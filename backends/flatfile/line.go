package flatfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxLine is the longest line in bytes, without its end.
const maxLine = 64 << 10

var (
	errNoColon  = errors.New("there is no colon in it")
	errLongLine = fmt.Errorf("it is longer than %d KiB", maxLine>>10)
	errNotText  = errors.New("it is not text in UTF-8")
)

// lineError is what makes a whole file unusable. It never holds the line's content.
type lineError struct {
	line int // counted from 1
	err  error
}

// Error names the line and what is wrong with it.
func (e *lineError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }

// Unwrap returns what is wrong with the line.
func (e *lineError) Unwrap() error { return e.err }

// eachLine calls visit with the number and the two sides of the first colon of each line. Spaces around a line do not count
// and empty lines and those that begin with "#" are left out, as Apache httpd does. A line that is too long, not text or
// without a colon ends it with a *lineError: such a file is not of the kind that it is taken for.
func eachLine(content []byte, visit func(number int, before, after string)) error {
	content = bytes.TrimPrefix(content, []byte("\uFEFF")) // some editors begin a file with a byte order mark
	number := 0
	for raw := range bytes.Lines(content) {
		number++
		line := bytes.TrimSpace(raw)
		switch {
		case len(bytes.TrimRight(raw, "\r\n")) > maxLine:
			return &lineError{number, errLongLine}
		case bytes.IndexByte(line, 0) >= 0:
			return &lineError{number, errNotText}
		case len(line) == 0 || line[0] == '#':
			continue
		case !utf8.Valid(line):
			return &lineError{number, errNotText}
		}
		before, after, found := strings.Cut(string(line), ":")
		if !found {
			return &lineError{number, errNoColon}
		}
		visit(number, before, after)
	}
	return nil
}
