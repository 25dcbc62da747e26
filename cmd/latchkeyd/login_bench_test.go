package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"golang.org/x/crypto/bcrypt"

	"latchkey/backends/ldap/slapdtest"
)

// logIn is the request of a log-in.
func logIn(name, password string) string {
	basic := base64.StdEncoding.EncodeToString([]byte(name + ":" + password))
	return "POST /auth/v1/tokens HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nAuthorization: Basic " + basic + "\r\n\r\n"
}

// BenchmarkLogin compares log-ins, end to end over loopback with a durable token, with what cannot be saved, in turn, in one run:
// with a file of users the bare bcrypt comparison of cost 10, of which "overhead-%" is what the log-in costs on top; with a
// directory the bare search, search for groups and bind, and with PAM the bare transaction, of which "ratio" is the share of their
// rate that log-ins reach.
func BenchmarkLogin(b *testing.B) {
	b.Run("backend=flat_file", benchmarkFileLogin)
	b.Run("backend=pam", benchmarkSystemLogin)
	for _, remembered := range []bool{false, true} {
		b.Run(fmt.Sprintf("backend=ldap/groups-remembered=%t", remembered), func(b *testing.B) { benchmarkDirectoryLogin(b, remembered) })
	}
}

// benchmarkFileLogin compares one client's log-ins with the hash.
func benchmarkFileLogin(b *testing.B) {
	const pairs = 30
	s := benchSite(b, "bolt", nil)
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), 10)
	if err != nil {
		b.Fatal(err)
	}
	s.write("htpasswd", "alice:"+string(hash)+"\n")
	s.start()
	login := callers(b, 1, s.port, logIn("alice", "secret"))[0]
	var logins, hashes []float64
	for b.Loop() {
		for range pairs {
			started := time.Now()
			if err := login.call(" 201 "); err != nil {
				b.Fatal(err)
			}
			logins = append(logins, time.Since(started).Seconds()*1e3)
			started = time.Now()
			if err := bcrypt.CompareHashAndPassword(hash, []byte("secret")); err != nil {
				b.Fatal(err)
			}
			hashes = append(hashes, time.Since(started).Seconds()*1e3)
		}
	}
	b.ReportMetric(median(logins), "login-ms")
	b.ReportMetric(median(hashes), "hash-ms")
	b.ReportMetric((ratio(logins, hashes)-1)*100, "overhead-%")
}

// benchmarkDirectoryLogin compares the log-ins of 16 people with 16 bare loops against the same directory. Each has an account of
// his own, since of one name only as many guesses are let through at a time as may fail. Where the backend remembers groups, as
// it does by default, the bare loops do not search for them.
func benchmarkDirectoryLogin(b *testing.B, remembered bool) {
	const clients = 16
	directory := slapdtest.Start(b, slapdtest.Options{LDIF: crowd(clients)})
	s := benchSite(b, "bolt", nil)
	s.auth = "backend = ldap\n"
	s.extra = fmt.Sprintf("[backend.ldap]\nhost = %s\nbind_dn = %s\nbind_password_file = %s\nbase_ou = %s\nbase_ou_group = %s\ngroup_dns = cn=crowd\n"+
		"pool_size = %d\ncache_user_groups_response = %t\n", directory.Address, slapdtest.ServiceDN, s.write("ldap.password", slapdtest.ServicePassword+"\n"),
		slapdtest.People, slapdtest.Groups, clients, remembered)
	s.start()
	var logins []*caller
	var loops []*bareLogin
	for n := range clients {
		logins = append(logins, callers(b, 1, s.port, logIn(crowdName(n), slapdtest.BobPassword))...)
		loops = append(loops, newBareLogin(b, directory.Address, crowdName(n), !remembered))
	}
	var took []time.Duration
	rates := inTurn(b, func() float64 {
		rate, times := during(b, logins, " 201 ")
		took = append(took, times...)
		return rate
	}, func() float64 { return duringBare(b, loops) })
	b.ReportMetric(median(rates[0]), "logins/s")
	b.ReportMetric(median(rates[1]), "bare/s")
	b.ReportMetric(ratio(rates[0], rates[1]), "ratio")
	reportTimes(b, took)
}

// crowdName is the name of one of many accounts.
func crowdName(n int) string { return fmt.Sprintf("person%02d", n) }

// crowd returns the entries of so many accounts and of the groups that let them in. All of them have Bob's password.
func crowd(size int) string {
	var people, members strings.Builder
	for n := range size {
		dn := "uid=" + crowdName(n) + "," + slapdtest.People
		fmt.Fprintf(&people, "dn: %s\nobjectClass: inetOrgPerson\nuid: %s\ncn: Person %d\nsn: %d\nmail: %s@example.com\nuserPassword: %s\n\n",
			dn, crowdName(n), n, n, crowdName(n), slapdtest.BobPassword)
		fmt.Fprintf(&members, "member: %s\n", dn)
	}
	return people.String() + "dn: cn=crowd," + slapdtest.Groups + "\nobjectClass: groupOfNames\ncn: crowd\n" + members.String() + "\n"
}

// bareLogin asks a directory what the backend asks it, and nothing else happens. Searches and binds have a connection each, as
// the backend's have, since a bind as a user ends what the service account may do on the connection.
type bareLogin struct {
	searches, binds *ldap.Conn
	name            string
	groups          bool
}

func newBareLogin(b *testing.B, address, name string, groups bool) *bareLogin {
	b.Helper()
	dial := func() *ldap.Conn {
		conn, err := ldap.DialURL("ldap://" + address)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	l := &bareLogin{dial(), dial(), name, groups}
	if err := l.searches.Bind(slapdtest.ServiceDN, slapdtest.ServicePassword); err != nil {
		b.Fatal(err)
	}
	return l
}

// logIn logs the person in.
func (l *bareLogin) logIn() error {
	search := func(base, filter string, limit int, attributes ...string) (*ldap.SearchResult, error) {
		return l.searches.Search(ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, limit, 0, false, filter, attributes, nil))
	}
	found, err := search(slapdtest.People, "(uid="+l.name+")", 2, "uid", "cn", "displayName", "mail", "userAccountControl", "nsAccountLock", "pwdAccountLockedTime", "pwdReset")
	if err != nil || len(found.Entries) != 1 {
		return errors.Join(errors.New("no single account"), err)
	}
	dn := found.Entries[0].DN
	if err := l.binds.Bind(dn, slapdtest.BobPassword); err != nil || !l.groups {
		return err
	}
	filter := "(|(&(objectClass=*)(|(member=" + dn + ")(uniqueMember=" + dn + ")(memberUid=" + l.name + "))))"
	if found, err = search(slapdtest.Groups, filter, 0, "cn"); err != nil || len(found.Entries) != 1 {
		return errors.Join(errors.New("no single group"), err)
	}
	return nil
}

// duringBare lets all loops run for a round and returns how many log-ins there were in a second.
func duringBare(b *testing.B, loops []*bareLogin) float64 {
	b.Helper()
	return together(b, len(loops), func(n int) error { return loops[n].logIn() })
}

// together lets so many goroutines repeat an act for a round and returns how often it was done in a second.
func together(b *testing.B, goroutines int, act func(n int) error) float64 {
	b.Helper()
	var done atomic.Int64
	var wg sync.WaitGroup
	started := time.Now()
	for n := range goroutines {
		wg.Go(func() {
			for time.Since(started) < benchRound {
				if err := act(n); err != nil {
					b.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	if b.Failed() {
		b.FailNow()
	}
	return float64(done.Load()) / time.Since(started).Seconds()
}
