package audit

import "sync/atomic"

// record is an event on its way to the log, or with act something else that the goroutine does in its turn.
type record struct {
	event Event
	act   func() error
	done  chan error // takes the answer, unless the sender has left
	state atomic.Int32
}

// The states of a record. It begins as waiting.
const (
	waiting int32 = iota
	taken         // it is being written
	left          // its sender waits no longer
	settled       // its sender has the answer
)

// take is for the goroutine: it reports whether the sender is still there, and if so the record will be written.
func (r *record) take() bool { return r.state.CompareAndSwap(waiting, taken) }

// leave is for the sender, whose time is up: it reports whether he may go without an answer. A record that was not taken by
// then is not written.
func (r *record) leave() bool {
	return r.state.CompareAndSwap(waiting, left) || r.state.CompareAndSwap(taken, left)
}

// settle answers a record that was taken; it reports whether the sender is told.
func (r *record) settle(err error) bool {
	if !r.state.CompareAndSwap(taken, settled) {
		return false
	}
	r.done <- err
	return true
}
