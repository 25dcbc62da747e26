package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"latchkey/daemon/client"
	"latchkey/daemon/load"
	"latchkey/plugins/secret"
)

// The kinds of calls in a mix, and the questions that a check may be.
const (
	checks = "checks"
	logins = "logins"

	checkUser       = "user"
	checkVerify     = "verify"
	checkIntrospect = "introspect"
)

// cutOffAfter is how long log-ins that are under way may take after Ctrl-C: one that is cut off can leave a token behind that nobody
// knows.
const cutOffAfter = 2 * time.Second

// benchFlags are the flags of "latchkey bench".
type benchFlags struct {
	duration, warmup time.Duration
	connections      int
	rate             float64
	mix, check, out  string
	user, users      string
	keep             bool
	password         *passwordFlags
}

// benchCommand is "latchkey bench".
func (a *app) benchCommand() *cobra.Command {
	f := &benchFlags{}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure how many checks and log-ins a server can do, and how long they take",
		Long: `bench puts load on a server and prints, for each kind of call, how many there were, the errors, and how long the calls took.

Point it at an installation of your own and at no other. Each log-in costs the server the hashing of a password, is recorded in
its audit log, and counts for its throttle like anybody's; other people's log-ins wait meanwhile. Run it on another host than the
server's, or the two compete for the processor.

Checks show the credential that the other commands show, too. They ask who the caller is (--check user), what a proxy asks at the
door (verify), or introspect the credential itself (introspect; it takes the role introspect or an administrator).
Log-ins are those of one user (-u, with the password flags of "latchkey auth"), or in turn those of the users of a file with a
line NAME:PASSWORD for each (--users; mode 0640 or stricter). A user who is refused is not tried again. The tokens are ended when
the run is over, which is not measured; --keep leaves them.

Without --rate each connection makes its next call when the last one is answered: that finds the highest rate. With --rate calls
are due on a schedule, and the time of each counts from the moment when it was due, so that a stall of the server is seen in all
the calls that it held up. Use --rate to learn how long users wait.

The times are those of the calls that succeeded. Refusals such as 429 and 503 are counted, and not tried again. The calls of the
warm-up are not counted. Connections are HTTP/1.1 and are kept. Ctrl-C ends the run early and prints what there is.`,
		Example: `  latchkey bench --duration 10s --connections 16
  latchkey bench --mix checks=95,logins=5 --users users --rate 500 --out run1.json
  latchkey bench compare run1.json run2.json`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.DurationVar(&f.duration, "duration", 10*time.Second, "how long calls are counted, up to an hour")
	flags.DurationVar(&f.warmup, "warmup", time.Second, "how long calls are made before the first is counted")
	flags.IntVar(&f.connections, "connections", 16, "the `number` of calls at a time, each over a connection of its own, 1 to 1024")
	flags.Float64Var(&f.rate, "rate", 0, "the `number` of calls that are due in a second; 0 for as fast as the connections go")
	flags.StringVar(&f.mix, "mix", checks+"=100", "the `shares` of the kinds of calls, such as checks=95,logins=5")
	flags.StringVar(&f.check, "check", checkUser, "what a check asks: `user`, verify or introspect")
	flags.StringVarP(&f.user, "user", "u", "", "the `user` who logs in")
	flags.StringVar(&f.users, "users", "", "a `file` of users who log in, NAME:PASSWORD a line")
	flags.BoolVar(&f.keep, "keep", false, "leave the session tokens of the log-ins as they are")
	flags.StringVar(&f.out, "out", "", "write the result to a `file` as well, in JSON, for \"latchkey bench compare\"")
	f.password = addPasswordFlags(cmd)
	a.addCredentialFlags(cmd)
	cmd.MarkFlagsMutuallyExclusive("user", "users")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		b, err := a.prepare(cmd.Context(), f)
		if err != nil {
			return err
		}
		defer b.client.Close()
		return b.execute(cmd.Context())
	}
	cmd.AddCommand(a.benchCompare())
	return cmd
}

