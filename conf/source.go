package conf

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// envPrefix begins the environment variables that are settings; two underscores stand between section and key.
const envPrefix = "LATCHKEY_"

// credentialPrefix begins a KEY_file value that names a systemd credential.
const credentialPrefix = "credential:"

// maxValueFile is the longest file that a KEY_file may name, in bytes.
const maxValueFile = 64 << 10

// environment takes settings from environment variables: LATCHKEY_AUTH__PORT is [auth] port, and LATCHKEY_BACKEND_LDAP__HOST is
// [backend.ldap] host. Variables without two underscores are not settings (the CLI has some).
func (r *reader) environment(environ []string) {
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		rest, ok := strings.CutPrefix(name, envPrefix)
		if !ok {
			continue
		}
		section, key, ok := strings.Cut(strings.ToLower(rest), "__")
		if !ok || section == "" || key == "" {
			continue
		}
		if backend, ok := strings.CutPrefix(section, "backend_"); ok {
			section = backendPrefix + backend
		}
		at := Position{File: name}
		if !isSection(section) {
			r.fault(at, "there is no section [%s]%s", section, didYouMean(section, sectionNames()))
			continue
		}
		r.settings.set(section, key, setting{value: value, position: at})
	}
}

// secretBackendKey is a backend's setting that holds a secret, and may so be given as a file.
var secretBackendKey = regexp.MustCompile(`(?i)(password|passwd|secret|token)$`)

// valueFiles replaces each KEY_file by KEY with the content of the file that it names. In a backend's section, whose keys are
// not known here, that goes for passwords, secrets and tokens only: group_file is a setting of its own.
func (r *reader) valueFiles(environ []string) {
	for section, keys := range r.settings {
		for _, name := range sortedKeys(keys) {
			key, ok := strings.CutSuffix(name, "_file")
			if !ok || !takesFile(section, name, key) {
				continue
			}
			given := keys[name]
			delete(keys, name)
			if isNone(given.value) {
				continue
			}
			if other, ok := keys[key]; ok && other.position.File == given.position.File {
				r.fault(given.position, "[%s] %s: %s is set, too; give one of the two", section, name, key)
				continue
			}
			value, err := readValue(given.value, environ)
			if err != nil {
				r.fault(given.position, "[%s] %s: %v", section, name, err)
				continue
			}
			keys[key] = setting{value: value, position: given.position}
		}
	}
}

// takesFile reports whether a name is KEY_file for a key of ours, and not a key of its own.
func takesFile(section, name, key string) bool {
	if strings.HasPrefix(section, backendPrefix) {
		return secretBackendKey.MatchString(key)
	}
	if section == sectionRoles {
		return false
	}
	known := keyNames(section)
	return slices.Contains(known, key) && !slices.Contains(known, name)
}

// readValue returns the content of the file that a KEY_file names, without the newline at its end.
func readValue(name string, environ []string) (string, error) {
	if credential, ok := strings.CutPrefix(name, credentialPrefix); ok {
		dir := lookup(environ, "CREDENTIALS_DIRECTORY")
		if dir == "" {
			return "", errors.New("there is no $CREDENTIALS_DIRECTORY; credential: works under systemd with LoadCredential=")
		}
		if credential == "" || credential != filepath.Base(credential) {
			return "", errors.New("the name of a credential is a file name")
		}
		name = filepath.Join(dir, credential)
	}
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return "", err
	case info.Mode().IsRegular() && info.Mode().Perm()&0o004 != 0:
		return "", fmt.Errorf("everybody can read %s; chmod o-r it", name)
	}
	content, err := io.ReadAll(io.LimitReader(file, maxValueFile+1))
	if err == nil && len(content) > maxValueFile {
		err = fmt.Errorf("%s is longer than %d bytes", name, maxValueFile)
	}
	return strings.TrimRight(string(content), "\r\n"), err
}

// lookup returns the value of an environment variable.
func lookup(environ []string, name string) string {
	for _, variable := range environ {
		if value, ok := strings.CutPrefix(variable, name+"="); ok {
			return value
		}
	}
	return ""
}

func sortedKeys[V any](values map[string]V) []string {
	keys := make([]string, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
