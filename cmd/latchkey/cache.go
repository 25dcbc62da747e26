package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/google/renameio/v2"

	"latchkey/daemon/client"
	"latchkey/plugins/secret"
)

// maxCached is the largest file that is read from the cache, in bytes.
const maxCached = 16 << 10

// cache keeps log-ins of one server: a file for each user, and one that says who logged in last. The files are the owner's alone
// (0600 in a 0700 folder) whatever the umask, are replaced whole, and what is open to others, belongs to somebody else or is a
// link is neither read nor replaced. Names of files are hashes, so that no server and no user can choose a path.
type cache struct {
	folder string
	server string
}

// cached is a log-in that is kept.
type cached struct {
	user   string
	token  secret.Text
	expiry time.Time
}

// cachedFile is the form of the files; the one that says who logged in last has no token.
type cachedFile struct {
	Server string    `json:"server"`
	User   string    `json:"user"`
	Token  string    `json:"token,omitempty"`
	Expiry time.Time `json:"expiry,omitzero"`
}

// cache returns the cache for a server; nil when there is no place for one, or the configuration wants none.
func (a *app) cache(c *client.Client, s settings) *cache {
	folder := a.folder("XDG_STATE_HOME", filepath.Join(".local", "state"))
	if folder == "" || s.file.noCache {
		return nil
	}
	return &cache{folder: folder, server: c.URL()}
}

// tokenName and currentName are the names of the files.
func (c *cache) tokenName(user string) string { return "token-" + hashed(c.server, user) + ".json" }
func (c *cache) currentName() string          { return "current-" + hashed(c.server) + ".json" }

// hashed returns a file name's part for some words.
func hashed(words ...string) string {
	sum := sha256.New()
	for _, word := range words {
		fmt.Fprintf(sum, "%d:%s", len(word), word)
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// path returns where a file is, for messages.
func (c *cache) path(name string) string { return filepath.Join(c.folder, name) }

// current returns the user who logged in last and has not logged out; empty when there is none.
func (c *cache) current() (string, error) {
	kept, err := c.read(c.currentName())
	if err != nil || kept == nil {
		return "", err
	}
	return kept.User, nil
}

// load returns a user's log-in; false when there is none.
func (c *cache) load(user string) (cached, bool, error) {
	name := c.tokenName(user)
	kept, err := c.read(name)
	if err != nil || kept == nil {
		return cached{}, false, err
	}
	if kept.User != user || kept.Token == "" || kept.Expiry.IsZero() {
		return cached{}, false, c.damaged(name)
	}
	return cached{user: kept.User, token: secret.New(kept.Token), expiry: kept.Expiry}, true, nil
}

// save keeps a log-in.
func (c *cache) save(login cached) error {
	return c.write(c.tokenName(login.user), cachedFile{
		Server: c.server, User: login.user, Token: login.token.Reveal(), Expiry: login.expiry,
	})
}

// choose notes that a user has logged in.
func (c *cache) choose(user string) error {
	return c.write(c.currentName(), cachedFile{Server: c.server, User: user})
}

// forget removes a user's log-in, and the note that it was the last.
func (c *cache) forget(user string) error {
	current, err := c.current()
	if err != nil {
		return err
	}
	root, err := c.open()
	if err != nil || root == nil {
		return err
	}
	defer root.Close()
	names := []string{c.tokenName(user)}
	if current == user {
		names = append(names, c.currentName())
	}
	for _, name := range names {
		if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the kept log-in: %w", err)
		}
	}
	return nil
}

// damaged is the error for a file that no latchkey wrote.
func (c *cache) damaged(name string) error {
	return hinted{fmt.Errorf("%s is no log-in that latchkey has kept", c.path(name)), "Remove it and log in again: rm " + c.path(name)}
}

// open opens the folder; nil when it is not there.
func (c *cache) open() (*os.Root, error) {
	info, err := os.Lstat(c.folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the folder of log-ins: %w", err)
	}
	if err := private(c.folder, info, true); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(c.folder)
	if err != nil {
		return nil, fmt.Errorf("the folder of log-ins: %w", err)
	}
	opened, err := root.Stat(".")
	if err != nil || !os.SameFile(info, opened) {
		return nil, errors.Join(fmt.Errorf("%s was exchanged while it was opened", c.folder), err, root.Close())
	}
	return root, nil
}

// read returns a file's content; nil when it is not there.
func (c *cache) read(name string) (*cachedFile, error) {
	root, err := c.open()
	if err != nil || root == nil {
		return nil, err
	}
	defer root.Close()
	if err := c.checkFile(root, name); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	opened, err := root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("the kept log-in: %w", err)
	}
	defer opened.Close()
	text, err := io.ReadAll(io.LimitReader(opened, maxCached+1))
	if err != nil {
		return nil, fmt.Errorf("the kept log-in: %w", err)
	}
	kept, err := parseCached(text)
	if err != nil || kept.Server != c.server {
		return nil, c.damaged(name)
	}
	return &kept, nil
}

