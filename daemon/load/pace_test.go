package load

import (
	"context"
	"errors"
	"math"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// serverFunc answers requests inside a bubble of synctest, where a connection of net/http would hold the clock up.
type serverFunc func(*http.Request) (status int, err error)

// RoundTrip calls the function.
func (f serverFunc) RoundTrip(r *http.Request) (*http.Response, error) {
	status, err := f(r)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Body: http.NoBody, Request: r}, nil
}

// answersAfter returns a server that takes a time for each answer, and gives up when the request does.
func answersAfter(took time.Duration) serverFunc {
	return func(r *http.Request) (int, error) {
		timer := time.NewTimer(took)
		defer timer.Stop()
		select {
		case <-timer.C:
			return http.StatusOK, nil
		case <-r.Context().Done():
			return 0, r.Context().Err()
		}
	}
}

// get is a kind of calls that have nothing special about them.
func get(t *testing.T, name string, weight int) Kind {
	t.Helper()
	return Kind{Name: name, Weight: weight, Next: func() (Call, error) {
		request, err := http.NewRequest(http.MethodGet, "http://server.invalid/", http.NoBody)
		return Call{Request: request}, err
	}}
}

// options are those of a run of one kind.
func options(t *testing.T, server serverFunc) Options {
	t.Helper()
	return Options{
		Kinds: []Kind{get(t, "checks", 1)}, Connections: 1, Duration: time.Second, Timeout: 10 * time.Second, Grace: time.Second,
		Now: time.Now, Transport: func() http.RoundTripper { return server },
	}
}

// measure makes a run that must not fail.
func measure(t *testing.T, ctx context.Context, o Options) Measured {
	t.Helper()
	m, err := Run(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// near reports whether two numbers are the same but for what a histogram rounds off.
func near(got, want float64) bool { return math.Abs(got-want) <= want/500 }

// Without a rate each connection makes a call when its last one is answered, and those of the warm-up do not count.
func TestClosedLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t, answersAfter(10*time.Millisecond))
		o.Connections, o.Warmup = 3, 500*time.Millisecond
		m := measure(t, t.Context(), o)
		k := m.Kinds[0]
		if k.Calls != 300 || k.Successes != 300 || k.Rate != 300 || m.Seconds != 1 || m.Interrupted || k.NotSent != 0 {
			t.Errorf("%+v", m)
		}
		if l := k.Latency; l == nil || !near(l.Min, 10) || !near(l.P50, 10) || !near(l.P999, 10) || !near(l.Max, 10) {
			t.Errorf("%+v", l)
		}
	})
}

// At a rate a stall is seen in every call that was due meanwhile, and not only in the one that met it.
func TestOpenLoopSeesStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		server := serverFunc(func(r *http.Request) (int, error) {
			calls++
			if calls == 100 {
				return answersAfter(time.Second)(r)
			}
			return answersAfter(time.Millisecond)(r)
		})
		o := options(t, server)
		o.Rate, o.Duration = 100, 10*time.Second
		k := measure(t, t.Context(), o).Kinds[0]
		if k.Calls != 1000 || k.NotSent != 0 {
			t.Fatalf("%+v", k)
		}
		// While the connection catches up, each call is 9 ms less late than the one before: 111 of 1000 are late.
		if l := k.Latency; !near(l.P50, 1) || !near(l.P90, 100) || !near(l.Max, 1000) || !near(l.Min, 1) {
			t.Errorf("%+v", l)
		}
		late := int64(0)
		for _, bar := range k.Bars {
			if bar.UpTo > 1 {
				late += bar.Calls
			}
		}
		if late < 105 || late > 115 {
			t.Errorf("%d late calls", late)
		}

		// The same server without a rate: the stall is seen once.
		calls = 0
		o.Rate = 0
		if l := measure(t, t.Context(), o).Kinds[0].Latency; !near(l.P999, 1) || !near(l.Max, 1000) {
			t.Errorf("closed: %+v", l)
		}
	})
}

// A rate that the server cannot keep up with is told by the calls that were never sent, each kind's its own.
func TestRateNotReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t, answersAfter(100*time.Millisecond))
		o.Kinds = []Kind{get(t, "checks", 3), get(t, "logins", 1)}
		o.Rate, o.Warmup, o.Duration = 1000, time.Second, 2*time.Second
		m := measure(t, t.Context(), o)
		// 30 calls are sent in 3 s, all of them due in the first 30 ms, so none of those that count.
		if checks, logins := m.Kinds[0], m.Kinds[1]; checks.NotSent != 1500 || logins.NotSent != 500 || checks.Calls+logins.Calls != 0 {
			t.Errorf("%+v", m)
		}
		o.Warmup = 0
		m = measure(t, t.Context(), o)
		if checks, logins := m.Kinds[0], m.Kinds[1]; checks.NotSent+checks.Calls != 1500 || logins.NotSent+logins.Calls != 500 || checks.Calls+logins.Calls != 20 {
			t.Errorf("%+v", m)
		}
	})
}

