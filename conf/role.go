package conf

import (
	"errors"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// maxRoleName is the longest name of a role, in bytes.
const maxRoleName = 64

// takeRoles reads [roles]: each key is a role, its value the members.
func (r *reader) takeRoles(c *Config) {
	given := r.settings[sectionRoles]
	for _, name := range sortedKeys(given) {
		if err := checkRoleName(name); err != nil {
			r.fault(given[name].position, "[roles] %q: %v", name, err)
			continue
		}
		role := Role{Name: name}
		for _, member := range list(given[name].value) {
			m, err := parseMember(member)
			if err != nil {
				r.fault(given[name].position, "[roles] %s: %q: %v", name, member, err)
				continue
			}
			role.Members = append(role.Members, m)
		}
		c.Roles = append(c.Roles, role)
	}
}

// checkRoleName refuses a name that is not in the one normal form; nothing is repaired.
func checkRoleName(name string) error {
	switch {
	case len(name) > maxRoleName:
		return errors.New("a role's name has at most 64 bytes")
	case strings.ContainsFunc(name, func(r rune) bool { return r == ',' || unicode.IsSpace(r) || !unicode.IsPrint(r) }):
		return errors.New("a role's name holds no space, comma or control character")
	case !norm.NFKC.IsNormalString(name):
		return errors.New("a role's name is in Unicode normal form")
	case strings.EqualFold(name, "admin") && name != "admin":
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
	case name == "":
		return m, errors.New("the name is missing")
	case strings.Contains(m.Pattern, "*"):
		return m, errors.New("a star stands only at the end")
	}
	return m, nil
}
