package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"latchkey/backends/ldap/slapdtest"
	"latchkey/plugins"
)

// refusal is one cause for which a log-in is refused.
type refusal struct {
	cause string
	auth  string // "name:password"; the password is the right one wherever there is one and the cause is another
	// reason is what the audit log, and it alone, says.
	reason string
}

// refusals is a site with accounts that are refused, each for a cause of its own.
type refusals struct {
	*site
	causes []refusal
}

const (
	rootPassword  = "root's password"
	rightPassword = "the right password"
)

// commonRefusals are the causes that do not depend on the backend. Amy is good, Lena is locked and Dora is disabled here.
func commonRefusals() []refusal {
	return []refusal{
		{"unknown user", "nobody:" + rightPassword, plugins.ReasonUnknownUser},
		{"wrong password", "amy:wrong", plugins.ReasonWrongPassword},
		{"locked here", "lena:" + rightPassword, "locked"},
		{"disabled here", "dora:" + rightPassword, "user_disabled"},
		{"overlong name", strings.Repeat("a", 300) + ":" + rightPassword, "name_malformed"},
		{"overlong password", "amy:" + strings.Repeat("a", 1100), "password_too_long"},
		{"empty password", "amy:", "password_empty"},
	}
}

// hashOf returns a hash that takes as long to check as those of a real installation.
func hashOf(t testing.TB, password string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), 10)
	if err != nil {
		t.Fatal(err)
	}
	return string(hash)
}

// refusalsOfFile starts a site whose users are in a file.
func refusalsOfFile(t testing.TB) *refusals {
	t.Helper()
	right := hashOf(t, rightPassword)
	s := newSite(t, nil)
	s.write("htpasswd", fmt.Sprintf("root:%s\namy:%[2]s\nlena:%[2]s\ndora:%[2]s\nlou:!%[2]s\ntwo:%[2]s\ntwo:%[2]s\n", hashOf(t, rootPassword), right))
	r := &refusals{site: s, causes: append(commonRefusals(),
		refusal{"disabled in the file", "lou:" + rightPassword, plugins.ReasonUnusableHash},
		refusal{"twice in the file", "two:" + rightPassword, plugins.ReasonAmbiguousUser},
	)}
	r.begin()
	return r
}

// refusalsOfDirectory starts a site whose users are in a real directory; stored returns the form in which it keeps a password.
func refusalsOfDirectory(t testing.TB, stored func(password string) string) *refusals {
	t.Helper()
	s := newSite(t, nil)
	s.auth = "backend = ldap\n"
	s.extra = directorySection(s, stored)
	r := &refusals{site: s, causes: append(commonRefusals(), directoryRefusals()...)}
	r.begin()
	return r
}

// refusalsOfChain starts a site that asks the directory and, where that does not know the user, a file.
func refusalsOfChain(t testing.TB) *refusals {
	t.Helper()
	s := newSite(t, nil)
	s.write("htpasswd", "fay:"+hashOf(t, rightPassword)+"\n")
	s.auth = "backend = ldap, flat_file\n"
	s.extra = directorySection(s, inClear) + fmt.Sprintf("\n[backend.flat_file]\nfile_path = %s\n", s.path("htpasswd"))
	r := &refusals{site: s, causes: append(append(commonRefusals(), directoryRefusals()...),
		refusal{"wrong password in the file", "fay:wrong", plugins.ReasonWrongPassword},
	)}
	r.begin()
	return r
}

// directoryRefusals are the causes that only a directory knows.
func directoryRefusals() []refusal {
	return []refusal{
		{"disabled in the directory", "dan:" + rightPassword, plugins.ReasonAccountDisabled},
		{"locked in the directory", "lou:" + rightPassword, plugins.ReasonAccountLocked},
		{"expired account", "eve:" + rightPassword, plugins.ReasonAccountLocked}, // slapd does not say that it is not a lock
		{"expired password", "pat:" + rightPassword, plugins.ReasonPasswordExpired},
		{"missing group", "nora:" + rightPassword, plugins.ReasonNotInGroup},
	}
}

// directorySection starts a directory with the accounts and returns the section of the configuration for it.
func directorySection(s *site, stored func(password string) string) string {
	s.t.Helper()
	right, group := stored(rightPassword), ""
	people := "dn: cn=policy," + slapdtest.Suffix + "\nobjectClass: device\nobjectClass: pwdPolicy\ncn: policy\npwdAttribute: userPassword\npwdLockout: TRUE\n\n"
	for _, person := range []struct{ uid, password, more string }{
		{"root", stored(rootPassword), ""},
		{"amy", right, ""},
		{"lena", right, ""},
		{"dora", right, ""},
		{"dan", right, "nsAccountLock: TRUE\n"},
		{"lou", right, "pwdAccountLockedTime: 000001010000Z\n"},
		{"eve", right, "pwdEndTime: 20200101000000Z\n"},
		{"pat", right, "pwdReset: TRUE\n"},
		{"nora", right, ""},
	} {
		people += fmt.Sprintf("dn: uid=%[1]s,%[4]s\nobjectClass: inetOrgPerson\nobjectClass: extensibleObject\nuid: %[1]s\ncn: %[1]s\nsn: %[1]s\n"+
			"userPassword: %[2]s\n%[3]s\n", person.uid, person.password, person.more, slapdtest.People)
		if person.uid != "nora" {
			group += fmt.Sprintf("member: uid=%s,%s\n", person.uid, slapdtest.People)
		}
	}
	directory := slapdtest.Start(s.t, slapdtest.Options{
		Modules:  []string{"ppolicy"},
		LDIF:     people + "dn: cn=staff," + slapdtest.Groups + "\nobjectClass: groupOfNames\ncn: staff\n" + group + "\n",
		Global:   "attributetype ( 2.16.840.1.113730.3.1.610 NAME 'nsAccountLock' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )",
		Database: "overlay ppolicy\nppolicy_default \"cn=policy," + slapdtest.Suffix + "\"\nppolicy_use_lockout",
	})
	return fmt.Sprintf("[backend.ldap]\nhost = %s\nbind_dn = %s\nbind_password_file = %s\nbase_ou = %s\ngroup_dns = cn=staff\n",
		directory.Address, slapdtest.ServiceDN, s.write("ldap.password", slapdtest.ServicePassword+"\n"), slapdtest.Suffix)
}

