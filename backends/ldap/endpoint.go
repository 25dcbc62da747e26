package ldap

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"unicode"
)

// endpoint is one server: the name that its certificate must have, and its TCP address.
type endpoint struct{ name, address string }

// newEndpoint reads host, host:port, an IPv6 address, or one in brackets with a port.
func newEndpoint(text string, port int) (endpoint, error) {
	if strings.Contains(text, "/") {
		return endpoint{}, errors.New("is no host; write host or host:port, and use_ssl for ldaps")
	}
	host, ownPort, err := net.SplitHostPort(text)
	if err != nil {
		// Without a port: a name, or an IPv6 address with or without brackets.
		host, ownPort = text, fmt.Sprint(port)
		if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
			host = text[1 : len(text)-1]
		}
		if strings.ContainsAny(host, ":[]") && net.ParseIP(host) == nil {
			return endpoint{}, errors.New("is no host; write host or host:port")
		}
	}
	if number, err := net.LookupPort("tcp", ownPort); err != nil || number < 1 || host == "" || strings.ContainsFunc(host, noHostRune) {
		return endpoint{}, errors.New("is no host; write host or host:port")
	}
	return endpoint{name: host, address: net.JoinHostPort(host, ownPort)}, nil
}

func noHostRune(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`@"'<>\`, r)
}

// loopback reports whether the server is this host, as written: no name is resolved.
func (e endpoint) loopback() bool {
	address := net.ParseIP(e.name)
	return strings.EqualFold(e.name, "localhost") || address != nil && address.IsLoopback()
}
