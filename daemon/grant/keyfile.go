package grant

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxKeyFile is how many bytes of a key file are read.
const maxKeyFile = 64 << 10

// The types of PEM blocks (RFC 7468 sections 10 and 13).
const (
	privateBlock = "PRIVATE KEY"
	publicBlock  = "PUBLIC KEY"
)

// ReadKeyFile returns the private key of a file in PEM with PKCS#8, as "openssl genpkey -algorithm ed25519" writes it. The error
// names the file and says that it cannot be read, that group or others have rights to it, or that no such key is in it; it holds
// nothing of the content. An error of a file that is not there is fs.ErrNotExist.
func ReadKeyFile(path string) (ed25519.PrivateKey, error) {
	key, err := readKeyFile(path)
	if err != nil {
		return nil, err
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s has a public key in it, where a private one is needed to sign", path)
	}
	return private, nil
}

// ReadPublicKeyFile returns the public key of a file in PEM: of a public key ("openssl pkey -pubout"), or of a private one, of which
// its public half is returned. The errors are those of ReadKeyFile; a file with a public key may be open to everybody.
func ReadPublicKeyFile(path string) (ed25519.PublicKey, error) {
	key, err := readKeyFile(path)
	if err != nil {
		return nil, err
	}
	if private, ok := key.(ed25519.PrivateKey); ok {
		key = private.Public()
	}
	public, _ := key.(ed25519.PublicKey) // readKeyFile returns nothing else
	return public, nil
}

// ParsePublicKey returns the public key of a text in PEM, for a tool that is built with its server's key in it. The error says that
// the text is none.
func ParsePublicKey(text []byte) (ed25519.PublicKey, error) {
	key, err := parseKey(text)
	if err != nil {
		return nil, err
	}
	public, ok := key.(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("it is a private key, which belongs in no tool")
	}
	return public, nil
}

// readKeyFile returns the ed25519.PrivateKey or ed25519.PublicKey of a file.
func readKeyFile(path string) (any, error) {
	opened, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	defer opened.Close()
	info, err := opened.Stat()
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("the key file %s is not a regular file", path)
	}
	text, err := io.ReadAll(io.LimitReader(opened, maxKeyFile))
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	key, err := parseKey(text)
	if err != nil {
		return nil, fmt.Errorf("the key file %s: %w", path, err)
	}
	if _, private := key.(ed25519.PrivateKey); private && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the key file %s holds a private key, and others have rights to it (mode %04o); close it with: chmod 600 %s",
			path, info.Mode().Perm(), path)
	}
	return key, nil
}

// parseKey returns the ed25519.PrivateKey or ed25519.PublicKey of a text.
func parseKey(text []byte) (any, error) {
	var key any
	var err error
	block, rest := pem.Decode(text)
	switch {
	case block == nil || strings.TrimSpace(string(rest)) != "":
		return nil, errors.New("it is not one key in PEM")
	case block.Type == privateBlock:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case block.Type == publicBlock:
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	default:
		return nil, errors.New("it is neither a private key in PKCS#8 nor a public key")
	}
	switch key.(type) {
	case ed25519.PrivateKey, ed25519.PublicKey:
		if err == nil {
			return key, nil
		}
	}
	return nil, errors.New("it is not an Ed25519 key; make one with: openssl genpkey -algorithm ed25519")
}

// WriteNewKeyFile makes a key from the bytes of random (crypto/rand.Reader), writes it to a file that is its owner's alone (mode
// 0600), and returns it when it is on the disk. It never replaces a file: one that is there is the error fs.ErrExist. After any other
// error there is no file, or a whole one.
func WriteNewKeyFile(path string, random io.Reader) (ed25519.PrivateKey, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, fmt.Errorf("random bytes: %w", err)
	}
	key := ed25519.NewKeyFromSeed(seed)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	if err := writeNew(path, pem.EncodeToMemory(&pem.Block{Type: privateBlock, Bytes: encoded})); err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	return key, nil
}

// writeNew writes a file whole under another name and then gives it its own, which fails where there is one.
func writeNew(path string, text []byte) (err error) {
	folder := filepath.Dir(path)
	file, err := os.CreateTemp(folder, ".new-key-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(file.Name())) }()
	_, written := file.Write(text)
	if err := errors.Join(written, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Link(file.Name(), path); err != nil {
		return err
	}
	parent, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}
