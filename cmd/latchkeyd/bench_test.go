package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
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

// serveBaseline serves the recorded answer with net/http and the daemon's own limits, until it is killed.
func serveBaseline(text string) int {
	var r recorded
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
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

// round lets each caller make n calls at the same time as the others and returns how many were made in a second.
func round(b *testing.B, all []*caller, n int, status string) float64 {
	b.Helper()
	var wg sync.WaitGroup
	started := time.Now()
	for _, c := range all {
		wg.Go(func() {
			for range n {
				if err := c.call(status); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return float64(n*len(all)) / time.Since(started).Seconds()
}

// BenchmarkCheck compares GET /api/v1/user with a handler that sends the same answer without checking: both as processes of
// their own over loopback, in turn, in one run. The figure to read is "ratio", the median over the pairs of rounds.
func BenchmarkCheck(b *testing.B) {
	s := newSite(b, map[string]string{"alice": "secret"})
	s.start()
	token := s.token("alice:secret", "")
	request := "GET /api/v1/user HTTP/1.1\r\nHost: localhost\r\nX-Auth-Token: " + token + "\r\n\r\n"
	same := baseline(b, s.do(httpRequest("/api/v1/user", token)).want(b, http.StatusOK))
	for _, connections := range []int{1, 16} {
		b.Run(fmt.Sprintf("connections=%d", connections), func(b *testing.B) {
			checks := callers(b, connections, s.port, request)
			plain := callers(b, connections, same, request)
			calls := 4000 / connections
			round(b, checks, calls, " 200 ")
			round(b, plain, calls, " 200 ")
			var ratios, rates []float64
			for b.Loop() {
				check := round(b, checks, calls, " 200 ")
				rates = append(rates, check)
				ratios = append(ratios, check/round(b, plain, calls, " 200 "))
			}
			b.ReportMetric(median(rates), "checks/s")
			b.ReportMetric(median(ratios), "ratio")
		})
	}
}

// httpRequest is a GET with a token.
func httpRequest(path, token string) request {
	return request{method: "GET", path: path, header: map[string]string{"X-Auth-Token": token}}
}

// median returns the middle one.
func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// BenchmarkLogin compares a log-in, end to end over loopback with a durable token, with the bare bcrypt comparison of cost 10,
// in turn, in one run. The figure to read is "overhead-%", what the log-in costs on top of the hash.
func BenchmarkLogin(b *testing.B) {
	s := newSite(b, nil)
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), 10)
	if err != nil {
		b.Fatal(err)
	}
	s.write("htpasswd", "alice:"+string(hash)+"\n")
	s.start()
	login := callers(b, 1, s.port, "POST /auth/v1/tokens HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nAuthorization: Basic YWxpY2U6c2VjcmV0\r\n\r\n")[0]
	var logins, hashes []float64
	for b.Loop() {
		started := time.Now()
		if err := login.call(" 201 "); err != nil {
			b.Fatal(err)
		}
		logins = append(logins, float64(time.Since(started)))
		started = time.Now()
		if err := bcrypt.CompareHashAndPassword(hash, []byte("secret")); err != nil {
			b.Fatal(err)
		}
		hashes = append(hashes, float64(time.Since(started)))
	}
	b.ReportMetric(median(logins)/1e6, "login-ms")
	b.ReportMetric(median(hashes)/1e6, "hash-ms")
	b.ReportMetric((median(logins)/median(hashes)-1)*100, "overhead-%")
}
