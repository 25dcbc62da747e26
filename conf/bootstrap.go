package conf

import (
	"strings"
)

// The least that a bootstrap token must be: it may become an admin's credential, and whoever wrote the file chose it.
const (
	minBootstrap    = 20 // characters
	minDistinct     = 10 // different characters
	maxBootstrap    = 256
	longestSequence = 5 // characters that follow each other, as in abcdef
)

// checkBootstrap looks at [bootstrap].
func (r *reader) checkBootstrap(c *Config) {
	if len(r.settings["bootstrap"]) == 0 {
		return
	}
	at := func(key string) Position { return r.position("bootstrap", key) }
	if c.Bootstrap.Token.Empty() {
		r.fault(at("token"), "[bootstrap] token: it is missing; give token or token_file")
	} else if problem := weak(c.Bootstrap.Token.Reveal()); problem != "" {
		r.fault(at("token"), "[bootstrap] token: %s; make one with: openssl rand -hex 24", problem)
	}
	if len(c.Bootstrap.Roles) == 0 {
		r.fault(at("roles"), "[bootstrap] roles: a bootstrap token needs at least one role")
	}
	for _, role := range c.Bootstrap.Roles {
		if err := checkRoleName(role); err != nil {
			r.fault(at("roles"), "[bootstrap] roles: %q: %v", role, err)
		}
	}
}

// weak says why a token can be guessed, and nothing when it cannot.
func weak(token string) string {
	distinct := map[rune]bool{}
	run, longest, last := 1, 1, rune(-2)
	for _, c := range token {
		if c <= ' ' || c > '~' {
			return "it holds a space or a character that is not ASCII"
		}
		distinct[c] = true
		if run++; c != last+1 && c != last {
			run = 1
		}
		longest, last = max(longest, run), c
	}
	switch {
	case len(token) < minBootstrap:
		return "it is shorter than 20 characters"
	case len(token) > maxBootstrap:
		return "it is longer than 256 characters"
	case len(distinct) < minDistinct:
		return "it has fewer than 10 different characters"
	case longest > longestSequence:
		return "it holds a sequence such as abcdef or 111111"
	}
	for _, word := range []string{"password", "changeme", "secret", "example", "latchkey", "qwerty", "letmein", "default", "stackstate", "bootstrap"} {
		if strings.Contains(strings.ToLower(token), word) {
			return "it holds a word that people guess"
		}
	}
	return ""
}
