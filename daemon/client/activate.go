package client

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"latchkey/daemon/client/kept"
	"latchkey/daemon/client/userconfig"
	"latchkey/daemon/grant"
	"latchkey/daemon/machine"
	"latchkey/plugins/secret"
)

// activationTimeout is how long a tool waits for each of the two answers that it needs.
const activationTimeout = 5 * time.Second

// ActivateOptions say what is activated, and how. Only Product is required.
type ActivateOptions struct {
	// Product is the tool's name, as licences have it, and Version the tool's version.
	Product, Version string
	// URL is the server's address as Options.URL has it. When it is empty it is LATCHKEY_URL, then that of the latchkey command's
	// configuration file, then http://127.0.0.1:9100; when it is set, that file is not read.
	URL string
	// CAFile is as in Options; when it is empty it is LATCHKEY_CACERT, then that of the configuration file. Insecure is as in Options.
	CAFile   string
	Insecure bool
	// Timeout is the longest that the server may take for each of two answers; zero means 5 seconds.
	Timeout time.Duration
	// PinnedKeys are the keys that sign the server's grants (grant.ParsePublicKey reads them): the current one and the next. When there
	// are any, no key that a server sends counts. Without them the server's are believed, and so are those that are kept in the
	// cache folder; so whoever owns that folder could forge a grant for himself.
	PinnedKeys []ed25519.PublicKey
	// HTTP has the transport to use in place of one's own; URL's socket, CAFile and Insecure then have no effect. Nil means one's own.
	HTTP *http.Client
	// CacheFolder is where grants are kept; empty means latchkey in XDG_CACHE_HOME, usually ~/.cache/latchkey.
	CacheFolder string
	// MachineIDFile is the file with the machine's id; empty means /etc/machine-id.
	MachineIDFile string
	// Getenv returns the value of an environment variable; nil means os.Getenv.
	Getenv func(string) string
	// Log gets a line when the licence is activated and a warning when something is to be known about it, unless LATCHKEY_LOG_LICENCE
	// is 0; nil means slog.Default.
	Log *slog.Logger
	// Now is the clock; nil means time.Now. Random is a source of random bytes; nil means crypto/rand.Reader.
	Now    func() time.Time
	Random io.Reader
}

// Activation says what a tool may do. It does not change while the tool runs.
type Activation struct {
	// Activated is whether there is a licence; false only with LATCHKEY_ACTIVATE=0.
	Activated bool
	// Offline is whether the server could not be asked, so that a grant of before counts, until Claims.ExpiresAt.
	Offline bool
	// Claims are what the grant says; they are empty when there is none.
	Claims grant.Claims
	// Notice is what the server tells a user of a legacy key; empty otherwise.
	Notice string
	// Server is the server's address in its normal form; empty when none was asked.
	Server string
	// MachineID names this machine, and SessionID this run.
	MachineID, SessionID string

	version string
	started time.Time
}

// Has reports whether the licence has a feature.
func (a *Activation) Has(feature string) bool {
	return a.Activated && slices.Contains(a.Claims.Features, feature)
}

// Activate asks the server for a grant and returns what it says. The token is LATCHKEY_AUTH_TOKEN, then LATCHKEY_API_KEY (an auth
// token or a legacy key), then the one that "latchkey auth set-token" has kept for this server.
//
// When the server cannot be reached or cannot decide, a grant that was kept counts until it expires, at most 24 hours after it was
// issued, unless this machine's clock was set back. What the server refuses is final, and the kept grant is removed.
//
// With LATCHKEY_ACTIVATE=0 it asks nobody and returns an Activation that is not activated. Every error is an *ActivationError.
func Activate(ctx context.Context, o ActivateOptions) (*Activation, error) {
	o = o.complete()
	session, err := machine.NewSession(o.Random)
	if err != nil {
		return nil, problem(ReasonSettings, err, "%v.", err)
	}
	result := &Activation{SessionID: session, version: o.Version, started: o.Now()}
	if err := o.fill(ctx, result); err != nil {
		err.Activation = result
		return nil, err
	}
	return result, nil
}

// fill makes the attempt.
func (o ActivateOptions) fill(ctx context.Context, result *Activation) *ActivationError {
	var err error
	folder := kept.Folder{Path: o.CacheFolder, Holds: "grants", Variable: "XDG_CACHE_HOME"}
	result.MachineID, err = machineID(o.MachineIDFile, folder, o.Random)
	if isOff(o.Getenv("LATCHKEY_ACTIVATE")) {
		return nil
	}
	if result.MachineID == "" {
		return problem(ReasonSettings, err, "This machine has no id: %v.", err)
	}
	if err != nil {
		o.Log.Warn("This machine's id is another one next time, since it is not kept", "error", err)
	}
	a, failed := o.activator(folder, result.MachineID)
	if failed != nil {
		return failed
	}
	if o.HTTP == nil { // its connections are the caller's
		defer a.client.Close()
	}
	result.Server = a.client.URL()
	return a.activate(ctx, result)
}

