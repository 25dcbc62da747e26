package daemon

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"latchkey/conf"
)

// Logging is the daemon's log: lines of text or JSON on standard error or in a file, with a level that a reload can change.
type Logging struct {
	// Logger is what the rest of the daemon writes to.
	Logger *slog.Logger

	level slog.LevelVar
	out   *reopenable
}

// OpenLogging opens the log that the configuration asks for; stderr is where it goes when no file is named. The error names
// the file.
func OpenLogging(c conf.Log, stderr io.Writer) (*Logging, error) {
	l := &Logging{out: &reopenable{path: c.File, to: stderr}}
	if err := l.out.reopen(); err != nil {
		return nil, err
	}
	l.level.Set(c.Level)
	options := &slog.HandlerOptions{Level: &l.level}
	if c.Format == "json" {
		l.Logger = slog.New(slog.NewJSONHandler(l.out, options))
	} else {
		l.Logger = slog.New(slog.NewTextHandler(l.out, options))
	}
	return l, nil
}

// Reload takes over a new level and opens the file again, so that logrotate can move it away. The format and the path stay
// until a restart.
func (l *Logging) Reload(c conf.Log) error {
	l.level.Set(c.Level)
	return l.out.reopen()
}

// Close closes the log's file.
func (l *Logging) Close() error { return l.out.close() }

// reopenable is a writer to a file that can be opened again under its name.
type reopenable struct {
	path string

	mu   sync.Mutex
	to   io.Writer
	file *os.File
}

func (r *reopenable) Write(line []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.to.Write(line)
}

func (r *reopenable) reopen() error {
	if r.path == "" {
		return nil
	}
	file, err := os.OpenFile(r.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("log file: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file != nil {
		_ = r.file.Close() // the old file has all that was written; a failing close of it changes nothing
	}
	r.file, r.to = file, file
	return nil
}

func (r *reopenable) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}
