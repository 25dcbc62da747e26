package conf

import (
	"errors"
)

// maxSocketPath is the longest path of a unix socket, in bytes (unix(7): sun_path has 108 with the final NUL).
const maxSocketPath = 107

// adminSection is the section [admin].
func adminSection() section {
	return section{name: "admin", keys: []key{
		into("listen", address, func(c *Config) *string { return &c.Admin.Listen }),
		into("socket", orWord(off, socketPath), func(c *Config) *string { return &c.Admin.Socket }),
	}}
}

// socketPath reads the path of a unix socket.
func socketPath(value string) (string, error) {
	if len(value) > maxSocketPath {
		return "", errors.New("a socket's path has at most 107 bytes")
	}
	return absolute(value)
}
