package load

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// keptBody is how much of an answer is handed to Call.Done, and readBody how much is read so that the connection can be
	// used again.
	keptBody = 64 << 10
	readBody = 1 << 20
	// pause is how long a connection waits after a call that got no answer, when no rate holds it back: a server that is away
	// would otherwise be called, and failures counted, as fast as the processor goes.
	pause = 10 * time.Millisecond
)

// run is one run under way.
type run struct {
	Options
	mix     mix
	tallies []*tally
	// start is when the first call is due, from when the first one counts, and to when the last one is due.
	start, from, to time.Time
	next            atomic.Int64 // the number of the next call
	calls, failures atomic.Int64
	// abandon ends the taking of new calls because of an error.
	abandon context.CancelCauseFunc

	mu      sync.Mutex
	unsent  []int64   // calls that were taken, and not sent because the run was over
	stopped time.Time // when the run was ended early
}

// Run makes calls as the options say and returns what came of them. When ctx ends it sends no more, waits for those under way as
// long as Options.Grace, and returns what was measured until then, marked as interrupted. The error is that of an option, and
// then nothing was sent; or one that Kind.Next returned, together with what was measured until then.
func Run(ctx context.Context, o Options) (Measured, error) {
	if err := o.Check(); err != nil {
		return Measured{}, err
	}
	weights, tallies := make([]int, len(o.Kinds)), make([]*tally, len(o.Kinds))
	for i, kind := range o.Kinds {
		weights[i], tallies[i] = kind.Weight, newTally()
	}
	taking, abandon := context.WithCancelCause(ctx)
	defer abandon(nil)
	sending, cutOff := context.WithCancel(context.WithoutCancel(ctx))
	defer cutOff()
	r := &run{Options: o, mix: newMix(weights), tallies: tallies, start: o.Now(), abandon: abandon}
	r.from = r.start.Add(o.Warmup)
	r.to = r.from.Add(o.Duration)

	var connections, watcher sync.WaitGroup
	done := make(chan struct{})
	watcher.Go(func() { r.watch(taking, cutOff, done) })
	for range o.Connections {
		connections.Go(func() { r.connection(taking, sending) })
	}
	connections.Wait()
	close(done)
	watcher.Wait()
	if taking.Err() != nil && r.stopped.IsZero() {
		r.stopped = o.Now()
	}
	var err error
	if ctx.Err() == nil {
		err = context.Cause(taking) // nil unless abandoned
	}
	return r.measured(), err
}

// watch reports progress, and cuts off what is still under way when the run is ended early and the grace is over.
func (r *run) watch(taking context.Context, cutOff func(), done <-chan struct{}) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	before := int64(0)
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			if r.Progress != nil {
				calls := r.calls.Load()
				r.Progress(Progress{Elapsed: r.Now().Sub(r.from), Calls: calls, Failures: r.failures.Load(), Latest: calls - before})
				before = calls
			}
		case <-taking.Done():
			r.stopped = r.Now()
			patience := time.NewTimer(r.Grace)
			defer patience.Stop()
			select {
			case <-done:
			case <-patience.C:
				cutOff()
			}
			return
		}
	}
}

// connection makes calls over one connection until there are no more to make.
func (r *run) connection(taking, sending context.Context) {
	transport := r.Transport()
	if idle, ok := transport.(interface{ CloseIdleConnections() }); ok {
		defer idle.CloseIdleConnections()
	}
	var body bytes.Buffer
	for {
		n := r.next.Add(1) - 1
		due, ok := r.await(taking, n)
		if !ok {
			return
		}
		answered, err := r.call(sending, transport, &body, r.mix.kind(n), due)
		if err != nil {
			r.abandon(err)
			return
		}
		if !answered && r.Rate == 0 {
			wait(taking, pause)
		}
	}
}