// complete returns the options with what is usual in the place of what is not set.
func (o ActivateOptions) complete() ActivateOptions {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Timeout <= 0 {
		o.Timeout = activationTimeout
	}
	if o.MachineIDFile == "" {
		o.MachineIDFile = machine.IDFile
	}
	if o.CacheFolder == "" {
		o.CacheFolder = kept.Below(o.Getenv, "XDG_CACHE_HOME", ".cache")
	}
	switch {
	case isOff(o.Getenv("LATCHKEY_LOG_LICENCE")):
		o.Log = slog.New(slog.DiscardHandler)
	case o.Log == nil:
		o.Log = slog.Default()
	}
	return o
}

// activator makes one attempt.
type activator struct {
	options ActivateOptions
	client  *Client
	pinned  *grant.KeySet // nil: none
	want    grant.Expectation
	store   grantStore
}

// activator gathers what an attempt needs.
func (o ActivateOptions) activator(folder kept.Folder, machine string) (*activator, *ActivationError) {
	a := &activator{options: o, want: grant.Expectation{MachineID: machine, Product: o.Product}}
	if o.Product == "" {
		return nil, problem(ReasonSettings, nil, "The tool does not say which product it is.")
	}
	if len(o.PinnedKeys) > 0 {
		set, err := grant.NewKeySet(o.PinnedKeys...)
		if err != nil {
			return nil, problem(ReasonSettings, err, "The tool's pinned keys: %v.", err)
		}
		a.pinned = &set
	}
	c, failed := o.connect()
	if failed != nil {
		return nil, failed
	}
	token, failed := o.token(c.URL())
	if failed != nil {
		return nil, failed
	}
	shown := Credential{header: "X-Api-Key", text: token}
	if err := shown.check(); err != nil {
		return nil, problem(ReasonUnknownToken, err, "%v", err)
	}
	a.client = c.With(shown)
	a.store = grantStore{folder, kept.Name("grant", c.URL(), o.Product, token.Reveal()), c.URL()}
	return a, nil
}

// connect returns a client of the server that is meant.
func (o ActivateOptions) connect() (*Client, *ActivationError) {
	var file userconfig.File
	if folder := kept.Below(o.Getenv, "XDG_CONFIG_HOME", ".config"); folder != "" && o.URL == "" {
		var err error
		if file, err = userconfig.Read(filepath.Join(folder, "config")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, problem(ReasonSettings, err, "The configuration file: %v.", err)
		}
	}
	place := userconfig.Find(o.URL, "the tool", o.Getenv, file)
	options := Options{URL: place.URL, CAFile: o.CAFile, Insecure: o.Insecure, Timeout: o.Timeout, UserAgent: o.userAgent()}
	if o.CAFile == "" && !o.Insecure {
		options.CAFile = place.CACert
	}
	c, err := New(options)
	if err != nil {
		return nil, problem(ReasonSettings, err, "The licence server: %v; set LATCHKEY_URL.", err)
	}
	if o.HTTP != nil {
		c.http.Transport = o.HTTP.Transport
	}
	return c, nil
}

// userAgent is what a tool calls itself.
func (o ActivateOptions) userAgent() string {
	name := strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f || r == '/' {
			return '-'
		}
		return r
	}, o.Product)
	return "latchkey-client (" + name + ")"
}

// token returns the token that a tool is activated with.
func (o ActivateOptions) token(server string) (secret.Text, *ActivationError) {
	for _, name := range []string{"LATCHKEY_AUTH_TOKEN", "LATCHKEY_API_KEY"} {
		if value := o.Getenv(name); value != "" {
			token := secret.New(value)
			if err := CheckAuthToken(token); err != nil && hasOurPrefix(value) {
				return secret.Text{}, problem(ReasonUnknownToken, err, "The credential in %s cannot be used: %v.", name, err)
			}
			return token, nil
		}
	}
	none := problem(ReasonNoCredentials, nil, "There are no credentials for %s. Set LATCHKEY_AUTH_TOKEN to a valid auth token, or keep one with "+
		`"latchkey auth set-token".`, server)
	store, err := NewTokenStore(o.Getenv)
	if err != nil {
		return secret.Text{}, none
	}
	token, err := store.Load(server)
	switch {
	case err != nil:
		return secret.Text{}, unusable(err)
	case token.Empty():
		return secret.Text{}, none
	}
	return token, nil
}