// bench is a run that is prepared.
type bench struct {
	app      *app
	flags    *benchFlags
	mix      map[string]int
	settings settings
	client   *client.Client // shows the credential of the checks
	base     *url.URL       // what a call's path is put behind
	bearer   secret.Text    // the credential of the checks, once it is known; empty when none is shown
	users    *benchUsers
	tokens   benchTokens
	requests benchRequests
	options  load.Options
}

// prepare gathers what a run needs and asks for what is missing. Nothing is sent.
func (a *app) prepare(ctx context.Context, f *benchFlags) (*bench, error) {
	b := &bench{app: a, flags: f, tokens: benchTokens{keep: f.keep}}
	var err error
	if b.mix, err = parseMix(f.mix); err != nil {
		return nil, usageError{err}
	}
	if err := b.checkFlags(); err != nil {
		return nil, usageError{err}
	}
	if b.settings, err = a.settings(); err != nil {
		return nil, err
	}
	if b.client, err = a.connect(b.settings); err != nil {
		return nil, err
	}
	if b.mix[checks] > 0 {
		source, err := a.source(b.client, b.settings)
		if err != nil {
			return nil, err
		}
		b.client = b.client.With(source)
	}
	if b.mix[logins] > 0 {
		if b.users, err = a.benchUsers(ctx, f, b.settings.file); err != nil {
			return nil, err
		}
	}
	return b, b.connections()
}

// parseMix reads the shares of the kinds. A kind with the share 0 is as good as not there.
func parseMix(text string) (map[string]int, error) {
	mix := map[string]int{}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(text, ",") {
		name, share, _ := strings.Cut(part, "=")
		weight, err := strconv.Atoi(share)
		switch {
		case name != checks && name != logins:
			return nil, fmt.Errorf("%q is no kind of call; a mix is written as checks=95,logins=5", name)
		case err != nil || weight < 0 || weight > 1000:
			return nil, fmt.Errorf("the share of %s is not a whole number from 0 to 1000", name)
		case seen[name]:
			return nil, fmt.Errorf("%s is in the mix twice", name)
		}
		if seen[name] = true; weight > 0 {
			mix[name] = weight
		}
	}
	if len(mix) == 0 {
		return nil, errors.New("there is nothing in the mix")
	}
	return mix, nil
}

// checkFlags finds what does not go together, or is out of bounds, and sets the options that the flags say.
func (b *bench) checkFlags() error {
	f := b.flags
	given := f.user != "" || f.users != ""
	switch {
	case f.check != checkUser && f.check != checkVerify && f.check != checkIntrospect:
		return fmt.Errorf("%q is no check; it is user, verify or introspect", f.check)
	case b.mix[logins] > 0 && !given:
		return errors.New("whose log-ins? Give a user with -u, or a file of users with --users")
	case b.mix[logins] == 0 && given:
		return errors.New("there are no log-ins in the mix; give, for example, --mix checks=95,logins=5")
	case f.users != "" && f.password.any():
		return errors.New("the passwords are in the file of --users, so there is no use for another one")
	case b.app.options.timeout <= 0:
		return errors.New("--timeout is more than 0s")
	}
	b.options = load.Options{
		Connections: f.connections, Rate: f.rate, Warmup: f.warmup, Duration: f.duration, Timeout: b.app.options.timeout,
		Grace: cutOffAfter, Now: b.app.now, Progress: b.app.benchProgress(f.duration),
	}
	for _, kind := range []load.Kind{{Name: checks, Next: b.nextCheck}, {Name: logins, Next: b.nextLogin}} {
		if kind.Weight = b.mix[kind.Name]; kind.Weight > 0 {
			b.options.Kinds = append(b.options.Kinds, kind)
		}
	}
	return b.options.Check()
}

