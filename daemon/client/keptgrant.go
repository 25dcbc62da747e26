package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"latchkey/daemon/client/kept"
	"latchkey/daemon/grant"
)

// keptGrant is what is kept of an activation, so that it counts while the server cannot be asked.
type keptGrant struct {
	Server string `json:"server"`
	Grant  string `json:"grant"`
	// Keys is the JWK set under which the grant was verified.
	Keys json.RawMessage `json:"keys,omitempty"`
	// Latest is the latest time that this machine's clock has shown to a tool; it never goes back, so that a clock that does is noticed.
	Latest time.Time `json:"latest"`
	Notice string    `json:"notice,omitempty"`
}

// errNoGrant means that no grant is kept.
var errNoGrant = errors.New("no grant of an earlier activation is kept here")

// grantStore keeps the grant of one server, product and token.
type grantStore struct {
	folder       kept.Folder
	name, server string
}

// save keeps a grant in the place of the one before.
func (s grantStore) save(g keptGrant) error {
	if s.folder.Path == "" {
		return errors.New("there is no place to keep a grant; set HOME or XDG_CACHE_HOME")
	}
	g.Server = s.server
	text, err := json.Marshal(g)
	if err != nil {
		return fmt.Errorf("grant: %w", err)
	}
	return s.folder.Write(s.name, text)
}

// load returns the grant that is kept; errNoGrant when there is none.
func (s grantStore) load() (keptGrant, error) {
	if s.folder.Path == "" {
		return keptGrant{}, errNoGrant
	}
	text, err := s.folder.Read(s.name)
	if err != nil {
		return keptGrant{}, err
	}
	if text == nil {
		return keptGrant{}, errNoGrant
	}
	g, ok := parseGrant(text)
	if !ok || g.Server != s.server {
		return keptGrant{}, fmt.Errorf("%s is no grant that was kept here", s.folder.File(s.name))
	}
	return g, nil
}

// parseGrant reads the content of a file; false when it is none that was written here.
func parseGrant(text []byte) (keptGrant, bool) {
	var g keptGrant
	if len(text) > kept.MaxSize || json.Unmarshal(text, &g) != nil || g.Grant == "" || g.Latest.IsZero() {
		return keptGrant{}, false
	}
	g.Notice = sentence(g.Notice)
	return g, true
}

// forget removes the grant.
func (s grantStore) forget() error {
	if s.folder.Path == "" {
		return nil
	}
	return s.folder.Remove(s.name)
}

// verify returns what the kept grant says, when it is good now under the keys that are pinned, or else those that are kept. The error
// is that of grant.KeySet.Verify; grant.ErrNotYet also when the clock was set back.
func (g keptGrant) verify(pinned *grant.KeySet, now time.Time, want grant.Expectation) (grant.Claims, error) {
	if now.Before(g.Latest.Add(-grant.Leeway)) {
		return grant.Claims{}, fmt.Errorf("%w: it was %s here before, and now it is %s", grant.ErrNotYet,
			g.Latest.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	keys := pinned
	if keys == nil {
		parsed, err := grant.ParseKeySet(g.Keys)
		if err != nil {
			return grant.Claims{}, fmt.Errorf("%w: its keys: %w", grant.ErrForged, err)
		}
		keys = &parsed
	}
	return keys.Verify(g.Grant, now, want)
}
