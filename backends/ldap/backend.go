package ldap

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"

	"latchkey/plugins"
	"latchkey/plugins/secret"
)

var (
	_ plugins.Backend = (*Backend)(nil)
	_ plugins.Checker = (*Backend)(nil)
	_ plugins.Waiter  = (*Backend)(nil)
	_ plugins.Looker  = (*Backend)(nil)
	_ plugins.Closer  = (*Backend)(nil)
)

// Backend asks a directory. It is safe for concurrent use.
type Backend struct {
	config   *config
	log      *slog.Logger
	now      func() time.Time
	nobody   string // a distinguished name that no account has
	hosts    *hosts
	searches *pool // bound as the service account
	binds    *pool // for the binds of users, and for nothing else
	groups   *groupCache
	pace     pace

	background sync.WaitGroup
	closing    context.Context
	close      context.CancelFunc
}

// New returns the LDAP backend. It reads the files that the settings name, and asks no server: a directory that is away when
// the daemon starts is what Check is for. Its error is a *plugins.SettingsError.
func New(_ context.Context, settings plugins.Settings, log *slog.Logger) (plugins.Backend, error) {
	return newBackend(settings, log, time.Now)
}

// newBackend is New with a clock.
func newBackend(settings plugins.Settings, log *slog.Logger, now func() time.Time) (*Backend, error) {
	c, err := newConfig(settings)
	if err != nil {
		return nil, err
	}
	c.dialer.log, c.dialer.debug = log, c.debug
	b := &Backend{
		config: c, log: log, now: now, nobody: "cn=no-such-account-" + strings.ToLower(rand.Text()) + "," + c.base,
		hosts: newHosts(c.hosts, now, log), groups: newGroupCache(c.cacheTTL, c.cacheSize, now),
	}
	b.closing, b.close = context.WithCancel(context.Background())
	b.searches = b.newPool(b.openService)
	b.searches.search = true
	b.binds = b.newPool(c.dialer.dial)
	c.warn(log)
	return b, nil
}

func (b *Backend) newPool(open func(context.Context, endpoint) (*conn, error)) *pool {
	return &pool{
		open: open, hosts: b.hosts, timeout: b.config.timeout, now: b.now, closing: b.closing.Done(),
		slots: make(chan struct{}, b.config.poolSize),
	}
}

// warn says at each start what is not protected.
func (c *config) warn(log *slog.Logger) {
	if c.dialer.mode != modePlain && c.dialer.tls.InsecureSkipVerify {
		log.Warn("insecure_skip_verify is on: the directory's certificate is not verified, and whoever is in between reads every password")
	}
	for _, host := range c.hosts {
		if c.dialer.mode == modePlain && !host.loopback() {
			log.Warn("insecure_plaintext is on: passwords cross the network in clear", "host", host.address)
		}
	}
	if c.debug {
		log.Warn("debug is on: names that are typed are written to the log, also a password typed in the name's place")
	}
}

