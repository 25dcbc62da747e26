package daemon

import (
	"context"
	"encoding/json"
	"net/http"
	"path"
	"time"
)

// checkDeadline bounds one readiness check.
const checkDeadline = 5 * time.Second

// healthHandler serves the admin listener. /healthz says that the process lives and looks at nothing; /readyz says whether
// it can do its work; /metrics is for Prometheus. None tells a caller more than which part is away.
func (d *Daemon) healthHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answerHealth(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), checkDeadline)
		defer cancel()
		status, code := map[string]string{}, http.StatusOK
		for part, err := range d.check(ctx) {
			status[part] = "ok"
			d.counts.Ready(part, err)
			if err != nil {
				status[part], code = "away", http.StatusServiceUnavailable
				d.log.Warn("not ready", "part", part, "error", err)
			}
		}
		answerHealth(w, code, status)
	})
	mux.Handle("GET /metrics", d.counts.Handler())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path.Clean(r.URL.Path) != r.URL.Path { // the mux would redirect, and repeat the path
			http.NotFound(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func answerHealth(w http.ResponseWriter, code int, body map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // a client that went away is no fault of ours
}

// check asks each part whether it can do its work. The backends count as one part: it is away when none of them can decide.
func (d *Daemon) check(ctx context.Context) map[string]error {
	return map[string]error{
		"store":    d.store.Ping(ctx),
		"backends": d.backends().Check(ctx),
		"audit":    d.audit.Check(),
	}
}
