package daemon

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"latchkey/conf"
	"latchkey/daemon/access"
	"latchkey/daemon/api"
	"latchkey/daemon/audit"
	"latchkey/daemon/credential"
	"latchkey/daemon/grant"
	"latchkey/daemon/host"
	"latchkey/daemon/licence"
	"latchkey/daemon/login"
	"latchkey/daemon/metrics"
	"latchkey/daemon/store"
	"latchkey/daemon/user"
	"latchkey/daemon/workspace"
)

// DrainTimeout is how long requests under way may take to finish when the daemon ends.
const DrainTimeout = 20 * time.Second

// Options are what the daemon needs beside its configuration.
type Options struct {
	Logging *Logging
}

// Daemon is a running daemon.
type Daemon struct {
	logging *Logging
	log     *slog.Logger
	notify  notifier

	store  store.Store
	audit  *audit.Log
	record audit.Recorder // audit, counted
	engine *credential.Engine
	users  *user.Service
	guard  *access.Guard
	login  *login.Service
	api    *api.Handler

	workspaces *workspace.Service
	licences   *licence.Service
	signer     *grant.Signer // nil: nothing can be activated

	counts *metrics.Metrics

	// running are the backends' processes; a reload replaces them.
	running   atomic.Pointer[host.Host]
	listeners *listeners
	servers   []*http.Server
	scheme    string

	sweeper    *sweeper
	failed     chan error
	background sync.WaitGroup
	cancel     context.CancelFunc
	reloading  sync.Mutex
	config     *conf.Config // guarded by reloading
}

// Start brings the daemon up and returns when it is ready: the store is open, the backends have answered, the sockets are
// served. When anything fails, what was started before is ended and the error says what is wrong: conf.Faults for settings,
// *host.ExecutableError for a backend's executable.
func Start(ctx context.Context, c *conf.Config, o Options) (_ *Daemon, err error) {
	d := &Daemon{logging: o.Logging, log: o.Logging.Logger, notify: notifier{o.Logging.Logger}, failed: make(chan error, 1), config: c}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	for _, notice := range c.Notices {
		d.log.Warn("configuration", "note", notice.String())
	}
	if err := d.open(ctx, c); err != nil {
		return nil, err
	}
	if err := d.bootstrap(ctx, c.Bootstrap); err != nil {
		return nil, err
	}
	if err := d.serve(c); err != nil {
		return nil, err
	}
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d.cancel = cancel
	d.sweeper = &sweeper{engine: d.engine, store: d.store, now: time.Now, log: d.log}
	d.background.Go(func() { d.sweeper.run(background) })
	d.background.Go(func() { d.notify.watchdog(background, d.store.Ping) })
	if err := d.record.Record(ctx, audit.Event{Event: audit.EventDaemonStart, Outcome: audit.OutcomeOK}); err != nil {
		return nil, fmt.Errorf("[audit] file: %w", err)
	}
	d.notify.ready()
	d.log.Info("ready", "url", d.URL(), "version", Version())
	return d, nil
}

// open makes the parts that need no socket, in the order in which they need each other.
func (d *Daemon) open(ctx context.Context, c *conf.Config) error {
	if err := checkBootstrap(c.Bootstrap); err != nil {
		return err
	}
	running, err := startBackends(ctx, c, d.log)
	if err != nil {
		return err
	}
	d.running.Store(running)
	if d.store, err = awaitStore(ctx, c.Store, d.log); err != nil {
		return fmt.Errorf("[store] url: %w", err)
	}
	if d.audit, err = audit.Open(c.Audit.File, c.Audit.Deadline, time.Now); err != nil {
		return fmt.Errorf("[audit] file: %w", err)
	}
	d.counts = metrics.New(Version())
	d.record = d.counts.Recorder(d.audit)
	roles := access.NewRoles(c.Roles)
	d.engine = credential.New(credential.Options{Store: d.store, Audit: d.record, Now: time.Now, Random: rand.Reader})
	d.users = user.New(user.Options{Store: d.store, Audit: d.record, Now: time.Now})
	d.guard = access.NewGuard(d.engine, roles)
	d.login = login.New(login.Options{
		Lockouts: d.store, Users: d.users, Engine: d.engine, Audit: d.record, Now: time.Now, Throttle: c.Throttle, TTL: ttlOf(c),
	})
	d.login.SetChain(chainOf(running, c.Throttle.Queue))
	return d.openWorkspaces(c)
}

