package conf

import (
	"path/filepath"
	"strings"
	"time"
)

// auditStdout, as [audit] file, is standard output.
const auditStdout = "stdout"

// packagedBackends is where the packages install backends' executables.
const packagedBackends = "/usr/libexec/latchkey/backends"

// auditSection is the section [audit].
func auditSection() section {
	return section{name: "audit", keys: []key{
		into("file", orWord(auditStdout, absolute), func(c *Config) *string { return &c.Audit.File }),
		into("deadline", duration(10*time.Millisecond, time.Minute), func(c *Config) *time.Duration { return &c.Audit.Deadline }),
	}}
}

// checkPaths looks at the files that the daemon writes: none may be among the executables that it runs, and no two may be the
// same. The key that it makes is beside the store, or was made by somebody else, so it can only be taken for another file.
func (r *reader) checkPaths(c *Config) {
	type place struct{ section, key, file string }
	written := []place{
		{"store", "url", storePath(c)},
		{"audit", "file", c.Audit.File},
		{"log", "file", c.Log.File},
	}
	key := place{"licence", "key_file", c.LicenceKeyFile()}
	for i, w := range written {
		if w.file == "" || w.file == auditStdout {
			continue
		}
		at := r.position(w.section, w.key)
		for _, dir := range []string{c.Plugins.Dir, packagedBackends} {
			if dir != "" && inside(w.file, dir) {
				r.fault(at, "[%s] %s: it is inside %s, where the backends' executables are; write it somewhere else", w.section, w.key, dir)
				break
			}
		}
		for _, other := range append([]place{key}, written[:i]...) {
			if other.file == w.file {
				r.fault(at, "[%s] %s: it is the same file as [%s] %s; give each its own", w.section, w.key, other.section, other.key)
			}
		}
	}
}

// inside reports whether a file is in a folder or below it, by whatever links its own folder is named.
func inside(file, dir string) bool {
	within := func(file, dir string) bool {
		path, err := filepath.Rel(dir, file)
		return err == nil && path != ".." && !strings.HasPrefix(path, "../")
	}
	return within(file, dir) || within(filepath.Join(resolved(filepath.Dir(file)), filepath.Base(file)), resolved(dir))
}

// resolved returns a path without symbolic links, or the path itself where that cannot be found out.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return filepath.Clean(path)
}
