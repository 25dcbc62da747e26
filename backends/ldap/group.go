package ldap

import (
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"
)

// group is a group of the directory. dn is nil when the directory's text is no distinguished name (RFC 4514); such a group
// satisfies no requirement.
type group struct {
	dn   *ldap.DN
	text string
	name string
}

// newGroup returns the group of an entry. Its name is the cn in its own distinguished name, otherwise its cn attribute,
// otherwise the first value of its distinguished name.
func newGroup(entry *ldap.Entry) group {
	g := group{text: entry.DN, name: entry.GetEqualFoldAttributeValue("cn")}
	dn, err := ldap.ParseDN(entry.DN)
	if err != nil || len(dn.RDNs) == 0 {
		return g
	}
	g.dn = dn
	for _, attribute := range dn.RDNs[0].Attributes {
		if strings.EqualFold(attribute.Type, "cn") {
			g.name = attribute.Value
		}
	}
	if g.name == "" {
		g.name = dn.RDNs[0].Attributes[0].Value
	}
	return g
}

// groupNames returns the names of groups, sorted, each once. A name that could not stand in a list of names, because it is
// empty, holds a comma or a control character or is no UTF-8, is left out.
func groupNames(groups []group) []string {
	names := make([]string, 0, len(groups))
	for _, g := range groups {
		if g.name == "" || strings.ContainsFunc(g.name, unlistable) {
			continue
		}
		names = append(names, g.name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// unlistable reports whether a rune cannot stand in a list of names. utf8.RuneError is what ranging over a text and ParseDN make
// of bytes that are no UTF-8.
func unlistable(r rune) bool { return r == ',' || r == utf8.RuneError || unicode.IsControl(r) }

// requirement is the setting group_dns with group_dns_check: the groups that an account must be in.
type requirement struct {
	groups []required
	any    bool // one of them is enough
}

// required is one group that is asked for: by its whole distinguished name, or by the first part of it.
type required struct {
	dn   *ldap.DN
	text string
}

// newRequired reads an entry of group_dns. One part alone, such as cn=st2users, stands for every group whose distinguished
// name begins with it.
func newRequired(text string) (required, error) {
	dn, err := ldap.ParseDN(text)
	if err != nil || len(dn.RDNs) == 0 {
		return required{}, errors.New("is no distinguished name; write cn=st2users,ou=groups,dc=example,dc=com or cn=st2users")
	}
	for _, rdn := range dn.RDNs {
		if slices.ContainsFunc(rdn.Attributes, func(a *ldap.AttributeTypeAndValue) bool { return a.Value == "" }) {
			return required{}, errors.New("has a part without a value")
		}
	}
	return required{dn: dn, text: text}, nil
}

// matches reports whether a group is the one that is asked for. The case of attribute types and values and the spaces around
// them do not count (RFC 4514, and distinguishedNameMatch of RFC 4517 section 4.2.15 for case-ignoring attributes).
func (r required) matches(g group) bool {
	if g.dn == nil {
		return false
	}
	if len(r.dn.RDNs) == 1 {
		return r.dn.RDNs[0].EqualFold(g.dn.RDNs[0])
	}
	return r.dn.EqualFold(g.dn)
}

// String returns the requirement for a trace.
func (r requirement) String() string {
	texts := make([]string, 0, len(r.groups))
	for _, want := range r.groups {
		texts = append(texts, want.text)
	}
	if r.any {
		return "one of " + strings.Join(texts, "; ")
	}
	return "all of " + strings.Join(texts, "; ")
}

// missing returns what keeps an account with these groups out; nothing when the requirement is met.
func (r requirement) missing(groups []group) []string {
	var missing []string
	for _, want := range r.groups {
		if !slices.ContainsFunc(groups, want.matches) {
			missing = append(missing, want.text)
		}
	}
	if r.any && len(missing) < len(r.groups) {
		return nil
	}
	return missing
}
