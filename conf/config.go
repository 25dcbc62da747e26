package conf

import (
	"log/slog"
	"net/netip"
	"time"

	"latchkey/plugins/secret"
)

// Config is the whole configuration, checked and with defaults filled in.
type Config struct {
	Auth      Auth
	System    SystemUser
	Store     Store
	Plugins   Plugins
	Backends  []Backend // in the order of the chain
	Roles     []Role
	Throttle  Throttle
	Proxy     Proxy
	Verify    Verify
	API       API
	Audit     Audit
	Admin     Admin
	Bootstrap Bootstrap
	Mail      Mail
	Licence   Licence
	Legacy    Legacy
	Log       Log
	// Notices are what an administrator should hear once and that stops nothing: a StackStorm key that has no meaning here.
	Notices []Notice

	origins map[sectionKey]Position // where each key was set, for Explain
}

// Mode is how a caller's name is proved.
type Mode string

// The modes of [auth] mode.
const (
	ModeStandalone Mode = "standalone" // by a backend
	ModeProxy      Mode = "proxy"      // by the web server in front, which sends X-Forwarded-User
)

// Auth is the section [auth].
type Auth struct {
	Host string // default 127.0.0.1
	Port int    // default 9100
	// UseSSL serves TLS with Cert and Key, paths of PEM files.
	UseSSL    bool
	Cert, Key string
	Mode      Mode
	// Enable is false only on a loopback or unix listener: then a caller without credentials is SystemUser.
	Enable bool
	// TokenTTL is the longest and the default life of a session token, ServiceTokenTTL the longest that a service user may ask for.
	TokenTTL, ServiceTokenTTL time.Duration
	// APIURL is what X-API-URL says; empty means the listener's own.
	APIURL string
	Debug  bool
	// QueryCredentials accepts x-auth-token and st2-api-key in the query; default true.
	QueryCredentials bool
}

// SystemUser is the section [system_user].
type SystemUser struct {
	User string // who a caller without credentials is when Auth.Enable is false
}

// Store is the section [store].
type Store struct {
	// URL is bolt: and an absolute path, or postgres://…, which may hold a password.
	URL secret.Text
	// Grace is how long checks are answered from memory while the database cannot be reached; default 0, which is not at all.
	Grace time.Duration
	// Cache is about how much memory the records take that checks keep, in bytes; default 64 MiB.
	Cache int64
}

// Plugins is the section [plugins].
type Plugins struct {
	// Dir is where backend executables are; empty means beside the daemon, then /usr/libexec/latchkey/backends.
	Dir string
	// SHA256 pins executables by backend name, in lower-case hex digits.
	SHA256       map[string]string
	StartTimeout time.Duration // default 10 s
	CallTimeout  time.Duration // default 10 s
}

// Backend is one backend of the chain and its settings.
type Backend struct {
	// Name is as in [auth] backend: flat_file, pam, ldap, or another's.
	Name string
	// Settings is a JSON object: StackStorm's backend_kwargs as it stands, overlaid by the section [backend.NAME], whose
	// values are strings.
	Settings secret.Text
	// positions say where each setting was written, for Position.
	positions map[string]Position
}

// Position returns where a setting of the backend was written; the position of the section, of backend_kwargs or of
// [auth] backend when the key is unknown.
func (b Backend) Position(key string) Position {
	if p, ok := b.positions[key]; ok {
		return p
	}
	return b.positions[""]
}

// Role is one line of [roles].
type Role struct {
	Name    string
	Members []Member
}

// Member is one of a role's members.
type Member struct {
	Kind MemberKind
	// Pattern is a name, or with Prefix the beginning of one.
	Pattern string
	Prefix  bool
}

// MemberKind is what a member's name is compared with.
type MemberKind string

// The kinds of member.
const (
	MemberUser    MemberKind = "user"
	MemberGroup   MemberKind = "group"
	MemberService MemberKind = "service"
)

// Throttle is the section [throttle].
type Throttle struct {
	Failures int           // default 5
	Window   time.Duration // default 15 min
	Lock     time.Duration // default 15 min
	// SourceRate is password checks per minute from one source address (default 60), SourceBurst how many at once (default 30).
	SourceRate, SourceBurst int
	// Queue is how many password checks may wait for a free core; default 64.
	Queue int
}

// Proxy is the section [proxy].
type Proxy struct {
	// Trusted are the networks whose forwarded headers are believed; default loopback.
	Trusted []netip.Prefix
	// TrustUnix believes peers on a unix socket; default true.
	TrustUnix bool
}

// Verify is the section [verify].
type Verify struct {
	AllowBasic bool          // names and passwords are accepted at the door
	BasicCache time.Duration // how long a right one is remembered, at most 10 min; 0: not at all
}

// API is the section [api].
type API struct {
	// AllowOrigin are exact origins, never * or null.
	AllowOrigin []string
	MaxPageSize int // default 100
}

// Audit is the section [audit].
type Audit struct {
	// File is a path, "stdout", or empty for none.
	File     string
	Deadline time.Duration // default 1 s
}

// Admin is the section [admin].
type Admin struct {
	Listen string // host:port of /healthz, /readyz and /metrics; default 127.0.0.1:9180; "off" for none
	Socket string // default /run/latchkey/admin.sock; "off" for none
}

// Bootstrap is the section [bootstrap].
type Bootstrap struct {
	Token secret.Text
	Name  string // default bootstrap
	Roles []string
	TTL   time.Duration // default 24 h; 0 for ever
	// At is where the token or, without one, the section is written.
	At Position
}

// Log is the section [log].
type Log struct {
	Level  slog.Level
	Format string // text or json
	File   string // empty: standard error
}
