package conf

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// licenceKeyName is the name of the key file that is made beside a store in a file.
const licenceKeyName = "licence-key.pem"

// maxKeyFile is the longest key file, in bytes.
const maxKeyFile = 64 << 10

// The types of PEM blocks that a key file may begin with (RFC 7468, sections 10 and 13).
const (
	pemPrivate = "PRIVATE KEY"
	pemPublic  = "PUBLIC KEY"
)

// Licence is the section [licence].
type Licence struct {
	// KeyFile is the path of the Ed25519 private key that signs grants, PEM in the form PKCS#8. Empty means the default, which
	// Config.LicenceKeyFile returns.
	KeyFile string
	// OtherKeyFiles are PEM files with an Ed25519 key each, private (PKCS#8) or public (SubjectPublicKeyInfo), which are
	// published beside the one that signs: the next one, and those that have signed grants which are still in use.
	OtherKeyFiles []string
	// Issuer is the claim iss of grants, a URL; empty means [auth] api_url.
	Issuer string
}

// SameKeys reports whether two sections name the same files of keys. What is in the files is not looked at.
func (l Licence) SameKeys(other Licence) bool {
	return l.KeyFile == other.KeyFile && slices.Equal(l.OtherKeyFiles, other.OtherKeyFiles)
}

// LicenceKeyFile returns the path of the private key that signs grants: the one that is configured, or licence-key.pem beside a
// store in a file, which need not be there yet. It is empty when the store is a database and no file is configured, since the
// nodes of a database must sign with one and the same key.
func (c *Config) LicenceKeyFile() string {
	if c.Licence.KeyFile != "" {
		return c.Licence.KeyFile
	}
	if path := storePath(c); path != "" {
		return filepath.Join(filepath.Dir(path), licenceKeyName)
	}
	return ""
}

// licenceSection is the section [licence].
func licenceSection() section {
	return section{name: "licence", keys: []key{
		file("key_file", func(c *Config) *string { return &c.Licence.KeyFile }),
		{
			name: "other_key_files", many: true, show: func(c *Config) string { return shown(c.Licence.OtherKeyFiles) },
			take: func(c *Config, value string) error {
				for _, path := range list(value) {
					clean, err := absolute(path)
					if err != nil {
						return fmt.Errorf("%q: %w", printable(path), err)
					}
					c.Licence.OtherKeyFiles = append(c.Licence.OtherKeyFiles, clean)
				}
				return nil
			},
		},
		into("issuer", webURL, func(c *Config) *string { return &c.Licence.Issuer }),
	}}
}

// checkLicence looks at the keys that [licence] names, so that `config check` says what is wrong with one.
func (r *reader) checkLicence(c *Config) {
	if name := c.Licence.KeyFile; name != "" {
		if err := checkKeyFile(name, true); err != nil {
			r.fault(r.position("licence", "key_file"), "[licence] key_file: %v", err)
		}
	}
	for _, name := range c.Licence.OtherKeyFiles {
		if err := checkKeyFile(name, false); err != nil {
			r.fault(r.position("licence", "other_key_files"), "[licence] other_key_files: %v", err)
		}
	}
}

// checkKeyFile returns nil when a file holds an Ed25519 key, which is the private one if that is asked for. The error names the
// file and shows nothing of what is in it.
func checkKeyFile(name string, private bool) error {
	if !filepath.IsAbs(name) {
		return fmt.Errorf("must be a path that begins with /, or %sNAME", credentialPrefix)
	}
	if err := readable(name, private); err != nil {
		return err
	}
	opened, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("%s cannot be read: %w", name, cause(err))
	}
	defer opened.Close()
	content, err := io.ReadAll(io.LimitReader(opened, maxKeyFile))
	if err != nil {
		return fmt.Errorf("%s cannot be read: %w", name, cause(err))
	}
	block, _ := pem.Decode(content)
	switch {
	case block != nil && block.Type == pemPrivate:
		if parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil && isEd25519(parsed) {
			return readable(name, true)
		}
	case block != nil && block.Type == pemPublic && !private:
		if parsed, err := x509.ParsePKIXPublicKey(block.Bytes); err == nil && isEd25519(parsed) {
			return nil
		}
	}
	if private {
		return fmt.Errorf("%s has no Ed25519 private key; make one with: openssl genpkey -algorithm ed25519 -out %s", name, name)
	}
	return fmt.Errorf("%s has no Ed25519 key, private or public, in PEM form", name)
}

// isEd25519 reports whether a key is an Ed25519 key.
func isEd25519(key any) bool {
	switch key.(type) {
	case ed25519.PrivateKey, ed25519.PublicKey:
		return true
	}
	return false
}