// begin starts the daemon, disables Dora, locks Lena with two wrong passwords and then raises the limit, which leaves the lock
// as it is and is not reached by the many tries to come.
func (r *refusals) begin() {
	t := r.t
	t.Helper()
	r.extra += "\n[verify]\nallow_basic = True\n"
	limit := func(failures int) {
		r.config = func(text string) string {
			return strings.Replace(text, "[throttle]\n", fmt.Sprintf("[throttle]\nfailures = %d\nlock = 24h\n", failures), 1)
		}
	}
	limit(2)
	r.start()
	token := r.token("root:"+rootPassword, "")
	r.token("dora:"+rightPassword, "") // whoever never logged in is not known here
	r.do(request{
		method: "PUT", path: "/api/v1/users/dora", header: map[string]string{"X-Auth-Token": token}, body: `{"enabled": false}`,
	}).want(t, http.StatusOK)
	r.token("lena:"+rightPassword, "")
	for range 2 {
		r.do(request{method: "POST", path: "/auth/v1/tokens", auth: "lena:wrong"}).want(t, http.StatusUnauthorized)
	}
	limit(1000)
	r.configure()
	r.daemon.signal(syscall.SIGHUP)
	r.daemon.waitFor("the configuration was read anew")
	for _, cause := range r.causes {
		r.do(request{method: "POST", path: "/auth/v1/tokens", auth: cause.auth}).want(t, http.StatusUnauthorized)
		if got := r.recorded(); got != cause.reason {
			t.Fatalf("%s: the audit log says %q, want %q", cause.cause, got, cause.reason)
		}
	}
}

// recorded returns the reason of the newest log-in in the audit log.
func (r *refusals) recorded() string {
	t := r.t
	t.Helper()
	content, err := os.ReadFile(r.path("audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	reason := ""
	for line := range bytes.Lines(content) {
		var record struct{ Event, Reason string }
		if err := json.Unmarshal(line, &record); err != nil {
			t.Fatal(err)
		}
		if record.Event == "login" { // a reload may be recorded after it was logged
			reason = record.Reason
		}
	}
	return reason
}

// inClear stores a password as it is, which slapd compares in no time.
func inClear(password string) string { return password }

// What a caller gets for each cause is the same to the byte, at the log-in and at the door, whichever backend refuses.
// hazard 8
func TestRefusalsCannotBeToldApart(t *testing.T) {
	for name, begin := range map[string]func(testing.TB) *refusals{
		"file":      refusalsOfFile,
		"directory": func(t testing.TB) *refusals { return refusalsOfDirectory(t, inClear) },
		"chain":     refusalsOfChain,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of it is waiting
			r := begin(t)
			for _, way := range []request{
				{method: "POST", path: "/auth/v1/tokens"},
				{method: "GET", path: "/auth/v1/verify"},
				{method: "HEAD", path: "/auth/v1/verify/below"},
			} {
				first := ""
				for range 2 {
					for _, cause := range r.causes {
						way.auth = cause.auth
						got := visible(t, r.do(way).want(t, http.StatusUnauthorized))
						if first == "" {
							first = got
						}
						if got != first {
							t.Errorf("%s %s, %s:\n%s\nand %s:\n%s", way.method, way.path, r.causes[0].cause, first, cause.cause, got)
						}
					}
				}
			}
			// The same requests with what is right are let in, so that it is the causes which are refused.
			r.token("root:"+rootPassword, "")
			r.do(request{method: "GET", path: "/auth/v1/verify", auth: "root:" + rootPassword}).want(t, http.StatusOK)
		})
	}
}

// visible returns all of an answer that a caller could tell it from another by: the two headers that differ between any two
// answers are left out, and must be there.
func visible(t testing.TB, a answer) string {
	t.Helper()
	var text strings.Builder
	fmt.Fprintf(&text, "%d\n", a.status)
	for _, name := range slices.Sorted(maps.Keys(a.header)) {
		if name != "Date" && name != "X-Request-Id" {
			fmt.Fprintf(&text, "%s: %q\n", name, a.header[name])
		}
	}
	if a.header.Get("Date") == "" || a.header.Get("X-Request-Id") == "" {
		t.Errorf("an answer without Date or X-Request-ID: %v", a.header)
	}
	return text.String() + "\n" + a.text
}
