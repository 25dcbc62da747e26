package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
)

// maxRead is how much of the end of a log is looked at, in bytes.
const maxRead = 8 << 20

// ErrNotReadable means that the log is not kept in a file that can be read again.
var ErrNotReadable = errors.New("the audit log is not kept in a file")

// OfWorkspace returns the last records of a workspace, at most limit, oldest first, as they stand in the log. It looks at the last 8 MiB
// of the file as it is now, and not at files that were moved away. The error is ErrNotReadable for a log on standard output, in a pipe
// or without a file, or says that the file cannot be read.
func (l *Log) OfWorkspace(workspace string, limit int) ([]json.RawMessage, error) {
	if l.path == "" || l.path == Stdout {
		return nil, ErrNotReadable
	}
	if info, err := os.Stat(l.path); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(ErrNotReadable, err)
	}
	file, err := os.Open(l.path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	start := max(0, size-maxRead)
	text, err := io.ReadAll(io.NewSectionReader(file, start, size-start))
	if err != nil {
		return nil, err
	}
	if start > 0 { // the first line may be a part of one
		_, text, _ = bytes.Cut(text, []byte{'\n'})
	}
	return lastOf(text, workspace, limit), nil
}

// lastOf returns the last lines of a workspace. A line that is still being written is no record yet.
func lastOf(text []byte, workspace string, limit int) []json.RawMessage {
	var found []json.RawMessage
	for _, line := range slices.Backward(bytes.Split(text, []byte{'\n'})) {
		if len(found) == limit {
			break
		}
		var record struct{ Workspace string }
		if bytes.Contains(line, []byte(workspace)) && json.Unmarshal(line, &record) == nil && record.Workspace == workspace {
			found = append(found, json.RawMessage(line))
		}
	}
	slices.Reverse(found)
	return found
}
