package conf

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// fileSuffix makes of a key the key that names a file with the value.
const fileSuffix = "_file"

// credentialPrefix begins the name of a systemd credential (systemd.exec(5), LoadCredential=), where a file is named.
const credentialPrefix = "credential:"

// maxValueFile is the longest file that a KEY_file may name, in bytes.
const maxValueFile = 64 << 10

// valueFiles replaces each KEY_file by KEY with the content of the file that it names. Of KEY and KEY_file the one from the
// later source wins; both in one source are a fault.
func (r *reader) valueFiles() {
	for _, section := range sortedKeys(r.settings) {
		keys := r.settings[section]
		for _, name := range sortedKeys(keys) {
			key, ok := strings.CutSuffix(name, fileSuffix)
			if !ok || !takesFile(section, name, key) {
				continue
			}
			given := keys[name]
			delete(keys, name)
			other, both := keys[key]
			switch {
			case isNone(given.value), both && other.rank > given.rank:
				continue
			case both && other.rank == given.rank:
				r.fault(given.position, "[%s] %s: %s is set, too; give one of the two", section, name, key)
				continue
			}
			value, err := r.readValue(given.value, describe(section, key))
			if err != nil {
				r.fault(given.position, "[%s] %s: %v", section, name, err)
				r.failed[sectionKey{section, key}] = true
				delete(keys, key) // it would be looked at in vain
				continue
			}
			keys[key] = setting{value: value, position: given.position, rank: given.rank}
		}
	}
}

// takesFile reports whether a name is KEY_file for a key of ours, and not a key of its own. In a backend's section, whose keys
// are not known here, only secrets can be given so: its group_file is a setting. The names of roles are free, and
// sha256_flat_file is the pin of the backend flat_file.
func takesFile(section, name, key string) bool {
	if strings.HasPrefix(section, backendPrefix) {
		return secretBackendKey.MatchString(key)
	}
	known := keyNames(section)
	return slices.Contains(known, key) && !slices.Contains(known, name)
}

// describe returns what is known of a key that can be given by a file. backend_kwargs may hold a secret.
func describe(section, name string) key {
	for _, s := range sections() {
		for _, k := range s.keys {
			if s.name == section && k.name == name {
				k.secret = k.secret || name == "backend_kwargs"
				return k
			}
		}
	}
	return key{name: name, secret: true} // of a backend
}

// readValue returns the content of the file that a KEY_file names, without the newline at its end. The error names the file
// and shows nothing of what is in it.
func (r *reader) readValue(name string, k key) (string, error) {
	path, err := r.credentialPath(name)
	if err != nil {
		return "", err
	}
	if !filepath.IsAbs(path) {
		return "", errors.New("must be a path that begins with /, or credential:NAME")
	}
	if err := readable(path, k.secret); err != nil {
		return "", err
	}
	opened, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("%s cannot be read: %w", path, cause(err))
	}
	defer opened.Close()
	content, err := io.ReadAll(io.LimitReader(opened, maxValueFile+1))
	if err != nil {
		return "", fmt.Errorf("%s cannot be read: %w", path, cause(err))
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	switch {
	case len(content) > maxValueFile:
		return "", fmt.Errorf("%s is longer than %d bytes", path, maxValueFile)
	case !isText(strings.ReplaceAll(value, "\n", "")):
		return "", fmt.Errorf("%s holds a control character or is not UTF-8", path)
	case value == "":
		return "", fmt.Errorf("%s is empty", path)
	case strings.Contains(value, "\n") && !k.many:
		return "", fmt.Errorf("%s has several lines, and the value is one", path)
	}
	return value, nil
}

// readable returns nil when a file is there and can be read, and, where it is private, not by everybody. The error names it.
// It does not wait for a writer when the file is a pipe.
func readable(name string, private bool) error {
	opened, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("%s cannot be read: %w", name, cause(err))
	}
	defer opened.Close()
	info, err := opened.Stat()
	switch {
	case err != nil:
		return fmt.Errorf("%s cannot be read: %w", name, cause(err))
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no file", name)
	case private && info.Mode().Perm()&0o004 != 0:
		return fmt.Errorf("everybody on this host can read %s; run: chmod o-r %s", name, name)
	}
	return nil
}

// credentialPath returns the path of a systemd credential for credential:NAME, and every other name as it is.
func (r *reader) credentialPath(name string) (string, error) {
	credential, ok := strings.CutPrefix(name, credentialPrefix)
	if !ok {
		return name, nil
	}
	dir := r.lookup("CREDENTIALS_DIRECTORY")
	switch {
	case credential == "" || credential != filepath.Base(credential) || credential == "." || credential == "..":
		return "", errors.New("after credential: stands the name that LoadCredential= has in the unit")
	case dir == "":
		return "", errors.New("there are no credentials: $CREDENTIALS_DIRECTORY is not set, which systemd does for LoadCredential=")
	}
	return filepath.Join(dir, credential), nil
}
