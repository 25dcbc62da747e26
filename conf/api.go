package conf

import (
	"fmt"
	"net/url"
	"strings"
)

// apiSection is the section [api], of which StackStorm's API service has more.
func apiSection() section {
	return section{name: "api", keys: []key{
		{name: "allow_origin", many: true, take: takeOrigins, show: func(c *Config) string { return shown(c.API.AllowOrigin) }},
		into("max_page_size", integer(1, 10000), func(c *Config) *int { return &c.API.MaxPageSize }),
	}}
}

// takeOrigins reads [api] allow_origin: exact origins, as a browser sends them (RFC 6454, section 6.2). A star, which stands
// in StackStorm's files, allows nobody here. No origin holds a #, so one ends the value: StackStorm's own sample has a comment
// behind it.
func takeOrigins(c *Config, value string) error {
	value, _, _ = strings.Cut(value, "#")
	var note error
	for _, origin := range list(value) {
		if origin == "*" {
			note = remark("* allows nobody; list the origins, such as https://ui.example.com")
			continue
		}
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Scheme+"://"+strings.ToLower(u.Host) != origin || strings.Contains(origin, "*") {
			return fmt.Errorf("%q is no origin such as https://ui.example.com: scheme, host in small letters, port, and no path", printable(origin))
		}
		c.API.AllowOrigin = append(c.API.AllowOrigin, origin)
	}
	return note
}
