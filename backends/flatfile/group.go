package flatfile

import (
	"slices"
	"strings"
)

// memberships is what a group file says.
type memberships struct {
	groups  map[string][]string // by user, in NFC; sorted, without duplicates
	notices notices
}

// readGroups reads a group file in the form of Apache's mod_authz_groupfile: `group: user user …`. A group may stand on
// several lines. The error is a *lineError.
func readGroups(content []byte) (*memberships, error) {
	m := &memberships{groups: make(map[string][]string)}
	err := eachLine(content, func(number int, before, after string) {
		group, err := canonical(strings.TrimSpace(before))
		if err != nil {
			m.notices.add("line %d %v: it is left out", number, err)
			return
		}
		for user := range strings.FieldsSeq(after) {
			name, err := canonical(user)
			if err != nil {
				m.notices.add("line %d %v: it is left out of group %q", number, err, group)
				continue
			}
			m.groups[name] = append(m.groups[name], group)
		}
	})
	if err != nil {
		return nil, err
	}
	for name, groups := range m.groups {
		slices.Sort(groups)
		m.groups[name] = slices.Compact(groups)
	}
	return m, nil
}

// of returns the groups of a user, nil when he has none.
func (m *memberships) of(name string) []string { return slices.Clone(m.groups[name]) }