// await waits until the nth call is due and returns that moment; the zero time where no rate says when. It reports false when the
// run is over before.
func (r *run) await(taking context.Context, n int64) (due time.Time, ok bool) {
	if r.Rate == 0 {
		return time.Time{}, taking.Err() == nil && r.Now().Before(r.to)
	}
	due = r.due(n)
	if !due.Before(r.to) {
		return due, false
	}
	if early := due.Sub(r.Now()); early > 0 {
		wait(taking, early)
	}
	if taking.Err() != nil || !r.Now().Before(r.to) {
		r.mu.Lock()
		r.unsent = append(r.unsent, n)
		r.mu.Unlock()
		return due, false
	}
	return due, true
}

// due returns when the nth call is due at a rate.
func (r *run) due(n int64) time.Time {
	return r.start.Add(time.Duration(float64(n) / r.Rate * float64(time.Second)))
}

// wait waits for a time, or until ctx ends.
func wait(ctx context.Context, howLong time.Duration) {
	timer := time.NewTimer(howLong)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// call makes one call and counts it, from the moment that it was due, or from now. It reports whether there was an answer. The
// error is that of Kind.Next.
func (r *run) call(sending context.Context, transport http.RoundTripper, body *bytes.Buffer, kind int, due time.Time) (answered bool, err error) {
	call, err := r.Kinds[kind].Next()
	if err != nil {
		return false, err
	}
	limited, cancel := context.WithTimeout(sending, r.Timeout)
	defer cancel()
	if due.IsZero() {
		due = r.Now()
	}
	status, failure := exchange(transport, call.Request.WithContext(limited), body)
	took := r.Now().Sub(due)
	counts := !due.Before(r.from) && due.Before(r.to)
	r.calls.Add(1)
	switch {
	case failure != nil && sending.Err() != nil:
		if counts {
			r.tallies[kind].cut()
		}
		return false, nil
	case failure != nil:
		r.failures.Add(1)
		if counts {
			r.tallies[kind].failure(describe(failure))
		}
		return false, nil
	case status < http.StatusOK || status >= http.StatusMultipleChoices:
		r.failures.Add(1)
		if counts {
			r.tallies[kind].failure(strconv.Itoa(status))
		}
	case counts:
		r.tallies[kind].success(took)
	}
	if call.Done != nil {
		call.Done(status, body.Bytes())
	}
	return true, nil
}

// exchange sends a request and reads the whole answer, the beginning of its body into body.
func exchange(transport http.RoundTripper, request *http.Request, body *bytes.Buffer) (status int, err error) {
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	body.Reset()
	if _, err = io.Copy(body, io.LimitReader(answer.Body, keptBody)); err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(answer.Body, readBody))
	}
	return answer.StatusCode, err
}

// describe returns the words for a call that got no answer. They are few, because they are counted; and they never hold an
// address or a request.
func describe(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection lost"
	}
	return "no answer"
}

// measured returns what came of the run.
func (r *run) measured() Measured {
	end := r.to
	interrupted := !r.stopped.IsZero() && r.stopped.Before(r.to)
	if interrupted {
		end = r.stopped
	}
	m := Measured{Seconds: max(0, end.Sub(r.from).Seconds()), Interrupted: interrupted, Kinds: []KindReport{}}
	for i, kind := range r.Kinds {
		report := r.tallies[i].report(kind.Name, m.Seconds)
		report.NotSent = r.notSent(i, end)
		m.Kinds = append(m.Kinds, report)
	}
	return m
}

// notSent returns how many calls of a kind were due before the end and were never sent, because no connection was free.
func (r *run) notSent(kind int, end time.Time) int64 {
	if r.Rate == 0 {
		return 0
	}
	counts := func(n int64) bool { due := r.due(n); return !due.Before(r.from) && due.Before(end) }
	count := int64(0)
	for _, n := range r.unsent {
		if r.mix.kind(n) == kind && counts(n) {
			count++
		}
	}
	first, last := r.next.Load(), r.numberAt(end)
	return count + r.mix.count(kind, max(first, r.numberAt(r.from)), last)
}

// numberAt returns the number of the first call that is due at a moment or later.
func (r *run) numberAt(moment time.Time) int64 {
	n := max(0, int64(moment.Sub(r.start).Seconds()*r.Rate)-1)
	for r.due(n).Before(moment) {
		n++
	}
	return n
}
