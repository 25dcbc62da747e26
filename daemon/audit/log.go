package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Stdout is the path that means standard output.
const Stdout = "stdout"

// queue is how many records may wait for the disk; who comes later waits until his deadline.
const queue = 256

// The ways in which a record is not written.
var (
	errDeadline = errors.New("the audit record was not written before its deadline")
	errClosed   = errors.New("the audit log is closed")
)

// Discard is the recorder for a configuration without an audit log: it takes every event and keeps none.
type Discard struct{}

// Record returns nil.
func (Discard) Record(context.Context, Event) error { return nil }

// Log is an audit log in a file or on standard output. It is safe for concurrent use.
//
// One goroutine writes. Who records waits for it until the deadline and no longer, so a disk or a reader of the pipe that
// hangs stops what needs a record and nothing else.
type Log struct {
	path     string
	deadline time.Duration
	now      func() time.Time
	records  chan *record
	ended    chan struct{}
	failing  atomic.Pointer[error]

	mu     sync.RWMutex // held for reading by who sends, so that Close can close the channel
	closed bool

	file *os.File // used by the goroutine alone
	torn bool     // the last write left half a line that could not be taken back
}

// record is one line under way, or with reopen set, the order to open the file again.
type record struct {
	line   []byte
	reopen bool
	done   chan error
}

// Open opens the log at path, which is made with mode 0600; Stdout means standard output, and the empty path a log that keeps
// nothing. deadline is how long Record waits. The error names the file: it is a link, a folder, or cannot be written.
func Open(path string, deadline time.Duration, now func() time.Time) (*Log, error) {
	l := &Log{path: path, deadline: deadline, now: now, records: make(chan *record, queue), ended: make(chan struct{})}
	if err := l.open(); err != nil {
		return nil, err
	}
	go l.loop()
	return l, nil
}

// open opens the file and takes away what others may do with it.
func (l *Log) open() error {
	switch l.path {
	case "":
		return nil
	case Stdout:
		l.file = os.Stdout
		return nil
	}
	file, err := os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if errors.Is(err, unix.ELOOP) {
		return fmt.Errorf("audit log %s: it is a symbolic link; name the file itself", l.path)
	}
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	if info, err := file.Stat(); err != nil || info.Mode().IsRegular() && info.Mode().Perm() != 0o600 {
		if err = errors.Join(err, file.Chmod(0o600)); err != nil {
			return errors.Join(fmt.Errorf("audit log %s: its mode must be 0600: %w", l.path, err), file.Close())
		}
	}
	l.file = file
	return nil
}

// Record writes an event; see Recorder.
func (l *Log) Record(ctx context.Context, event Event) error {
	if l.path == "" {
		return nil
	}
	text, err := encode(stamped(event, l.now))
	if err != nil {
		return fmt.Errorf("audit record: %w", err)
	}
	return l.send(ctx, &record{line: text, done: make(chan error, 1)})
}

// Reopen opens the file again under its name, so that it can be moved away before (logrotate). When that fails the old file
// stays in use.
func (l *Log) Reopen() error {
	if l.path == "" || l.path == Stdout {
		return nil
	}
	return l.send(context.Background(), &record{reopen: true, done: make(chan error, 1)})
}

// Check returns nil when the last record could be written.
func (l *Log) Check() error {
	if err := l.failing.Load(); err != nil {
		return *err
	}
	return nil
}

// Close writes what was sent and closes the file.
func (l *Log) Close() error {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.records)
	}
	l.mu.Unlock()
	timer := time.NewTimer(l.deadline)
	defer timer.Stop()
	select {
	case <-l.ended:
		return nil
	case <-timer.C:
		return errDeadline
	}
}

// send hands a record to the goroutine and waits for it, until the deadline.
func (l *Log) send(ctx context.Context, r *record) error {
	ctx, cancel := context.WithTimeoutCause(ctx, l.deadline, errDeadline)
	defer cancel()
	if err := l.enqueue(ctx, r); err != nil {
		return err
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		err := context.Cause(ctx)
		l.failing.Store(&err)
		return err
	}
}

func (l *Log) enqueue(ctx context.Context, r *record) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return errClosed
	}
	select {
	case l.records <- r:
		return nil
	case <-ctx.Done():
		err := context.Cause(ctx)
		l.failing.Store(&err)
		return err
	}
}

// loop writes what is waiting, many lines at a time.
func (l *Log) loop() {
	defer close(l.ended)
	for r := range l.records {
		batch := append(make([]*record, 0, queue), r)
		for more := true; more && len(batch) < queue; {
			select {
			case next, ok := <-l.records:
				if more = ok; ok {
					batch = append(batch, next)
				}
			default:
				more = false
			}
		}
		l.write(batch)
	}
	if l.file != nil && l.path != Stdout {
		_ = l.file.Close() // every line was written, or its writer was told that it was not
	}
}

// write writes a batch and answers each record of it.
func (l *Log) write(batch []*record) {
	for len(batch) > 0 {
		if batch[0].reopen {
			batch[0].done <- l.reopen()
			batch = batch[1:]
			continue
		}
		n := 0
		var text []byte
		for n < len(batch) && !batch[n].reopen {
			text = append(text, batch[n].line...)
			n++
		}
		err := l.append(text)
		if err != nil {
			err = fmt.Errorf("audit log %s: %w", l.path, err)
			l.failing.Store(&err)
		} else {
			l.failing.Store(nil)
		}
		for _, r := range batch[:n] {
			r.done <- err
		}
		batch = batch[n:]
	}
}

// append writes lines. When the disk takes only a part of them, that part is taken back, so that the next record does not
// begin in the middle of a line; where it cannot be taken back (a pipe), the next write begins with a newline.
func (l *Log) append(text []byte) error {
	if l.torn {
		text = append([]byte{'\n'}, text...)
	}
	n, err := l.file.Write(text)
	if err == nil {
		l.torn = false
		return nil
	}
	if n > 0 {
		l.torn = true
		if info, statErr := l.file.Stat(); statErr == nil && info.Mode().IsRegular() && l.file.Truncate(info.Size()-int64(n)) == nil {
			l.torn = false
		}
	}
	return err
}

// reopen opens the file again and closes the old one.
func (l *Log) reopen() error {
	old := l.file
	if err := l.open(); err != nil {
		l.file = old
		return err
	}
	return old.Close()
}
