package conf

import (
	"errors"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// maxRoleName is the longest name of a role, in bytes.
const maxRoleName = 64

// roleAdmin is the one role with a meaning of its own.
const roleAdmin = "admin"

// takeRoles reads [roles]: each key is a role, its value the members.
func (r *reader) takeRoles(c *Config) {
	given := r.settings[sectionRoles]
	for _, name := range sortedKeys(given) {
		at := given[name].position
		if err := checkRoleName(name); err != nil {
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

// checkRoleName refuses a name that is not in the one normal form; nothing is repaired. Roles are compared byte for byte, so
// Admin would be another role than admin and look like the same.
func checkRoleName(name string) error {
	switch {
	case name == "" || len(name) > maxRoleName:
		return errors.New("a role's name has 1 to 64 bytes")
	case strings.ContainsFunc(name, func(c rune) bool { return c == ',' || unicode.IsSpace(c) || !unicode.IsPrint(c) }):
		return errors.New("a role's name holds no space, comma or control character")
	case !norm.NFKC.IsNormalString(name):
		return errors.New("a role's name is in Unicode's normal form NFKC")
	case strings.EqualFold(name, roleAdmin) && name != roleAdmin:
		return errors.New("write it admin; roles are compared letter by letter")
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
