package audit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

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

// Log is an audit log in a file, in a named pipe or on standard output. It is safe for concurrent use.
//
// One goroutine writes, many records at a time. Who records waits for it until the deadline and no longer, so a disk or a
// reader of the pipe that hangs stops what needs a record and nothing else. A record is written when the system has taken
// it; Log does not wait for the disk (fsync), so that a crash of the daemon loses none and a power cut may lose the last.
//
// What could not be written is counted, and the first line that can be written again says how many lines are missing
// (EventGap). A line that is written after its caller was told that it was not is followed by one that says so (EventLate).
type Log struct {
	path     string
	deadline time.Duration
	now      func() time.Time
	records  chan *record
	closing  chan struct{}
	close    sync.Once
	ended    chan struct{}
	missing  atomic.Int64 // events that were not written, and that no EventGap has told of

	to *target // used by the goroutine alone
}

// Open opens the log at path; Stdout means standard output, and the empty path a log that keeps nothing. A file is made with
// mode 0600, and one that has another gets that. deadline is how long Record waits, and now gives the time to events that
// have none. The error names the file: it is a link, a folder, a pipe that nobody reads, or cannot be written.
func Open(path string, deadline time.Duration, now func() time.Time) (*Log, error) {
	l := &Log{
		path: path, deadline: deadline, now: now, records: make(chan *record, queue), closing: make(chan struct{}), ended: make(chan struct{}),
	}
	if path != "" {
		var err error
		if l.to, err = openTarget(path); err != nil {
			return nil, err
		}
	}
	go l.loop()
	return l, nil
}

// Record writes an event; see Recorder. It does not end early when ctx does: who hangs up is recorded all the same.
func (l *Log) Record(_ context.Context, event Event) error {
	if l.path == "" {
		return nil
	}
	err := l.send(&record{event: stamped(event, l.now), done: make(chan error, 1)})
	if err != nil && !errors.Is(err, errClosed) {
		l.missing.Add(1)
	}
	return err
}

// Reopen opens the file again under its name, so that it can be moved away before (logrotate). When that fails the old file
// stays in use. Records that were sent before stand in the old file.
func (l *Log) Reopen() error {
	if l.path == "" || l.path == Stdout {
		return nil
	}
	return l.send(&record{done: make(chan error, 1), act: func() error {
		fresh, err := openTarget(l.path)
		if err != nil {
			return err
		}
		old := l.to
		l.to = fresh
		return old.close()
	}})
}

// Check returns nil when a record could be written now: there is room for one, and the goroutine does not hang. It writes
// nothing, except that lines are missing when some are.
func (l *Log) Check() error {
	if l.path == "" {
		return nil
	}
	return l.send(&record{done: make(chan error, 1), act: func() error {
		if err := l.to.room(); err != nil {
			return err
		}
		if l.missing.Load() > 0 {
			return l.append(nil)
		}
		return nil
	}})
}

// Close writes what was sent and closes the file. What is sent later is refused. The error says that the disk, or the reader
// of the pipe, hangs.
func (l *Log) Close() error {
	l.close.Do(func() { close(l.closing) })
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
func (l *Log) send(r *record) error {
	timer := time.NewTimer(l.deadline)
	defer timer.Stop()
	select {
	case <-l.closing:
		return errClosed
	default:
	}
	select {
	case l.records <- r:
	case <-l.closing:
		return errClosed
	case <-timer.C:
		return errDeadline
	}
	select {
	case err := <-r.done:
		return err
	case <-l.ended:
		if r.leave() { // it came after the last batch
			return errClosed
		}
	case <-timer.C:
		if r.leave() {
			return errDeadline
		}
	}
	return <-r.done // it was settled at the same moment
}

// loop writes what is waiting, many lines at a time.
func (l *Log) loop() {
	defer close(l.ended)
	for {
		select {
		case r := <-l.records:
			l.write(l.gather(r))
		case <-l.closing:
			for rest := l.gather(); len(rest) > 0; rest = l.gather() {
				l.write(rest)
			}
			if l.to != nil {
				_ = l.to.close() // every line was written, or its sender was told that it was not
			}
			return
		}
	}
}

// gather returns a batch: what it is given, and what is waiting.
func (l *Log) gather(batch ...*record) []*record {
	for len(batch) < queue {
		select {
		case r := <-l.records:
			batch = append(batch, r)
		default:
			return batch
		}
	}
	return batch
}

// write writes a batch and answers each record of it. Those whose senders have left are passed over.
func (l *Log) write(batch []*record) {
	var lines []*record
	for _, r := range batch {
		switch {
		case !r.take():
		case r.act == nil:
			lines = append(lines, r)
		default: // it comes after the lines that were sent before it
			l.writeLines(lines)
			lines = nil
			r.settle(r.act())
		}
	}
	l.writeLines(lines)
}

// writeLines writes records at once and answers each of them.
func (l *Log) writeLines(lines []*record) {
	if len(lines) == 0 {
		return
	}
	var text []byte
	for _, r := range lines {
		text = append(text, encode(r.event)...)
	}
	err := l.append(text)
	var late []byte
	for _, r := range lines {
		if told := r.settle(err); !told && err == nil {
			l.missing.Add(-1) // its sender counts it as missing, and it is not
			late = append(late, encode(l.lateness(r.event))...)
		}
	}
	if len(late) > 0 {
		_ = l.append(late) // the lines themselves stand
	}
}

// append writes lines, all of them or none, after one that says how many are missing.
func (l *Log) append(text []byte) error {
	missing := l.missing.Load()
	if missing > 0 {
		gap := encode(Event{Time: l.now(), Event: EventGap, Outcome: OutcomeError, Reason: fmt.Sprintf("unwritten_%d", missing)})
		text = append(gap, text...)
	}
	if err := l.to.write(text); err != nil {
		return fmt.Errorf("audit log %s: %w", l.path, err)
	}
	if missing > 0 {
		l.missing.Add(-missing)
	}
	return nil
}

// lateness returns the event that says that the line of another came too late.
func (l *Log) lateness(e Event) Event {
	return Event{
		Time: l.now(), Event: EventLate, Origin: Origin{RequestID: e.RequestID}, User: e.User, Kind: e.Kind, CredentialID: e.CredentialID,
		Outcome: OutcomeError, Reason: e.Event,
	}
}
