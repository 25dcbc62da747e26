package login

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"latchkey/conf"
	"latchkey/daemon/audit"
	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
	"latchkey/daemon/store"
	"latchkey/plugins"
	"latchkey/plugins/secret"
)

// refused is what every refused log-in looks like from outside, whatever the cause.
const refused = "Invalid or missing credentials"

// Attempt is one try to log in with a password.
type Attempt struct {
	// Name is the name as it was sent; it need not be canonical.
	Name     string
	Password secret.Text
	Origin   audit.Origin
}

// Identity is who has logged in.
type Identity struct {
	// User is the one canonical name, as the directory spells it.
	User        string
	DisplayName string
	Mail        string
	Groups      []string
	// Backend accepted him; "proxy" when the web server in front did.
	Backend string

	// known is the user as the log-in has found him, so that he is not read again for his token; nil when he is not known yet.
	known *store.User
}

// Options are what a Service is made of. All are required but Wait.
type Options struct {
	Lockouts store.Lockouts
	Users    Users
	Engine   *credential.Engine
	Audit    audit.Recorder
	Now      func() time.Time
	// Wait pauses for a duration or until ctx ends; nil means a timer.
	Wait     func(context.Context, time.Duration)
	Throttle conf.Throttle
	// TTL bounds the life of session tokens.
	TTL TTL
}

// Service logs users in. It is safe for concurrent use.
type Service struct {
	users   Users
	engine  *credential.Engine
	audit   audit.Recorder
	now     func() time.Time
	names   *names
	sources *sources // of wrong passwords
	guesses *sources // of other secrets
	pace    pace
	chain   atomic.Pointer[Chain]
	ttl     atomic.Pointer[TTL]
}

// New returns a Service without backends: until SetChain is called every password is answered with an Unavailable fault.
func New(o Options) *Service {
	if o.Wait == nil {
		o.Wait = waitFor
	}
	s := &Service{
		users: o.Users, engine: o.Engine, audit: o.Audit, now: o.Now,
		names: newNames(o.Lockouts, o.Now, o.Throttle), sources: newSources(o.Now, o.Throttle),
		guesses: newSources(o.Now, o.Throttle),
		pace:    pace{wait: o.Wait},
	}
	s.chain.Store(&Chain{})
	s.ttl.Store(&o.TTL)
	return s
}

// SetChain replaces the backends; attempts under way finish with the old ones.
func (s *Service) SetChain(chain *Chain) { s.chain.Store(chain) }

// SetLimits replaces the limits of the throttle; what was counted stays counted.
func (s *Service) SetLimits(limits conf.Throttle) {
	s.names.setLimits(limits)
	s.sources.setLimits(limits)
	s.guesses.setLimits(limits)
}

// SetTTL replaces the bounds of session tokens; those that were issued keep theirs.
func (s *Service) SetTTL(ttl TTL) { s.ttl.Store(&ttl) }

// Password returns who the attempt's name and password belong to.
//
// The error is an Unauthenticated fault with the same sentence for every cause, a Limited fault when the source address has
// no tries left, or an Unavailable fault when it could not be decided, counted or recorded.
func (s *Service) Password(ctx context.Context, a Attempt) (Identity, error) {
	started := s.now()
	if err := s.sources.take(a.Origin.Source); err != nil {
		return Identity{}, s.record(ctx, a, "", err)
	}
	name, malformed := wellFormed(a)
	ticket, err := s.names.admit(ctx, counterKey(a.Name))
	if errors.Is(err, errLocked) {
		return Identity{}, s.refuseUnasked(ctx, a, started, &fault.Error{Reason: "locked", Err: err})
	}
	if err != nil {
		s.sources.refund(a.Origin.Source)
		return Identity{}, s.record(ctx, a, "", err)
	}
	if malformed != nil {
		// An empty password is no guess, so it counts for nothing; a name that was bent is one.
		if err := ticket.settle(ctx, malformed.Reason != "password_empty", false); err != nil {
			return Identity{}, s.record(ctx, a, "", err)
		}
		return Identity{}, s.refuseUnasked(ctx, a, started, malformed)
	}
	verdict, err := s.chain.Load().Ask(ctx, plugins.Request{Name: name, Password: a.Password})
	// A caller who hangs up does not keep his guess from being counted and recorded.
	recorded := context.WithoutCancel(ctx)
	identity, err := s.weigh(recorded, a, ticket, verdict, err)
	if fault.KindOf(err) != fault.Unauthenticated {
		s.sources.refund(a.Origin.Source)
	}
	err = s.record(recorded, a, verdict.Backend, err, identity)
	if known, ok := errors.AsType[*fault.Error](err); ok && known.Kind == fault.Unauthenticated {
		s.pace.afterAsking(ctx, cause{verdict.Backend, known.Reason}, started, s.now())
	}
	if err != nil {
		return Identity{}, err
	}
	return identity, nil
}

