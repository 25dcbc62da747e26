package conf

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// authSection is the section [auth], which means what it means to StackStorm.
func authSection() section {
	ignored := func(name string) key { return key{name: name, take: func(*Config, string) error { return nil }} }
	return section{name: "auth", foreign: []string{"sso_backend", "sso_backend_kwargs"}, keys: []key{
		into("host", text, func(c *Config) *string { return &c.Auth.Host }),
		into("port", integer(1, 65535), func(c *Config) *int { return &c.Auth.Port }),
		into("use_ssl", boolean, func(c *Config) *bool { return &c.Auth.UseSSL }),
		into("cert", text, func(c *Config) *string { return &c.Auth.Cert }),
		into("key", text, func(c *Config) *string { return &c.Auth.Key }),
		{name: "mode", take: func(c *Config, value string) error {
			mode, err := oneOf(string(ModeStandalone), string(ModeProxy))(value)
			c.Auth.Mode = Mode(mode)
			return err
		}},
		into("enable", boolean, func(c *Config) *bool { return &c.Auth.Enable }),
		into("token_ttl", duration(time.Second, longestTTL), func(c *Config) *time.Duration { return &c.Auth.TokenTTL }),
		into("service_token_ttl", duration(time.Second, longestTTL), func(c *Config) *time.Duration { return &c.Auth.ServiceTokenTTL }),
		into("api_url", webURL, func(c *Config) *string { return &c.Auth.APIURL }),
		into("debug", boolean, func(c *Config) *bool { return &c.Auth.Debug }),
		into("query_credentials", boolean, func(c *Config) *bool { return &c.Auth.QueryCredentials }),
		{name: "sso", take: func(_ *Config, value string) error {
			if on, err := boolean(value); err != nil || on {
				return errors.New("single sign-on is not supported; set it to False or remove it")
			}
			return nil
		}},
		ignored("backend"), ignored("backend_kwargs"), ignored("logging"), // read where they are needed
	}}
}

// checkAuth looks at what must fit together in [auth].
func (r *reader) checkAuth(c *Config) {
	at := func(key string) Position { return r.position("auth", key) }
	if c.Auth.UseSSL {
		for key, file := range map[string]string{"cert": c.Auth.Cert, "key": c.Auth.Key} {
			if file == "" {
				r.fault(at("use_ssl"), "[auth] use_ssl: it needs %s, the path of a PEM file", key)
				continue
			}
			if err := readable(file); err != nil {
				r.fault(at(key), "[auth] %s: %v", key, err)
			}
		}
	}
	if !c.Auth.Enable {
		if !loopback(c.Auth.Host) {
			r.fault(at("enable"), "[auth] enable: False asks nobody for credentials, so host must be 127.0.0.1, ::1 or localhost")
		}
		if c.System.User == "" {
			r.fault(at("enable"), "[auth] enable: False needs [system_user] user, who everybody then is")
		}
	}
}

// readable returns nil when a file is there and can be read. The error names it.
func readable(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || info.IsDir() {
		return fmt.Errorf("%s is no file", name)
	}
	return nil
}

// position returns where a key was set, or where its section has anything, or nothing.
func (r *reader) position(section, key string) Position {
	if given, ok := r.settings[section][key]; ok {
		return given.position
	}
	for _, given := range r.settings[section] {
		return Position{File: given.position.File}
	}
	return Position{File: "default"}
}
