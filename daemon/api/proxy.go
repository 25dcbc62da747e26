package api

import (
	"net/http"
	"net/netip"
	"strings"

	"latchkey/conf"
)

// sourceUnix is the source of a request that came over a unix socket.
const sourceUnix = "unix"

// peer is who is at the other end of the connection, which may be a proxy.
type peer struct {
	addr    netip.Addr // invalid on a unix socket
	trusted bool       // its forwarded headers are believed
}

// peerOf returns the peer of a request. The peer of a unix socket has no address; net/http gives it as "" or "@".
func peerOf(r *http.Request, proxy conf.Proxy) peer {
	address, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return peer{trusted: proxy.TrustUnix && strings.Trim(r.RemoteAddr, "@") == ""}
	}
	addr := plain(address.Addr())
	return peer{addr: addr, trusted: trusts(proxy, addr)}
}

// source returns the address of the client. It is the peer's own, unless the peer is trusted: then X-Forwarded-For is read
// from its right end, where the nearest proxy wrote, up to the first address that is not a trusted one. What stands left of
// that is the client's own claim and is not looked at. A hop that is no address ends the reading.
func (p peer) source(header http.Header, proxy conf.Proxy) string {
	client := p.addr
	if p.trusted {
		hops := strings.Split(strings.Join(header["X-Forwarded-For"], ","), ",")
		for i := len(hops) - 1; i >= 0; i-- {
			hop, ok := parseHop(hops[i])
			if !ok {
				break
			}
			client = hop
			if !trusts(proxy, hop) {
				break
			}
		}
	}
	if !client.IsValid() {
		return sourceUnix
	}
	return client.String()
}

// parseHop returns the address of one entry of X-Forwarded-For, which some proxies write with a port or in brackets.
func parseHop(hop string) (netip.Addr, bool) {
	hop = strings.TrimSpace(hop)
	if address, err := netip.ParseAddrPort(hop); err == nil {
		return plain(address.Addr()), true
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(hop, "["), "]"))
	return plain(addr), err == nil
}

// plain returns the one form of an address: IPv4 not wrapped in IPv6, and no zone.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// trusts reports whether forwarded headers from addr are believed.
func trusts(proxy conf.Proxy, addr netip.Addr) bool {
	for _, network := range proxy.Trusted {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}
