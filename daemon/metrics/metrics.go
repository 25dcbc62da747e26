// Package metrics counts what the daemon does, for Prometheus.
//
// What always holds: no label has a value that a caller chose. Routes are the patterns of the contract, outcomes and events
// are our own words; there is no user, no address and no credential in a metric. Names begin with latchkey_, counters end in
// _total, times are in seconds.
//
// What it does not do: it serves nothing (package daemon does, on the admin listener) and decides nothing.
package metrics

import (
	"context"
	"maps"
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"latchkey/daemon/api"
	"latchkey/daemon/audit"
)

// Metrics are the daemon's figures. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	events   *prometheus.CounterVec
	unready  *prometheus.GaugeVec
	// observers are those of requests that were needed so far; there are as many as routes and statuses. It is replaced, not changed.
	observers atomic.Pointer[map[answerKind]prometheus.Observer]
}

// answerKind is what answers are counted by.
type answerKind struct {
	route  string
	status int
}

// New returns metrics that count nothing yet. version is what latchkey_build_info shows.
func New(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "latchkey_http_request_duration_seconds",
			Help: "Time that answers took, by route and status.",
			// From a check out of memory to a password that waits in the queue.
			Buckets: []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route", "status"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "latchkey_events_total",
			Help: "Events of the audit log, by event and outcome.",
		}, []string{"event", "outcome"}),
		unready: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "latchkey_part_away",
			Help: "1 when a part (store, backends, audit) cannot do its work, as /readyz saw it last.",
		}, []string{"part"}),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "latchkey_build_info", Help: "The version that runs.", ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	m.registry.MustRegister(m.requests, m.events, m.unready, info, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Observe counts an answer; it is an api.Options.Observe.
func (m *Metrics) Observe(o api.Observation) {
	m.observer(o.Route, o.Status).Observe(o.Duration.Seconds())
}

// observer returns the histogram of a route and a status. Those that were asked for before are found without a lock.
func (m *Metrics) observer(route string, status int) prometheus.Observer {
	k := answerKind{route, status}
	for {
		known := m.observers.Load()
		if known != nil {
			if found, ok := (*known)[k]; ok {
				return found
			}
		}
		more := map[answerKind]prometheus.Observer{k: m.requests.WithLabelValues(route, strconv.Itoa(status))}
		if known != nil {
			maps.Copy(more, *known)
		}
		if m.observers.CompareAndSwap(known, &more) {
			return more[k]
		}
	}
}

// Ready notes whether a part can do its work.
func (m *Metrics) Ready(part string, err error) {
	away := 0.0
	if err != nil {
		away = 1
	}
	m.unready.WithLabelValues(part).Set(away)
}

// Handler serves the figures in Prometheus' text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Recorder returns a recorder that counts events and hands them on. An event that could not be written counts as one of
// outcome "unwritten".
func (m *Metrics) Recorder(next audit.Recorder) audit.Recorder { return recorder{m, next} }

type recorder struct {
	metrics *Metrics
	next    audit.Recorder
}

// Record counts an event and hands it on.
func (r recorder) Record(ctx context.Context, event audit.Event) error {
	err := r.next.Record(ctx, event)
	outcome := event.Outcome
	if err != nil {
		outcome = "unwritten"
	}
	r.metrics.events.WithLabelValues(event.Event, outcome).Inc()
	return err
}
