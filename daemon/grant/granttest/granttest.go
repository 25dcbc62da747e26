// Package granttest is a server that activates tools, for tests of what is activated: it speaks the two routes of the contract
// (docs/licence.md) over a real signer, and knows a few tokens. It has no accounts, no seats and no subscriptions.
package granttest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/daemon/grant"
)

// The tokens that the server knows.
const (
	// Developer is Alice's, of the workspace acme; it is refused where the tool runs in CI.
	Developer = "lkd_7Qm2xVt9KcLpR4wZsN8aYhE3bGfD1u3NaB8V"
	// CI is that of the build server "ci".
	CI = "lkc_Xw5TnB8eJq0ZrHk6vMdA2yPgS4cUfL1adJzi"
	// Unassigned is that of a member who has no licence.
	Unassigned = "lkd_R3pOtated0000000000000000000Zz45YW8x"
	// Legacy is a legacy key; its grants come with a notice.
	Legacy = "f3a9c1d27b5e4086"
	// Notice is what a user of it is told.
	Notice = "Legacy keys stop on 2027-01-31; the next downtime is on 2026-12-01. Move to an auth token."
)

// Server is the handler of POST /api/v1/activate and GET /.well-known/latchkey-keys.
type Server struct {
	t      testing.TB
	signer *grant.Signer
	key    ed25519.PublicKey
	now    func() time.Time
	down   atomic.Int64
}

// New returns a server with a key of its own; now is its clock.
func New(t testing.TB, now func() time.Time) *Server {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := grant.NewSigner(private, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Server{t: t, signer: signer, key: public, now: now}
}

// Key returns the key that signs, to pin it.
func (s *Server) Key() ed25519.PublicKey { return s.key }

// Fail makes everything be answered with a status from now on; 0 ends that.
func (s *Server) Fail(status int) { s.down.Store(int64(status)) }

// Serves reports whether a path is one of the server's two.
func Serves(path string) bool {
	return path == "/api/v1/activate" || path == "/.well-known/latchkey-keys"
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if status := int(s.down.Load()); status != 0 {
		s.answer(w, status, map[string]string{"faultstring": "The server cannot decide now."})
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /.well-known/latchkey-keys":
		s.answer(w, http.StatusOK, json.RawMessage(s.signer.Keys()))
	case "POST /api/v1/activate":
		s.activate(w, r)
	default:
		s.answer(w, http.StatusNotFound, map[string]string{"faultstring": "There is no such path."})
	}
}

// activation is the body of a request.
type activation struct {
	Product   string `json:"product"`
	Version   string `json:"version"`
	MachineID string `json:"machine_id"`
	CI        bool   `json:"ci"`
}

// activate answers with a grant, or a refusal.
func (s *Server) activate(w http.ResponseWriter, r *http.Request) {
	var asked activation
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		s.answer(w, http.StatusBadRequest, map[string]string{"faultstring": "The body is not JSON."})
		return
	}
	answer := map[string]string{}
	at := s.now()
	c := grant.Claims{
		Issuer: "https://auth.example.com", Subject: "alice", ID: s.id(), IssuedAt: at, NotBefore: at, ExpiresAt: at.Add(grant.Life),
		Kind: grant.KindUser, Workspace: grant.Workspace{ID: "01a21557e08300009f78b129", Name: "acme"}, Plan: "team",
		Features: []string{"snapshots", "teams"}, Product: asked.Product, Version: asked.Version, MachineID: asked.MachineID,
	}
	switch token := r.Header.Get("X-Api-Key"); {
	case token == "":
		s.answer(w, http.StatusUnauthorized, map[string]string{"faultstring": "Unauthorized"})
		return
	case token == Developer && asked.CI:
		s.refuse(w, "developer_token_in_ci", "Developer tokens cannot be used in CI; make a CI token for it.")
		return
	case token == Unassigned:
		s.refuse(w, "no_licence_assigned", "No licence is assigned to bob; ask an administrator of the workspace acme for one.")
		return
	case token == Developer:
	case token == CI:
		c.Kind, c.Subject = grant.KindCI, "ci"
	case token == Legacy:
		c.Kind, c.Subject, answer["notice"] = grant.KindLegacy, "old key", Notice
	default:
		s.refuse(w, "unknown_token", "The token is unknown; it may have been rotated.")
		return
	}
	text, err := s.signer.Sign(c)
	if err != nil {
		s.answer(w, http.StatusBadRequest, map[string]string{"faultstring": err.Error()})
		return
	}
	answer["grant"], answer["expires_at"] = text, c.ExpiresAt.UTC().Format("2006-01-02T15:04:05.000000Z")
	s.answer(w, http.StatusOK, answer)
}

// id returns a new grant's id.
func (s *Server) id() string {
	random := make([]byte, 12)
	_, _ = rand.Read(random) // never fails
	return hex.EncodeToString(random)
}

// refuse answers with 403.
func (s *Server) refuse(w http.ResponseWriter, reason, sentence string) {
	s.answer(w, http.StatusForbidden, map[string]string{"reason": reason, "faultstring": sentence})
}

// answer writes a JSON answer.
func (s *Server) answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		s.t.Error(err)
	}
}