// connections sets what the run's connections are made of. Each is kept, and carries one call at a time.
func (b *bench) connections() error {
	base, model, err := b.app.clientOptions(b.settings).Transport()
	if err != nil {
		return hinted{usageError{err}, b.app.server}
	}
	b.base = base
	if model.Proxy != nil {
		proxy, err := model.Proxy(&http.Request{URL: base})
		if err != nil {
			return usageError{errors.New("the address of the proxy in the environment is none")}
		}
		if proxy != nil { // net/http knows how to go through one
			model.ForceAttemptHTTP2, model.DisableCompression = false, true
			model.MaxConnsPerHost, model.MaxIdleConnsPerHost = 1, 1
			b.options.Transport = func() http.RoundTripper { return model.Clone() }
			return nil
		}
	}
	port, encrypted := base.Port(), base.Scheme == "https"
	if port == "" {
		port = base.Scheme // a service's name will do
	}
	dial := func(ctx context.Context) (net.Conn, error) {
		conn, err := model.DialContext(ctx, "tcp", net.JoinHostPort(base.Hostname(), port))
		if err != nil || !encrypted {
			return conn, err
		}
		config := model.TLSClientConfig.Clone()
		config.ServerName = base.Hostname()
		secured := tls.Client(conn, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		return secured, nil
	}
	b.options.Transport = func() http.RoundTripper { return load.NewConnection(dial, b.app.now) }
	return nil
}

// execute probes, measures, ends the tokens and shows the result.
func (b *bench) execute(ctx context.Context) error {
	out, err := b.openOut()
	if err != nil {
		return err
	}
	if out != nil {
		defer func() { _ = out.Cleanup() }() // nothing is left to clean up when the file was written
	}
	report, err := b.measure(ctx)
	ended := b.endTokens(ctx)
	if report == nil {
		return err
	}
	report.TokensMade, report.TokensEnded = b.tokens.made, ended
	if out != nil {
		if failure := writeReport(out, *report); failure != nil && err == nil {
			err = fmt.Errorf("--out: %w", failure)
		}
	}
	if failure := b.app.show(report, benchText(*report)); failure != nil && err == nil {
		err = failure
	}
	return err
}

// openOut opens the file of --out before anything is sent; nil without the flag.
func (b *bench) openOut() (*renameio.PendingFile, error) {
	if b.flags.out == "" {
		return nil, nil
	}
	if info, err := os.Stat(b.flags.out); err == nil && !info.Mode().IsRegular() {
		return nil, usageError{fmt.Errorf("--out: %s is not a regular file", b.flags.out)}
	}
	out, err := renameio.NewPendingFile(b.flags.out, renameio.WithPermissions(0o644))
	if err != nil {
		return nil, usageError{fmt.Errorf("--out: %w", err)}
	}
	return out, nil
}

// writeReport writes a report and puts it in its place.
func writeReport(out *renameio.PendingFile, report load.Report) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(report); err != nil {
		return err
	}
	return out.CloseAtomicallyReplace()
}

// measure makes the run; without a report when nothing was measured.
func (b *bench) measure(ctx context.Context) (*load.Report, error) {
	if err := b.probe(ctx); err != nil {
		return nil, err
	}
	info, err := b.client.Info(ctx)
	if err != nil {
		info = client.Info{} // the version is for the reader; a proxy may well keep it from him
	}
	started := b.app.now()
	measured, err := load.Run(ctx, b.options)
	b.app.clearProgress()
	report := load.NewReport(b.reportSettings(), measured)
	report.Server, report.ServerVersion, report.Started = b.client.URL(), info.Version, moment(started)
	if ctx.Err() != nil && measured.Interrupted {
		return &report, ctx.Err()
	}
	for _, kind := range measured.Kinds {
		if kind.Successes > 0 {
			return &report, err
		}
	}
	if err == nil {
		err = errors.New("no call has succeeded")
	}
	return &report, err
}

// reportSettings are the run's settings for its report.
func (b *bench) reportSettings() load.Settings {
	s := load.Settings{
		Connections: b.options.Connections, AskedRate: b.options.Rate, Mix: b.mix,
		WarmupSeconds: b.options.Warmup.Seconds(), DurationSeconds: b.options.Duration.Seconds(),
	}
	if b.mix[checks] > 0 {
		s.Check = b.flags.check
	}
	if b.users != nil {
		s.Users = b.users.count
	}
	return s
}
