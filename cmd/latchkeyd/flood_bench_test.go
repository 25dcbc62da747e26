package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// latencies makes n calls, one after the other, and returns how long each took.
func latencies(b *testing.B, c *caller, n int) []time.Duration {
	b.Helper()
	all := make([]time.Duration, 0, n)
	for range n {
		started := time.Now()
		if err := c.call(" 200 "); err != nil {
			b.Fatal(err)
		}
		all = append(all, time.Since(started))
	}
	return all
}

// percentile returns the value below which share of the values lie.
func percentile(values []time.Duration, share float64) time.Duration {
	slices.Sort(values)
	return values[min(len(values)-1, int(float64(len(values))*share))]
}

// wave makes wrong log-ins of all clients at once, each with a name of its own, and returns how many of them were refused as
// wrong and how many because the queue was full.
func wave(clients []*caller) (wrong, full int64, err error) {
	var refused, queued atomic.Int64
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	for _, c := range clients {
		all.Go(func() {
			status, err := c.status()
			switch {
			case err != nil:
				failed.Store(&err)
			case status == http.StatusUnauthorized:
				refused.Add(1)
			case status == http.StatusServiceUnavailable:
				queued.Add(1)
			default:
				err := fmt.Errorf("status %d for a wrong password", status)
				failed.Store(&err)
			}
		})
	}
	all.Wait()
	if e := failed.Load(); e != nil {
		err = *e
	}
	return refused.Load(), queued.Load(), err
}

// BenchmarkCheckUnderFlood compares the time of a token check on an idle daemon with that during waves of 200 parallel wrong
// log-ins against bcrypt hashes of cost 10, each for a name of its own so that no lock stops them, in one run and in turn. The
// figures to read are "p99-ratio" (flood over idle) and the two values that it is made of.
func BenchmarkCheckUnderFlood(b *testing.B) {
	const attackers, checks = 200, 10000
	s := newSite(b, nil)
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), 10)
	if err != nil {
		b.Fatal(err)
	}
	var users strings.Builder
	for n := range attackers {
		fmt.Fprintf(&users, "user%d:%s\n", n, hash)
	}
	s.write("htpasswd", users.String())
	s.config = func(text string) string {
		return strings.Replace(text, "[throttle]\n", "[throttle]\nfailures = 1000\n", 1)
	}
	s.start()
	token := s.token("user0:secret", "")
	check := callers(b, 1, s.port, "GET /api/v1/user HTTP/1.1\r\nHost: localhost\r\nX-Auth-Token: "+token+"\r\n\r\n")[0]
	var clients []*caller
	for n := range attackers {
		basic := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "user%d:wrong", n))
		clients = append(clients, callers(b, 1, s.port, "POST /auth/v1/tokens HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nAuthorization: Basic "+basic+"\r\n\r\n")[0])
	}
	latencies(b, check, checks)
	var idle, flooded []time.Duration
	var wrong, full int64
	for b.Loop() {
		idle = append(idle, latencies(b, check, checks)...)
		stop, stopped := make(chan struct{}), make(chan error, 1)
		go func() {
			var err error
			for err == nil {
				select {
				case <-stop:
					stopped <- nil
					return
				default:
				}
				var w, f int64
				w, f, err = wave(clients)
				wrong, full = wrong+w, full+f
			}
			stopped <- err
		}()
		flooded = append(flooded, latencies(b, check, checks)...)
		close(stop)
		if err := <-stopped; err != nil {
			b.Fatal(err)
		}
	}
	if wrong == 0 {
		b.Fatal("nobody was attacking")
	}
	report := func(values []time.Duration, name string, share float64) float64 {
		ms := float64(percentile(values, share)) / float64(time.Millisecond)
		b.ReportMetric(ms, name)
		return ms
	}
	report(idle, "idle-p50-ms", 0.5)
	report(flooded, "flood-p50-ms", 0.5)
	b.ReportMetric(report(flooded, "flood-p99-ms", 0.99)/report(idle, "idle-p99-ms", 0.99), "p99-ratio")
	b.Logf("%d wrong passwords refused, %d turned away because the queue was full", wrong, full)
}
