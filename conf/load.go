package conf

import (
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"latchkey/plugins/secret"
)

// DefaultFile is where the configuration is when nobody says otherwise.
const DefaultFile = "/etc/latchkey/latchkey.conf"

// Load reads the files, of which later ones win, and the environment, whose form is os.Environ's, over the defaults. The error
// is Faults: everything that is wrong, in the order of the files and their lines.
func Load(files, environ []string) (*Config, error) {
	r := &reader{settings: settings{}}
	for _, name := range files {
		r.file(name)
	}
	r.environment(environ)
	return r.config(environ)
}

// config makes the configuration of what was read.
func (r *reader) config(environ []string) (*Config, error) {
	r.valueFiles(environ)
	c := defaults()
	for _, s := range sections() {
		r.take(c, s)
	}
	r.takeRoles(c)
	r.takeBackends(c)
	r.takePythonLogging(c)
	r.checkAuth(c)
	r.checkBootstrap(c)
	r.checkAudit(c)
	if c.Auth.Debug && r.settings["log"]["level"].value == "" {
		c.Log.Level = slog.LevelDebug
	}
	if len(r.faults) > 0 {
		slices.SortStableFunc(r.faults, func(a, b Fault) int {
			if order := strings.Compare(a.Position.File, b.Position.File); order != 0 {
				return order
			}
			return a.Position.Line - b.Position.Line
		})
		return nil, r.faults
	}
	return c, nil
}

// defaults returns the configuration of an empty file.
func defaults() *Config {
	return &Config{
		Auth: Auth{
			Host: "127.0.0.1", Port: 9100, Mode: ModeStandalone, Enable: true, TokenTTL: 24 * time.Hour, ServiceTokenTTL: 24 * time.Hour,
			QueryCredentials: true,
		},
		Store:     Store{URL: secret.New("bolt:/var/lib/latchkey/latchkey.db")},
		Plugins:   Plugins{StartTimeout: 10 * time.Second, CallTimeout: 10 * time.Second},
		Throttle:  Throttle{Failures: 5, Window: 15 * time.Minute, Lock: 15 * time.Minute, SourceRate: 60, SourceBurst: 30, Queue: 64},
		Proxy:     Proxy{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}, TrustUnix: true},
		API:       API{MaxPageSize: 100},
		Audit:     Audit{Deadline: time.Second},
		Admin:     Admin{Listen: "127.0.0.1:9180", Socket: "/run/latchkey/admin.sock"},
		Bootstrap: Bootstrap{Name: "bootstrap", TTL: 24 * time.Hour},
		Log:       Log{Format: "text"},
	}
}

// checkAudit refuses an audit log among the backends' executables: a file that the daemon writes must not be one that it runs.
func (r *reader) checkAudit(c *Config) {
	if c.Audit.File == "" || c.Audit.File == "stdout" {
		return
	}
	at := r.position("audit", "file")
	if !filepath.IsAbs(c.Audit.File) {
		r.fault(at, "[audit] file: must be a path that begins with /, or the word stdout")
		return
	}
	if dir := c.Plugins.Dir; dir != "" {
		if inside, err := filepath.Rel(dir, c.Audit.File); err == nil && !strings.HasPrefix(inside, "..") {
			r.fault(at, "[audit] file: it is inside [plugins] dir; write it somewhere else")
		}
	}
}
