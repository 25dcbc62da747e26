package credential_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/daemon/audit"
	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
	"latchkey/daemon/store"
	"latchkey/plugins/secret"
)

// A kind that expires is not made without an expiry. hazard 29
func TestSessionNeedsExpiry(t *testing.T) {
	h := newHouse(t)
	_, err := h.Issue(t.Context(), credential.Spec{Kind: store.KindSession, User: "bob"}, audit.Origin{})
	wantKind(t, err, fault.Internal)
	_, err = h.Issue(t.Context(), credential.Spec{User: "bob"}, audit.Origin{})
	wantKind(t, err, fault.Internal)
	if _, total, _ := h.List(t.Context(), store.Query{}); total != 0 {
		t.Fatalf("%d credentials were stored", total)
	}
}

// What is not recorded is not made, and what could not be stored is recorded as failed. hazard 32, hazard 69
func TestIssueRecordsFirst(t *testing.T) {
	h := newHouse(t)
	h.audit.fail = errors.New("disk full")
	_, err := h.Issue(t.Context(), credential.Spec{Kind: store.KindAPIKey, User: "bob"}, audit.Origin{})
	wantKind(t, err, fault.Unavailable)
	if _, total, _ := h.List(t.Context(), store.Query{}); total != 0 {
		t.Fatalf("%d credentials were stored without a record", total)
	}
	h.audit.fail = nil
	if err := h.store.Close(); err != nil {
		t.Fatal(err)
	}
	issued, err := h.Issue(t.Context(), credential.Spec{Kind: store.KindAPIKey, User: "bob"}, audit.Origin{})
	wantKind(t, err, fault.Unavailable)
	if !issued.Text.Empty() {
		t.Fatal("a text was shown although nothing was stored")
	}
	if n := len(h.audit.all); n != 2 || h.audit.all[0].Event != audit.EventIssue || h.audit.all[1].Event != audit.EventCredentialFailed {
		t.Fatalf("records %+v", h.audit.all)
	}
	if _, err := h.Check(t.Context(), "lkt_"+strings.Repeat("a", 36), credential.AllKinds); !errors.Is(err, credential.ErrMalformed) {
		t.Fatalf("garbage reaches the store: %v", err)
	}
}

// StackStorm's hash is loaded, verifies the key, and is taken once.
func TestLoadedDigest(t *testing.T) {
	h := newHouse(t)
	const text = "NWE2ZTRhYjY2YzJkZjg2ZjM0YjY0ZjRlZTQ3YmZlMw"
	found, err := h.Find(t.Context(), text)
	wantKind(t, err, fault.NotFound)
	digest := credential.DigestForTest(text)
	loaded := h.issue(t, credential.Spec{Kind: store.KindAPIKey, User: "bob", ID: "58e3f3330c0517062a3fda43", Digest: digest})
	if !loaded.Text.Empty() {
		t.Error("a loaded key has a text")
	}
	if err := h.check(t, secret.New(text)); err != nil {
		t.Error(err)
	}
	if found, err = h.Find(t.Context(), text); err != nil || found.ID != "58e3f3330c0517062a3fda43" {
		t.Errorf("found %+v, %v", found, err)
	}
	_, err = h.Issue(t.Context(), credential.Spec{Kind: store.KindAPIKey, User: "eve", Digest: digest}, audit.Origin{})
	wantKind(t, err, fault.Conflict)
}

// The store's file holds no text. hazard 34
func TestNothingReadableAtRest(t *testing.T) {
	h := newHouse(t)
	var texts []string
	for range 20 {
		texts = append(texts, h.key(t, "bob").Text.Reveal(), h.issue(t, credential.Spec{Kind: store.KindSession, User: "bob", ExpiresAt: h.now.Add(time.Hour)}).Text.Reveal())
	}
	if err := h.store.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(h.path)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		if strings.Contains(string(content), text) || strings.Contains(string(content), text[4:34]) {
			t.Fatal("a credential's text is in the store")
		}
	}
}

