package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"time"

	"latchkey/daemon/audit"
	"latchkey/daemon/fault"
	"latchkey/daemon/login"
	"latchkey/plugins/secret"
)

// maxRemembered bounds the memory of remembered; an entry is some 300 bytes.
const maxRemembered = 4096

// remembered are the Basic credentials that were accepted at the door a moment ago, so that a page with thirty pictures does
// not cost thirty password hashes. They are kept as an HMAC (RFC 2104) under a key that is made at start and leaves the
// process never; only acceptances are kept, and never longer than [verify] basic_cache.
//
// A hit says only that the password was right. That the name is not locked and the user not disabled is asked anew each
// time: otherwise whoever guesses on while a name is locked would learn the right password by its being remembered.
type remembered struct {
	key []byte

	mu   sync.Mutex
	kept map[[sha256.Size]byte]acceptance
}

// acceptance is a password check that succeeded.
type acceptance struct {
	who   login.Identity
	until time.Time
}

// newRemembered draws the key from random.
func newRemembered(random io.Reader) (*remembered, error) {
	m := &remembered{key: make([]byte, sha256.Size), kept: map[[sha256.Size]byte]acceptance{}}
	if _, err := io.ReadFull(random, m.key); err != nil {
		return nil, fmt.Errorf("randomness for the memory of Basic credentials: %w", err)
	}
	return m, nil
}

// digest returns the HMAC of a name and a password. The name's length goes in first, so that no other pair has the same.
func (m *remembered) digest(name string, password secret.Text) (digest [sha256.Size]byte) {
	mac := hmac.New(sha256.New, m.key)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(name))))
	mac.Write([]byte(name))
	mac.Write([]byte(password.Reveal()))
	mac.Sum(digest[:0])
	return digest
}

// get returns who was accepted with these credentials, if that still counts at now.
func (m *remembered) get(digest [sha256.Size]byte, now time.Time) (login.Identity, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found, ok := m.kept[digest]
	if ok && !now.Before(found.until) {
		delete(m.kept, digest)
		return login.Identity{}, false
	}
	return found.who, ok
}

// put keeps an acceptance until an instant. When there is no room, all are forgotten.
func (m *remembered) put(digest [sha256.Size]byte, who login.Identity, until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.kept) >= maxRemembered {
		clear(m.kept)
	}
	m.kept[digest] = acceptance{who: who, until: until}
}

// forget drops all, for a configuration that has changed.
func (m *remembered) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.kept)
}

// basicAtDoor returns whom the Basic credentials at the door prove: from memory, or by the one guard of every password.
func (h *Handler) basicAtDoor(x *exchange, authorization string) (login.Identity, error) {
	name, password, ok := parseBasic(authorization)
	if !ok {
		return login.Identity{}, x.refused(audit.EventLogin, errBentBasic)
	}
	life, digest := x.settings.Verify.BasicCache, h.basics.digest(name, password)
	if who, ok := h.basics.get(digest, h.now()); ok && life > 0 {
		stands, err := h.stands(x, name, who.User)
		if err != nil {
			return login.Identity{}, err
		}
		if stands {
			return who, nil
		}
	}
	who, err := h.login.Password(x.context(), login.Attempt{Name: name, Password: password, Origin: x.origin()})
	if err == nil && life > 0 {
		h.basics.put(digest, who, h.now().Add(life))
	}
	return who, err
}

// stands reports whether a remembered acceptance still counts: neither the name that was typed nor the account's own is
// locked, and the user is not disabled.
func (h *Handler) stands(x *exchange, typed, user string) (bool, error) {
	for _, name := range [...]string{typed, user} {
		until, err := h.login.LockedUntil(x.context(), name)
		if err != nil || !until.IsZero() {
			return false, err
		}
	}
	known, err := h.users.Get(x.context(), user)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return true, nil // nobody has said anything of him here, so nobody has disabled him
	}
	return err == nil && !known.Disabled, err
}
