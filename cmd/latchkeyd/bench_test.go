package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/daemon/store/pgstore/pgtest"
)

// baselineVariable makes the test binary serve a recorded answer instead of running tests; its value is the answer.
const baselineVariable = "LATCHKEYD_TEST_BASELINE"

// recorded is an answer of the daemon, which the baseline sends without checking anything.
type recorded struct {
	Port   int
	Status int
	Header http.Header
	Body   string
}

// serveBaseline serves the recorded answer with net/http and the daemon's own limits and collector's pace, until it is killed.
func serveBaseline(text string) int {
	var r recorded
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	debug.SetGCPercent(collectorPercent)
	body := []byte(r.Body)
	server := &http.Server{
		Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(r.Port)), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 60 * time.Second, IdleTimeout: 5 * time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			header := w.Header()
			for key, values := range r.Header {
				header[key] = values
			}
			w.WriteHeader(r.Status)
			_, _ = w.Write(body)
		}),
	}
	fmt.Fprintln(os.Stderr, server.ListenAndServe())
	return 1
}

// baseline starts the handler that sends the same status, headers and body as the daemon did.
func baseline(b *testing.B, a answer) (port int) {
	b.Helper()
	header := a.header.Clone()
	header.Del("Date") // net/http writes its own
	r := recorded{Port: freePort(b), Status: a.status, Header: header, Body: a.text}
	text, err := json.Marshal(r)
	if err != nil {
		b.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	launch(b, []string{baselineVariable + "=" + string(text)}, self)
	eventually(b, "the baseline", func() bool {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(r.Port)))
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
	return r.Port
}

// caller is one kept connection that sends the same request again and again.
type caller struct {
	conn    net.Conn
	reader  *bufio.Reader
	request []byte
}

// callers opens n connections to a port.
func callers(b *testing.B, n, port int, request string) []*caller {
	b.Helper()
	var all []*caller
	for range n {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = conn.Close() })
		all = append(all, &caller{conn, bufio.NewReader(conn), []byte(request)})
	}
	return all
}

// call sends the request and reads the answer, which must have this status.
func (c *caller) call(status string) error {
	line, err := c.exchange()
	if err == nil && !strings.Contains(line, status) {
		err = fmt.Errorf("answer %q", line)
	}
	return err
}

// status sends the request, reads the answer and returns its status.
func (c *caller) status() (int, error) {
	line, err := c.exchange()
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(line, " ")
	return strconv.Atoi(rest[:min(3, len(rest))])
}

// exchange sends the request, reads the answer and returns its first line.
func (c *caller) exchange() (string, error) {
	if _, err := c.conn.Write(c.request); err != nil {
		return "", err
	}
	first, err := c.reader.ReadString('\n')
	if err != nil {
		return "", err
	}
	length := 0
	for {
		line, err := c.reader.ReadString('\n')
		if err != nil {
			return "", err
		}
		if line == "\r\n" {
			break
		}
		if key, value, _ := strings.Cut(line, ":"); strings.EqualFold(key, "Content-Length") {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return "", err
			}
		}
	}
	_, err = io.CopyN(io.Discard, c.reader, int64(length))
	return first, err
}

// httpRequest is a GET with a token.
func httpRequest(path, token string) request {
	return request{method: "GET", path: path, header: map[string]string{"X-Auth-Token": token}}
}

// median returns the middle one.
func median(values []float64) float64 {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}

// ratio returns the median of the quotients of two lists, value by value: rounds that were run one after the other.
func ratio(above, below []float64) float64 {
	var quotients []float64
	for i := range above {
		quotients = append(quotients, above[i]/below[i])
	}
	return median(quotients)
}

// benchRounds is how many rounds each side of a comparison has, and benchRound how long a round is: long beside the slowest call, since
// at the end of a round each caller waits for his last one.
const (
	benchRounds = 13
	benchRound  = 250 * time.Millisecond
)

// inTurn runs the sides of a comparison in turn, a round each, and returns what each returned in each of its rounds. Each time
// another side begins, so that none is always the one behind the slowest.
func inTurn(b *testing.B, sides ...func() float64) [][]float64 {
	b.Helper()
	for _, side := range sides {
		side() // the first round opens connections, fills caches and grows heaps
	}
	rates := make([][]float64, len(sides))
	for b.Loop() {
		for n := range benchRounds {
			for i := range sides {
				at := (n + i) % len(sides)
				rates[at] = append(rates[at], sides[at]())
			}
		}
	}
	return rates
}

// during lets the callers make calls for a round and returns how many were made in a second, and how long each took.
func during(b *testing.B, all []*caller, status string) (rate float64, took []time.Duration) {
	b.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	started := time.Now()
	for _, c := range all {
		wg.Go(func() {
			var own []time.Duration
			for before := started; before.Sub(started) < benchRound; {
				if err := c.call(status); err != nil {
					b.Error(err)
					return
				}
				now := time.Now()
				own = append(own, now.Sub(before))
				before = now
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, own...)
		})
	}
	wg.Wait()
	if b.Failed() {
		b.FailNow()
	}
	return float64(len(took)) / time.Since(started).Seconds(), took
}

// plainly is during for a side whose rate alone counts.
func plainly(b *testing.B, all []*caller, status string) func() float64 {
	return func() float64 {
		b.Helper()
		rate, _ := during(b, all, status)
		return rate
	}
}

// reportTimes reports the median of times and two high percentiles, in microseconds.
func reportTimes(b *testing.B, took []time.Duration) {
	b.Helper()
	slices.Sort(took)
	for _, p := range []struct {
		name  string
		share float64
	}{{"p50-µs", 0.5}, {"p99-µs", 0.99}, {"p99.9-µs", 0.999}} {
		b.ReportMetric(float64(took[int(float64(len(took))*p.share)])/float64(time.Microsecond), p.name)
	}
}

// empty starts the handler that sends status 200 and nothing else.
func empty(b *testing.B) (port int) {
	b.Helper()
	return baseline(b, answer{status: http.StatusOK, header: http.Header{}})
}

// benchStores are the kinds of store that the benchmarks compare.
var benchStores = [...]string{"bolt", "postgres"}

// benchSite prepares a site with a store of this kind, and limits that no benchmark reaches.
func benchSite(b *testing.B, kind string, users map[string]string) *site {
	b.Helper()
	s := newSite(b, users)
	if kind == "postgres" {
		s = newNode(b, pgtest.Start(b).NewDatabase(b), users)
	}
	change := s.config
	s.config = func(text string) string {
		if change != nil {
			text = change(text)
		}
		return strings.NewReplacer("source_rate = 100000\n", "source_rate = 1000000\n", "source_burst = 100000\n", "source_burst = 1000000\n").Replace(text)
	}
	return s
}

// startOn starts the site, whose store is of this kind, and waits until it answers checks as fast as it will.
func (s *site) startOn(kind string) {
	if kind == "postgres" {
		startAll([]*site{s})
		return
	}
	s.start()
}
