package licence

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"latchkey/conf"
	"latchkey/daemon/audit"
	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
	"latchkey/daemon/grant"
	"latchkey/daemon/store"
	"latchkey/daemon/workspace"
)

// Store is what a Service reads.
type Store interface {
	Workspace(ctx context.Context, id store.ID) (store.Workspace, error)
	Member(ctx context.Context, workspace, id store.ID) (store.Member, error)
}

// Options are what a Service is made of. All are required.
type Options struct {
	Store  Store
	Engine *credential.Engine
	Audit  audit.Recorder
	Now    func() time.Time
	// Settings may be replaced later.
	Settings Settings
}

// Settings are the parts of the configuration that activation depends on.
type Settings struct {
	// Signer signs grants; nil means that the installation has no key, and then nothing can be activated.
	Signer *grant.Signer
	// Issuer is what grants call the server.
	Issuer string
	Legacy conf.Legacy
}

// Service decides activations. It is safe for concurrent use.
type Service struct {
	store    Store
	engine   *credential.Engine
	audit    audit.Recorder
	now      func() time.Time
	settings atomic.Pointer[Settings]
}

// New returns a Service.
func New(o Options) *Service {
	s := &Service{store: o.Store, engine: o.Engine, audit: o.Audit, now: o.Now}
	s.SetSettings(o.Settings)
	return s
}

// SetSettings replaces the settings; the next activation uses them.
func (s *Service) SetSettings(settings Settings) { s.settings.Store(&settings) }

// Keys returns the JWK set under which grants can be verified. The error is an Unavailable fault when there is no key.
func (s *Service) Keys() ([]byte, error) {
	signer := s.settings.Load().Signer
	if signer == nil {
		return nil, errNoKey
	}
	return signer.Keys(), nil
}

var errNoKey = &fault.Error{
	Kind: fault.Unavailable, Reason: "no_licence_key", Public: "No tool can be activated here: there is no key that signs grants.",
	Err: errors.New("set [licence] key_file"),
}

// Request is what a tool says of itself.
type Request struct {
	// Text is the token or the key.
	Text      string
	Product   string
	Version   string
	MachineID string
	// CI says that it runs in a CI environment.
	CI     bool
	Origin audit.Origin
}

// Activation is what a tool is given.
type Activation struct {
	// Grant is the signed grant.
	Grant     string
	ExpiresAt time.Time
	// Notice is what the holder of a legacy key is to be told; empty for any other.
	Notice string
}

// activates are the kinds of credential that can activate.
const activates = credential.Developer | credential.CI | credential.Legacy

// Activate returns a grant for who presents a token or a key. The error is an Invalid fault for a request that cannot be, a Forbidden
// fault whose Code is a Reason, or an Unavailable fault when it could not be decided, signed or recorded.
func (s *Service) Activate(ctx context.Context, r Request) (Activation, error) {
	if err := r.check(); err != nil {
		return Activation{}, err
	}
	settings := s.settings.Load()
	if settings.Signer == nil {
		return Activation{}, errNoKey
	}
	event := audit.Event{Event: audit.EventActivate, Origin: r.Origin, Outcome: audit.OutcomeOK}
	licensed, err := s.decide(ctx, settings, r, &event)
	if known, ok := errors.AsType[*fault.Error](err); ok && known.Kind == fault.Forbidden {
		event.Outcome, event.Reason = audit.OutcomeRefused, known.Reason
		_ = s.audit.Record(ctx, event) // whether or not it could be recorded, it stays a refusal
	}
	if err != nil {
		return Activation{}, err
	}
	now := licensed.at.UTC().Truncate(time.Second)
	ends := now.Add(grant.Life)
	if over := licensed.subscription.EndsAt; over.Before(ends) {
		ends = over
	}
	text, err := settings.Signer.Sign(grant.Claims{
		Issuer: settings.Issuer, Subject: licensed.subject, ID: rand.Text(), IssuedAt: now, NotBefore: now, ExpiresAt: ends,
		Kind: licensed.kind, Workspace: grant.Workspace{ID: string(licensed.workspace.ID), Name: licensed.workspace.Name},
		Plan: licensed.subscription.Plan, Features: licensed.subscription.Features,
		Product: r.Product, Version: r.Version, MachineID: r.MachineID,
	})
	if err != nil {
		return Activation{}, fault.Unavailablef("not_signed", err)
	}
	if err := s.audit.Record(ctx, event); err != nil {
		return Activation{}, fault.Unavailablef("audit_unavailable", err)
	}
	return Activation{Grant: text, ExpiresAt: ends, Notice: licensed.notice}, nil
}

// Licensed returns the plan that a token or a key licenses now, outside of CI, and false when it licenses none or that cannot be told.
// Nothing is granted and nothing recorded.
func (s *Service) Licensed(ctx context.Context, text string) (plan string, ok bool) {
	licensed, err := s.decide(ctx, s.settings.Load(), Request{Text: text}, &audit.Event{})
	return licensed.subscription.Plan, err == nil
}

