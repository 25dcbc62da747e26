package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

const (
	// defaultTimeout leaves room for a slow directory behind the daemon, whose own patience is 10 seconds.
	defaultTimeout = 30 * time.Second
	dialTimeout    = 10 * time.Second
)

// Options say which server a Client speaks to, and how. Only URL is required.
type Options struct {
	// URL is the server's address: https://host:port, http://host:port, or unix:///path of a socket. A path may follow host
	// and port where a proxy serves Latchkey below one. A last part that names one of the two services, such as /auth/v1 or
	// /api, is dropped, so that an address which was made for StackStorm's client fits.
	URL string
	// CAFile is a PEM file with the certificates that are trusted, instead of the system's.
	CAFile string
	// Insecure accepts any certificate, so that anybody on the way can read the password. For a try on one's own host only.
	Insecure bool
	// Timeout is the longest that one call may take; zero means 30 seconds.
	Timeout time.Duration
	// UserAgent is what the client calls itself, as User-Agent of RFC 9110 section 10.1.5; empty means "latchkey-client".
	UserAgent string
	// Credentials is where the credential of each call comes from; nil means that none is shown.
	Credentials Source
}

// Client calls one server. It is safe for concurrent use.
type Client struct {
	base      *url.URL
	name      string
	timeout   time.Duration
	userAgent string
	source    Source
	http      *http.Client
}

// New returns a client. It does not call the server. The error names the option that is wrong, and never holds the URL,
// which could have a password in it.
func New(o Options) (*Client, error) {
	at, err := parseAddress(o.URL)
	if err != nil {
		return nil, err
	}
	transport, err := newTransport(o, at)
	if err != nil {
		return nil, err
	}
	c := &Client{
		base: at.base, name: at.name, timeout: o.Timeout, userAgent: o.UserAgent, source: o.Credentials,
		http: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	if c.timeout <= 0 {
		c.timeout = defaultTimeout
	}
	if c.userAgent == "" {
		c.userAgent = "latchkey-client"
	}
	return c, nil
}

// URL returns the server's address in its one normal form: lower case, without a default port and without a slash at the end.
// Two addresses that this package treats alike have the same.
func (c *Client) URL() string { return c.name }

// With returns a client that differs in its credentials only; both share their connections.
func (c *Client) With(credentials Source) *Client {
	other := *c
	other.source = credentials
	return &other
}

// Shown returns the credential that a call would show now; the zero Credential when there is none.
func (c *Client) Shown(ctx context.Context) (Credential, error) {
	return c.credential(ctx, call{}, Credential{})
}

// Transport returns what a Client made of these options would speak through, for whoever makes requests of his own and wants the
// connections to himself: the address that a request's path is put behind, and a new transport. It does not call the server. The
// error is that of New.
func (o Options) Transport() (base *url.URL, transport *http.Transport, err error) {
	at, err := parseAddress(o.URL)
	if err != nil {
		return nil, nil, err
	}
	transport, err = newTransport(o, at)
	return at.base, transport, err
}

// Close closes the connections that nobody uses.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// newTransport returns the transport for an address. Proxies are those of the environment (HTTPS_PROXY and its like), as
// net/http reads it; it never uses one for loopback.
func newTransport(o Options, at address) (*http.Transport, error) {
	dialer := &net.Dialer{Timeout: dialTimeout}
	transport := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    dialTimeout,
		IdleConnTimeout:        time.Minute,
		MaxIdleConnsPerHost:    16,
		MaxResponseHeaderBytes: 64 << 10,
		TLSClientConfig: &tls.Config{
			MinVersion:         tls.VersionTLS12,
			InsecureSkipVerify: o.Insecure, // asked for by name, and said so by whoever offers the option
		},
	}
	if at.socket != "" {
		transport.Proxy = nil
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", at.socket)
		}
	}
	if o.CAFile == "" {
		return transport, nil
	}
	if o.Insecure {
		return nil, errors.New("a file of trusted certificates and a connection that checks none exclude each other")
	}
	pem, err := os.ReadFile(o.CAFile)
	if err != nil {
		return nil, fmt.Errorf("trusted certificates: %w", err)
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("trusted certificates: %s has no certificate in PEM form", o.CAFile)
	}
	transport.TLSClientConfig.RootCAs = trusted
	return transport, nil
}