func ttlOf(c *conf.Config) login.TTL {
	return login.TTL{User: c.Auth.TokenTTL, Service: c.Auth.ServiceTokenTTL}
}

// serve opens the sockets and begins to answer on them.
func (d *Daemon) serve(c *conf.Config) error {
	var tlsConfig *tls.Config
	d.scheme = "http"
	if c.Auth.UseSSL {
		pair, err := loadCertificate(c.Auth.Cert, c.Auth.Key, d.log)
		if err != nil {
			return fmt.Errorf("[auth] cert and key: %w", err)
		}
		tlsConfig, d.scheme = pair.tlsConfig(), "https"
	}
	opened, err := listen(c, tlsConfig)
	if err != nil {
		return err
	}
	d.listeners = opened
	for _, note := range opened.notes {
		d.log.Warn(note)
	}
	d.api, err = api.New(api.Options{
		Login: d.login, Engine: d.engine, Guard: d.guard, Users: d.users, Workspaces: d.workspaces, Licences: d.licences, Audit: d.record, Log: d.log, Now: time.Now,
		Random: rand.Reader, Version: Version(), Settings: api.SettingsOf(c), Observe: d.counts.Observe,
	})
	if err != nil {
		return err
	}
	for _, socket := range opened.public {
		d.answer(socket, d.api)
	}
	if opened.admin != nil {
		d.answer(opened.admin, d.healthHandler())
	}
	if opened.local != nil {
		d.answer(opened.local, d.localHandler(d.api))
	}
	return nil
}

// The limits of every listener; that of headers is api.MaxHeaderBytes.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 5 * time.Minute
)

// answer serves handler on a socket until the daemon stops.
func (d *Daemon) answer(socket net.Listener, handler http.Handler) {
	server := &http.Server{
		Handler: handler, ConnContext: withPeer,
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: api.MaxHeaderBytes,
		ErrorLog:       slog.NewLogLogger(d.log.Handler(), slog.LevelDebug),
	}
	d.servers = append(d.servers, server)
	d.background.Go(func() {
		if err := server.Serve(socket); !errors.Is(err, http.ErrServerClosed) {
			select {
			case d.failed <- fmt.Errorf("socket %s: %w", socket.Addr(), err):
			default: // an earlier failure is being dealt with
			}
		}
	})
}

// backends returns the backends' processes as they are now.
func (d *Daemon) backends() *host.Host { return d.running.Load() }

// URL returns where the first public socket is served, such as https://127.0.0.1:9100.
func (d *Daemon) URL() string { return d.scheme + "://" + d.listeners.public[0].Addr().String() }

// Failed delivers the error of a socket that broke; the daemon should be stopped then.
func (d *Daemon) Failed() <-chan error { return d.failed }

// Stop lets the requests under way finish, for at most DrainTimeout, then ends the backends and closes the store.
func (d *Daemon) Stop() error {
	d.notify.stopping()
	d.log.Info("stopping")
	ctx, cancel := context.WithTimeout(context.Background(), DrainTimeout)
	defer cancel()
	var errs []error
	for _, server := range d.servers {
		if err := server.Shutdown(ctx); err != nil {
			errs = append(errs, fmt.Errorf("requests under way were cut off: %w", err), server.Close())
		}
	}
	d.sweeper.noteUses(ctx)
	errs = append(errs, d.record.Record(ctx, audit.Event{Event: audit.EventDaemonStop, Outcome: audit.OutcomeOK}))
	return errors.Join(append(errs, d.close())...)
}

// close releases what was opened, in the reverse order. It may be called at any stage of Start.
func (d *Daemon) close() error {
	var errs []error
	if d.cancel != nil {
		d.cancel()
	}
	for _, server := range d.servers {
		errs = append(errs, server.Close())
	}
	d.background.Wait()
	if d.listeners != nil && len(d.servers) == 0 {
		errs = append(errs, d.listeners.close())
	}
	if running := d.running.Load(); running != nil {
		errs = append(errs, running.Close())
	}
	if d.store != nil {
		errs = append(errs, d.store.Close())
	}
	if d.audit != nil {
		errs = append(errs, d.audit.Close())
	}
	return errors.Join(errs...)
}