// wellFormed returns the canonical name, or the refusal of what must not reach a backend.
func wellFormed(a Attempt) (string, *fault.Error) {
	name, err := Canonical(a.Name)
	switch {
	case a.Password.Empty():
		return "", &fault.Error{Reason: "password_empty"}
	case err != nil:
		return "", &fault.Error{Reason: "name_malformed", Err: err}
	case a.Password.Len() > MaxPassword:
		return "", &fault.Error{Reason: "password_too_long"}
	case strings.ContainsRune(a.Password.Reveal(), 0):
		return "", &fault.Error{Reason: "password_malformed"}
	}
	return name, nil
}

// weigh makes an identity or a refusal of the chain's verdict and settles the ticket. A guess that any backend turned down
// counts, even where another could not decide: otherwise an outage would be the time to guess in.
func (s *Service) weigh(ctx context.Context, a Attempt, t *ticket, verdict Verdict, undecided error) (Identity, error) {
	if undecided != nil {
		return Identity{}, errors.Join(undecided, t.settle(ctx, len(verdict.Asked) > 0, false))
	}
	if verdict.Outcome != plugins.Accepted {
		if err := errors.Join(t.settle(ctx, true, false), s.countAlias(ctx, a, verdict.Name)); err != nil {
			return Identity{}, err
		}
		return Identity{}, refusal(&fault.Error{Reason: verdict.Reason})
	}
	known, reason, err := s.barred(ctx, a, verdict.Name)
	if err != nil {
		return Identity{}, errors.Join(err, t.settle(ctx, false, false))
	}
	if err := t.settle(ctx, true, reason == ""); err != nil {
		return Identity{}, err
	}
	if reason != "" {
		return Identity{}, refusal(&fault.Error{Reason: reason})
	}
	return Identity{
		User: verdict.Name, DisplayName: verdict.DisplayName, Mail: verdict.Mail, Groups: verdict.Groups, Backend: verdict.Backend,
		known: known,
	}, nil
}

// countAlias counts a wrong guess for the account's own name, too, where the directory says that another was typed.
func (s *Service) countAlias(ctx context.Context, a Attempt, name string) error {
	key := counterKey(name)
	if name == "" || key == counterKey(a.Name) {
		return nil
	}
	if err := s.names.fail(ctx, key); err != nil {
		return fault.Unavailablef("store_unavailable", err)
	}
	return nil
}

// barred returns why the account with this canonical name may not log in although its password was right: it is disabled
// here, or it is locked under its own name while another spelling was tried. Empty means that it may; then known is its user, or
// nil.
func (s *Service) barred(ctx context.Context, a Attempt, name string) (known *store.User, reason string, err error) {
	if key := counterKey(name); key != counterKey(a.Name) {
		locked, err := s.names.locked(ctx, key)
		if err != nil {
			return nil, "", err
		}
		if locked {
			return nil, "locked", nil
		}
	}
	return s.disabled(ctx, name)
}

