package client

import (
	"errors"
	"net"
	"net/url"
	"path"
	"strings"
)

// address is where a server is.
type address struct {
	base   *url.URL // what a call's path is put behind
	name   string   // the normal form, for messages and for telling servers apart
	socket string   // path of a unix socket, if it is one
}

// Normal returns a server's address in its one normal form, as Client.URL does, so that two can be compared. The error says what
// is wrong with it and never holds it, since a password could be in it.
func Normal(text string) (string, error) {
	at, err := parseAddress(text)
	return at.name, err
}

// serviceSuffixes are what StackStorm's configuration puts behind the host to name one of its services. Here one listener
// serves both.
func serviceSuffixes() []string { return []string{"/auth/v1", "/api/v1", "/auth", "/api", "/v1"} }

// parseAddress reads Options.URL.
func parseAddress(text string) (address, error) {
	if text == "" {
		return address{}, errors.New("the server's address is missing")
	}
	parsed, err := url.Parse(text)
	if err != nil || parsed.Opaque != "" {
		return address{}, errors.New("the server's address is not a URL such as https://host:9100 or unix:///run/latchkey/api.sock")
	}
	switch {
	case parsed.User != nil:
		return address{}, errors.New("the server's address has a user in it; a name and a password do not belong there")
	case parsed.RawQuery != "" || parsed.ForceQuery || parsed.Fragment != "":
		return address{}, errors.New("the server's address has a query or a fragment, which have no meaning there")
	case strings.ContainsFunc(text+parsed.Path, isControl):
		return address{}, errors.New("the server's address has a control character in it")
	case parsed.Scheme == "unix":
		return socketAddress(parsed)
	case parsed.Scheme != "https" && parsed.Scheme != "http":
		return address{}, errors.New("the server's address does not begin with https://, http:// or unix://")
	case parsed.Hostname() == "" || strings.ContainsFunc(parsed.Hostname(), func(r rune) bool { return !isHostRune(r) }):
		return address{}, errors.New("the server's address has no host, or one with characters that no host name has")
	}
	base := &url.URL{Scheme: parsed.Scheme, Host: normalHost(parsed), Path: trimService(path.Clean("/" + parsed.Path))}
	return address{base: base, name: base.String()}, nil
}

// socketAddress reads the address of a unix socket.
func socketAddress(parsed *url.URL) (address, error) {
	if parsed.Host != "" || !path.IsAbs(parsed.Path) {
		return address{}, errors.New("the address of a socket is written as unix:///path, with three slashes")
	}
	socket := path.Clean(parsed.Path)
	return address{
		base:   &url.URL{Scheme: "http", Host: "latchkey"}, // never resolved: the transport dials the socket
		name:   (&url.URL{Scheme: "unix", Path: socket}).String(),
		socket: socket,
	}, nil
}

// normalHost returns host and port in lower case, without the port that the scheme has anyhow.
func normalHost(u *url.URL) string {
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if (u.Scheme == "https" && port == "443") || (u.Scheme == "http" && port == "80") {
		port = ""
	}
	if port != "" {
		return net.JoinHostPort(host, port)
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// isHostRune reports whether a rune can be in a host's name or address; a name with others is written in its ASCII form (RFC 5890).
func isHostRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._:%", r)
}

// trimService returns a cleaned path without a slash at the end and without the part that names a service.
func trimService(cleaned string) string {
	cleaned = strings.TrimSuffix(cleaned, "/")
	for _, suffix := range serviceSuffixes() {
		if rest, found := strings.CutSuffix(cleaned, suffix); found {
			return rest
		}
	}
	return cleaned
}
