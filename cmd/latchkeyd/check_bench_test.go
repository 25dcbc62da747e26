package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkCheck compares checks of a token with a handler that sends the same answer without checking, and with one that sends
// an empty answer: all as processes of their own over loopback, in turn, in one run. The figures to read are "ratio-same" and
// "ratio-empty", the medians over the pairs of rounds, and the percentiles of the time that a check takes.
func BenchmarkCheck(b *testing.B) {
	for _, kind := range benchStores {
		b.Run("store="+kind, func(b *testing.B) {
			s := benchSite(b, kind, map[string]string{"alice": "secret"})
			s.startOn(kind)
			token := s.token("alice:secret", "")
			nothing := empty(b)
			for _, path := range []string{"/api/v1/user", "/auth/v1/verify"} {
				same := baseline(b, s.do(httpRequest(path, token)).want(b, http.StatusOK))
				for _, connections := range []int{1, 16, 256} {
					b.Run(fmt.Sprintf("path=%s/connections=%d", filepath.Base(path), connections), func(b *testing.B) {
						request := "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nX-Auth-Token: " + token + "\r\n\r\n"
						compareChecks(b, request, connections, s.port, same, nothing)
					})
				}
			}
		})
	}
}

// compareChecks sends the same request to the daemon and to the two handlers that check nothing.
func compareChecks(b *testing.B, request string, connections, daemon, same, nothing int) {
	b.Helper()
	checks := callers(b, connections, daemon, request)
	var took []time.Duration
	rates := inTurn(b, func() float64 {
		rate, times := during(b, checks, " 200 ")
		took = append(took, times...)
		return rate
	}, plainly(b, callers(b, connections, same, request), " 200 "), plainly(b, callers(b, connections, nothing, request), " 200 "))
	b.ReportMetric(median(rates[0]), "checks/s")
	b.ReportMetric(ratio(rates[0], rates[1]), "ratio-same")
	b.ReportMetric(ratio(rates[0], rates[2]), "ratio-empty")
	reportTimes(b, took)
}
