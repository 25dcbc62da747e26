package login

import (
	"net/netip"
	"sync"
	"time"

	"latchkey/conf"
	"latchkey/daemon/fault"
)

// maxSources bounds the memory of the per-address buckets: about 100 bytes each.
const maxSources = 16384

// sources gives each source address a token bucket of wrong guesses. A guess takes a token before it is made and gets it
// back when it was right, so people who know their passwords are never slowed by it. IPv6 addresses share one bucket for
// each /64, which is what one customer gets.
type sources struct {
	now func() time.Time

	mu      sync.Mutex
	rate    float64 // tokens per second
	burst   float64
	buckets map[string]*bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

func newSources(now func() time.Time, limits conf.Throttle) *sources {
	s := &sources{now: now, buckets: map[string]*bucket{}}
	s.setLimits(limits)
	return s
}

func (s *sources) setLimits(limits conf.Throttle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rate, s.burst = float64(limits.SourceRate)/60, float64(limits.SourceBurst)
}

// take removes one token of the source. The error is a Limited fault that says when there will be one.
func (s *sources) take(source string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rate <= 0 || s.burst < 1 {
		return nil // switched off
	}
	b := s.refilled(source)
	if b.tokens >= 1 {
		b.tokens--
		return nil
	}
	wait := time.Duration((1 - b.tokens) / s.rate * float64(time.Second))
	return &fault.Error{Kind: fault.Limited, Reason: "source_limited", RetryAfter: wait}
}

// refund gives a token back.
func (s *sources) refund(source string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rate <= 0 || s.burst < 1 {
		return // nothing was taken; an empty bucket would be left for when the limit is switched on
	}
	b := s.refilled(source)
	b.tokens = min(s.burst, b.tokens+1)
}

// refilled returns the bucket of the source as it is now. It runs with s.mu held.
func (s *sources) refilled(source string) *bucket {
	key, now := sourceKey(source), s.now()
	b := s.buckets[key]
	if b == nil {
		if len(s.buckets) >= maxSources {
			s.makeRoom(now)
		}
		b = &bucket{tokens: s.burst, at: now}
		s.buckets[key] = b
	}
	if passed := now.Sub(b.at); passed > 0 {
		b.tokens, b.at = min(s.burst, b.tokens+passed.Seconds()*s.rate), now
	}
	return b
}

// makeRoom forgets the buckets that are full again, which changes nothing, and if there are none, any one.
func (s *sources) makeRoom(now time.Time) {
	for key, b := range s.buckets {
		if b.tokens+now.Sub(b.at).Seconds()*s.rate >= s.burst {
			delete(s.buckets, key)
		}
	}
	for key := range s.buckets {
		if len(s.buckets) < maxSources {
			return
		}
		delete(s.buckets, key)
	}
}

// sourceKey returns the address itself for IPv4, its /64 for IPv6, and the text as it is for what is no address ("unix").
func sourceKey(source string) string {
	addr, err := netip.ParseAddr(source)
	if err != nil {
		return source
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		if prefix, err := addr.Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return addr.String()
}

// Guess takes a guess at a secret that is not a password, such as a legacy key, from a bucket of the source's that log-ins do not use;
// right gives it back when the guess was right. The error is a Limited fault.
func (s *Service) Guess(source string) (right func(), err error) {
	if err := s.guesses.take(source); err != nil {
		return nil, err
	}
	return func() { s.guesses.refund(source) }, nil
}