// hasOurPrefix reports whether a text calls itself a session or an auth token. What does not may be a legacy key.
func hasOurPrefix(text string) bool {
	for _, prefix := range []string{sessionPrefix, developerPrefix, ciPrefix} {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}

// unusable returns the error for a folder of kept files that cannot be used.
func unusable(err error) *ActivationError {
	if found, ok := errors.AsType[*kept.Unsafe](err); ok {
		return problem(ReasonCache, err, "%s. %s", found.Problem, found.Hint)
	}
	return problem(ReasonCache, err, "%v.", err)
}

// granted is what came of asking the server.
type granted struct {
	claims grant.Claims
	keep   keptGrant
}

// activate fills in the result, from the server's answer or from the grant that is kept.
func (a *activator) activate(ctx context.Context, result *Activation) *ActivationError {
	fresh, err := a.ask(ctx)
	if undecided(err) {
		return a.offline(err, result)
	}
	if err != nil {
		if isStatus(err, http.StatusForbidden) {
			err = errors.Join(err, a.store.forget())
		}
		if known, ok := errors.AsType[*ActivationError](err); ok {
			return known
		}
		return refusedActivation(err, result.Server)
	}
	if err := a.store.save(fresh.keep); err != nil {
		a.options.Log.Warn("The licence will not work while its server cannot be reached, since the grant is not kept", "error", err)
	}
	a.succeed(result, fresh.claims, fresh.keep.Notice)
	return nil
}

// succeed fills in the result.
func (a *activator) succeed(result *Activation, claims grant.Claims, notice string) {
	result.Activated, result.Claims, result.Notice = true, claims, notice
	log := a.options.Log.With("product", a.options.Product, "plan", claims.Plan, "until", claims.ExpiresAt)
	if result.Offline {
		log = log.With("offline", true)
	}
	log.Info("Successfully activated licence")
	if notice != "" {
		a.options.Log.Warn(notice)
	}
}

// undecided reports whether an error means that the server could not be asked, or could not decide. An answer that is not
// Latchkey's, such as the page of a hotel's network, is none, and so is a refusal for which it gives no reason.
func undecided(err error) bool {
	if _, ok := errors.AsType[*Unreachable](err); ok || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	if _, ok := errors.AsType[*Unexpected](err); ok {
		return true
	}
	refused, ok := errors.AsType[*Error](err)
	return ok && (refused.Status >= http.StatusInternalServerError || refused.Status == http.StatusTooManyRequests ||
		refused.Status == http.StatusForbidden && refused.Reason == "")
}

// ask asks the server for a grant and verifies it. The error is a Client's, or an *ActivationError for a grant that does not verify.
func (a *activator) ask(ctx context.Context) (granted, error) {
	var answer struct {
		Grant  string `json:"grant"`
		Notice string `json:"notice"`
	}
	body := struct {
		Product   string `json:"product"`
		Version   string `json:"version"`
		MachineID string `json:"machine_id"`
		CI        bool   `json:"ci"`
	}{a.options.Product, a.options.Version, a.want.MachineID, inCI(a.options.Getenv)}
	to := call{method: http.MethodPost, path: []string{"api", "v1", "activate"}, body: body}
	if _, err := a.client.do(ctx, to, &answer); err != nil {
		return granted{}, err
	}
	if answer.Grant == "" {
		return granted{}, a.client.unexpected("an activation without a grant")
	}
	now := a.options.Now()
	keep := keptGrant{Grant: answer.Grant, Latest: now.UTC(), Notice: sentence(answer.Notice)}
	keys := a.pinned
	if keys == nil {
		published := call{method: http.MethodGet, path: []string{".well-known", "latchkey-keys"}, open: true}
		if _, err := a.client.do(ctx, published, &keep.Keys); err != nil {
			return granted{}, err
		}
		set, err := grant.ParseKeySet(keep.Keys)
		if err != nil {
			return granted{}, a.client.unexpected("its keys: %v", err)
		}
		keys = &set
	}
	claims, err := keys.Verify(answer.Grant, now, a.want)
	if err != nil {
		return granted{}, distrusted(err)
	}
	return granted{claims, keep}, nil
}

// offline fills in the result from the grant that is kept. cause is why the server could not be asked.
func (a *activator) offline(cause error, result *Activation) *ActivationError {
	failed := func(reason string, err error) *ActivationError {
		return &ActivationError{
			Reason: reason, Unreachable: true, Err: errors.Join(cause, err),
			Sentence: sentence("The licence server could not be asked: " + cause.Error() + "; and " + err.Error() + "."),
		}
	}
	found, err := a.store.load()
	if errors.Is(err, errNoGrant) {
		return failed(ReasonUnreachable, err)
	}
	if err != nil {
		return failed(ReasonCache, err)
	}
	now := a.options.Now()
	claims, err := found.verify(a.pinned, now, a.want)
	switch {
	case errors.Is(err, grant.ErrExpired):
		return failed(ReasonOfflineTooLong, err)
	case errors.Is(err, grant.ErrNotYet):
		return failed(ReasonClock, err)
	case err != nil:
		return failed(ReasonNotTrusted, err)
	}
	if claims.Kind == grant.KindUser && inCI(a.options.Getenv) {
		return failed("developer_token_in_ci", errors.New("the grant of before is a developer's, which does not count in CI"))
	}
	if now.After(found.Latest) {
		found.Latest = now.UTC()
		if err := a.store.save(found); err != nil { // without it a clock that is set back would not be noticed
			return failed(ReasonCache, err)
		}
	}
	result.Offline = true
	a.options.Log.Warn("The licence server could not be asked, so the grant of before counts", "error", cause, "until", claims.ExpiresAt)
	a.succeed(result, claims, found.Notice)
	return nil
}
