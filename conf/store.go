package conf

import (
	"errors"
	"net/url"
	"path/filepath"
	"strings"

	"latchkey/plugins/secret"
)

// boltScheme begins the URL of a store in one file.
const boltScheme = "bolt:"

// storeSection is the section [store].
func storeSection() section {
	return section{name: "store", keys: []key{{
		name: "url",
		take: takeStoreURL,
		show: func(c *Config) string { return c.Store.URL.Reveal() }, // takeStoreURL lets no URL with a password in
	}}}
}

// takeStoreURL reads [store] url.
func takeStoreURL(c *Config, value string) error {
	path, ok := strings.CutPrefix(value, boltScheme)
	if !ok {
		if u, err := url.Parse(value); err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql") {
			return errors.New("PostgreSQL is not in this version; use bolt:/PATH/OF/FILE")
		}
		return errors.New("must be bolt:/PATH/OF/FILE")
	}
	if !filepath.IsAbs(path) {
		return errors.New("the path after bolt: must begin with /")
	}
	c.Store.URL = secret.New(boltScheme + filepath.Clean(path))
	return nil
}

// storePath returns the file of the store.
func storePath(c *Config) string { return strings.TrimPrefix(c.Store.URL.Reveal(), boltScheme) }
