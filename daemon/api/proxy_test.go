package api

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"latchkey/conf"
)

func prefixes(texts ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

// hazard 45
func TestSource(t *testing.T) {
	behind := conf.Proxy{Trusted: prefixes("127.0.0.0/8", "::1/128", "10.0.0.0/8"), TrustUnix: true}
	for _, c := range []struct {
		about, remote string
		proxy         conf.Proxy
		forwarded     []string
		want          string
	}{
		{"no proxy", "192.0.2.7:4711", behind, nil, "192.0.2.7"},
		{"spoofed by a stranger", "192.0.2.7:4711", behind, []string{"198.51.100.1"}, "192.0.2.7"},
		{"nobody is trusted", "127.0.0.1:4711", conf.Proxy{}, []string{"198.51.100.1"}, "127.0.0.1"},
		{"one proxy", "127.0.0.1:4711", behind, []string{"198.51.100.1"}, "198.51.100.1"},
		{"the client's claim stands left", "127.0.0.1:4711", behind, []string{"203.0.113.9, 198.51.100.1"}, "198.51.100.1"},
		{"two proxies", "127.0.0.1:4711", behind, []string{"203.0.113.9, 198.51.100.1, 10.1.2.3"}, "198.51.100.1"},
		{"several lines", "127.0.0.1:4711", behind, []string{"203.0.113.9", "198.51.100.1", "10.1.2.3"}, "198.51.100.1"},
		{"all are proxies", "127.0.0.1:4711", behind, []string{"10.9.9.9, 10.1.2.3"}, "10.9.9.9"},
		{"a hop that is no address", "127.0.0.1:4711", behind, []string{"203.0.113.9, unknown, 10.1.2.3"}, "10.1.2.3"},
		{"garbage only", "127.0.0.1:4711", behind, []string{"\"}{"}, "127.0.0.1"},
		{"empty", "127.0.0.1:4711", behind, []string{""}, "127.0.0.1"},
		{"with port", "127.0.0.1:4711", behind, []string{"198.51.100.1:99"}, "198.51.100.1"},
		{"IPv6 in brackets with port", "[::1]:4711", behind, []string{"[2001:db8::1]:99"}, "2001:db8::1"},
		{"IPv6 in brackets", "[::1]:4711", behind, []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"IPv4 in IPv6", "[::ffff:127.0.0.1]:4711", behind, []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"a zone", "[fe80::1%eth0]:4711", behind, nil, "fe80::1"},
		{"unix", "@", behind, nil, "unix"},
		{"unix with a proxy", "", behind, []string{"198.51.100.1"}, "198.51.100.1"},
		{"unix that is not trusted", "@", conf.Proxy{}, []string{"198.51.100.1"}, "unix"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.remote
		r.Header["X-Forwarded-For"] = c.forwarded
		r.Header.Set("X-Real-Ip", "203.0.113.66")
		r.Header.Set("Forwarded", "for=203.0.113.66")
		if got := peerOf(r, c.proxy).source(r.Header, c.proxy); got != c.want {
			t.Errorf("%s: got %q, want %q", c.about, got, c.want)
		}
	}
}

// hazard 45
func FuzzSource(f *testing.F) {
	for _, seed := range []string{"", ",", "1.2.3.4", "1.2.3.4, 10.0.0.1", "[::1]:80", "fe80::1%eth0", "[", "unknown", "1.2.3.4:99999"} {
		f.Add(seed)
	}
	proxy := conf.Proxy{Trusted: prefixes("127.0.0.0/8", "10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, forwarded string) {
		header := http.Header{"X-Forwarded-For": {forwarded}}
		r := &http.Request{RemoteAddr: "127.0.0.1:1", Header: header}
		source := peerOf(r, proxy).source(header, proxy)
		if addr, err := netip.ParseAddr(source); err != nil || addr.Zone() != "" || addr.Is4In6() {
			t.Fatalf("%q is no plain address", source)
		}
		r.RemoteAddr = "192.0.2.1:1"
		if source := peerOf(r, proxy).source(header, proxy); source != "192.0.2.1" {
			t.Fatalf("a stranger became %q", source)
		}
	})
}
