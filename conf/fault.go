package conf

import (
	"fmt"
	"strings"
)

// Position is where something is written. Line is 0 for what has no line, and File is then the environment variable's name.
type Position struct {
	File string
	Line int
}

// String returns file:line, as compilers do.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Fault is one thing that is wrong with a configuration. Its message is one line that names the section and the key and what
// to do, and never holds the value of a secret.
type Fault struct {
	Position Position
	Message  string
}

// String returns "file:line: message".
func (f Fault) String() string { return f.Position.String() + ": " + f.Message }

// Notice is something that an administrator should hear once and that stops nothing.
type Notice Fault

// String returns "file:line: message".
func (n Notice) String() string { return Fault(n).String() }

// Faults is the error that Load returns: all that is wrong, in order of file and line.
type Faults []Fault

// Error returns one line for each fault.
func (f Faults) Error() string {
	lines := make([]string, 0, len(f))
	for _, fault := range f {
		lines = append(lines, fault.String())
	}
	return strings.Join(lines, "\n")
}
