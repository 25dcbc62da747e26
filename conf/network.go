package conf

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"latchkey/plugins/secret"
)

// takeTrusted reads [proxy] trusted: networks, addresses, and the word unix.
func takeTrusted(c *Config, value string) error {
	c.Proxy = Proxy{}
	for _, part := range list(value) {
		if part == "unix" {
			c.Proxy.TrustUnix = true
			continue
		}
		prefix, err := netip.ParsePrefix(part)
		if address, failed := netip.ParseAddr(part); failed == nil {
			prefix, err = netip.PrefixFrom(address, address.BitLen()), nil
		}
		if err != nil {
			return fmt.Errorf("%q is no network such as 10.0.0.0/8 and not the word unix", part)
		}
		c.Proxy.Trusted = append(c.Proxy.Trusted, prefix.Masked())
	}
	return nil
}

// takeOrigins reads [api] allow_origin: exact origins. A star, which StackStorm takes, allows nobody here.
func takeOrigins(c *Config, value string) error {
	for _, origin := range list(value) {
		if origin == "*" {
			c.Notices = append(c.Notices, Notice{Message: "[api] allow_origin: * is not used; list the exact origins"})
			continue
		}
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Scheme+"://"+u.Host != origin || strings.Contains(origin, "*") {
			return fmt.Errorf("%q is no origin such as https://ui.example.com", origin)
		}
		c.API.AllowOrigin = append(c.API.AllowOrigin, origin)
	}
	return nil
}

// takeStoreURL reads [store] url.
func takeStoreURL(c *Config, value string) error {
	path, ok := strings.CutPrefix(value, "bolt:")
	switch {
	case !ok:
		return errors.New("must be bolt:/PATH/OF/FILE; other stores are not in this version")
	case !strings.HasPrefix(path, "/"):
		return errors.New("the path after bolt: begins with /")
	}
	c.Store.URL = secret.New(value)
	return nil
}