// An early end stops the calls that are due, waits a little for those under way, and then cuts them off.
func TestInterrupted(t *testing.T) {
	for name, test := range map[string]struct {
		took          time.Duration
		calls, cutOff int64
		ends          time.Duration
	}{
		"answered in time": {1500 * time.Millisecond, 8, 0, 3 * time.Second},
		"cut off":          {5 * time.Second, 0, 4, 3200 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := options(t, answersAfter(test.took))
				o.Connections, o.Duration, o.Grace = 4, time.Minute, time.Second
				ctx, cancel := context.WithTimeout(t.Context(), 2200*time.Millisecond)
				defer cancel()
				began := time.Now()
				m := measure(t, ctx, o)
				k := m.Kinds[0]
				if k.Calls != test.calls || k.CutOff != test.cutOff || !m.Interrupted || m.Seconds != 2.2 || len(k.Errors) != 0 {
					t.Errorf("%+v", m)
				}
				if took := time.Since(began); took != test.ends {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

// An end during the warm-up leaves nothing measured, and no infinite rate.
func TestInterruptedWarmup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t, answersAfter(time.Millisecond))
		o.Warmup, o.Rate = time.Minute, 100
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		m := measure(t, ctx, o)
		if k := m.Kinds[0]; m.Seconds != 0 || k.Calls != 0 || k.Rate != 0 || k.Latency != nil || k.NotSent != 0 || !m.Interrupted {
			t.Errorf("%+v", m)
		}
	})
}

// An end while the last answers are awaited is none before the time.
func TestInterruptedAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t, answersAfter(1500*time.Millisecond))
		ctx, cancel := context.WithTimeout(t.Context(), 1200*time.Millisecond)
		defer cancel()
		if m := measure(t, ctx, o); m.Interrupted || m.Kinds[0].Calls != 1 || m.Seconds != 1 {
			t.Errorf("%+v", m)
		}
	})
}

// What cannot be answered is counted by its reason, and a server that is away is not called as fast as the processor goes.
func TestNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t, answersAfter(time.Minute))
		o.Timeout = 300 * time.Millisecond
		k := measure(t, t.Context(), o).Kinds[0]
		if k.Calls != 4 || k.Errors["no answer in time"] != 4 || k.Successes != 0 || k.Latency != nil {
			t.Errorf("%+v", k)
		}
		o = options(t, func(*http.Request) (int, error) { return 0, errors.New("canary: http://alice:secret@server") })
		k = measure(t, t.Context(), o).Kinds[0]
		if k.Calls != 100 || k.Errors["no answer"] != 100 {
			t.Errorf("%+v", k)
		}
	})
}

// The error of whoever makes the calls ends the run, which keeps what was measured.
func TestNextFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("nobody is left")
		o := options(t, answersAfter(10*time.Millisecond))
		var made atomic.Int64
		next := o.Kinds[0].Next
		o.Connections = 2
		o.Kinds[0].Next = func() (Call, error) {
			if made.Add(1) > 50 {
				return Call{}, broken
			}
			return next()
		}
		m, err := Run(t.Context(), o)
		if !errors.Is(err, broken) || m.Kinds[0].Calls != 50 || !m.Interrupted {
			t.Errorf("%v, %+v", err, m)
		}
	})
}

// Progress is told once a second, from the warm-up on.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t, answersAfter(100*time.Millisecond))
		o.Warmup, o.Duration = 1050*time.Millisecond, 2*time.Second
		var all []Progress
		o.Progress = func(p Progress) { all = append(all, p) }
		measure(t, t.Context(), o)
		if len(all) != 3 || all[0].Elapsed >= 0 || all[2].Elapsed != 1950*time.Millisecond {
			t.Fatalf("%+v", all)
		}
		if last := all[2]; last.Latest < 9 || last.Latest > 11 || last.Calls < 29 || last.Failures != 0 {
			t.Errorf("%+v", last)
		}
	})
}

// What is out of bounds is refused and nothing is sent.
func TestBounds(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"no kind":            func(o *Options) { o.Kinds = nil },
		"no connection":      func(o *Options) { o.Connections = 0 },
		"many connections":   func(o *Options) { o.Connections = MaxConnections + 1 },
		"no time":            func(o *Options) { o.Duration = 0 },
		"a long time":        func(o *Options) { o.Duration = MaxDuration + 1 },
		"a warm-up before":   func(o *Options) { o.Warmup = -1 },
		"a long warm-up":     func(o *Options) { o.Warmup = MaxDuration + 1 },
		"a rate below 0":     func(o *Options) { o.Rate = -1 },
		"a rate of NaN":      func(o *Options) { o.Rate = math.NaN() },
		"a high rate":        func(o *Options) { o.Rate = MaxRate + 1 },
		"no time-out":        func(o *Options) { o.Timeout = 0 },
		"a share of nothing": func(o *Options) { o.Kinds[0].Weight = 0 },
		"a large share":      func(o *Options) { o.Kinds[0].Weight = maxWeight + 1 },
	} {
		o := options(t, func(*http.Request) (int, error) { t.Error("sent"); return http.StatusOK, nil })
		change(&o)
		if _, err := Run(t.Context(), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
