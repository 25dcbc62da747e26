package main

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// refusalTries is how often each cause is tried.
const refusalTries = 300

// BenchmarkRefusals compares how long the daemon takes to refuse a log-in for each cause, at the log-in and at the door. The
// tries of all causes take turns, in another order each time, so that the noise of the machine hits all alike; "wrong password"
// is there twice, and how far the two are apart is noise. The figures to read are the medians in milliseconds and "ratio", the
// greatest median over the least. hazard 7
//
//	go test -run '^$' -bench Refusals -benchtime 1x ./cmd/latchkeyd
func BenchmarkRefusals(b *testing.B) {
	inFile := func(b *testing.B) *refusals { return refusalsOfFile(b) }
	quick := func(b *testing.B) *refusals { return refusalsOfDirectory(b, inClear) }
	slow := func(b *testing.B) *refusals { return refusalsOfDirectory(b, slowly(b)) }
	const login, door = "POST /auth/v1/tokens", "GET /auth/v1/verify"
	for _, of := range []struct {
		name  string
		begin func(*testing.B) *refusals
		line  string
	}{
		{"file/login", inFile, login},
		{"directory/login", quick, login},
		{"directory/door", quick, door},
		{"slow-directory/login", slow, login},
		{"chain/login", func(b *testing.B) *refusals { return refusalsOfChain(b) }, login},
	} {
		b.Run(of.name, func(b *testing.B) {
			var causes []refusal
			times := map[string][]time.Duration{}
			for b.Loop() {
				r := of.begin(b) // a site of its own each time: the names would be locked in the end
				again := r.causes[1]
				again.cause += " again"
				causes = append(r.causes, again)
				r.measure(b, causes, of.line, times)
			}
			reportRefusals(b, causes, times)
		})
	}
}

// slowly returns the form that makes slapd hash for longer than any refusal takes at least.
func slowly(t testing.TB) func(password string) string {
	return func(password string) string {
		t.Helper()
		hash, err := exec.Command("openssl", "passwd", "-6", "-salt", "rounds=250000$saltsalt", password).Output()
		if err != nil {
			t.Fatalf("openssl: %v (apt-get install openssl)", err)
		}
		return "{CRYPT}" + strings.TrimSpace(string(hash))
	}
}

// measure tries each cause refusalTries times and adds how long each try took to times.
func (r *refusals) measure(b *testing.B, causes []refusal, line string, times map[string][]time.Duration) {
	b.Helper()
	clients := make([]*caller, len(causes))
	for n := range refusalTries + 10 {
		for _, i := range rand.Perm(len(causes)) {
			if clients[i] == nil { // the daemon closes connections on which it is not asked for a while
				basic := base64.StdEncoding.EncodeToString([]byte(causes[i].auth))
				clients[i] = callers(b, 1, r.port, line+" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nAuthorization: Basic "+basic+"\r\n\r\n")[0]
			}
			started := time.Now()
			if err := clients[i].call(" 401 "); err != nil {
				b.Fatalf("%s: %v", causes[i].cause, err)
			}
			if n >= 10 { // the first ones open connections and read files
				times[causes[i].cause] = append(times[causes[i].cause], time.Since(started))
			}
		}
	}
}

// reportRefusals prints the table, in which each cause has its median and the quartiles, and reports the medians.
func reportRefusals(b *testing.B, causes []refusal, times map[string][]time.Duration) {
	b.Helper()
	var cells []string
	var least, greatest time.Duration
	for _, cause := range causes {
		all := times[cause.cause]
		middle := percentile(all, 0.5)
		if least == 0 || middle < least {
			least = middle
		}
		greatest = max(greatest, middle)
		cells = append(cells, fmt.Sprintf("%-25s %8.2f (%.2f to %.2f)", cause.cause, inMilliseconds(middle), inMilliseconds(percentile(all, 0.25)),
			inMilliseconds(percentile(all, 0.75))))
		b.ReportMetric(inMilliseconds(middle), strings.ReplaceAll(cause.cause, " ", "-")+"-ms")
	}
	ratio := float64(greatest) / float64(least)
	b.ReportMetric(ratio, "ratio")
	// Two causes a line: package testing cuts what a benchmark prints after ten lines.
	var table strings.Builder
	fmt.Fprintf(&table, "medians in ms, %d tries of each cause; the greatest over the least is %.3f\n", len(times[causes[0].cause]), ratio)
	for pair := range slices.Chunk(cells, 2) {
		fmt.Fprintf(&table, "%-54s %s\n", pair[0], strings.Join(pair[1:], ""))
	}
	b.Log(table.String())
}

// inMilliseconds returns a duration as a number of milliseconds.
func inMilliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
