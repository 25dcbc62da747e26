package login

import (
	"context"
	"time"

	"latchkey/daemon/audit"
	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
	"latchkey/daemon/store"
)

// TTL bounds the life of session tokens.
type TTL struct {
	// User is the longest life and the one that is given when none is asked for; Service the longest that a service user may
	// ask for himself. Both in whole seconds.
	User, Service time.Duration
}

// Users is what the package needs to know of known users.
type Users interface {
	// Known returns the user with this canonical name, perhaps with an older time of his last log-in; a NotFound fault when he is not
	// known.
	Known(ctx context.Context, name string) (store.User, error)
	// Seen records that somebody has logged in; known is the user as he has just been read, or nil.
	Seen(ctx context.Context, seen store.User, known *store.User) error
	// Ensure returns the user with this canonical name and creates him when he is not known.
	Ensure(ctx context.Context, name string) (store.User, error)
	// ByNickname returns all users who have this nickname for this origin.
	ByNickname(ctx context.Context, origin, nickname string) ([]store.User, error)
}

// SessionRequest is what a log-in may ask for; all of it is optional.
type SessionRequest struct {
	// TTL is the life that is asked for, in seconds.
	TTL *int64
	// User, or ImpersonateUser with NicknameOrigin, is whom a service user wants a token for; User wins.
	User            string
	ImpersonateUser string
	NicknameOrigin  string
}

// Session issues a session token to somebody whom Password or Forwarded has let in.
//
// The error is an Invalid fault with StackStorm's sentence when the ttl is out of bounds or the impersonation is not
// allowed, and an Unavailable fault when the token could not be recorded or stored; no token exists then.
func (s *Service) Session(ctx context.Context, who Identity, r SessionRequest, origin audit.Origin) (credential.Issued, error) {
	subject, impersonated, err := s.subject(ctx, who, r)
	if err != nil {
		return credential.Issued{}, err
	}
	longest := s.ttl.Load().User
	if subject.IsService && !impersonated {
		longest = max(longest, s.ttl.Load().Service)
	}
	life, err := s.life(r.TTL, longest)
	if err != nil {
		return credential.Issued{}, err
	}
	spec := credential.Spec{
		Kind: store.KindSession, User: subject.Name, Groups: subject.Groups, ExpiresAt: s.now().Add(life),
		Backend: who.Backend, Source: origin.Source, UserAgent: origin.UserAgent, Service: subject.IsService,
	}
	if impersonated {
		spec.CreatedBy = who.User
	} else if err := s.users.Seen(ctx, subject, who.known); err != nil {
		return credential.Issued{}, err
	}
	return s.engine.Issue(ctx, spec, origin)
}

// life returns how long a token lives. The sentences are StackStorm's.
func (s *Service) life(seconds *int64, longest time.Duration) (time.Duration, error) {
	if seconds == nil {
		return s.ttl.Load().User, nil
	}
	limit := int64(longest / time.Second)
	switch {
	case *seconds < 1:
		return 0, fault.Invalidf("%d is less than the minimum of 1", *seconds)
	case *seconds > limit:
		return 0, fault.Invalidf("TTL specified %d is greater than max allowed %d.", *seconds, limit)
	}
	return time.Duration(*seconds) * time.Second, nil
}

// subject returns whom the token is for: the caller himself with what his log-in said of him, or the user whom a service
// user asks for, with the groups of that user's own last log-in. The sentences are StackStorm's.
func (s *Service) subject(ctx context.Context, who Identity, r SessionRequest) (subject store.User, impersonated bool, err error) {
	caller, known, err := s.caller(ctx, who)
	if err != nil {
		return store.User{}, false, err
	}
	if r.User == "" && r.ImpersonateUser == "" {
		caller.Name, caller.DisplayName, caller.Mail = who.User, who.DisplayName, who.Mail
		caller.Groups, caller.Backend = who.Groups, who.Backend
		return caller, false, nil
	}
	switch {
	case !known && r.User != "":
		return store.User{}, false, fault.Invalidf("Could not locate user %s", who.User)
	case !known:
		return store.User{}, false, fault.Invalidf("Could not locate user %s@%s", r.ImpersonateUser, r.NicknameOrigin)
	case !caller.IsService:
		return store.User{}, false, fault.Invalidf("Current user is not a service and cannot request impersonated tokens")
	case r.User != "":
		subject, err = s.named(ctx, r.User)
	default:
		subject, err = s.nicknamed(ctx, r.ImpersonateUser, r.NicknameOrigin)
	}
	if err != nil {
		return store.User{}, false, err
	}
	if subject.Disabled {
		return store.User{}, false, fault.Invalidf("Could not locate user %s", subject.Name)
	}
	return subject, true, nil
}

// caller returns the user who has logged in, and whether he is known.
func (s *Service) caller(ctx context.Context, who Identity) (store.User, bool, error) {
	if who.known != nil {
		return *who.known, true, nil
	}
	u, err := s.users.Known(ctx, who.User)
	if fault.KindOf(err) == fault.NotFound && err != nil {
		return store.User{}, false, nil
	}
	return u, err == nil, err
}

// named returns the user whom a service user asks for by name. StackStorm creates one who is not known, and so do we: the
// token then has no groups and so no more roles than the name itself was given.
func (s *Service) named(ctx context.Context, name string) (store.User, error) {
	canonical, err := Canonical(name)
	if err != nil {
		return store.User{}, fault.Invalidf("user: %s", err)
	}
	return s.users.Ensure(ctx, canonical)
}

// nicknamed returns the one user who has the nickname.
func (s *Service) nicknamed(ctx context.Context, nickname, origin string) (store.User, error) {
	if origin == "" {
		return store.User{}, fault.Invalidf("Nickname origin is not provided for nickname '%s'", nickname)
	}
	users, err := s.users.ByNickname(ctx, origin, nickname)
	switch {
	case err != nil:
		return store.User{}, err
	case len(users) == 0:
		return store.User{}, fault.Invalidf("Could not locate user %s@%s", nickname, origin)
	case len(users) > 1:
		return store.User{}, fault.Invalidf("%s@%s matched more than one username", nickname, origin)
	}
	return users[0], nil
}
