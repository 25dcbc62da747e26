package conf

import (
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// longestWait bounds how long the daemon waits for a backend.
const longestWait = time.Hour

// pluginsSection is the section [plugins]; it has the pins, too, whose names are free (takePins).
func pluginsSection() section {
	return section{name: "plugins", keys: []key{
		into("dir", absolute, func(c *Config) *string { return &c.Plugins.Dir }),
		into("start_timeout", duration(time.Second, longestWait), func(c *Config) *time.Duration { return &c.Plugins.StartTimeout }),
		into("call_timeout", duration(100*time.Millisecond, longestWait), func(c *Config) *time.Duration { return &c.Plugins.CallTimeout }),
	}}
}

// takePins reads [plugins] sha256_NAME.
func (r *reader) takePins(c *Config) {
	given := r.settings["plugins"]
	chain := r.chain()
	for _, name := range sortedKeys(given) {
		backend, ok := strings.CutPrefix(name, pinPrefix)
		pin := given[name]
		if !ok || isNone(pin.value) {
			continue
		}
		sum, err := hex.DecodeString(pin.value)
		switch {
		case !backendName.MatchString(backend):
			r.fault(pin.position, "[plugins] %s: after sha256_ stands the name of a backend, such as %s", printable(name), defaultBackend)
		case err != nil || len(sum) != 32:
			r.fault(pin.position, "[plugins] %s: must be 64 hex digits, as sha256sum prints them", name)
		case !slices.Contains(chain, backend):
			r.notice(pin.position, "[plugins] %s: %s is not in [auth] backend, so nothing is checked%s", name, backend, didYouMean(backend, chain))
		default:
			if c.Plugins.SHA256 == nil {
				c.Plugins.SHA256 = map[string]string{}
			}
			c.Plugins.SHA256[backend] = strings.ToLower(pin.value)
		}
	}
}
