package ldap_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"

	"latchkey/backends/ldap/slapdtest"
	"latchkey/plugins"
	"latchkey/plugins/secret"
)

// A first host that refuses, or is silent, costs one log-in its time at most; the next ones go to the second host at once.
func TestFailover(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Options{})
	for name, test := range map[string]struct {
		silent   bool
		settings kwargs
	}{
		"refusing":         {false, kwargs{}},
		"silent":           {true, kwargs{"network_timeout": 2}},
		"silent, TLS":      {true, kwargs{"network_timeout": 2, "use_ssl": true, "cacert": server.CAFile}},
		"silent, StartTLS": {true, kwargs{"network_timeout": 2, "use_tls": true, "cacert": server.CAFile}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, connections := refusing(t), func() int { return 0 }
			if test.silent {
				first, connections = silent(t)
			}
			second := server.Address
			if test.settings["use_ssl"] != nil {
				second = server.TLSAddress
			}
			settings := plain(server, test.settings)
			settings["host"] = first + ", " + second
			backend, log := open(t, settings)
			within(t, 8*time.Second, "the first log-in", func() { want(t, backend, "alice", slapdtest.AlicePassword, plugins.Accepted, "") })
			// Ten times the timeout would be twenty seconds.
			within(t, 8*time.Second, "ten more", func() {
				for range 5 {
					want(t, backend, "alice", slapdtest.AlicePassword, plugins.Accepted, "")
					want(t, backend, "alice", "wrong", plugins.Denied, plugins.ReasonWrongPassword)
				}
			})
			if n := connections(); n > 1 {
				t.Errorf("the silent host was asked %d times", n)
			}
			if n := strings.Count(log.String(), "directory server failed"); n != 1 {
				t.Errorf("its failure is logged %d times:\n%s", n, log)
			}
		})
	}
}

// A network timeout that is longer than the caller waits leaves time for the second host, too.
func TestFailoverWithinDeadline(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Options{})
	quiet, _ := silent(t)
	backend, _ := open(t, plain(server, kwargs{"host": quiet + "," + server.Address, "network_timeout": 60}))
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	got, err := backend.Authenticate(ctx, plugins.Request{Name: "alice", Password: secret.New(slapdtest.AlicePassword)})
	if err != nil || got.Outcome != plugins.Accepted {
		t.Fatalf("%+v, %v", got, err)
	}
}

// When no host answers, nobody's password is called wrong, each host is named, and the first one that is back is used.
func TestAllHostsDown(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Options{})
	down := refusing(t)
	backend, _ := open(t, plain(server, kwargs{"host": []string{down, server.Address}}))
	server.Stop(t)
	for _, name := range []string{"alice", "nobody-here"} {
		undecided(t, backend, name, slapdtest.AlicePassword, down)
		undecided(t, backend, name, "wrong", server.Address)
	}
	if err := backend.(plugins.Checker).Check(t.Context()); err == nil || !strings.Contains(err.Error(), "no directory server could be asked") {
		t.Errorf("Check: %v", err)
	}
	server.Restart(t)
	want(t, backend, "alice", slapdtest.AlicePassword, plugins.Accepted, "")
}

// A server that says that it is busy or unavailable is passed over; one that only says no is not.
func TestBusy(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Options{})
	for code, passed := range map[int]bool{
		goldap.LDAPResultBusy: true, goldap.LDAPResultUnavailable: true, goldap.LDAPResultOther: false, goldap.LDAPResultInsufficientAccessRights: false,
	} {
		first := newProxy(t, server.Address, func(packet *ber.Packet) *ber.Packet {
			if packet.Children[1].Tag != goldap.ApplicationSearchRequest {
				return nil
			}
			return result(packet, goldap.ApplicationSearchResultDone, code)
		})
		backend, _ := open(t, plain(server, kwargs{"host": first.address + "," + server.Address}))
		if passed {
			want(t, backend, "alice", slapdtest.AlicePassword, plugins.Accepted, "")
			continue
		}
		undecided(t, backend, "alice", slapdtest.AlicePassword, fmt.Sprintf("Code %d", code))
	}
	// The same where the first thing that it is asked for is the bind of the service account.
	first := newProxy(t, server.Address, func(packet *ber.Packet) *ber.Packet {
		return result(packet, goldap.ApplicationBindResponse, goldap.LDAPResultBusy)
	})
	backend, _ := open(t, plain(server, kwargs{"host": first.address + "," + server.Address}))
	want(t, backend, "alice", slapdtest.AlicePassword, plugins.Accepted, "")
}

// Connections that a restart has cut cost nobody a log-in.
func TestRestart(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Options{})
	backend, _ := open(t, plain(server, nil))
	for i := range 4 {
		want(t, backend, "alice", slapdtest.AlicePassword, plugins.Accepted, "")
		want(t, backend, "alice", "wrong", plugins.Denied, plugins.ReasonWrongPassword)
		if i%2 == 0 {
			server.Stop(t)
		} else {
			server.Kill(t)
		}
		server.Restart(t)
	}
	want(t, backend, "bob", slapdtest.BobPassword, plugins.Accepted, "")
}

