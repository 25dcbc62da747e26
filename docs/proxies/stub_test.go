package proxies_test

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// stub is a door that gives one answer to all.
type stub struct{ status atomic.Int64 }

// answer sets the status of the answers to come.
func (s *stub) answer(status int) { s.status.Store(int64(status)) }

// stub puts a stub where the daemon was.
func (f *front) stub(t *testing.T) *stub {
	t.Helper()
	s := &stub{}
	socket, err := net.Listen("tcp", f.site.address)
	if err != nil {
		t.Fatal(err)
	}
	if f.site.identity != nil {
		socket = tls.NewListener(socket, &tls.Config{Certificates: []tls.Certificate{*f.site.identity}})
	}
	server := &http.Server{ReadHeaderTimeout: patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		status := int(s.status.Load())
		if status == http.StatusFound {
			w.Header().Set("Location", "http://127.0.0.1:9/")
		}
		w.WriteHeader(status)
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(socket) // it ends by Close
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	eventually(t, "the stub answers", func() bool {
		connection, err := net.DialTimeout("tcp", f.site.address, time.Second)
		if err == nil {
			_ = connection.Close()
		}
		return err == nil
	})
	return s
}
