package load

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// The bounds of a run.
const (
	MaxConnections = 1024
	MaxDuration    = time.Hour
	MaxRate        = 100_000
)

// Call is one request that is about to be sent.
type Call struct {
	// Request is sent once, with a context of the run's.
	Request *http.Request
	// Done, if it is not nil, is called with each answer's status and the beginning of its body. The time that it takes is not
	// measured. It is called also for calls that are not counted, and not for those without an answer. It must not keep body.
	Done func(status int, body []byte)
}

// Kind is one kind of call in the mix.
type Kind struct {
	// Name is what the report calls it.
	Name string
	// Weight is its share of the calls, 1 to 1000, in proportion to the weights of the others.
	Weight int
	// Next returns the next call. It is called by many goroutines at a time. An error ends the run.
	Next func() (Call, error)
}

// Options say what to do in a run.
type Options struct {
	// Kinds are what is called; at least one.
	Kinds []Kind
	// Connections is how many calls there are at a time, each over a connection of its own; 1 to MaxConnections.
	Connections int
	// Rate is how many calls are due in a second; 0 means as fast as the connections go. MaxRate at most.
	Rate float64
	// Warmup is how long calls are made before the first is counted. Duration is how long they are counted; MaxDuration at
	// most.
	Warmup, Duration time.Duration
	// Timeout is the longest that one call may take.
	Timeout time.Duration
	// Grace is how long, after the context has ended, calls that are under way may take before they are cut off.
	Grace time.Duration
	// Transport returns what one connection's calls go through. It must not use two connections for calls one after the other.
	Transport func() http.RoundTripper
	// Now is the clock.
	Now func() time.Time
	// Progress, if it is not nil, is called once a second.
	Progress func(Progress)
}

// Progress says how a run is getting on.
type Progress struct {
	// Elapsed is how long calls have been counted; negative during the warm-up.
	Elapsed time.Duration
	// Calls and Failures are all so far, those of the warm-up included; Latest is how many calls there were since the last
	// report.
	Calls, Failures, Latest int64
}

// Check returns an error for what cannot be run: a number that is out of its bounds, no kind of call.
func (o Options) Check() error {
	switch {
	case len(o.Kinds) == 0:
		return errors.New("there is no kind of call")
	case o.Connections < 1 || o.Connections > MaxConnections:
		return fmt.Errorf("%d connections are out of the question; it is 1 to %d", o.Connections, MaxConnections)
	case o.Duration <= 0 || o.Duration > MaxDuration:
		return fmt.Errorf("a run of %s is out of the question; it is more than 0s and at most %s", o.Duration, MaxDuration)
	case o.Warmup < 0 || o.Warmup > MaxDuration:
		return fmt.Errorf("a warm-up of %s is out of the question; it is 0s to %s", o.Warmup, MaxDuration)
	case !(o.Rate >= 0 && o.Rate <= MaxRate): // also what is no number
		return fmt.Errorf("a rate of %g is out of the question; it is 0 to %d calls a second", o.Rate, MaxRate)
	case o.Timeout <= 0:
		return fmt.Errorf("a time-out of %s is out of the question", o.Timeout)
	}
	for _, kind := range o.Kinds {
		if kind.Weight < 1 || kind.Weight > maxWeight {
			return fmt.Errorf("a share of %d for %s is out of the question; it is 1 to %d", kind.Weight, kind.Name, maxWeight)
		}
	}
	return nil
}
