package conf

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/plugins/secret"
)

// The sections with a meaning beyond their keys.
const (
	sectionRoles  = "roles"
	backendPrefix = "backend." // [backend.ldap] holds the settings of the backend ldap
	pinPrefix     = "sha256_"  // [plugins] sha256_ldap pins the executable of the backend ldap
)

// key is one key of a section: its name, what takes its value over into the configuration, and what shows it.
type key struct {
	name string
	// secret values are never shown, and must not stand in a file that everybody can read.
	secret bool
	// many says that the value may go over several lines.
	many bool
	// path says that the value is the path of a file that credential:NAME may name, too.
	path bool
	// take reads a value. A remark as its error stops nothing and becomes a notice.
	take func(c *Config, value string) error
	// show returns what the configuration has, for Explain; it is not called for a secret.
	show func(c *Config) string
}

// remark is an error of key.take that is no fault.
type remark string

func (r remark) Error() string { return string(r) }

// section is one section of ours.
type section struct {
	name string
	keys []key
}

// into returns a key that is read by parse into the field that field returns.
func into[T any](name string, parse func(string) (T, error), field func(*Config) *T) key {
	return key{
		name: name,
		take: func(c *Config, value string) error {
			parsed, err := parse(value)
			if err == nil {
				*field(c) = parsed
			}
			return err
		},
		show: func(c *Config) string { return shown(*field(c)) },
	}
}

// shown returns a value in the form in which the file has it.
func shown(value any) string {
	switch value := value.(type) {
	case bool:
		if value {
			return "True"
		}
		return "False"
	case time.Duration:
		return shortDuration(value)
	case []string:
		return strings.Join(value, ", ")
	}
	return fmt.Sprint(value)
}

// secretText returns a key that holds a secret.
func secretText(name string, field func(*Config) *secret.Text) key {
	return key{name: name, secret: true, take: func(c *Config, value string) error {
		*field(c) = secret.New(value)
		return nil
	}}
}

// elsewhere returns a key whose value is not taken by itself but together with others.
func elsewhere(name string) key {
	return key{name: name, take: func(*Config, string) error { return nil }}
}

// sections returns all sections of ours but [roles] and [backend.NAME], whose keys are free.
func sections() []section {
	return []section{
		authSection(), systemUserSection(), storeSection(), pluginsSection(), throttleSection(), proxySection(), verifySection(),
		apiSection(), auditSection(), adminSection(), bootstrapSection(), mailSection(), licenceSection(), legacySection(), logSection(),
	}
}

// sectionNames returns the names of all sections of ours but [backend.NAME].
func sectionNames() []string {
	return []string{
		"auth", "system_user", "store", "plugins", sectionRoles, "throttle", "proxy", "verify", "api", "audit", "admin", "bootstrap",
		"mail", "licence", "legacy", "log",
	}
}

// isSection reports whether a section is ours.
func isSection(name string) bool {
	return slices.Contains(sectionNames(), name) || strings.HasPrefix(name, backendPrefix)
}

// keyNames returns the names of a section's own keys.
func keyNames(name string) []string {
	var names []string
	for _, s := range sections() {
		if s.name != name {
			continue
		}
		for _, k := range s.keys {
			names = append(names, k.name)
		}
	}
	return names
}

// take reads one section into c.
func (r *reader) take(c *Config, s section) {
	r.unknownKeys(s.name)
	r.noticeForeign(s.name)
	for _, k := range s.keys {
		given, ok := r.value(s.name, k.name)
		if !ok {
			continue
		}
		err := r.takeOne(c, k, given)
		if note, ok := errors.AsType[remark](err); ok {
			r.notice(given.position, "[%s] %s: %s", s.name, k.name, string(note))
		} else if err != nil {
			r.keyFault(given.position, s.name, k.name, err)
		}
		if k.secret && given.shared {
			r.tooOpen(given.position, fmt.Sprintf("[%s] %s", s.name, k.name))
		}
	}
}

// errOneLine is the fault of a value that goes on where it should not.
var errOneLine = errors.New("the next line is indented and so belongs to this value, which must be on one line; take the white space away")

// takeOne reads one key into c.
func (r *reader) takeOne(c *Config, k key, given setting) error {
	value := given.value
	if !k.many && strings.Contains(value, "\n") {
		return errOneLine
	}
	if k.path {
		path, err := r.credentialPath(value)
		if err != nil {
			return err
		}
		value = path
	}
	return k.take(c, value)
}

// unknownKeys notes the keys of a section that neither we nor StackStorm have there.
func (r *reader) unknownKeys(section string) {
	known := keyNames(section)
	for _, name := range sortedKeys(r.settings[section]) {
		if slices.Contains(known, name) || slices.Contains(foreignKeys(section), name) {
			continue
		}
		if section == "plugins" && strings.HasPrefix(name, pinPrefix) {
			continue
		}
		hint := didYouMean(name, known)
		if hint == "" {
			hint = belongs(name)
		}
		r.fault(r.settings[section][name].position, "[%s] %s: there is no such key%s", section, printable(name), hint)
	}
}

// belongs returns the end of a sentence about a key that another section has.
func belongs(name string) string {
	for _, s := range sections() {
		if slices.Contains(keyNames(s.name), name) {
			return "; it belongs to [" + s.name + "]"
		}
	}
	return ""
}

// tooOpen notes a secret in a file that everybody can read.
func (r *reader) tooOpen(at Position, what string) {
	r.fault(at, "%s: it is a secret, and everybody on this host can read the file; run: chmod o-r %s", what, at.File)
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[V any](values map[string]V) []string {
	keys := make([]string, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
