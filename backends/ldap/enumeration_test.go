package ldap_test

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"

	"latchkey/backends/ldap/slapdtest"
	"latchkey/plugins"
)

// A name that is unknown, ambiguous, disabled or has another password costs the directory the same questions. hazard 7, hazard 8
func TestSameQuestions(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Options{LDIF: person("twice", "p", "") + person("second", "p", "uid: twice\n")})
	through := newProxy(t, server.Address, nil)
	backend, _ := open(t, plain(server, kwargs{"host": through.address}))
	want(t, backend, "alice", slapdtest.AlicePassword, plugins.Accepted, "")
	questions := func(name, password string, outcome plugins.Outcome) []ber.Tag {
		before := len(through.operations())
		if got, err := ask(t, backend, name, password); err != nil || got.Outcome != outcome {
			t.Fatalf("%s: %+v, %v", name, got, err)
		}
		return through.operations()[before:]
	}
	known := questions("alice", "wrong", plugins.Denied)
	if len(known) != 2 {
		t.Fatalf("a wrong password costs %v", known)
	}
	for name, outcome := range map[string]plugins.Outcome{"nobody-here": plugins.UnknownUser, "twice": plugins.Denied} {
		if got := questions(name, "wrong", outcome); !slices.Equal(got, known) {
			t.Errorf("%s costs %v, a known name %v", name, got, known)
		}
	}
}

// Where the directory needs long to hash a password, an unknown name waits as long as a known one. hazard 7
func TestSameTime(t *testing.T) {
	hash, err := exec.Command("openssl", "passwd", "-6", "-salt", "rounds=60000$saltsalt", "p").Output()
	if err != nil {
		t.Fatalf("openssl: %v (apt-get install openssl)", err)
	}
	stored := strings.TrimSpace(string(hash))
	if !strings.HasPrefix(stored, "$6$rounds=60000$") {
		// OpenSSL takes the rounds as a part of the salt only where it knows them; the salt is cut otherwise.
		t.Fatalf("openssl passwd makes %q", stored)
	}
	server := slapdtest.Start(t, slapdtest.Options{LDIF: person("slow", "{CRYPT}"+stored, "") + member("all", "uid=slow,ou=people,dc=example,dc=com")})
	backend, _ := open(t, plain(server, kwargs{"group_dns": []string{"cn=all"}}))
	want(t, backend, "slow", "p", plugins.Accepted, "")
	const rounds = 15
	var known, unknown []time.Duration
	for i := range rounds {
		started := time.Now()
		want(t, backend, "slow", "wrong", plugins.Denied, plugins.ReasonWrongPassword)
		known = append(known, time.Since(started))
		started = time.Now()
		want(t, backend, fmt.Sprintf("nobody-%d", i), "wrong", plugins.UnknownUser, plugins.ReasonUnknownUser)
		unknown = append(unknown, time.Since(started))
	}
	slices.Sort(known)
	slices.Sort(unknown)
	k, u := known[rounds/2], unknown[rounds/2]
	t.Logf("medians: known %v, unknown %v", k, u)
	if k < 5*time.Millisecond {
		t.Fatalf("the directory hashes in %v: the test shows nothing", k)
	}
	if u < k/2 || u > 2*k {
		t.Errorf("an unknown name takes %v, a known one %v", u, k)
	}
}
