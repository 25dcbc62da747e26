package conf

import (
	"strings"
	"time"

	"latchkey/plugins/secret"
)

// The least that a bootstrap token must be: it may become an admin's credential, and whoever wrote the file chose it.
const (
	minBootstrap    = 20 // characters, without words that people guess
	maxBootstrap    = 256
	minDistinct     = 8  // different characters
	longestSequence = 6  // characters that follow each other, as in abcdef, 987654 or 111111
	shortestPeriod  = 16 // characters after which it may begin anew
)

// guessed are words that people write when they do not want to make a token.
func guessed() []string {
	return []string{
		"password", "passw0rd", "changeme", "change-me", "change_me", "secret", "s3cret", "example", "latchkey", "stackstate", "bootstrap", "default",
		"letmein", "qwerty", "asdfgh", "zxcvbn", "1q2w3e", "replace", "service", "token", "admin",
	}
}

// bootstrapSection is the section [bootstrap].
func bootstrapSection() section {
	return section{name: "bootstrap", keys: []key{
		secretText("token", func(c *Config) *secret.Text { return &c.Bootstrap.Token }),
		into("name", text, func(c *Config) *string { return &c.Bootstrap.Name }),
		{name: "roles", many: true, show: func(c *Config) string { return shown(c.Bootstrap.Roles) }, take: func(c *Config, value string) error {
			c.Bootstrap.Roles = list(value)
			return nil
		}},
		into("ttl", orZero(duration(time.Minute, longestTTL)), func(c *Config) *time.Duration { return &c.Bootstrap.TTL }),
	}}
}

// checkBootstrap looks at [bootstrap] as a whole.
func (r *reader) checkBootstrap(c *Config) {
	if len(r.settings["bootstrap"]) == 0 {
		return
	}
	at := r.position("bootstrap", "token")
	c.Bootstrap.At = at
	if problem := weak(c.Bootstrap.Token.Reveal()); problem != "" && !c.Bootstrap.Token.Empty() {
		r.fault(at, "[bootstrap] token: %s; make one with: openssl rand -hex 24", problem)
	} else if c.Bootstrap.Token.Empty() && !r.failed[sectionKey{"bootstrap", "token"}] {
		r.fault(at, "[bootstrap] token: it is missing; give token or token_file")
	}
	if len(c.Bootstrap.Roles) == 0 {
		r.fault(r.position("bootstrap", "roles"), "[bootstrap] roles: a bootstrap token needs at least one role")
	}
	for _, role := range c.Bootstrap.Roles {
		if err := CheckRole(role); err != nil {
			r.fault(r.position("bootstrap", "roles"), "[bootstrap] roles: %q: %v", printable(role), err)
		}
	}
}

// weak says why a token can be guessed or cannot be sent in a header, and nothing when it is good. What it says shows no part
// of the token.
func weak(token string) string {
	if strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return "it holds a space or a character that is not ASCII"
	}
	if len(token) > maxBootstrap {
		return "it is longer than 256 characters"
	}
	rest := strings.ToLower(token)
	for _, word := range guessed() {
		rest = strings.ReplaceAll(rest, word, "")
	}
	distinct := map[rune]bool{}
	for _, c := range token {
		distinct[c] = true
	}
	switch {
	case len(rest) < minBootstrap:
		return "it is shorter than 20 characters, words that people guess not counted"
	case len(distinct) < minDistinct:
		return "it has fewer than 8 different characters"
	case sequence(rest) > longestSequence:
		return "it holds a sequence such as abcdefg, 9876543 or 1111111"
	case period(rest) < min(shortestPeriod, len(rest)):
		return "it repeats itself"
	}
	return ""
}

// sequence returns the length of the longest part in which each character is the one before it plus one, minus one, or the
// same.
func sequence(token string) int {
	longest := 0
	for _, step := range []int{-1, 0, 1} {
		length := 1
		for i := 1; i < len(token); i++ {
			if int(token[i])-int(token[i-1]) != step {
				length = 0
			}
			length++
			longest = max(longest, length)
		}
	}
	return longest
}

// period returns after how many characters a token begins anew; its length when it never does.
func period(token string) int {
	for p := 1; p < len(token); p++ {
		if token[p:] == token[:len(token)-p] {
			return p
		}
	}
	return len(token)
}
