package conf

import (
	"fmt"
	"net/netip"
	"strings"
)

// peerUnix, in [proxy] trusted, stands for peers on a unix socket.
const peerUnix = "unix"

// proxySection is the section [proxy].
func proxySection() section {
	return section{name: "proxy", keys: []key{{name: "trusted", many: true, take: takeTrusted, show: showTrusted}}}
}

// takeTrusted reads [proxy] trusted: networks, addresses and the word unix, or the word off for nobody. A network of
// everybody is refused: whoever can reach the daemon could then be anybody.
func takeTrusted(c *Config, value string) error {
	c.Proxy = Proxy{}
	if value == off {
		return nil
	}
	for _, part := range list(value) {
		if part == peerUnix {
			c.Proxy.TrustUnix = true
			continue
		}
		network, err := netip.ParsePrefix(part)
		if address, failed := netip.ParseAddr(part); failed == nil && address.Zone() == "" {
			network, err = netip.PrefixFrom(address, address.BitLen()), nil
		}
		switch {
		case err != nil || network.Addr().Is4In6():
			return fmt.Errorf("%q is neither a network such as 10.0.0.0/8 nor the word unix", printable(part))
		case network.Bits() == 0:
			return fmt.Errorf("%s would believe everybody who says who he is; name the web servers in front", network)
		}
		c.Proxy.Trusted = append(c.Proxy.Trusted, network.Masked())
	}
	return nil
}

// showTrusted returns [proxy] trusted as it is written.
func showTrusted(c *Config) string {
	var parts []string
	for _, network := range c.Proxy.Trusted {
		parts = append(parts, network.String())
	}
	if c.Proxy.TrustUnix {
		parts = append(parts, peerUnix)
	}
	if len(parts) == 0 {
		return off
	}
	return strings.Join(parts, ", ")
}