// A server that freezes with connections open is found out within the time of one log-in, which goes to the second host.
func TestFrozen(t *testing.T) {
	first, second := slapdtest.Start(t, slapdtest.Options{}), slapdtest.Start(t, slapdtest.Options{})
	backend, _ := open(t, plain(first, kwargs{"host": first.Address + "," + second.Address, "network_timeout": 2}))
	want(t, backend, "alice", slapdtest.AlicePassword, plugins.Accepted, "")
	first.Freeze(t)
	defer first.Thaw(t)
	within(t, 8*time.Second, "the log-in after the freeze", func() { want(t, backend, "alice", slapdtest.AlicePassword, plugins.Accepted, "") })
	within(t, 2*time.Second, "the next one", func() { want(t, backend, "alice", "wrong", plugins.Denied, plugins.ReasonWrongPassword) })
}

// Under log-ins, with the server killed and started again and again, every answer is the right one or an error, and never
// another's. hazard 8
func TestKilledUnderLogins(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Options{})
	backend, _ := open(t, plain(server, kwargs{"pool_size": 3}))
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var decided, failed atomic.Int64
	for i := range 6 {
		name, password, outcome := "alice", slapdtest.AlicePassword, plugins.Accepted
		switch i % 3 {
		case 1:
			password, outcome = "wrong", plugins.Denied
		case 2:
			name, outcome = "nobody-here", plugins.UnknownUser
		}
		wg.Go(func() {
			for ctx.Err() == nil {
				one, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				got, err := backend.Authenticate(one, plugins.Request{Name: name, Password: secret.New(password)})
				cancel()
				switch {
				case err != nil:
					failed.Add(1)
				case got.Outcome != outcome || outcome == plugins.Accepted && got.Name != "alice":
					t.Errorf("%s: %+v", name, got)
					return
				default:
					decided.Add(1)
				}
			}
		})
	}
	for range 5 {
		seen := decided.Load()
		slapdtest.Eventually(t, "log-ins to be decided", func() bool { return decided.Load() > seen+20 })
		server.Kill(t)
		missed := failed.Load()
		slapdtest.Eventually(t, "log-ins to fail", func() bool { return failed.Load() > missed })
		server.Restart(t)
	}
	seen := decided.Load()
	slapdtest.Eventually(t, "log-ins to be decided", func() bool { return decided.Load() > seen+20 })
	stop()
	wg.Wait()
	t.Logf("%d decided, %d could not be decided while the server was away", decided.Load(), failed.Load())
}

// Connections are few, are used again, and searches never run on one that a user was bound on: it could see what the user may
// see and not what the service account may.
func TestPool(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Options{})
	through := newProxy(t, server.Address, nil)
	backend, _ := open(t, plain(server, kwargs{"host": through.address, "pool_size": 2}))
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 3 {
				if got, err := ask(t, backend, "bob", slapdtest.BobPassword); err != nil || got.Outcome != plugins.Accepted {
					t.Errorf("%+v, %v", got, err)
				}
				if got, err := ask(t, backend, "bob", "wrong"); err != nil || got.Outcome != plugins.Denied {
					t.Errorf("%+v, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
	if n := through.count.Load(); n > 4 {
		t.Errorf("%d connections for a pool of 2", n)
	}
	// slapd's log names the connection of each operation; a connection that a user was bound on must not search.
	users := map[string]bool{}
	for line := range strings.Lines(server.Log()) {
		_, line, _ = strings.Cut(line, "conn=")
		conn, _, _ := strings.Cut(line, " ")
		switch {
		case strings.Contains(line, `BIND dn="uid=bob`):
			users[conn] = true
		case strings.Contains(line, "SRCH base=") && users[conn]:
			t.Errorf("a user's connection searches: %s", line)
		}
	}
	if len(users) == 0 || len(users) > 2 {
		t.Errorf("%d connections for the binds of users", len(users))
	}
}

// A call ends when its context does, also while it waits for a connection or an answer, and a caller who gives up does not
// speak against the server.
func TestContext(t *testing.T) {
	quiet, _ := silent(t)
	backend, log := open(t, plain(&slapdtest.Server{}, kwargs{"host": quiet, "network_timeout": 30, "pool_size": 1}))
	var wg sync.WaitGroup
	within(t, 5*time.Second, "three calls that were given up", func() {
		ctx, cancel := context.WithCancel(t.Context())
		for range 3 {
			wg.Go(func() {
				if got, err := backend.Authenticate(ctx, plugins.Request{Name: "alice", Password: secret.New("x")}); err == nil || got.Outcome != plugins.Undecided {
					t.Errorf("%+v, %v", got, err)
				}
			})
		}
		time.AfterFunc(100*time.Millisecond, cancel)
		wg.Wait()
	})
	if strings.Contains(log.String(), "directory server failed") {
		t.Errorf("giving up speaks against the server:\n%s", log)
	}
	within(t, 5*time.Second, "a call with a deadline", func() {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if got, err := backend.Authenticate(ctx, plugins.Request{Name: "alice", Password: secret.New("x")}); err == nil || !strings.Contains(err.Error(), "no answer in time") {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