// openService returns a connection that is bound as the service account.
func (b *Backend) openService(ctx context.Context, to endpoint) (*conn, error) {
	c, err := b.config.dialer.dial(ctx, to)
	if err != nil {
		return nil, err
	}
	if err := b.bindService(ctx, c); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// Parallel returns how many log-ins at a time are of use: as many as there are connections for them. The directory does the work.
func (b *Backend) Parallel() int { return b.config.poolSize }

// Authenticate searches the account, binds as it, and looks at its groups. See the package comment for what it promises.
func (b *Backend) Authenticate(ctx context.Context, request plugins.Request) (plugins.Result, error) {
	t := newTrace(request.Trace)
	result, err := b.decide(ctx, request, t)
	if err != nil {
		t.step("Could not decide: %v.", err)
		return plugins.Result{Steps: t.all()}, err
	}
	result.Steps = t.all()
	return result, nil
}

// longestPassword is the contract's limit, in bytes.
const longestPassword = 1024

func (b *Backend) decide(ctx context.Context, request plugins.Request, t *trace) (plugins.Result, error) {
	// The daemon refuses such names and passwords; this backend does not rely on it, because an empty password is what makes
	// directories say yes to anybody.
	if !usableName(request.Name) {
		return plugins.Result{Outcome: plugins.UnknownUser, Reason: plugins.ReasonUnknownUser}, nil
	}
	if request.Password.Len() > longestPassword {
		return denied(plugins.ReasonPasswordTooLong), nil
	}
	if request.Password.Empty() || strings.ContainsRune(request.Password.Reveal(), 0) {
		t.step("The password is empty or has a NUL byte: no directory is asked.")
		return denied(plugins.ReasonWrongPassword), nil
	}
	b.revive()
	found, entries, err := b.searchAccount(ctx, request.Name, t)
	if err != nil {
		return plugins.Result{}, err
	}
	if entries != 1 {
		return b.decideNobody(ctx, entries, request, t)
	}
	v, took, err := b.bindUser(ctx, found, request.Password)
	if err != nil {
		return plugins.Result{}, err
	}
	b.pace.note(took)
	t.step("Bound as %s: %s.", found.entry.DN, v.told)
	reason, explained := accountState(found.entry)
	t.step("Account: %s.", explained)
	if reason == "" {
		reason = v.reason
	}
	if reason != "" {
		return denied(reason), nil
	}
	return b.decideMember(ctx, found, t)
}

// decideNobody answers for a name that is nobody's or several accounts'. The password is tried on an account that cannot exist:
// neither the questions to the directory nor the time tell the name from a known one.
func (b *Backend) decideNobody(ctx context.Context, entries int, request plugins.Request, t *trace) (plugins.Result, error) {
	v, took, err := b.bindUser(ctx, account{entry: &ldap.Entry{DN: b.nobody}}, request.Password)
	if err != nil {
		return plugins.Result{}, err
	}
	if v.reason == "" {
		b.log.Error("the directory accepts a bind as an entry that does not exist: it accepts anybody", "dn", b.nobody)
	}
	if err := b.pace.wait(ctx, took); err != nil {
		return plugins.Result{}, err
	}
	if entries == 0 {
		t.step("There is no such account; the password was tried on one that cannot exist, to take as long.")
		return plugins.Result{Outcome: plugins.UnknownUser, Reason: plugins.ReasonUnknownUser}, nil
	}
	t.step("The name stands for several entries: nobody can say whose password it is.")
	b.log.Warn("a name stands for several entries and is refused; narrow base_ou or account_pattern", "name", request.Name)
	return denied(plugins.ReasonAmbiguousUser), nil
}

// decideMember answers for an account whose password is right: its name, and its groups.
func (b *Backend) decideMember(ctx context.Context, found account, t *trace) (plugins.Result, error) {
	name, ok := accountName(found.entry, b.config.idAttr)
	if !ok {
		t.step("The entry has no single usable value of %s.", b.config.idAttr)
		b.log.Warn("an account is refused because it has no single usable value of id_attr", "dn", found.entry.DN, "id_attr", b.config.idAttr)
		return denied(reasonNoName), nil
	}
	groups, err := b.groupsOf(ctx, name, found.entry.DN, t)
	if err != nil {
		return plugins.Result{}, err
	}
	if missing := b.config.required.missing(groups); len(missing) > 0 {
		t.step("Required groups (%s): not a member of %s.", b.config.required, strings.Join(missing, "; "))
		return denied(plugins.ReasonNotInGroup), nil
	}
	t.step("Required groups (%s): satisfied. The account's name is %s.", b.config.required, name)
	return accepted(name, found.entry, groups), nil
}

// bindUser binds as an account with the password that was typed. It returns what that says and how long the directory took.
func (b *Backend) bindUser(ctx context.Context, as account, password secret.Text) (verdict, time.Duration, error) {
	var v verdict
	var took time.Duration
	ask := func(ctx context.Context, c *conn) error {
		started := time.Now()
		controls, err := c.bind(ctx, as.entry.DN, password.Reveal())
		took = time.Since(started)
		v, err = judgeBind(controls, err)
		return err
	}
	if as.at == nil {
		err := b.binds.use(ctx, ask)
		return v, took, err
	}
	ctx, cancel := b.binds.share(ctx, 1)
	defer cancel()
	c, err := b.dialSite(ctx, *as.at)
	if err != nil {
		return v, took, err
	}
	defer c.close()
	err = ask(ctx, c)
	return v, took, err
}

// groupsOf returns the groups of an account, remembered ones only when they let it in: somebody who was just put into a group
// does not wait for the memory to end.
func (b *Backend) groupsOf(ctx context.Context, name, dn string, t *trace) ([]group, error) {
	if b.groups == nil {
		return b.searchGroups(ctx, name, dn, t)
	}
	key := accountKey(dn)
	if groups, ok := b.groups.get(key); ok && len(b.config.required.missing(groups)) == 0 {
		t.step("Groups as of the last %v: %s.", b.config.cacheTTL, strings.Join(groupNames(groups), ", "))
		return groups, nil
	}
	groups, err := b.searchGroups(ctx, name, dn, t)
	if err != nil {
		return nil, err
	}
	b.groups.put(key, groups)
	return groups, nil
}

// Lookup returns who somebody is: the directory's name for him, his groups and his mail. A name that stands for several
// entries, or for one without a usable name, is UnknownUser with its reason.
func (b *Backend) Lookup(ctx context.Context, name string) (plugins.Result, error) {
	unknown := func(reason string) (plugins.Result, error) {
		return plugins.Result{Outcome: plugins.UnknownUser, Reason: reason}, nil
	}
	if !usableName(name) {
		return unknown(plugins.ReasonUnknownUser)
	}
	b.revive()
	found, entries, err := b.searchAccount(ctx, name, nil)
	switch {
	case err != nil:
		return plugins.Result{}, err
	case entries == 0:
		return unknown(plugins.ReasonUnknownUser)
	case entries > 1:
		return unknown(plugins.ReasonAmbiguousUser)
	}
	entry := found.entry
	canonical, ok := accountName(entry, b.config.idAttr)
	if !ok {
		return unknown(reasonNoName)
	}
	groups, err := b.searchGroups(ctx, canonical, entry.DN, nil)
	if err != nil {
		return plugins.Result{}, err
	}
	return accepted(canonical, entry, groups), nil
}

// Check binds as the service account, unless it is bound already, and reads the entry base_ou: what fails here fails each
// log-in.
func (b *Backend) Check(ctx context.Context) error {
	b.revive()
	request := ldap.NewSearchRequest(b.config.base, ldap.ScopeBaseObject, b.config.deref, 1, b.config.timeLimit, false,
		"(objectClass=*)", []string{noAttributes}, nil)
	_, _, err := b.search(ctx, request, nil)
	return explainBase("base_ou", b.config.base, err)
}

// revive finds out in the background whether servers that failed are back.
func (b *Backend) revive() {
	for _, e := range b.hosts.due() {
		b.background.Go(func() {
			ctx, cancel := context.WithTimeout(b.closing, b.config.timeout)
			defer cancel()
			c, err := b.openService(ctx, e)
			if err != nil {
				b.hosts.failed(e, err)
				return
			}
			c.close()
			b.hosts.answered(e)
		})
	}
}

// Close closes the connections: idle ones now, those in use when their call has its answer. Calls that wait for a connection
// end with an error.
func (b *Backend) Close() error {
	b.close()
	b.searches.close()
	b.binds.close()
	b.background.Wait()
	return nil
}

func denied(reason string) plugins.Result {
	return plugins.Result{Outcome: plugins.Denied, Reason: reason}
}

func accepted(name string, entry *ldap.Entry, groups []group) plugins.Result {
	display := entry.GetEqualFoldAttributeValue("displayName")
	if display == "" {
		display = entry.GetEqualFoldAttributeValue("cn")
	}
	return plugins.Result{
		Outcome: plugins.Accepted, Name: name, DisplayName: display, Mail: entry.GetEqualFoldAttributeValue("mail"), Groups: groupNames(groups),
	}
}
