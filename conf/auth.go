package conf

import (
	"crypto/tls"
	"errors"
	"time"
)

// longestTTL bounds every life that is configured.
const longestTTL = 10 * 365 * 24 * time.Hour

// authSection is the section [auth], which means what it means to StackStorm.
func authSection() section {
	ttl := duration(time.Second, longestTTL)
	kwargs := elsewhere("backend_kwargs") // its parts are looked at one by one, since most are no secrets
	kwargs.many = true
	return section{name: "auth", keys: []key{
		into("host", host, func(c *Config) *string { return &c.Auth.Host }),
		into("port", integer(1, 65535), func(c *Config) *int { return &c.Auth.Port }),
		into("use_ssl", boolean, func(c *Config) *bool { return &c.Auth.UseSSL }),
		file("cert", func(c *Config) *string { return &c.Auth.Cert }),
		file("key", func(c *Config) *string { return &c.Auth.Key }),
		into("mode", oneOf(ModeStandalone, ModeProxy), func(c *Config) *Mode { return &c.Auth.Mode }),
		elsewhere("backend"),
		kwargs,
		into("enable", boolean, func(c *Config) *bool { return &c.Auth.Enable }),
		into("token_ttl", ttl, func(c *Config) *time.Duration { return &c.Auth.TokenTTL }),
		into("service_token_ttl", ttl, func(c *Config) *time.Duration { return &c.Auth.ServiceTokenTTL }),
		into("api_url", webURL, func(c *Config) *string { return &c.Auth.APIURL }),
		into("debug", boolean, func(c *Config) *bool { return &c.Auth.Debug }),
		into("query_credentials", boolean, func(c *Config) *bool { return &c.Auth.QueryCredentials }),
		{name: "sso", take: takeSSO, show: func(*Config) string { return "False" }},
		elsewhere("logging"),
	}}
}

// file returns a key that holds the path of a file, or credential:NAME.
func file(name string, field func(*Config) *string) key {
	k := into(name, text, field)
	k.path = true
	return k
}

// takeSSO reads StackStorm's switch for single sign-on, which is not there.
func takeSSO(_ *Config, value string) error {
	if on, err := boolean(value); err != nil || on {
		return errors.New("single sign-on is not supported; set it to False or remove it")
	}
	return nil
}

// systemUserSection is the section [system_user].
func systemUserSection() section {
	return section{name: "system_user", keys: []key{
		into("user", text, func(c *Config) *string { return &c.System.User }),
	}}
}

// checkAuth looks at what must fit together in [auth].
func (r *reader) checkAuth(c *Config) {
	if c.Auth.UseSSL {
		r.checkCertificate(c)
	}
	if !c.Auth.Enable {
		at := r.position("auth", "enable")
		if !loopback(c.Auth.Host) {
			r.fault(at, "[auth] enable: False asks nobody for credentials, so host must be 127.0.0.1, ::1 or localhost")
		}
		if c.System.User == "" {
			r.fault(at, "[auth] enable: False needs [system_user] user, who everybody then is")
		}
	}
	if _, own := r.value("log", "level"); c.Auth.Debug && !own {
		c.Log.Level = levelOfDebug
	}
}

// checkCertificate notes what is wrong with the two files that use_ssl needs. That they fit together is looked at here, too,
// so that `config check` says it with file and line.
func (r *reader) checkCertificate(c *Config) {
	sound := true
	for _, part := range []struct {
		key, file string
		private   bool
	}{{"cert", c.Auth.Cert, false}, {"key", c.Auth.Key, true}} {
		at := r.position("auth", part.key)
		if part.file == "" {
			if !r.failed[sectionKey{"auth", part.key}] {
				r.fault(r.position("auth", "use_ssl"), "[auth] use_ssl: it needs %s, the path of a PEM file", part.key)
			}
			sound = false
			continue
		}
		if err := readable(part.file, part.private); err != nil {
			r.fault(at, "[auth] %s: %v", part.key, err)
			sound = false
		}
	}
	if !sound {
		return
	}
	if _, err := tls.LoadX509KeyPair(c.Auth.Cert, c.Auth.Key); err != nil {
		r.fault(r.position("auth", "cert"), "[auth] cert and key: %v", err)
	}
}