// disabled returns the user, nil when he is not known, with "user_disabled" when an admin has disabled him here; and an Unavailable
// fault when that cannot be told.
func (s *Service) disabled(ctx context.Context, name string) (known *store.User, reason string, err error) {
	user, err := s.users.Known(ctx, name)
	switch {
	case fault.KindOf(err) == fault.NotFound:
		return nil, "", nil
	case err != nil:
		return nil, "", err
	case user.Disabled:
		return &user, "user_disabled", nil
	}
	return &user, "", nil
}

// refusal fills in what makes every refusal the same from outside.
func refusal(cause *fault.Error) *fault.Error {
	cause.Kind, cause.Public = fault.Unauthenticated, refused
	return cause
}

// refuseUnasked refuses an attempt that reached no backend, after as long as a backend would have taken.
func (s *Service) refuseUnasked(ctx context.Context, a Attempt, started time.Time, cause *fault.Error) error {
	err := s.record(context.WithoutCancel(ctx), a, "", refusal(cause))
	if fault.KindOf(err) == fault.Unauthenticated {
		s.pace.unasked(ctx, started, s.now())
	}
	return err
}

// Forwarded returns the identity of a user whom a trusted web server has authenticated (mode = proxy). The caller must have
// checked that the peer is trusted. There is no password and no throttle; a disabled user is refused.
func (s *Service) Forwarded(ctx context.Context, name string, origin audit.Origin) (Identity, error) {
	a := Attempt{Name: name, Origin: origin}
	canonical, err := Canonical(name)
	if err != nil {
		return Identity{}, s.record(ctx, a, proxyBackend, refusal(&fault.Error{Reason: "name_malformed", Err: err}))
	}
	known, reason, err := s.disabled(ctx, canonical)
	if err == nil && reason != "" {
		err = refusal(&fault.Error{Reason: reason})
	}
	identity := Identity{User: canonical, Backend: proxyBackend, known: known}
	if err := s.record(ctx, a, proxyBackend, err, identity); err != nil {
		return Identity{}, err
	}
	return identity, nil
}

// proxyBackend stands for the web server in front, where a backend's name would stand.
const proxyBackend = "proxy"

// Unlock forgets the failures of a name and ends its lock. The error is an Unavailable fault.
func (s *Service) Unlock(ctx context.Context, name string) error {
	return s.names.unlock(ctx, counterKey(name))
}

// LockedUntil returns when the lock of a name ends; the zero time when it is not locked. The error is an Unavailable fault.
func (s *Service) LockedUntil(ctx context.Context, name string) (time.Time, error) {
	lockout, err := s.names.lockouts.Lockout(ctx, counterKey(name))
	if err != nil {
		return time.Time{}, fault.Unavailablef("store_unavailable", err)
	}
	if !s.now().Before(lockout.Until) {
		return time.Time{}, nil
	}
	return lockout.Until, nil
}

// record writes the audit record of an attempt and returns err, or an Unavailable fault when the record could not be
// written: what is not recorded did not happen.
func (s *Service) record(ctx context.Context, a Attempt, backend string, err error, identity ...Identity) error {
	event := audit.Event{
		Event: audit.EventLogin, Origin: a.Origin, User: a.Name, Backend: backend, Outcome: audit.OutcomeOK,
	}
	if canonical, malformed := Canonical(a.Name); malformed == nil {
		event.User = canonical
	}
	if err == nil && len(identity) > 0 {
		event.User = identity[0].User
	}
	if err != nil {
		event.Outcome = audit.OutcomeError
		if kind := fault.KindOf(err); kind == fault.Unauthenticated || kind == fault.Limited {
			event.Outcome = audit.OutcomeRefused
		}
		if known, ok := errors.AsType[*fault.Error](err); ok {
			event.Reason = known.Reason
		}
	}
	if failed := s.audit.Record(ctx, event); failed != nil {
		return fault.Unavailablef("audit_unavailable", errors.Join(failed, err))
	}
	return err
}
