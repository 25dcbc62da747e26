package conf

import (
	"errors"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"latchkey/plugins/secret"
)

// boltScheme begins the URL of a store in one file.
const boltScheme = "bolt:"

// The bounds of the keys of [store].
const (
	longestGrace = time.Hour
	largestCache = 64 << 10 // MiB
)

// storeSection is the section [store].
func storeSection() section {
	return section{name: "store", keys: []key{
		{name: "url", take: takeStoreURL, show: func(c *Config) string { return c.Store.String() }},
		into("grace", orZero(duration(time.Second, longestGrace)), func(c *Config) *time.Duration { return &c.Store.Grace }),
		{
			name: "cache", show: func(c *Config) string { return strconv.FormatInt(c.Store.Cache>>20, 10) },
			take: func(c *Config, value string) error {
				size, err := integer(1, largestCache)(value)
				c.Store.Cache = int64(size) << 20
				return err
			},
		},
	}}
}

// NewStore returns the section [store] with this URL and the defaults for the rest. The error does not hold the URL.
func NewStore(url string) (Store, error) {
	c := defaults()
	err := takeStoreURL(c, url)
	return c.Store, err
}

// takeStoreURL reads [store] url.
func takeStoreURL(c *Config, value string) error {
	if path, ok := strings.CutPrefix(value, boltScheme); ok {
		if !filepath.IsAbs(path) {
			return errors.New("the path after bolt: must begin with /")
		}
		c.Store.URL = secret.New(boltScheme + filepath.Clean(path))
		return nil
	}
	if !isPostgres(value) {
		return errors.New("must be bolt:/PATH/OF/FILE, or postgres://USER@HOST/DATABASE")
	}
	if _, err := url.Parse(value); err != nil {
		return errors.New("it cannot be read; in the password every character but letters and digits is written as %XX")
	}
	c.Store.URL = secret.New(value)
	return nil
}

// isPostgres reports whether a URL is one of a PostgreSQL database.
func isPostgres(value string) bool {
	return strings.HasPrefix(value, "postgres://") || strings.HasPrefix(value, "postgresql://")
}

// String returns the URL without what may be a password.
func (s Store) String() string {
	text := s.URL.Reveal()
	u, err := url.Parse(text)
	if err != nil || !isPostgres(text) {
		return text
	}
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	if u.User != nil {
		shown.User = url.User(u.User.Username())
	}
	return shown.String()
}

// checkStore looks at [store] as a whole.
func (r *reader) checkStore(c *Config) {
	text := c.Store.URL.Reveal()
	at := r.position("store", "url")
	if !isPostgres(text) {
		if c.Store.Grace > 0 {
			r.fault(r.position("store", "grace"), "[store] grace: it is for a database that can be away; a file is not, so leave it out")
		}
		return
	}
	if given, ok := r.value("store", "url"); ok && given.shared && c.Store.HasPassword() {
		r.tooOpen(at, "[store] url with a password")
	}
}

// HasPassword reports whether the URL holds a password.
func (s Store) HasPassword() bool {
	text := s.URL.Reveal()
	u, err := url.Parse(text)
	if !isPostgres(text) {
		return false
	}
	if err != nil {
		return true // it cannot be told
	}
	_, inUser := u.User.Password()
	query := u.Query()
	return inUser || query.Has("password") || query.Has("sslpassword")
}

// storePath returns the file of the store; empty where it is a database.
func storePath(c *Config) string {
	path, _ := strings.CutPrefix(c.Store.URL.Reveal(), boltScheme)
	if isPostgres(path) {
		return ""
	}
	return path
}
