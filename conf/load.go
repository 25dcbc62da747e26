package conf

import (
	"cmp"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"latchkey/plugins/secret"
)

// DefaultFile is where the configuration is when nobody says otherwise.
const DefaultFile = "/etc/latchkey/latchkey.conf"

// Load reads the files, of which later ones win key by key, and the environment, whose form is os.Environ's, over the
// defaults. The error is Faults: everything that is wrong, in the order of the files and their lines, then of the variables.
func Load(files, environ []string) (*Config, error) {
	r := &reader{files: files, environ: environ, settings: settings{}, begins: map[string]Position{}, failed: map[sectionKey]bool{}}
	for rank, name := range files {
		r.file(name, rank)
	}
	r.environment()
	r.valueFiles()
	c := defaults()
	for _, s := range sections() {
		r.take(c, s)
	}
	r.takePins(c)
	r.takeRoles(c)
	r.takeBackends(c)
	r.takePythonLogging(c)
	r.checkAuth(c)
	r.checkBootstrap(c)
	r.checkStore(c)
	r.checkMail(c)
	r.checkLicence(c)
	r.checkPaths(c)
	if len(r.faults) > 0 {
		return nil, r.sorted(r.faults)
	}
	for _, notice := range r.sorted(r.notices) {
		c.Notices = append(c.Notices, Notice(notice))
	}
	c.origins = r.origins()
	return c, nil
}

// defaults returns the configuration of an empty file.
func defaults() *Config {
	return &Config{
		Auth: Auth{
			Host: "127.0.0.1", Port: 9100, Mode: ModeStandalone, Enable: true, TokenTTL: 24 * time.Hour, ServiceTokenTTL: 24 * time.Hour,
			QueryCredentials: true,
		},
		Store:     Store{URL: secret.New("bolt:/var/lib/latchkey/latchkey.db"), Cache: 64 << 20},
		Plugins:   Plugins{StartTimeout: 10 * time.Second, CallTimeout: 10 * time.Second},
		Throttle:  Throttle{Failures: 5, Window: 15 * time.Minute, Lock: 15 * time.Minute, SourceRate: 60, SourceBurst: 30, Queue: 64},
		Proxy:     Proxy{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}, TrustUnix: true},
		API:       API{MaxPageSize: 100},
		Audit:     Audit{Deadline: time.Second},
		Admin:     Admin{Listen: "127.0.0.1:9180", Socket: "/run/latchkey/admin.sock"},
		Bootstrap: Bootstrap{Name: "bootstrap", TTL: 24 * time.Hour},
		Mail:      Mail{Port: 587, TLS: MailStartTLS, Timeout: 10 * time.Second},
		Legacy:    Legacy{Accept: true},
		Log:       Log{Level: slog.LevelInfo, Format: "text"},
	}
}

// sorted puts faults in the order of the files, then the lines. What comes from the environment stands last, by its name.
func (r *reader) sorted(faults Faults) Faults {
	rank := func(f Fault) int {
		if i := slices.Index(r.files, f.Position.File); i >= 0 {
			return i
		}
		return len(r.files)
	}
	slices.SortStableFunc(faults, func(a, b Fault) int {
		return cmp.Or(rank(a)-rank(b), strings.Compare(a.Position.File, b.Position.File), a.Position.Line-b.Position.Line)
	})
	return faults
}
