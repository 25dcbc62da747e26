package load

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// against makes a run against a real server, which ends when so many calls were begun, and not by the clock.
func against(t *testing.T, server *httptest.Server, connections int, calls int64, kinds ...Kind) Measured {
	t.Helper()
	dial := func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", server.Listener.Addr().String())
	}
	ctx, enough := context.WithCancel(t.Context())
	defer enough()
	var begun atomic.Int64
	for i, kind := range kinds {
		kinds[i].Next = func() (Call, error) {
			if begun.Add(1) >= calls {
				enough()
			}
			return kind.Next()
		}
	}
	return measure(t, ctx, Options{
		Kinds: kinds, Connections: connections, Duration: MaxDuration, Timeout: time.Minute, Grace: time.Minute, Now: time.Now,
		Transport: func() http.RoundTripper { return NewConnection(dial, time.Now) },
	})
}

// kindOf is a kind of calls of a path.
func kindOf(server *httptest.Server, name, path string, weight int, done func(int, []byte)) Kind {
	return Kind{Name: name, Weight: weight, Next: func() (Call, error) {
		request, err := http.NewRequest(http.MethodGet, server.URL+path, strings.NewReader(""))
		return Call{Request: request, Done: done}, err
	}}
}

// A run keeps its connections, makes the calls in the mix's proportion, counts what it is answered, tries nothing again, and closes
// its connections.
func TestRunOverHTTP(t *testing.T) {
	var opened, sent, refusals, handed atomic.Int64
	closed := make(chan struct{}, 100)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent.Add(1)
		if r.URL.Path == "/refuse" && refusals.Add(1)%2 == 0 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, r.URL.Path)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			opened.Add(1)
		case http.StateClosed:
			closed <- struct{}{}
		}
	}
	server.Start()
	defer server.Close()
	m := against(t, server, 4, 1000, kindOf(server, "plain", "/plain", 3, nil), kindOf(server, "refuse", "/refuse", 1, func(status int, body []byte) {
		if status == http.StatusOK && string(body) != "/refuse" || status != http.StatusOK && len(body) > 0 {
			t.Errorf("status %d with %q", status, body)
		}
		handed.Add(1)
	}))
	plain, refuse := m.Kinds[0], m.Kinds[1]
	if plain.Calls == 0 || plain.Successes != plain.Calls || refuse.Errors["503"] == 0 || refuse.Successes == 0 || refuse.FailedCalls() != refuse.Errors["503"] {
		t.Errorf("%+v", m)
	}
	if difference := plain.Calls - 3*refuse.Calls; difference < -16 || difference > 16 {
		t.Errorf("%d and %d calls", plain.Calls, refuse.Calls)
	}
	if plain.Calls+refuse.Calls != sent.Load() || refusals.Load() != handed.Load() || handed.Load() != refuse.Calls {
		t.Errorf("%d of the one, %d of the other, and %d were sent", plain.Calls, refuse.Calls, sent.Load())
	}
	if opened.Load() != 4 {
		t.Errorf("%d connections were opened", opened.Load())
	}
	deadline := time.After(20 * time.Second)
	for range 4 {
		select {
		case <-closed:
		case <-deadline:
			t.Fatal("a connection stays open")
		}
	}
	var bars int64
	for _, bar := range plain.Bars {
		bars += bar.Calls
	}
	if l := plain.Latency; bars != plain.Successes || l.Min > l.P50 || l.P50 > l.P90 || l.P90 > l.P99 || l.P99 > l.P999 || l.P999 > l.Max {
		t.Errorf("%+v", plain)
	}
}

// What a server does to connections is told in words, and a redirect is not followed.
func TestAnswersOverHTTP(t *testing.T) {
	refuses := httptest.NewServer(http.NotFoundHandler())
	refuses.Close()
	for want, handler := range map[string]http.HandlerFunc{
		"307":                http.RedirectHandler("http://127.0.0.1:1/", http.StatusTemporaryRedirect).ServeHTTP,
		"connection lost":    func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"429":                func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
		"connection refused": nil,
	} {
		server := refuses
		if handler != nil {
			server = httptest.NewServer(handler)
		}
		k := against(t, server, 2, 10, kindOf(server, "calls", "/", 1, nil)).Kinds[0]
		if k.Calls < 10 || k.Errors[want] != k.Calls {
			t.Errorf("%s: %+v", want, k)
		}
		server.Close()
	}
}

// Of a long answer the beginning is handed on and the rest is read, so that the connection stays; an answer without an end costs no
// more than the connection.
func TestLongAnswers(t *testing.T) {
	var mu sync.Mutex
	peers := map[string]bool{}
	length := keptBody + 1000
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		peers[r.RemoteAddr] = true
		mu.Unlock()
		_, _ = io.WriteString(w, strings.Repeat("x", length))
	}))
	defer server.Close()
	long := kindOf(server, "long", "/", 1, func(_ int, body []byte) {
		if len(body) != keptBody {
			t.Errorf("%d bytes", len(body))
		}
	})
	if k := against(t, server, 1, 5, long).Kinds[0]; k.Successes != 5 || len(peers) != 1 {
		t.Errorf("%+v over %d connections", k, len(peers))
	}
	length = keptBody + readBody + 1<<20
	clear(peers)
	if k := against(t, server, 1, 5, long).Kinds[0]; k.Successes != 5 || int64(len(peers)) != k.Successes {
		t.Errorf("%+v over %d connections", k, len(peers))
	}
}
