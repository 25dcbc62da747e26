package proxies_test

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// configured reads a YAML file of this folder with other addresses into a structure that must have a place for all of it.
func configured(t *testing.T, name string, into any, pairs ...string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(strings.NewReplacer(pairs...).Replace(string(text)))))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// standIn serves what takes the place of a proxy.
func (f *front) standIn(t *testing.T, handler http.Handler) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	f.address = server.Listener.Addr().String()
}

// ask puts a question to the door and returns its answer, or nil when there is none. No redirect is followed.
func ask(question *http.Request) *http.Response {
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(question)
	if err != nil {
		return nil
	}
	return response
}

// pass sends a request on to the service at address.
func pass(w http.ResponseWriter, r *http.Request, address string) {
	to := &url.URL{Scheme: "http", Host: address}
	proxy := httputil.ReverseProxy{
		Transport: &http.Transport{DisableKeepAlives: true},
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host = to.Scheme, to.Host
		},
	}
	proxy.ServeHTTP(w, r)
}

// withoutConnection takes off the headers that a request's Connection names, and Connection.
func withoutConnection(header http.Header) {
	for _, line := range header["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			header.Del(strings.TrimSpace(name))
		}
	}
	header.Del("Connection")
}

// remote returns the address of a request's client.
func remote(r *http.Request) string {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return host
}