// What no store would keep is our own fault, and is neither announced nor stored.
func TestIssueRefusesWhatCannotBe(t *testing.T) {
	h := newHouse(t)
	ends := h.now.Add(time.Hour)
	sum := store.Digest(strings.Repeat("x", 32))
	for what, spec := range map[string]credential.Spec{
		"no kind":                       {User: "bob"},
		"no kind, loaded":               {User: "bob", Digest: sum},
		"an unknown kind":               {Kind: "cookie", User: "bob"},
		"no expiry, loaded":             {Kind: store.KindSession, User: "bob", Digest: sum}, // hazard 29
		"an id of another form":         {Kind: store.KindAPIKey, User: "bob", ID: "1"},
		"a digest of another form":      {Kind: store.KindAPIKey, User: "bob", Digest: "x"},
		"metadata that is no JSON":      {Kind: store.KindAPIKey, User: "bob", Metadata: []byte("{")},
		"a user whom no store can keep": {Kind: store.KindSession, User: "b\x00b", ExpiresAt: ends},
	} {
		t.Run(what, func(t *testing.T) {
			issued, err := h.Issue(t.Context(), spec, audit.Origin{})
			wantKind(t, err, fault.Internal)
			if !issued.Text.Empty() {
				t.Error("a text is shown")
			}
		})
	}
	if _, total, _ := h.List(t.Context(), store.Query{}); total != 0 || len(h.audit.all) != 0 {
		t.Errorf("%d credentials, records %+v", total, h.audit.all)
	}
}

// The record of a credential names everything that an auditor asks for, both names where two are involved. hazard 26
func TestIssueIsRecorded(t *testing.T) {
	h := newHouse(t)
	origin := audit.Origin{RequestID: "r1", Source: "192.0.2.1", UserAgent: "curl", Route: "POST /api/v1/apikeys"}
	issued, err := h.Issue(t.Context(), credential.Spec{Kind: store.KindAPIKey, User: "alice", CreatedBy: "root"}, origin)
	if err != nil {
		t.Fatal(err)
	}
	want := audit.Event{
		Event: audit.EventIssue, Origin: origin, User: "alice", RealUser: "root", Kind: "apikey", CredentialID: string(issued.Credential.ID),
		Outcome: audit.OutcomeOK,
	}
	if h.last() != want {
		t.Errorf("record %+v, want %+v", h.last(), want)
	}
	service := h.issue(t, credential.Spec{Kind: store.KindService, Name: "ci", CreatedBy: "root"})
	if e := h.last(); e.User != "ci" || e.RealUser != "root" || e.CredentialID != string(service.Credential.ID) {
		t.Errorf("record %+v", e)
	}
}

// An id that is taken is a conflict, and the record of it is taken back.
func TestTakenID(t *testing.T) {
	h := newHouse(t)
	key := h.key(t, "alice")
	_, err := h.Issue(t.Context(), credential.Spec{Kind: store.KindAPIKey, User: "bob", ID: key.Credential.ID}, audit.Origin{})
	wantKind(t, err, fault.Conflict)
	if e := h.last(); e.Event != audit.EventCredentialFailed || e.Reason != "taken" {
		t.Errorf("record %+v", e)
	}
	if err := h.check(t, key.Text); err != nil {
		t.Error(err)
	}
}

// Without random bytes there is no credential.
func TestIssueWithoutRandomness(t *testing.T) {
	h := newHouse(t)
	for _, source := range []string{"", "1234", strings.Repeat("x", 20)} {
		e := credential.New(credential.Options{Store: h.store, Audit: h.audit, Now: func() time.Time { return h.now }, Random: strings.NewReader(source)})
		_, err := e.Issue(t.Context(), credential.Spec{Kind: store.KindAPIKey, User: "bob"}, audit.Origin{})
		wantKind(t, err, fault.Unavailable)
	}
	if len(h.audit.all) != 0 {
		t.Errorf("records %+v", h.audit.all)
	}
}

// slow is a store whose writes take a time, or for ever.
type slow struct {
	credentials
	takes time.Duration
}

func (s slow) CreateCredential(ctx context.Context, _ store.Credential) error {
	select {
	case <-time.After(s.takes):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// What was announced is finished although the caller hangs up, and a store that hangs is given up after a while. hazard 32
func TestIssueIsFinished(t *testing.T) {
	for takes, want := range map[time.Duration]int{time.Second: 1, time.Hour: 2} {
		synctest.Test(t, func(t *testing.T) {
			recorded := &events{}
			e := credential.New(credential.Options{Store: slow{takes: takes}, Audit: recorded, Now: time.Now, Random: rand.Reader})
			ctx, hangUp := context.WithTimeout(t.Context(), time.Millisecond)
			defer hangUp()
			started := time.Now()
			issued, err := e.Issue(ctx, credential.Spec{Kind: store.KindAPIKey, User: "bob"}, audit.Origin{})
			if took := time.Since(started); took > 10*time.Second || len(recorded.all) != want {
				t.Errorf("a store that takes %v: %v, records %+v", takes, took, recorded.all)
			}
			if (err == nil) != (want == 1) || issued.Text.Empty() != (want == 2) {
				t.Errorf("a store that takes %v: %v", takes, err)
			}
		})
	}
}
