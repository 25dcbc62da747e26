package ldap

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"latchkey/plugins"
	"latchkey/plugins/secret"
)

// settings are the options as they are written. Names and defaults are those of StackStorm's st2-auth-ldap; the last group is
// ours.
type settings struct {
	BindDN        string         `setting:"bind_dn"`
	BindPassword  secret.Text    `setting:"bind_password"`
	BaseOU        string         `setting:"base_ou"`
	BaseOUGroup   string         `setting:"base_ou_group"`
	GroupDNs      []string       `setting:"group_dns"`
	GroupDNsCheck string         `setting:"group_dns_check"`
	Host          []string       `setting:"host"`
	Port          int            `setting:"port"`
	UseSSL        bool           `setting:"use_ssl"`
	UseTLS        bool           `setting:"use_tls"`
	CACert        string         `setting:"cacert"`
	IDAttr        string         `setting:"id_attr"`
	Account       string         `setting:"account_pattern"`
	Group         string         `setting:"group_pattern"`
	Scope         string         `setting:"scope"`
	Timeout       time.Duration  `setting:"network_timeout"`
	Chase         bool           `setting:"chase_referrals"`
	Debug         bool           `setting:"debug"`
	ClientOptions map[string]any `setting:"client_options"`
	CacheGroups   bool           `setting:"cache_user_groups_response"`
	CacheTTL      time.Duration  `setting:"cache_user_groups_ttl"`
	// StackStorm's documentation has the name above, its code the two below.
	CacheTTLInCode time.Duration `setting:"cache_user_groups_cache_ttl"`
	CacheSize      int           `setting:"cache_user_groups_cache_max_size"`

	InsecurePlaintext  bool `setting:"insecure_plaintext"`
	InsecureSkipVerify bool `setting:"insecure_skip_verify"`
	PoolSize           int  `setting:"pool_size"`
}

const (
	defaultIDAttr  = "uid"
	defaultGroup   = "(|(&(objectClass=*)(|(member={user_dn})(uniqueMember={user_dn})(memberUid={username}))))"
	defaultTimeout = 10 * time.Second
	defaultTTL     = 120 * time.Second
	unset          = -1
)

func defaultSettings() settings {
	return settings{
		GroupDNsCheck: "and", Group: defaultGroup, Scope: "subtree", Timeout: defaultTimeout,
		CacheGroups: true, CacheTTL: unset, CacheTTLInCode: unset, CacheSize: 1000, PoolSize: 8,
	}
}

// config is what the backend works with: settings that were checked and made ready.
type config struct {
	bindDN       string
	bindPassword secret.Text
	base         string
	groupBase    string
	required     requirement
	idAttr       string
	account      *pattern
	group        *pattern
	scope        int
	deref        int
	timeLimit    int // seconds, for the server; 0 is its own
	sizeLimit    int // of a search for groups; 0 is the server's own
	timeout      time.Duration
	chase        bool
	cacheTTL     time.Duration // 0: nothing is remembered
	cacheSize    int
	poolSize     int
	hosts        []endpoint
	dialer       dialer
	debug        bool
}

// faultList collects what is wrong, so that all of it is reported at once.
type faultList struct{ faults []plugins.SettingFault }

func (l *faultList) add(key, format string, args ...any) {
	l.faults = append(l.faults, plugins.SettingFault{Key: key, Message: fmt.Sprintf(format, args...)})
}

// has reports whether a key has a fault already, so that a value that cannot be read is not called missing, too.
func (l *faultList) has(key string) bool {
	return slices.ContainsFunc(l.faults, func(f plugins.SettingFault) bool { return f.Key == key })
}

// require adds a fault where a text is missing.
func (l *faultList) require(key, value, what string) {
	if strings.TrimSpace(value) == "" && !l.has(key) {
		l.add(key, "is required: %s", what)
	}
}

func (l *faultList) err() error {
	if len(l.faults) == 0 {
		return nil
	}
	return &plugins.SettingsError{Faults: l.faults}
}

