package conf

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// must returns what was made.
func must[T any](made T, err error) T {
	if err != nil {
		panic(err)
	}
	return made
}

// pemText returns a PEM file with one block.
func pemText(kind string, content []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}))
}

// privateKey returns a private key as a PEM file.
func privateKey(t *testing.T, key crypto.Signer) string {
	t.Helper()
	return pemText("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key)))
}

// publicKey returns the public half of a key as a PEM file.
func publicKey(t *testing.T, key crypto.Signer) string {
	t.Helper()
	return pemText("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(key.Public())))
}

// newEd25519 returns a key of the kind that signs grants, and newECDSA one of another kind.
func newEd25519(t *testing.T) crypto.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return must(key, err)
}

func newECDSA(t *testing.T) crypto.Signer {
	t.Helper()
	return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
}

// certificate returns a certificate as a PEM file.
func certificate(t *testing.T) string {
	t.Helper()
	key := newEd25519(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	return pemText("CERTIFICATE", must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)))
}
