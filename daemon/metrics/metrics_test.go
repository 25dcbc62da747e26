package metrics_test

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"latchkey/daemon/api"
	"latchkey/daemon/audit"
	"latchkey/daemon/metrics"
)

// failing is a recorder that cannot write.
type failing struct{}

func (failing) Record(context.Context, audit.Event) error { return errors.New("disk full") }

// What is counted is shown, and nothing that a caller chose.
func TestMetrics(t *testing.T) {
	m := metrics.New("v1.2.3")
	m.Observe(api.Observation{Route: "GET /api/v1/user", Status: 200, Duration: 80 * time.Microsecond})
	m.Ready("store", errors.New("away"))
	event := audit.Event{
		Event: audit.EventLogin, Outcome: audit.OutcomeRefused, User: "canary-user", Reason: "canary-reason",
		Origin: audit.Origin{Source: "canary-source", UserAgent: "canary-agent", RequestID: "canary-id", Route: "canary-route"},
	}
	if err := m.Recorder(audit.Discard{}).Record(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	if err := m.Recorder(failing{}).Record(t.Context(), event); err == nil {
		t.Fatal("a failure to record is swallowed")
	}
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`latchkey_http_request_duration_seconds_count{route="GET /api/v1/user",status="200"} 1`,
		`latchkey_http_request_duration_seconds_bucket{route="GET /api/v1/user",status="200",le="0.0001"} 1`,
		`latchkey_events_total{event="login",outcome="refused"} 1`,
		`latchkey_events_total{event="login",outcome="unwritten"} 1`,
		`latchkey_part_away{part="store"} 1`,
		`latchkey_build_info{version="v1.2.3"} 1`,
	} {
		if !strings.Contains(string(body), want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(string(body), "canary") {
		t.Errorf("a caller's words are in the metrics:\n%s", body)
	}
}
