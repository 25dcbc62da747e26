// Package kept is the folder in which a program keeps small files of one user from one run to the next: log-ins, tokens, grants.
//
// What always holds: the files are their owner's alone (0600 in a 0700 folder) whatever the umask, and are replaced whole; what is open
// to others, belongs to somebody else, or is a link or a pipe, is neither read nor replaced nor removed; at most MaxSize bytes are
// read. Names of files are hashes, so that no server and no user can choose a path.
//
// It does not encrypt: who can read the user's files can read these.
package kept

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/renameio/v2"
)

// MaxSize is the largest file that is read, in bytes.
const MaxSize = 128 << 10

// Folder is where files are kept. It need not be there yet; its parents are made as well.
type Folder struct {
	// Path is where it is.
	Path string
	// Holds is what the files are, in the plural, for messages: "log-ins".
	Holds string
	// Variable is the environment variable that moves the folder elsewhere, for messages.
	Variable string
}

// Unsafe means that something in the folder's place, or in a file's, is not this user's alone.
type Unsafe struct {
	// Problem says what, and Hint what to do about it; each is one line.
	Problem, Hint string
}

// Error returns the problem.
func (e *Unsafe) Error() string { return e.Problem }

// Below returns Latchkey's folder below a base folder of the XDG Base Directory Specification: the one that variable names, or
// the folder below of the user's home. It is empty when there is neither. A relative path does not count, as the specification
// has it. getenv returns a variable's value.
func Below(getenv func(string) string, variable, below string) string {
	base := getenv(variable)
	if !filepath.IsAbs(base) {
		home := getenv("HOME")
		if !filepath.IsAbs(home) {
			return ""
		}
		base = filepath.Join(home, below)
	}
	return filepath.Join(base, "latchkey")
}

// Name returns a file's name: the prefix, and a hash of the words.
func Name(prefix string, words ...string) string {
	sum := sha256.New()
	for _, word := range words {
		fmt.Fprintf(sum, "%d:%s", len(word), word)
	}
	return prefix + "-" + hex.EncodeToString(sum.Sum(nil)[:16]) + ".json"
}

// File returns where a file is, for messages.
func (f Folder) File(name string) string { return filepath.Join(f.Path, name) }

// Read returns a file's content; nil when it is not there, and no more than MaxSize+1 bytes. The error is *Unsafe, or says what
// could not be read.
func (f Folder) Read(name string) ([]byte, error) {
	root, err := f.open()
	if err != nil || root == nil {
		return nil, err
	}
	defer root.Close()
	if err := f.check(root, name); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	opened, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, f.failed(err)
	}
	defer opened.Close()
	text, err := io.ReadAll(io.LimitReader(opened, MaxSize+1))
	if err != nil {
		return nil, f.failed(err)
	}
	return text, nil
}

// Write replaces a file, and makes the folder when it is not there. After an error the file is as it was. The errors are those of
// Read.
func (f Folder) Write(name string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o700); err != nil {
		return f.failed(err)
	}
	if err := os.Mkdir(f.Path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return f.failed(err)
	}
	root, err := f.open()
	if err != nil {
		return err
	}
	if root == nil {
		return fmt.Errorf("%s vanished", f.Path)
	}
	defer root.Close()
	if err := f.check(root, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	pending, err := renameio.NewPendingFile(name, renameio.WithRoot(root), renameio.WithStaticPermissions(0o600))
	if err != nil {
		return f.failed(err)
	}
	defer func() { _ = pending.Cleanup() }() // does nothing after success
	if _, err := pending.Write(text); err != nil {
		return f.failed(err)
	}
	if err := pending.CloseAtomicallyReplace(); err != nil {
		return f.failed(err)
	}
	return nil
}

// Remove removes files; one that is not there is removed already. A link is removed, not what it points to. The errors are those
// of Read.
func (f Folder) Remove(names ...string) error {
	root, err := f.open()
	if err != nil || root == nil {
		return err
	}
	defer root.Close()
	for _, name := range names {
		if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return f.failed(err)
		}
	}
	return nil
}

// failed returns the error for a system call that failed.
func (f Folder) failed(err error) error { return fmt.Errorf("the folder of %s: %w", f.Holds, err) }

// open opens the folder; nil when it is not there.
func (f Folder) open() (*os.Root, error) {
	info, err := os.Lstat(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, f.failed(err)
	}
	if err := f.private(f.Path, info, true); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(f.Path)
	if err != nil {
		return nil, f.failed(err)
	}
	opened, err := root.Stat(".")
	if err != nil || !os.SameFile(info, opened) {
		return nil, errors.Join(fmt.Errorf("%s was exchanged while it was opened", f.Path), err, root.Close())
	}
	return root, nil
}

// check returns an error unless a file is the owner's alone; fs.ErrNotExist when it is not there.
func (f Folder) check(root *os.Root, name string) error {
	info, err := root.Lstat(name)
	if err != nil {
		return err
	}
	return f.private(f.File(name), info, false)
}

// private returns an error unless a file or a folder is this user's and nobody else can do anything with it.
func (f Folder) private(path string, info fs.FileInfo, folder bool) error {
	mode := "600"
	switch {
	case info.Mode().Type() == fs.ModeSymlink:
		return &Unsafe{fmt.Sprintf("%s is a link; somebody may have put it there", path), "Remove it: rm " + path}
	case folder && !info.IsDir():
		return &Unsafe{fmt.Sprintf("%s is not a folder", path), "Remove it: rm " + path}
	case !folder && !info.Mode().IsRegular():
		return &Unsafe{fmt.Sprintf("%s is not a regular file", path), "Remove it: rm " + path}
	case folder:
		mode = "700"
	}
	if status, ok := info.Sys().(*syscall.Stat_t); !ok || int(status.Uid) != os.Geteuid() {
		return &Unsafe{path + " belongs to somebody else", fmt.Sprintf("Set %s to a folder of your own.", f.Variable)}
	}
	if info.Mode().Perm()&0o077 != 0 {
		return &Unsafe{
			fmt.Sprintf("%s holds %s, and others can read or change it (mode %04o)", path, f.Holds, info.Mode().Perm()),
			"Close it with: chmod " + mode + " " + path,
		}
	}
	return nil
}