// parseCached reads the content of a file of the cache.
func parseCached(text []byte) (cachedFile, error) {
	if len(text) > maxCached {
		return cachedFile{}, errors.New("too large")
	}
	var kept cachedFile
	if err := json.Unmarshal(text, &kept); err != nil {
		return cachedFile{}, err
	}
	if kept.User == "" || kept.Server == "" {
		return cachedFile{}, errors.New("incomplete")
	}
	return kept, nil
}

// write replaces a file, and makes the folder when it is not there.
func (c *cache) write(name string, content cachedFile) error {
	text, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("the kept log-in: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(c.folder), 0o700); err != nil {
		return fmt.Errorf("the folder of log-ins: %w", err)
	}
	if err := os.Mkdir(c.folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("the folder of log-ins: %w", err)
	}
	root, err := c.open()
	if err != nil {
		return err
	}
	if root == nil {
		return fmt.Errorf("%s vanished", c.folder)
	}
	defer root.Close()
	if err := c.checkFile(root, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	pending, err := renameio.NewPendingFile(name, renameio.WithRoot(root), renameio.WithStaticPermissions(0o600))
	if err != nil {
		return fmt.Errorf("the kept log-in: %w", err)
	}
	defer func() { _ = pending.Cleanup() }() // does nothing after success
	if _, err := pending.Write(text); err != nil {
		return fmt.Errorf("the kept log-in: %w", err)
	}
	if err := pending.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("the kept log-in: %w", err)
	}
	return nil
}

// checkFile returns an error unless a file of the cache is the owner's alone; fs.ErrNotExist when it is not there.
func (c *cache) checkFile(root *os.Root, name string) error {
	info, err := root.Lstat(name)
	if err != nil {
		return err
	}
	return private(c.path(name), info, false)
}

// private returns an error unless a file or a folder is this user's and nobody else can do anything with it.
func private(path string, info fs.FileInfo, folder bool) error {
	mode := "600"
	switch {
	case info.Mode().Type() == fs.ModeSymlink:
		return hinted{fmt.Errorf("%s is a link; somebody may have put it there", path), "Remove it: rm " + path}
	case folder && !info.IsDir():
		return hinted{fmt.Errorf("%s is not a folder", path), "Remove it: rm " + path}
	case !folder && !info.Mode().IsRegular():
		return hinted{fmt.Errorf("%s is not a regular file", path), "Remove it: rm " + path}
	case folder:
		mode = "700"
	}
	if status, ok := info.Sys().(*syscall.Stat_t); !ok || int(status.Uid) != os.Geteuid() {
		return hinted{fmt.Errorf("%s belongs to somebody else", path), "Set XDG_STATE_HOME to a folder of your own."}
	}
	if info.Mode().Perm()&0o077 != 0 {
		return hinted{
			fmt.Errorf("%s holds log-ins, and others can read or change it (mode %04o)", path, info.Mode().Perm()),
			"Close it with: chmod " + mode + " " + path,
		}
	}
	return nil
}
