package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"latchkey/daemon/client"
	"latchkey/daemon/client/kept"
	"latchkey/plugins/secret"
)

// cache keeps log-ins of one server: a file for each user, and one that says who logged in last.
type cache struct {
	folder kept.Folder
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
	if folder == "" || s.file.NoCache {
		return nil
	}
	return &cache{folder: stateFolder(folder), server: c.URL()}
}

// stateFolder returns the folder of log-ins at a path.
func stateFolder(path string) kept.Folder {
	return kept.Folder{Path: path, Holds: "log-ins", Variable: "XDG_STATE_HOME"}
}

// tokenName and currentName are the names of the files.
func (c *cache) tokenName(user string) string { return kept.Name("token", c.server, user) }
func (c *cache) currentName() string          { return kept.Name("current", c.server) }

// path returns where a file is, for messages.
func (c *cache) path(name string) string { return c.folder.File(name) }

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
	names := []string{c.tokenName(user)}
	if current == user {
		names = append(names, c.currentName())
	}
	return unsafe(c.folder.Remove(names...))
}

// damaged is the error for a file that no latchkey wrote.
func (c *cache) damaged(name string) error {
	return hinted{fmt.Errorf("%s is no log-in that latchkey has kept", c.path(name)), "Remove it and log in again: rm " + c.path(name)}
}

// read returns a file's content; nil when it is not there.
func (c *cache) read(name string) (*cachedFile, error) {
	text, err := c.folder.Read(name)
	if err != nil || text == nil {
		return nil, unsafe(err)
	}
	kept, err := parseCached(text)
	if err != nil || kept.Server != c.server {
		return nil, c.damaged(name)
	}
	return &kept, nil
}

// parseCached reads the content of a file of the cache.
func parseCached(text []byte) (cachedFile, error) {
	if len(text) > kept.MaxSize {
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
	return unsafe(c.folder.Write(name, text))
}

// unsafe gives an error of a folder of kept files its hint.
func unsafe(err error) error {
	if found, ok := errors.AsType[*kept.Unsafe](err); ok {
		return hinted{err, found.Hint}
	}
	return err
}
