package conf

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/plugins/secret"
)

// The sections with a meaning beyond their keys.
const (
	sectionRoles  = "roles"
	backendPrefix = "backend." // [backend.ldap] holds the settings of the backend ldap
)

// key is one key of a section: its name, and what takes its value over into the configuration.
type key struct {
	name string
	// secret values are never shown, and must not stand in a file that everybody can read.
	secret bool
	take   func(c *Config, value string) error
}

// section is one section of ours.
type section struct {
	name string
	keys []key
	// foreign are StackStorm's keys that mean nothing here and are ignored.
	foreign []string
}

// into returns a key that is read by parse into the field that field returns.
func into[T any](name string, parse func(string) (T, error), field func(*Config) *T) key {
	return key{name: name, take: func(c *Config, value string) error {
		parsed, err := parse(value)
		if err == nil {
			*field(c) = parsed
		}
		return err
	}}
}

// secretText returns a key that holds a secret.
func secretText(name string, field func(*Config) *secret.Text) key {
	return key{name: name, secret: true, take: func(c *Config, value string) error {
		*field(c) = secret.New(value)
		return nil
	}}
}

// The bounds of lives and times.
const (
	longestTTL  = 10 * 365 * 24 * time.Hour
	longestWait = time.Hour
)

// sections returns all sections of ours but [roles] and [backend.NAME], whose keys are free.
func sections() []section {
	return []section{
		authSection(),
		{name: "system_user", foreign: []string{"ssh_key_file"}, keys: []key{
			into("user", text, func(c *Config) *string { return &c.System.User }),
		}},
		{name: "store", keys: []key{{name: "url", secret: true, take: takeStoreURL}}},
		{name: "plugins", keys: []key{
			into("dir", text, func(c *Config) *string { return &c.Plugins.Dir }),
			into("start_timeout", duration(time.Second, longestWait), func(c *Config) *time.Duration { return &c.Plugins.StartTimeout }),
			into("call_timeout", duration(100*time.Millisecond, longestWait), func(c *Config) *time.Duration { return &c.Plugins.CallTimeout }),
		}},
		{name: "throttle", keys: []key{
			into("failures", integer(1, 1000), func(c *Config) *int { return &c.Throttle.Failures }),
			into("window", duration(time.Second, 24*time.Hour), func(c *Config) *time.Duration { return &c.Throttle.Window }),
			into("lock", duration(time.Second, 24*time.Hour), func(c *Config) *time.Duration { return &c.Throttle.Lock }),
			into("source_rate", integer(0, 1<<20), func(c *Config) *int { return &c.Throttle.SourceRate }),
			into("source_burst", integer(0, 1<<20), func(c *Config) *int { return &c.Throttle.SourceBurst }),
			into("queue", integer(0, 1<<16), func(c *Config) *int { return &c.Throttle.Queue }),
		}},
		{name: "proxy", keys: []key{{name: "trusted", take: takeTrusted}}},
		{name: "verify", keys: []key{
			into("allow_basic", boolean, func(c *Config) *bool { return &c.Verify.AllowBasic }),
			into("basic_cache", duration(0, 10*time.Minute), func(c *Config) *time.Duration { return &c.Verify.BasicCache }),
		}},
		{name: "api", foreign: []string{
			"host", "port", "debug", "logging", "mask_secrets", "auth_cookie_secure", "auth_cookie_same_site", "serve_webui_files",
			"webui_root", "permission_isolation", "use_ssl", "cert", "key", "max_content_length",
		}, keys: []key{
			{name: "allow_origin", take: takeOrigins},
			into("max_page_size", integer(1, 10000), func(c *Config) *int { return &c.API.MaxPageSize }),
		}},
		{name: "audit", keys: []key{
			into("file", text, func(c *Config) *string { return &c.Audit.File }),
			into("deadline", duration(10*time.Millisecond, time.Minute), func(c *Config) *time.Duration { return &c.Audit.Deadline }),
		}},
		{name: "admin", keys: []key{
			into("listen", address, func(c *Config) *string { return &c.Admin.Listen }),
			into("socket", text, func(c *Config) *string { return &c.Admin.Socket }),
		}},
		{name: "bootstrap", keys: []key{
			secretText("token", func(c *Config) *secret.Text { return &c.Bootstrap.Token }),
			into("name", text, func(c *Config) *string { return &c.Bootstrap.Name }),
			{name: "roles", take: func(c *Config, value string) error {
				c.Bootstrap.Roles = list(value)
				return nil
			}},
			into("ttl", duration(time.Minute, longestTTL), func(c *Config) *time.Duration { return &c.Bootstrap.TTL }),
		}},
		{name: "log", foreign: []string{"excludes", "redirect_stderr", "mask_secrets", "mask_secrets_blacklist"}, keys: []key{
			into("level", logLevel, func(c *Config) *logLevelValue { return &c.Log.Level }),
			into("format", oneOf("text", "json"), func(c *Config) *string { return &c.Log.Format }),
			into("file", text, func(c *Config) *string { return &c.Log.File }),
		}},
	}
}

// sectionNames returns the names of all sections of ours but [backend.NAME].
func sectionNames() []string {
	names := []string{sectionRoles}
	for _, s := range sections() {
		names = append(names, s.name)
	}
	return names
}

// keyNames returns the names of a section's keys, StackStorm's among them.
func keyNames(name string) []string {
	for _, s := range sections() {
		if s.name != name {
			continue
		}
		names := slices.Clone(s.foreign)
		for _, k := range s.keys {
			names = append(names, k.name)
		}
		return names
	}
	return nil
}

// take reads one section into c.
func (r *reader) take(c *Config, s section) {
	given := r.settings[s.name]
	for _, name := range sortedKeys(given) {
		if backend, ok := strings.CutPrefix(name, "sha256_"); ok && s.name == "plugins" && backend != "" {
			r.takePin(c, backend, given[name])
			continue
		}
		if !slices.Contains(keyNames(s.name), name) {
			r.fault(given[name].position, "[%s] %s: there is no such key%s", s.name, name, didYouMean(name, keyNames(s.name)))
		}
	}
	for _, k := range s.keys {
		value, ok := given[k.name]
		if !ok || isNone(value.value) {
			continue
		}
		if err := k.take(c, value.value); err != nil {
			r.fault(value.position, "[%s] %s: %v", s.name, k.name, err)
		}
		if k.secret && value.shared {
			r.tooOpen(value.position, fmt.Sprintf("[%s] %s", s.name, k.name))
		}
	}
}

// tooOpen notes a secret in a file that everybody can read.
func (r *reader) tooOpen(at Position, what string) {
	r.fault(at, "%s: it holds a secret and everybody can read the file; chmod o-r %s", what, at.File)
}
