package conf

import (
	"regexp"
	"slices"
	"strings"
)

// The environment variable LATCHKEY_AUTH__PORT is [auth] port, and LATCHKEY_BACKEND_LDAP__HOST is [backend.ldap] host.
const (
	envPrefix        = "LATCHKEY_"
	envSeparator     = "__"
	envBackendPrefix = "backend_"
)

// envName is the form of a variable's name; letters are upper case by custom, and folded.
var envName = regexp.MustCompile(`^[A-Za-z0-9_]+$`)

// environment takes settings from environment variables, which win over the files. Variables without two underscores are not
// settings: the CLI has some of its own.
func (r *reader) environment() {
	for _, variable := range r.environ {
		name, value, _ := strings.Cut(variable, "=")
		rest, ok := strings.CutPrefix(name, envPrefix)
		if !ok {
			continue
		}
		section, key, ok := strings.Cut(strings.ToLower(rest), envSeparator)
		if !ok || section == "" || key == "" || !envName.MatchString(name) {
			continue
		}
		if backend, ok := strings.CutPrefix(section, envBackendPrefix); ok {
			section = backendPrefix + backend
		}
		at := Position{File: name}
		switch {
		case !isSection(section):
			r.fault(at, "there is no section [%s]%s", section, didYouMean(section, sectionNames()))
		case slices.Contains(foreignKeys(section), key):
			r.fault(at, "[%s] %s means something to StackStorm only; remove the variable", section, key)
		case !isText(strings.ReplaceAll(value, "\n", "")):
			r.fault(at, "[%s] %s: the value holds a control character or is not UTF-8", section, key)
		default:
			r.settings.set(section, key, setting{value: strings.Trim(value, " \t\n"), position: at, rank: len(r.files)})
		}
	}
}

// lookup returns the value of an environment variable, and nothing when it is not set.
func (r *reader) lookup(name string) string {
	for _, variable := range r.environ {
		if value, ok := strings.CutPrefix(variable, name+"="); ok {
			return value
		}
	}
	return ""
}
