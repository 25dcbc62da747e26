package pam

import (
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxName is the longest name and maxPassword the longest password in bytes, as in plugins.Request.
const (
	maxName     = 256
	maxPassword = 1024
)

// account is what the system's databases (nsswitch.conf(5)) have about a user.
type account struct {
	known       bool // getpwnam(3) finds him
	name        string
	displayName string
	groups      []string
}

// findAccount looks a user up. One that the system does not know is no error: a stack may check accounts of another kind,
// whose identity is the name as PAM has it. It must be called on a locked thread.
func findAccount(name string) (account, error) {
	found, err := user.Lookup(name)
	if _, unknown := errors.AsType[user.UnknownUserError](err); unknown {
		return account{name: name}, nil
	}
	if err != nil {
		return account{}, fmt.Errorf("looking the account up: %w", err)
	}
	ids, err := found.GroupIds()
	if err != nil {
		return account{}, fmt.Errorf("looking the groups up: %w", err)
	}
	a := account{known: true, name: found.Username, displayName: strings.ToValidUTF8(found.Name, "\uFFFD")}
	for _, id := range ids {
		group, err := user.LookupGroupId(id)
		if _, unknown := errors.AsType[user.UnknownGroupIdError](err); unknown {
			continue // a group that has no name cannot be in [roles]
		}
		if err != nil {
			return account{}, fmt.Errorf("looking the group %s up: %w", id, err)
		}
		a.groups = append(a.groups, group.Name)
	}
	slices.Sort(a.groups)
	a.groups = slices.Compact(a.groups)
	return a, nil
}

// possible reports whether a name can be that of an account: one without the colon of passwd(5), control characters, or the
// slash, with which modules that keep a file for each user would leave their folder.
func possible(name string) bool {
	return name != "" && len(name) <= maxName && utf8.ValidString(name) && !strings.ContainsAny(name, ":/") &&
		!strings.ContainsFunc(name, unicode.IsControl) && strings.TrimSpace(name) == name
}

// canonical reports whether a name that PAM or the system gave may be an identity.
func canonical(name string) bool { return possible(name) && norm.NFC.IsNormalString(name) }
