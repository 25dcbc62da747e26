package api

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"latchkey/conf"
	"latchkey/daemon/access"
	"latchkey/daemon/audit"
	"latchkey/daemon/credential"
	"latchkey/daemon/licence"
	"latchkey/daemon/login"
	"latchkey/daemon/user"
	"latchkey/daemon/workspace"
)

// Options are what a Handler is made of. All are required but Observe.
type Options struct {
	Login  *login.Service
	Engine *credential.Engine
	Guard  *access.Guard
	Users  *user.Service
	// Workspaces and Licences answer for what is below a workspace and for activation.
	Workspaces *workspace.Service
	Licences   *licence.Service
	// Audit takes the refusals of credentials; log-ins and changes are recorded by the services.
	Audit audit.Recorder
	Log   *slog.Logger
	Now   func() time.Time
	// Random is read at start, for request ids and for the key of the memory of Basic credentials.
	Random io.Reader
	// Version is what GET /info shows.
	Version  string
	Settings Settings
	// Observe is told of each answer, for metrics; it must be quick. Nil means that nobody wants to know.
	Observe func(Observation)
}

// Observation is what metrics may know of an answer: nothing that a client chose.
type Observation struct {
	// Route is the pattern of the route, such as "GET /api/v1/user", and "none" for an unknown path.
	Route    string
	Status   int
	Duration time.Duration
}

// Settings are the parts of the configuration that the HTTP contract depends on. A reload replaces them.
type Settings struct {
	Auth   conf.Auth
	System conf.SystemUser
	Proxy  conf.Proxy
	Verify conf.Verify
	API    conf.API
}

// SettingsOf takes the settings out of a configuration.
func SettingsOf(c *conf.Config) Settings {
	return Settings{Auth: c.Auth, System: c.System, Proxy: c.Proxy, Verify: c.Verify, API: c.API}
}

// Handler serves the contract. It is safe for concurrent use.
type Handler struct {
	login      *login.Service
	engine     *credential.Engine
	guard      *access.Guard
	users      *user.Service
	workspaces *workspace.Service
	licences   *licence.Service
	audit      audit.Recorder
	log        *slog.Logger
	now        func() time.Time
	started    time.Time
	self       self
	observe    func(Observation)
	ids        *requestIDs
	basics     *remembered
	settings   atomic.Pointer[Settings]
	mux        *http.ServeMux
	// plain are the routes whose path has no variable, which need no search; the mux has them, too.
	plain map[string]*methods
	// buffers are for documents on their way out.
	buffers sync.Pool
	// verifying is the one route that does not go through the mux.
	verifying *route
}

// New returns the handler of all public routes. The error says that randomness could not be read.
func New(o Options) (*Handler, error) {
	ids, err := newRequestIDs(o.Random)
	if err != nil {
		return nil, err
	}
	basics, err := newRemembered(o.Random)
	if err != nil {
		return nil, err
	}
	about, err := newSelf(o.Version, o.Random)
	if err != nil {
		return nil, err
	}
	h := &Handler{
		basics: basics, login: o.Login, engine: o.Engine, guard: o.Guard, users: o.Users, workspaces: o.Workspaces, licences: o.Licences,
		audit: o.Audit, log: o.Log,
		now: o.Now, started: o.Now(), self: about, observe: o.Observe, ids: ids,
	}
	h.SetSettings(o.Settings)
	h.verifying = &route{pattern: verifyPath, quiet: true, handle: h.verify}
	h.mux, h.plain = newMux(h.routes())
	return h, nil
}

// SetSettings replaces the settings; requests under way finish with the old ones.
func (h *Handler) SetSettings(settings Settings) {
	h.settings.Store(&settings)
	h.basics.forget()
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{
		ResponseWriter: w, request: r, handler: h, settings: h.settings.Load(), started: h.now(), requestID: h.ids.of(r),
	}
	defer x.finish()
	x.setHeader(requestIDHeader, x.requestID)
	if isVerify(r.URL.Path) {
		x.run(h.verifying)
		return
	}
	switch at := h.plain[r.URL.Path]; {
	case cors(x, r, x.settings.API.AllowOrigin):
	case at != nil:
		at.ServeHTTP(x, r)
	case !tidy(r.URL.Path):
		x.fault(errNoRoute)
	default:
		h.mux.ServeHTTP(x, r)
	}
}

// tidy reports whether a path is one that the mux takes as it is. It would redirect others ("//", "/../"), and the new address
// would repeat a query that may hold a credential.
func tidy(requested string) bool {
	if requested == "/" {
		return true
	}
	trimmed := strings.TrimSuffix(requested, "/")
	return len(trimmed) > 1 && trimmed[0] == '/' && path.Clean(trimmed) == trimmed
}

// adminKey is the context key of AsAdmin.
type adminKey struct{}

// AsAdmin returns a context under which a request that presents no credential is an administrator's, called name. It is for
// root's socket, whose peer the kernel vouches for (SO_PEERCRED, unix(7)); package daemon checks that.
func AsAdmin(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, adminKey{}, name)
}
