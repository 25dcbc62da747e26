package load

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// connectionTo returns a connection to a server, with a clock that the test moves.
func connectionTo(t *testing.T, server *httptest.Server) (c *Connection, clock *time.Time) {
	t.Helper()
	clock = new(time.Now())
	c = NewConnection(func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", server.Listener.Addr().String())
	}, func() time.Time { return *clock })
	t.Cleanup(c.CloseIdleConnections)
	return c, clock
}

// ask sends a request and returns the answer's text.
func ask(t *testing.T, ctx context.Context, c *Connection, path string) (string, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://server.invalid"+path, strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := c.RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return string(text), err
}

// answers is a server whose answers say which connection they came over.
func answers(t *testing.T, hanging chan<- struct{}) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if text, err := io.ReadAll(r.Body); err != nil || string(text) != "body" || r.Host != "server.invalid" {
			t.Errorf("%q for %s, %v", text, r.Host, err)
		}
		switch r.URL.Path {
		case "/close":
			w.Header().Set("Connection", "close")
		case "/early":
			w.WriteHeader(http.StatusEarlyHints)
		case "/chunks":
			_ = http.NewResponseController(w).Flush()
		case "/hang":
			hanging <- struct{}{}
			<-r.Context().Done()
			return
		case "/half":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			hanging <- struct{}{}
			<-r.Context().Done()
			return
		case "/nothing":
			w.WriteHeader(http.StatusNoContent)
			return
		}
		_, _ = io.WriteString(w, r.RemoteAddr)
	}))
	t.Cleanup(server.Close)
	return server
}

// A connection is kept over answers of every form, until the server closes it or it was long out of use.
func TestConnectionIsKept(t *testing.T) {
	c, clock := connectionTo(t, answers(t, nil))
	first := ""
	for i, test := range []struct {
		path string
		kept bool
	}{{"/", true}, {"/early", true}, {"/chunks", true}, {"/nothing", true}, {"/close", true}, {"/", false}, {"/", true}} {
		peer, err := ask(t, t.Context(), c, test.path)
		if err != nil {
			t.Fatal(err)
		}
		if test.path == "/nothing" {
			continue
		}
		if i > 0 && (peer == first) != test.kept {
			t.Errorf("%d: %s came over %s, after %s", i, test.path, peer, first)
		}
		first = peer
	}
	*clock = clock.Add(idle)
	if peer, err := ask(t, t.Context(), c, "/"); err != nil || peer != first {
		t.Errorf("%q, %v", peer, err)
	}
	*clock = clock.Add(idle + 1)
	if peer, err := ask(t, t.Context(), c, "/"); err != nil || peer == first {
		t.Errorf("%q, %v", peer, err)
	}
}

// A call ends with its context, while it waits for the answer or for the rest of one, and the next has a connection of its own.
func TestConnectionEndsWithContext(t *testing.T) {
	hanging := make(chan struct{}, 10)
	server := answers(t, hanging)
	for _, path := range []string{"/hang", "/half"} {
		c, _ := connectionTo(t, server)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-hanging; cancel() }()
		if text, err := ask(t, ctx, c, path); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %q, %v", path, text, err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
		if _, err := ask(t, ctx, c, path); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", path, err)
		}
		cancel()
		select {
		case <-hanging: // that of the second call, if it came so far
		default:
		}
		if _, err := ask(t, ctx, c, "/"); err == nil {
			t.Error("an answer after the end")
		}
		if _, err := ask(t, t.Context(), c, "/"); err != nil {
			t.Error(err)
		}
	}
}

// What is not read of an answer is not taken for the next one.
func TestConnectionUnread(t *testing.T) {
	c, _ := connectionTo(t, answers(t, nil))
	first, err := ask(t, t.Context(), c, "/")
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://server.invalid/", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := c.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Error(err)
	}
	if peer, err := ask(t, t.Context(), c, "/"); err != nil || peer == first {
		t.Errorf("%q, %v", peer, err)
	}
}

// A call that finds no server, or one that hangs up, fails and is not tried again.
func TestConnectionLost(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1); panic(http.ErrAbortHandler) }))
	c, _ := connectionTo(t, server)
	if _, err := ask(t, t.Context(), c, "/"); describe(err) != "connection lost" || asked.Load() != 1 {
		t.Errorf("%v, asked %d times", err, asked.Load())
	}
	server.Close()
	if _, err := ask(t, t.Context(), c, "/"); describe(err) != "connection refused" {
		t.Errorf("%v", err)
	}
}