// newConfig reads and checks the settings. Its error is a *plugins.SettingsError with every fault. It reads the files that
// the settings name and asks no server.
func newConfig(given plugins.Settings) (*config, error) {
	s, list := defaultSettings(), &faultList{}
	if err := given.Decode(&s); err != nil {
		wrong, ok := errors.AsType[*plugins.SettingsError](err)
		if !ok {
			return nil, err
		}
		list.faults = explainForeign(wrong.Faults)
	}
	c := &config{
		bindDN: s.BindDN, bindPassword: s.BindPassword, base: s.BaseOU, groupBase: s.BaseOUGroup, chase: s.Chase,
		timeout: s.Timeout, deref: ldap.NeverDerefAliases, poolSize: s.PoolSize, debug: s.Debug,
	}
	if c.groupBase == "" {
		c.groupBase = c.base
	}
	s.checkAccount(list)
	s.readClientOptions(c, list)
	s.readPatterns(c, list)
	s.readGroups(c, list)
	s.readLimits(c, list)
	s.readHosts(c, list)
	s.readTLS(c, list)
	return c, list.err()
}

// checkAccount checks the service account and where it searches.
func (s *settings) checkAccount(list *faultList) {
	list.require("bind_dn", s.BindDN, "the distinguished name of the account that searches, such as cn=latchkey,ou=services,dc=example,dc=com")
	if s.BindPassword.Empty() && !list.has("bind_password") {
		list.add("bind_password", "is required and must not be empty: a bind without a password proves nothing (RFC 4513 section 5.1.2)")
	}
	list.require("base_ou", s.BaseOU, "where accounts are searched, such as ou=people,dc=example,dc=com")
	for key, value := range map[string]string{"base_ou": s.BaseOU, "base_ou_group": s.BaseOUGroup} {
		if _, err := ldap.ParseDN(value); err != nil {
			list.add(key, "is no distinguished name (RFC 4514), such as ou=people,dc=example,dc=com")
		}
	}
}

