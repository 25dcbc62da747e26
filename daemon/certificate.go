package daemon

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
)

// certificate is the listener's certificate and key. It looks at the two files at each handshake, which costs two stat
// calls, so a renewed certificate is served from the next connection on, without a signal. A new pair that does not fit
// together (a renewal under way, a truncated file) leaves the old one in service and is logged once.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	seen    [2]fileState // what was last tried
}

// fileState tells one version of a file from another.
type fileState struct {
	info os.FileInfo
}

func (s fileState) same(other fileState) bool {
	if s.info == nil || other.info == nil {
		return s.info == other.info
	}
	return os.SameFile(s.info, other.info) && s.info.ModTime().Equal(other.info.ModTime()) && s.info.Size() == other.info.Size()
}

// loadCertificate reads the pair. The error names the file and holds nothing of its content.
func loadCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	c.seen = c.states()
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", certFile, keyFile, err)
	}
	c.current = &pair
	return c, nil
}

func (c *certificate) states() (states [2]fileState) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			states[i] = fileState{info}
		}
	}
	return states
}

// get is tls.Config.GetCertificate.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	states := c.states()
	c.mu.Lock()
	defer c.mu.Unlock()
	if states[0].same(c.seen[0]) && states[1].same(c.seen[1]) {
		return c.current, nil
	}
	c.seen = states
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		c.log.Error("the certificate has changed and cannot be used; the old one stays in service",
			"cert", c.certFile, "key", c.keyFile, "error", err)
		return c.current, nil
	}
	c.log.Info("the certificate was read anew", "cert", c.certFile)
	c.current = &pair
	return c.current, nil
}

// tlsConfig returns the listener's TLS settings: TLS 1.2 or later with the library's own choice of suites.
func (c *certificate) tlsConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: []string{"h2", "http/1.1"}}
}
