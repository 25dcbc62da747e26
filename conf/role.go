package conf

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxRoleName is the longest name of a role, in bytes.
const maxRoleName = 64

// roleAdmin is the role that may do everything.
const roleAdmin = "admin"

// reservedRoles are the roles with a meaning of their own. In another case they would be roles without it that look the same.
func reservedRoles() []string { return []string{roleAdmin, "introspect"} }

// takeRoles reads [roles]: each key is a role, its value the members.
func (r *reader) takeRoles(c *Config) {
	given := r.settings[sectionRoles]
	for _, name := range sortedKeys(given) {
		at := given[name].position
		if err := CheckRole(name); err != nil {
			r.fault(at, "[roles] %q: %v", printable(name), err)
			continue
		}
		role := Role{Name: name}
		for _, member := range list(given[name].value) {
			m, err := parseMember(member)
			switch {
			case err != nil:
				r.fault(at, "[roles] %s: %q: %v", name, printable(member), err)
				continue
			case name == roleAdmin && m.Prefix && m.Pattern == "":
				r.notice(at, "[roles] admin: %s:* makes every %s an administrator", m.Kind, m.Kind)
			}
			role.Members = append(role.Members, m)
		}
		c.Roles = append(c.Roles, role)
	}
}

// CheckRole returns an error, which does not hold the name, when a name cannot be a role's: it is empty, longer than 64 bytes,
// not UTF-8 in normal form NFKC, holds a space, a comma, a control or another invisible character, or is "admin" or
// "introspect" in another case. Nothing is repaired, since roles are compared byte for byte.
func CheckRole(name string) error {
	switch {
	case name == "" || len(name) > maxRoleName:
		return errors.New("a role's name has 1 to 64 bytes")
	case strings.ContainsFunc(name, func(c rune) bool { return c == ',' || unicode.IsSpace(c) || !unicode.IsPrint(c) }):
		return errors.New("a role's name holds no space, comma or control character")
	case !utf8.ValidString(name) || !norm.NFKC.IsNormalString(name):
		return errors.New("a role's name is UTF-8 in Unicode's normal form NFKC")
	}
	for _, reserved := range reservedRoles() {
		if name != reserved && strings.EqualFold(name, reserved) {
			return errors.New("write it " + reserved + "; roles are compared letter by letter")
		}
	}
	return nil
}

// parseMember reads user:NAME, group:NAME or service:NAME; a star at the end stands for any rest.
func parseMember(member string) (Member, error) {
	kind, name, ok := strings.Cut(member, ":")
	m := Member{Kind: MemberKind(kind), Pattern: strings.TrimSuffix(name, "*"), Prefix: strings.HasSuffix(name, "*")}
	switch {
	case !ok || m.Kind != MemberUser && m.Kind != MemberGroup && m.Kind != MemberService:
		return m, errors.New("a member is user:NAME, group:NAME or service:NAME")
	case name == "" || name != strings.TrimSpace(name):
		return m, errors.New("a name follows the colon at once")
	case strings.Contains(m.Pattern, "*"):
		return m, errors.New("a star stands only at the end")
	case !norm.NFC.IsNormalString(name):
		return m, errors.New("a name is in Unicode's normal form NFC, as names are when people log in")
	}
	return m, nil
}