// readPatterns reads how accounts and their groups are found and named.
func (s *settings) readPatterns(c *config, list *faultList) {
	c.idAttr = s.IDAttr
	if c.idAttr == "" {
		c.idAttr = attributeOf(s.Account)
	}
	if c.idAttr == "" {
		c.idAttr = defaultIDAttr
	}
	if !regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]*|[0-9]+(\.[0-9]+)+)$`).MatchString(c.idAttr) {
		list.add("id_attr", "is no attribute's name (RFC 4512 section 1.4), such as uid or sAMAccountName")
		return
	}
	account := s.Account
	if account == "" {
		account = "{id_attr}={username}"
	}
	// The attribute's name is not a value: it is put in before the pattern is read.
	account = strings.ReplaceAll(account, "{"+placeIDAttr+"}", c.idAttr)
	var err error
	if c.account, err = newPattern(account, []string{placeUsername}, []string{placeUsername}); err != nil {
		list.add("account_pattern", "%v", err)
	}
	places := []string{placeUserDN, placeUsername}
	if c.group, err = newPattern(s.Group, places, places); err != nil {
		list.add("group_pattern", "%v", err)
	}
	scopes := map[string]int{"base": ldap.ScopeBaseObject, "onelevel": ldap.ScopeSingleLevel, "subtree": ldap.ScopeWholeSubtree}
	scope, ok := scopes[strings.ToLower(s.Scope)]
	if !ok {
		list.add("scope", "must be base, onelevel or subtree")
	}
	c.scope = scope
}

// readGroups reads which groups let somebody in. It refuses none at all: whoever is in the directory could log in.
func (s *settings) readGroups(c *config, list *faultList) {
	if len(s.GroupDNs) == 0 && !list.has("group_dns") {
		list.add("group_dns", "is required: the groups whose members may log in, such as cn=st2users,ou=groups,dc=example,dc=com")
	}
	for _, text := range s.GroupDNs {
		group, err := newRequired(text)
		if err != nil {
			list.add("group_dns", "%q %v", text, err)
			continue
		}
		c.required.groups = append(c.required.groups, group)
	}
	switch strings.ToLower(s.GroupDNsCheck) {
	case "and":
	case "or":
		c.required.any = true
	default:
		list.add("group_dns_check", "must be and (a member of all groups) or or (of one of them)")
	}
}

// readLimits reads times and sizes.
func (s *settings) readLimits(c *config, list *faultList) {
	if c.timeout <= 0 {
		list.add("network_timeout", "must be more than 0 seconds")
	}
	if c.poolSize < 1 || c.poolSize > 128 {
		list.add("pool_size", "must be 1 to 128: connections for searches, and as many for the binds of users")
	}
	if s.CacheSize < 1 && s.CacheGroups {
		list.add("cache_user_groups_cache_max_size", "must be 1 or more; cache_user_groups_response = no switches the memory off")
	}
	if s.CacheTTL != unset && s.CacheTTLInCode != unset && s.CacheTTL != s.CacheTTLInCode {
		list.add("cache_user_groups_cache_ttl", "says something else than cache_user_groups_ttl; they are two names for the same")
	}
	ttl := defaultTTL
	for _, given := range []time.Duration{s.CacheTTLInCode, s.CacheTTL} {
		if given != unset {
			ttl = given
		}
	}
	if s.CacheGroups {
		c.cacheTTL, c.cacheSize = ttl, s.CacheSize
	}
}

// readHosts reads where the directory is.
func (s *settings) readHosts(c *config, list *faultList) {
	if s.UseSSL && s.UseTLS {
		list.add("use_tls", "cannot be on together with use_ssl: use_ssl is TLS from the first byte (port 636), use_tls is StartTLS (port 389)")
	}
	port := s.Port
	switch {
	case s.UseSSL:
		c.dialer.mode = modeTLS
	case s.UseTLS:
		c.dialer.mode = modeStartTLS
	}
	if port == 0 {
		port = c.dialer.mode.port()
	}
	if port < 1 || port > 65535 {
		list.add("port", "must be 1 to 65535")
		return
	}
	for _, text := range s.Host {
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			host, err := newEndpoint(part, port)
			if err != nil {
				list.add("host", "%q %v", part, err)
				continue
			}
			if !slices.Contains(c.hosts, host) {
				c.hosts = append(c.hosts, host)
			}
		}
	}
	if len(c.hosts) == 0 && !list.has("host") {
		list.add("host", "is required: the directory server, or several with commas between them")
	}
	for _, host := range c.hosts {
		if c.dialer.mode == modePlain && !s.InsecurePlaintext && !host.loopback() {
			list.add("use_tls", "is off, and so is use_ssl: passwords would cross the network to %s in clear; set one of them, or insecure_plaintext = yes if that is meant", host.name)
			break
		}
	}
	c.dialer.plaintext = s.InsecurePlaintext
}

// readTLS reads how servers are verified: by the system's authorities, or by those of cacert alone, and by the host's name.
func (s *settings) readTLS(c *config, list *faultList) {
	c.tlsConfig().InsecureSkipVerify = s.InsecureSkipVerify
	if s.CACert == "" {
		return
	}
	text, err := os.ReadFile(s.CACert)
	if err != nil {
		list.add("cacert", "cannot be read: %q: %v", s.CACert, fileTrouble(err))
		return
	}
	c.dialer.tls.RootCAs = x509.NewCertPool()
	if !c.dialer.tls.RootCAs.AppendCertsFromPEM(text) {
		list.add("cacert", "%q holds no certificate in PEM form", s.CACert)
	}
}

// fileTrouble returns an error without the file's name, which may hold anything and is told in quotes.
func fileTrouble(err error) error {
	if trouble, ok := errors.AsType[*fs.PathError](err); ok {
		return trouble.Err
	}
	return err
}

// explainForeign says what to write instead of the options of StackStorm's community backend (st2-auth-backend-ldap), which
// has the same name and other options.
func explainForeign(faults []plugins.SettingFault) []plugins.SettingFault {
	foreign := map[string]string{
		"ldap_uri":      "write host, port and use_ssl",
		"bind_pw":       "write bind_password",
		"user":          "write base_ou, account_pattern and scope",
		"group":         "write base_ou_group, group_pattern and group_dns",
		"ref_hop_limit": "leave it out; chase_referrals follows three",
	}
	for i, fault := range faults {
		if advice, ok := foreign[fault.Key]; ok {
			faults[i].Message = "is an option of StackStorm's community LDAP backend; " + advice
		}
	}
	return faults
}
