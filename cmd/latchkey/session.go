package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"latchkey/daemon/client"
	"latchkey/plugins/secret"
)

// grace is how long before its end a kept token is no longer used: what is asked with it must still arrive. StackStorm's client
// has the same.
const grace = 15 * time.Second

// loginNeeded means that there is no log-in that could be used.
type loginNeeded struct{ error }

// source returns where the calls' credential comes from. The first that is there decides: flag, environment, a log-in that was
// kept, the configuration file. A token decides over a key that is set beside it.
func (a *app) source(c *client.Client, s settings) (client.Source, error) {
	key := func(text string) client.Credential { return client.APIKey(secret.New(text)) }
	token := func(text string) client.Credential {
		if isAuthToken(text) { // the server takes it where it takes keys
			return key(text)
		}
		return client.SessionToken(secret.New(text))
	}
	if a.options.token != "" && a.options.apiKey != "" {
		return nil, usageError{errors.New("--token and --api-key exclude each other")}
	}
	if (a.options.token != "" || a.options.apiKey != "") && isTerminal(a.stderr) {
		a.note("latchkey: warning: --token and --api-key show the secret to everybody on this host; set LATCHKEY_AUTH_TOKEN or LATCHKEY_API_KEY")
	}
	variable := func(name string) string {
		if a.options.local { // the kernel tells the daemon who is calling
			return ""
		}
		return a.environ[name]
	}
	for _, given := range []struct {
		text, from string
		make       func(string) client.Credential
	}{
		{a.options.token, "--token", token},
		{a.options.apiKey, "--api-key", key},
		{variable("LATCHKEY_AUTH_TOKEN"), "LATCHKEY_AUTH_TOKEN", token},
		{variable("LATCHKEY_API_KEY"), "LATCHKEY_API_KEY", key},
		{ifSet(s.stackstorm, variable("ST2_AUTH_TOKEN")), "ST2_AUTH_TOKEN", token},
		{ifSet(s.stackstorm, variable("ST2_API_KEY")), "ST2_API_KEY", key},
	} {
		if given.text != "" {
			a.credential = given.from
			return given.make(given.text), nil
		}
	}
	if a.options.local {
		return nil, nil
	}
	return a.keptSource(c, s)
}

// ifSet returns text if condition holds.
func ifSet(condition bool, text string) string {
	if !condition {
		return ""
	}
	return text
}

// keptSource returns the source of a caller who has given no credential for this run: nil when there is none at all.
func (a *app) keptSource(c *client.Client, s settings) (client.Source, error) {
	kept := a.cache(c, s)
	current := ""
	if kept != nil {
		var err error
		if current, err = kept.current(); err != nil {
			return nil, err
		}
	}
	switch {
	case current != "" || s.file.HasPassword():
		user := current
		if user == "" {
			user = s.file.Username
		}
		return &session{app: a, client: c, cache: kept, file: s.file, user: user}, nil
	case !s.file.APIKey.Empty() || s.file.APIKeyFile != "":
		key, err := s.file.readAPIKey()
		if err != nil {
			return nil, err
		}
		a.credential = s.file.Path
		return client.APIKey(key), nil
	}
	return nil, nil
}

// session is a log-in that is kept, and made anew where the configuration file has the password: when it is about to expire, and
// when the server no longer knows its token.
type session struct {
	app    *app
	client *client.Client
	cache  *cache // nil: nothing is kept
	file   file
	user   string

	mu     sync.Mutex
	latest cached
}

var _ client.Source = (*session)(nil)

// Credential returns the token of the log-in.
func (s *session) Credential(ctx context.Context, refused client.Credential) (client.Credential, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.latest.token.Empty() && s.cache != nil {
		kept, found, err := s.cache.load(s.user)
		if err != nil {
			return client.Credential{}, err
		}
		if found {
			s.latest = kept
			s.app.credential = fmt.Sprintf("the log-in of %s, kept in %s", s.user, s.cache.path(s.cache.tokenName(s.user)))
		}
	}
	known := !s.latest.token.Empty()
	fresh := known && s.app.now().Add(grace).Before(s.latest.expiry)
	switch {
	case fresh && !refused.Text().Equal(s.latest.token):
		return client.SessionToken(s.latest.token), nil
	case s.file.HasPassword() && s.file.Username == s.user:
		return s.logIn(ctx)
	case fresh:
		return refused, nil
	case known:
		return client.Credential{}, s.over("the log-in of %s at %s has expired")
	}
	return client.Credential{}, s.over("the log-in of %s at %s is gone")
}

// over is the error for a log-in that has ended and cannot be made anew without the user.
func (s *session) over(format string) error {
	hint := fmt.Sprintf("Log in again with: latchkey login %s", s.user)
	if s.file.Username != "" && s.file.Username != s.user {
		hint += fmt.Sprintf(" (or go back to %s of %s with: latchkey logout)", s.file.Username, s.file.Path)
	}
	return hinted{loginNeeded{fmt.Errorf(format, s.user, s.client.URL())}, hint}
}

// logIn logs in with the password of the configuration file and keeps the token. That it cannot be kept is no reason to fail.
func (s *session) logIn(ctx context.Context) (client.Credential, error) {
	password, err := s.file.readPassword()
	if err != nil {
		return client.Credential{}, err
	}
	s.app.credential = s.file.Path
	made, err := s.client.LogIn(ctx, s.user, password, client.SessionRequest{})
	if err != nil {
		return client.Credential{}, fmt.Errorf("log-in of %s: %w", s.user, err)
	}
	s.latest = cached{user: s.user, token: made.Token, expiry: made.Expiry}
	if s.cache != nil {
		if err := s.cache.save(s.latest); err != nil {
			s.app.note("latchkey: warning: the log-in is not kept: %s", err.Error())
		}
	}
	return client.SessionToken(made.Token), nil
}
