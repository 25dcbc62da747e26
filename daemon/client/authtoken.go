package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"strings"

	"latchkey/daemon/client/kept"
	"latchkey/plugins/secret"
)

const (
	developerPrefix = "lkd_"
	ciPrefix        = "lkc_"
	sessionPrefix   = "lkt_"
)

const (
	base62          = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	authTokenLength = 40 // 4 of the prefix, 30 random, 6 of the checksum
	checksumAt      = 34
)

// CheckAuthToken returns an error unless a text has the form of an auth token: lkd_ or lkc_ and 36 letters and digits, the last six of
// which are a checksum. So a token that was cut or mistyped is told before a server is asked. It says nothing about whether a
// server knows it. The error does not hold the text.
func CheckAuthToken(text secret.Text) error {
	token := text.Reveal()
	switch {
	case token == "":
		return errors.New("the auth token is empty")
	case strings.HasPrefix(token, sessionPrefix):
		return errors.New("it is a session token (lkt_), which activates nothing; an auth token begins with lkd_ or lkc_")
	case !strings.HasPrefix(token, developerPrefix) && !strings.HasPrefix(token, ciPrefix):
		return errors.New("it is not an auth token; one begins with lkd_ (a developer's) or lkc_ (for CI)")
	case len(token) != authTokenLength || checksum(token[:checksumAt]) != token[checksumAt:]:
		return errors.New("the auth token is not whole; was it cut, or copied with something else?")
	}
	return nil
}

// checksum returns the CRC-32 (IEEE) of a text in six base62 digits, the most significant first, as every credential of Latchkey ends
// with it.
func checksum(text string) string {
	crc := crc32.ChecksumIEEE([]byte(text))
	digits := make([]byte, authTokenLength-checksumAt)
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = base62[crc%uint32(len(base62))]
		crc /= uint32(len(base62))
	}
	return string(digits)
}

// TokenStore keeps the auth token of a user for each server, in the folder where log-ins are kept.
type TokenStore struct{ folder kept.Folder }

// NewTokenStore returns the store of the user whose environment getenv tells: the folder latchkey of XDG_STATE_HOME. The error says
// that there is no place for one.
func NewTokenStore(getenv func(string) string) (TokenStore, error) {
	path := kept.Below(getenv, "XDG_STATE_HOME", filepath.Join(".local", "state"))
	if path == "" {
		return TokenStore{}, errors.New("there is no place to keep an auth token; set HOME or XDG_STATE_HOME")
	}
	return TokenStore{kept.Folder{Path: path, Holds: "log-ins", Variable: "XDG_STATE_HOME"}}, nil
}

// keptToken is the form of a file.
type keptToken struct {
	Server string `json:"server"`
	Token  string `json:"token"`
}

// name is the file's name for a server, whose address is in its normal form.
func (s TokenStore) name(server string) string { return kept.Name("authtoken", server) }

// Path returns where a server's token is kept. server is an address as Client.URL returns it.
func (s TokenStore) Path(server string) string { return s.folder.File(s.name(server)) }

// Save keeps a server's token in the place of the one before. The error is that of CheckAuthToken, *kept.Unsafe, or says what could
// not be written.
func (s TokenStore) Save(server string, token secret.Text) error {
	if err := CheckAuthToken(token); err != nil {
		return err
	}
	text, err := json.Marshal(keptToken{server, token.Reveal()})
	if err != nil {
		return fmt.Errorf("auth token: %w", err)
	}
	return s.folder.Write(s.name(server), text)
}

// Load returns a server's token, which is empty when none is kept. The error is *kept.Unsafe, or says that the file cannot be read.
func (s TokenStore) Load(server string) (secret.Text, error) {
	text, err := s.folder.Read(s.name(server))
	if err != nil || text == nil {
		return secret.Text{}, err
	}
	var found keptToken
	if json.Unmarshal(text, &found) != nil || found.Server != server || CheckAuthToken(secret.New(found.Token)) != nil {
		return secret.Text{}, &kept.Unsafe{
			Problem: s.Path(server) + " is no auth token that latchkey has kept",
			Hint:    "Set it again with: latchkey auth set-token",
		}
	}
	return secret.New(found.Token), nil
}

// Forget removes a server's token. The errors are those of Load.
func (s TokenStore) Forget(server string) error { return s.folder.Remove(s.name(server)) }