// check refuses what no tool says of itself.
func (r *Request) check() error {
	for _, field := range []struct {
		name, value string
		optional    bool
	}{{"product", r.Product, false}, {"version", r.Version, true}, {"machine_id", r.MachineID, false}} {
		bad := len(field.value) > 128 || strings.ContainsFunc(field.value, func(c rune) bool { return c <= ' ' || c > '~' })
		if bad || field.value == "" && !field.optional {
			return fault.Invalidf("%s is 1 to 128 printable ASCII characters without spaces.", field.name)
		}
	}
	return nil
}

// licensed is what a grant is given for.
type licensed struct {
	at           time.Time // when it was decided
	kind         grant.Kind
	subject      string
	workspace    store.Workspace
	subscription store.Subscription
	notice       string
}

// decide finds out what a credential licenses, and says in the event whose it is.
func (s *Service) decide(ctx context.Context, settings *Settings, r Request, event *audit.Event) (licensed, error) {
	entry, err := s.engine.Check(ctx, r.Text, activates)
	if fault.KindOf(err) == fault.Unauthenticated {
		return licensed{}, s.unusable(ctx, r.Text, err, event)
	}
	if err != nil {
		return licensed{}, err
	}
	c := &entry.Credential
	describe(event, c)
	w, err := s.store.Workspace(ctx, c.Workspace)
	if err != nil {
		return licensed{}, fault.Unavailablef("store_unavailable", err)
	}
	l := licensed{at: s.now(), workspace: w, subject: c.Name}
	switch c.Kind {
	case store.KindCI:
		l.kind = grant.KindCI
		l.subscription, err = anyRunning(&w, l.at)
		return l, err
	case store.KindLegacy:
		l.kind = grant.KindLegacy
		if l.notice, err = s.legacy(settings.Legacy); err != nil {
			return l, err
		}
		if l.subject == "" {
			l.subject = string(c.ID)
		}
		l.subscription, err = running(&w, c.Subscription, l.at)
		return l, err
	}
	l.kind, l.subject = grant.KindUser, c.User
	if r.CI {
		return l, refuse(DeveloperTokenInCI)
	}
	m, err := s.store.Member(ctx, c.Workspace, c.Member)
	switch {
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return l, fault.Unavailablef("store_unavailable", err)
	case err != nil || m.State != store.MemberActive || m.Token != c.ID:
		return l, refuse(MemberRemoved)
	case !m.Seat:
		return l, refuse(NoLicenceAssigned)
	}
	l.subscription, err = running(&w, m.Subscription, l.at)
	return l, err
}

// unusable says why a credential that the engine refuses cannot be used.
func (s *Service) unusable(ctx context.Context, text string, cause error, event *audit.Event) error {
	c, err := s.engine.Find(ctx, text)
	if fault.KindOf(err) == fault.NotFound {
		return refuse(UnknownToken).Because(cause)
	}
	if err != nil {
		return err
	}
	describe(event, &c)
	switch {
	case c.Kind == store.KindCI && errors.Is(cause, credential.ErrExpired):
		return refuse(TokenExpired)
	case c.Kind == store.KindDeveloper && errors.Is(cause, credential.ErrOwnerDisabled):
		return refuse(AccountDisabled)
	case c.Kind == store.KindDeveloper:
		return refuse(MemberRemoved) // the record of his token is kept for this sentence
	}
	return refuse(UnknownToken).Because(cause)
}

// describe says in an audit record whose credential it is.
func describe(event *audit.Event, c *store.Credential) {
	event.User, event.Kind, event.CredentialID, event.Workspace = c.User, string(c.Kind), string(c.ID), string(c.Workspace)
	if event.User == "" {
		event.User = c.Name
	}
}

// running returns the subscription with this id if it runs at now. It ends at a whole second, as a grant does, so that there is none
// for what is left of the last one.
func running(w *store.Workspace, id store.ID, now time.Time) (store.Subscription, error) {
	found := w.Subscription(id)
	if found == nil {
		return store.Subscription{}, refuse(NoSubscription)
	}
	s := *found
	s.EndsAt = s.EndsAt.Truncate(time.Second)
	switch workspace.StateOf(&s, now) {
	case workspace.Pending:
		return store.Subscription{}, refuse(SubscriptionPending)
	case workspace.Ended:
		if s.Trial {
			return store.Subscription{}, refuse(TrialExpired)
		}
		return store.Subscription{}, refuse(SubscriptionExpired)
	case workspace.Running:
	}
	return s, nil
}

// anyRunning returns the running subscription of a workspace that ends last, for CI, which uses no seat. When none runs the refusal is
// that of the one with the latest end: one that is to come, or else the one which ended last.
func anyRunning(w *store.Workspace, now time.Time) (store.Subscription, error) {
	best, refusal := store.Subscription{}, error(refuse(NoSubscription))
	var latest time.Time
	for i := range w.Subscriptions {
		s, err := running(w, w.Subscriptions[i].ID, now)
		switch {
		case err == nil && s.EndsAt.After(best.EndsAt):
			best = s
		case err != nil && w.Subscriptions[i].EndsAt.After(latest):
			latest, refusal = w.Subscriptions[i].EndsAt, err
		}
	}
	if best.ID != "" {
		return best, nil
	}
	return best, refusal
}
