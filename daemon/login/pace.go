package login

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// leastPace is what a refusal takes at least. It is about the bcrypt of cost 10 on a common machine, and so much more than a
	// quick directory, a written record or a timer that is a millisecond late, that none of these shows.
	leastPace = 60 * time.Millisecond
	// paceMemory is how long a cause that was refused slowly makes the others wait, so that an hour of overload does not slow
	// down the days after it.
	paceMemory = 15 * time.Minute
	// mostCauses bounds the memory, whatever reasons backends invent; further ones count as one.
	mostCauses = 64
)

// pace makes every refusal take as long as the slowest kind of refusal does, so that the time tells none of the causes: not a
// locked name, which no backend was asked about, not an unknown user whom a whole chain was asked about, not an account that its
// directory turned down before it hashed the password. It waits and burns no processor time.
//
// Durations are remembered for each cause by itself: whoever makes many refusals of a quick cause does not make the slow ones
// forgotten.
type pace struct {
	wait func(context.Context, time.Duration)

	mu     sync.Mutex
	causes map[cause]*durations
	newest *durations // of the cause that was observed last; it is never forgotten
}

// cause is a kind of refusal that backends were asked about.
type cause struct{ backend, reason string }

// durations are the newest durations of one cause.
type durations struct {
	newest [32]duration
	n      int // how many were observed; the newest is at (n-1) % len(newest)
}

type duration struct {
	took time.Duration
	at   time.Time
}

// recent returns the durations that are not too old, in no order.
func (d *durations) recent(now time.Time) []time.Duration {
	var recent []time.Duration
	for _, one := range d.newest[:min(d.n, len(d.newest))] {
		if now.Sub(one.at) < paceMemory {
			recent = append(recent, one.took)
		}
	}
	return recent
}

// last returns the newest duration, however old it is.
func (d *durations) last() time.Duration { return d.newest[(d.n-1)%len(d.newest)].took }

// usual returns the longest duration but one. A pace that refusals of the slowest cause exceed now and then makes them stand out,
// the more the busier the machine is: exceeded by one of eight, it moved the medians of causes 7 % apart under load. One
// hang among others slows down nobody.
func usual(durations []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(durations))[max(0, len(durations)-2)]
}

// afterAsking waits for what is left of the pace after backends have refused; started is when the attempt came and now when it
// was decided.
func (p *pace) afterAsking(ctx context.Context, c cause, started, now time.Time) {
	p.mu.Lock()
	took := now.Sub(started)
	p.observe(c, took, now)
	target := p.slowest(now)
	p.mu.Unlock()
	p.pause(ctx, target-took)
}

// unasked waits for the pace of a refusal that no backend was asked about.
func (p *pace) unasked(ctx context.Context, started, now time.Time) {
	p.mu.Lock()
	target := p.slowest(now)
	p.mu.Unlock()
	p.pause(ctx, target-now.Sub(started))
}

func (p *pace) pause(ctx context.Context, missing time.Duration) {
	if missing > 0 {
		p.wait(ctx, missing)
	}
}

// observe remembers how long a refusal took. It runs with p.mu held.
func (p *pace) observe(c cause, took time.Duration, now time.Time) {
	if p.causes == nil {
		p.causes = map[cause]*durations{}
	}
	d := p.causes[c]
	if d == nil && len(p.causes) >= mostCauses {
		c = cause{}
		d = p.causes[c]
	}
	if d == nil {
		d = &durations{}
		p.causes[c] = d
	}
	d.newest[d.n%len(d.newest)] = duration{took: took, at: now}
	d.n++
	p.newest = d
}

// slowest returns the pace. It runs with p.mu held.
func (p *pace) slowest(now time.Time) time.Duration {
	pace := leastPace
	for c, d := range p.causes {
		recent := d.recent(now)
		switch {
		case len(recent) > 0:
			pace = max(pace, usual(recent))
		case d == p.newest:
			pace = max(pace, d.last())
		default:
			delete(p.causes, c)
		}
	}
	return pace
}

// waitFor waits for d or until ctx ends.
func waitFor(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
