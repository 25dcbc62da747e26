package flatfile

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/tg123/go-htpasswd"

	"latchkey/backends/flatfile/descrypt"
)

// scheme is a way to keep a password, by its common name.
type scheme string

// The schemes that are known. The last two need an option.
const (
	schemeBcrypt scheme = "bcrypt"
	schemeSHA512 scheme = "sha512-crypt"
	schemeSHA256 scheme = "sha256-crypt"
	schemeAPR1   scheme = "apr1"
	schemeSSHA   scheme = "SSHA"
	schemeSHA    scheme = "SHA"
	schemeDES    scheme = "DES crypt"
	schemePlain  scheme = "plain text"
)

const (
	// maxBcryptCost and maxRounds are the highest costs that are taken from a file: some five seconds of one core. More would
	// be an attack on the daemon by whoever may write the file, or a slip of the keyboard.
	maxBcryptCost = 16
	maxRounds     = 1_000_000
	// minRounds and defaultRounds are those of SHA-crypt's specification (Drepper, "Unix crypt using SHA-256 and SHA-512").
	minRounds     = 1000
	defaultRounds = 5000
	// minBcryptCost is bcrypt's own; weakBcryptCost is below what is advised today (OWASP Password Storage Cheat Sheet).
	minBcryptCost  = 4
	weakBcryptCost = 10
	// bcryptLength is how many bytes of a password bcrypt looks at.
	bcryptLength = 72
)

// hash is one stored password.
type hash struct {
	scheme scheme
	// cost is bcrypt's cost (a power of two) or SHA-crypt's rounds, and 0 for the others.
	cost int
	// matches reports whether a password of at most limit bytes is the one that is stored.
	matches func(password string) bool
}

// limit returns how many bytes of a password the scheme looks at, 0 when it looks at all. A longer password is refused: with
// bcrypt, anything could follow the first 72 bytes of the right one.
func (h hash) limit() int {
	switch h.scheme {
	case schemeBcrypt:
		return bcryptLength
	case schemeDES:
		return descrypt.MaxPassword
	default:
		return 0
	}
}

// describe returns the scheme and its cost for an administrator.
func (h hash) describe() string {
	switch h.scheme {
	case schemeBcrypt:
		return fmt.Sprintf("%s, cost %d", h.scheme, h.cost)
	case schemeSHA256, schemeSHA512:
		return fmt.Sprintf("%s, %d rounds", h.scheme, h.cost)
	default:
		return string(h.scheme)
	}
}

// weakness returns why the hash should be replaced, empty when it need not be.
func (h hash) weakness() string {
	switch {
	case h.scheme == schemeBcrypt && h.cost < weakBcryptCost:
		return fmt.Sprintf("bcrypt of cost %d is quickly guessed", h.cost)
	case h.scheme == schemeBcrypt, h.scheme == schemeSHA256, h.scheme == schemeSHA512:
		return ""
	case h.scheme == schemePlain:
		return "the password stands in the file as it is"
	default:
		return string(h.scheme) + " is quickly guessed"
	}
}

// policy is what a password file may hold.
type policy struct {
	plain bool // allow_plaintext
	des   bool // allow_des
	// decoyCost is the bcrypt cost of a refusal when no line of the file can let anybody in.
	decoyCost int
}

// form is one scheme's form in a file: what it looks like whole, so that what go-htpasswd gets to see is well-formed. It
// trusts its input more than a file deserves: "$6$rounds=abc$x" would panic at log-in.
type form struct {
	prefix  string
	pattern *regexp.Regexp
	read    func(parts []string) (hash, error)
}

// forms returns the schemes that are recognised by a prefix.
func forms() []form {
	bcrypt := regexp.MustCompile(`^\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}$`)
	sha256crypt := regexp.MustCompile(`^\$5\$(?:rounds=([1-9][0-9]{3,8})\$)?([!-#%-9;-~]{1,16})\$[./0-9A-Za-z]{43}$`)
	sha512crypt := regexp.MustCompile(`^\$6\$(?:rounds=([1-9][0-9]{3,8})\$)?([!-#%-9;-~]{1,16})\$[./0-9A-Za-z]{86}$`)
	apr1 := regexp.MustCompile(`^\$apr1\$[./0-9A-Za-z]{1,8}\$[./0-9A-Za-z]{22}$`)
	sha := regexp.MustCompile(`^\{SHA\}[+/0-9A-Za-z]{27}=$`)
	// 20 bytes of SHA-1 and at least one of salt.
	ssha := regexp.MustCompile(`^\{SSHA\}[+/0-9A-Za-z]{28,}={0,2}$`)
	return []form{
		{"$2a$", bcrypt, readBcrypt},
		{"$2b$", bcrypt, readBcrypt},
		{"$2y$", bcrypt, readBcrypt},
		{"$5$", sha256crypt, readSHACrypt(schemeSHA256)},
		{"$6$", sha512crypt, readSHACrypt(schemeSHA512)},
		{"$apr1$", apr1, readByLibrary(schemeAPR1)},
		{"{SHA}", sha, readByLibrary(schemeSHA)},
		{"{SSHA}", ssha, readByLibrary(schemeSSHA)},
	}
}

// parser reads the second field of a line.
type parser struct {
	forms  []form
	policy policy
}

func newParser(policy policy) *parser { return &parser{forms: forms(), policy: policy} }

