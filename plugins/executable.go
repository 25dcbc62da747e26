package plugins

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// executablePrefix is what the names of backends' executables begin with.
const executablePrefix = "latchkey-backend-"

// ExecutableError says why a backend's executable cannot be used.
type ExecutableError struct {
	Backend string // the backend's name
	Path    string // the file or folder that is wrong
	Problem string // what is wrong with it and what to do
	Err     error  // the cause, or nil
}

// Error returns one line that names the backend, the path and the problem.
func (e *ExecutableError) Error() string {
	text := fmt.Sprintf("backend %s: %s: %s", e.Backend, e.Path, e.Problem)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *ExecutableError) Unwrap() error { return e.Err }

// ExecutableName returns the file name of a backend's executable: latchkey-backend-flat-file for flat_file.
func ExecutableName(backend string) string {
	return executablePrefix + strings.ReplaceAll(backend, "_", "-")
}

// Executable is a backend's program, found, checked and held open. What is held is what will run: between the check and the
// start the file's name may come to mean another file, and that one is not run.
type Executable struct {
	Backend string
	Path    string
	file    *os.File
}

// Find returns the executable of a backend in the first of dirs that has one. sum is its SHA-256 in hex digits, or empty for
// any. The error is an *ExecutableError: the file is missing, a link, no file, not executable; the file or its folder belongs
// to somebody else or can be written by others; the checksum is another.
//
// The caller must close the Executable.
func Find(backend string, dirs []string, sum string) (*Executable, error) {
	name := ExecutableName(backend)
	if name != filepath.Base(name) || strings.ContainsAny(backend, "/\x00") {
		return nil, &ExecutableError{Backend: backend, Path: name, Problem: "a backend's name is letters, digits and underscores"}
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
			continue
		case errors.Is(err, unix.ELOOP):
			return nil, &ExecutableError{Backend: backend, Path: path, Problem: "is a symbolic link; put the file itself there"}
		case err != nil:
			return nil, &ExecutableError{Backend: backend, Path: path, Problem: "cannot be read", Err: err}
		}
		found := &Executable{Backend: backend, Path: path, file: file}
		if err := found.check(dir, sum); err != nil {
			return nil, errors.Join(err, found.Close())
		}
		return found, nil
	}
	return nil, &ExecutableError{
		Backend: backend, Path: filepath.Join(strings.Join(dirs, " or "), name), Problem: "is not there; install it, or set [plugins] dir",
	}
}

// check looks at the open file and its folder.
func (e *Executable) check(dir, sum string) error {
	folder, err := os.Lstat(dir)
	if err != nil {
		return e.problem(dir, "cannot be looked at", err)
	}
	if folder.Mode().Type() == fs.ModeSymlink {
		return e.problem(dir, "is a symbolic link; name the folder itself", nil)
	}
	info, err := e.file.Stat()
	if err != nil {
		return e.problem(e.Path, "cannot be looked at", err)
	}
	switch {
	case !info.Mode().IsRegular():
		return e.problem(e.Path, "is no file", nil)
	case info.Mode().Perm()&0o111 == 0:
		return e.problem(e.Path, "is not executable; chmod 755 it", nil)
	}
	for _, looked := range []struct {
		path string
		info fs.FileInfo
	}{{dir, folder}, {e.Path, info}} {
		if looked.info.Mode().Perm()&0o022 != 0 {
			return e.problem(looked.path, "can be written by its group or by others (is group- or world-writable); chmod go-w it", nil)
		}
		if owner, ok := looked.info.Sys().(*syscall.Stat_t); !ok || owner.Uid != 0 && int(owner.Uid) != os.Geteuid() {
			return e.problem(looked.path, "belongs neither to root nor to the daemon's user; chown it", nil)
		}
	}
	if sum == "" {
		return nil
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, e.file); err != nil {
		return e.problem(e.Path, "cannot be read", err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); !strings.EqualFold(got, sum) {
		return e.problem(e.Path, "has another sha256 than [plugins] sha256_"+e.Backend+" says: "+got, nil)
	}
	return nil
}

func (e *Executable) problem(path, problem string, err error) error {
	return &ExecutableError{Backend: e.Backend, Path: path, Problem: problem, Err: err}
}

// Close lets go of the file.
func (e *Executable) Close() error { return e.file.Close() }
