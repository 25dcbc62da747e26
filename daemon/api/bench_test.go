package api_test

import (
	"net/http"
	"testing"
)

// discard is a ResponseWriter that costs next to nothing, so that a benchmark shows what the handler costs.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

// BenchmarkCheck is the handler's own part of a check, without the network.
func BenchmarkCheck(b *testing.B) {
	for _, path := range []string{"/api/v1/user", "/auth/v1/verify"} {
		b.Run(path[1:], func(b *testing.B) {
			s := newSite(b)
			session := s.logIn("bob")
			r, err := http.NewRequestWithContext(b.Context(), "GET", path, nil)
			if err != nil {
				b.Fatal(err)
			}
			r.RemoteAddr = "127.0.0.1:4711"
			r.Header.Set("X-Auth-Token", session)
			b.ReportAllocs()
			for b.Loop() {
				w := &discard{header: make(http.Header, 8)}
				s.handler.ServeHTTP(w, r)
			}
		})
	}
}