var (
	errEmptyHash   = errors.New("has no password hash")
	errLockedHash  = errors.New("has a locked password (! or *)")
	errMalformed   = errors.New("has a malformed password hash")
	errUnknown     = errors.New("has a password hash of a scheme that is not known here")
	errNeedsDES    = errors.New("has a DES crypt hash, which needs allow_des")
	errNeedsPlain  = errors.New("has no known password hash; if it is the password itself, it needs allow_plaintext")
	errLooksHashed = errors.New("has what looks like a password hash; if it is the password itself, write {PLAIN} before it")
)

// parse returns the hash that text stands for. Its errors complete the sentence "this line …" and never hold text.
func (p *parser) parse(text string) (hash, error) {
	switch {
	case text == "":
		return hash{}, errEmptyHash
	case text[0] == '!' || text[0] == '*':
		return hash{}, errLockedHash
	}
	for _, form := range p.forms {
		if !strings.HasPrefix(text, form.prefix) {
			continue
		}
		parts := form.pattern.FindStringSubmatch(text)
		if parts == nil {
			return hash{}, errMalformed
		}
		return form.read(parts)
	}
	return p.parseWeak(text)
}

// parseWeak returns the hash of a scheme that needs an option.
func (p *parser) parseWeak(text string) (hash, error) {
	if plain, ok := strings.CutPrefix(text, "{PLAIN}"); ok {
		switch {
		case !p.policy.plain:
			return hash{}, errNeedsPlain
		case plain == "":
			return hash{}, errEmptyHash
		}
		return plainText(plain), nil
	}
	switch {
	case text[0] == '$' || text[0] == '{':
		return hash{}, errUnknown
	case descrypt.Valid(text) && p.policy.des:
		return hash{scheme: schemeDES, matches: func(password string) bool { return descrypt.Match(text, password) }}, nil
	case descrypt.Valid(text) && p.policy.plain:
		return hash{}, errLooksHashed
	case descrypt.Valid(text):
		return hash{}, errNeedsDES
	case !p.policy.plain:
		return hash{}, errNeedsPlain
	case looksHashed(text):
		return hash{}, errLooksHashed
	}
	return plainText(text), nil
}

// looksHashed reports whether a text without a known prefix is rather the hash of a password than a password: BSDi's
// extended DES, or a digest in hexadecimal digits. Taken for a password, it would let in whoever has seen the file.
func looksHashed(text string) bool {
	if len(text) == 20 && text[0] == '_' {
		return true
	}
	switch len(text) {
	case 16, 32, 40, 56, 64, 96, 128:
		return strings.Trim(strings.ToLower(text), "0123456789abcdef") == ""
	}
	return false
}

// plainText returns the hash of a password that stands in the file as it is.
func plainText(stored string) hash {
	want := sha256.Sum256([]byte(stored))
	return hash{scheme: schemePlain, matches: func(password string) bool {
		got := sha256.Sum256([]byte(password))
		return subtle.ConstantTimeCompare(got[:], want[:]) == 1
	}}
}

// readBcrypt reads a well-formed bcrypt hash; parts[1] is its cost.
func readBcrypt(parts []string) (hash, error) {
	cost, err := strconv.Atoi(parts[1])
	if err != nil || cost < minBcryptCost {
		return hash{}, errMalformed
	}
	if cost > maxBcryptCost {
		return hash{}, fmt.Errorf("has a bcrypt hash of cost %d; the highest that is accepted is %d", cost, maxBcryptCost)
	}
	return byLibrary(parts[0], schemeBcrypt, cost)
}

// readSHACrypt returns the reader of a well-formed SHA-crypt hash; parts[1] are its rounds, if it names them, parts[2] is
// its salt.
func readSHACrypt(scheme scheme) func([]string) (hash, error) {
	return func(parts []string) (hash, error) {
		rounds := defaultRounds
		if parts[1] != "" {
			var err error
			if rounds, err = strconv.Atoi(parts[1]); err != nil {
				return hash{}, errMalformed
			}
		}
		switch {
		case strings.HasPrefix(parts[2], "rounds="): // "$6$rounds=abc$…": the number is none, and the salt is missing
			return hash{}, errMalformed
		case rounds < minRounds:
			return hash{}, errMalformed
		case rounds > maxRounds:
			return hash{}, fmt.Errorf("has a %s hash of %d rounds; the most that are accepted are %d", scheme, rounds, maxRounds)
		}
		return byLibrary(parts[0], scheme, rounds)
	}
}

// readByLibrary returns the reader of a scheme without a cost.
func readByLibrary(scheme scheme) func([]string) (hash, error) {
	return func(parts []string) (hash, error) { return byLibrary(parts[0], scheme, 0) }
}

// byLibrary returns a well-formed hash as go-htpasswd checks it. The list of its parsers ends with the one that refuses,
// not with its default, which takes any text for a plain password.
func byLibrary(text string, scheme scheme, cost int) (hash, error) {
	for _, parse := range []htpasswd.PasswdParser{
		htpasswd.AcceptBcrypt, htpasswd.AcceptCryptSha, htpasswd.AcceptMd5, htpasswd.AcceptSha, htpasswd.AcceptSsha,
		htpasswd.RejectPlain,
	} {
		encoded, err := parse(text)
		if err != nil { // its text holds the hash
			return hash{}, errMalformed
		}
		if encoded != nil {
			return hash{scheme: scheme, cost: cost, matches: encoded.MatchesPassword}, nil
		}
	}
	return hash{}, errMalformed
}
