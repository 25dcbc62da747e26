package ldap

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"latchkey/backends/ldap/slapdtest"
	"latchkey/plugins"
	"latchkey/plugins/plugintest"
	"latchkey/plugins/secret"
)

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Unix(1_800_000_000, 0)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// timed makes a backend whose clock the test moves.
func timed(t *testing.T, c *clock, settings map[string]any) (*Backend, *plugintest.Log) {
	t.Helper()
	for key, value := range map[string]any{
		"base_ou": slapdtest.Suffix, "bind_dn": slapdtest.ServiceDN, "bind_password": slapdtest.ServicePassword, "group_dns": []string{"cn=st2users"},
	} {
		if _, given := settings[key]; !given {
			settings[key] = value
		}
	}
	text, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	log := &plugintest.Log{}
	backend, err := newBackend(plugins.NewSettings(secret.New(string(text))), log.Logger(), c.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = backend.Close() })
	return backend, log
}

func login(t *testing.T, b *Backend, name, password string) plugins.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	got, err := b.Authenticate(ctx, plugins.Request{Name: name, Password: secret.New(password)})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return got
}

// What is remembered of groups: somebody who was put into a group is in it at once; somebody who was taken out of it is out when
// the time of the memory ends, and at once without the memory. hazard 24
func TestGroupsAreRemembered(t *testing.T) {
	const change = "dn: cn=st2users,ou=groups,dc=example,dc=com\nchangetype: modify\n%: member\nmember: uid=carol,ou=people,dc=example,dc=com\n"
	server, now := slapdtest.Start(t, slapdtest.Options{}), newClock()
	remembering, _ := timed(t, now, map[string]any{"host": server.Address, "cache_user_groups_ttl": 60})
	forgetting, _ := timed(t, now, map[string]any{"host": server.Address, "cache_user_groups_response": false})
	outcomes := func() []plugins.Outcome {
		return []plugins.Outcome{
			login(t, remembering, "carol", slapdtest.CarolPassword).Outcome, login(t, forgetting, "carol", slapdtest.CarolPassword).Outcome,
		}
	}
	check := func(when string, want ...plugins.Outcome) {
		t.Helper()
		if got := outcomes(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", when, got, want)
		}
	}
	check("at first", plugins.Denied, plugins.Denied)
	server.Apply(t, strings.Replace(change, "%", "add", 1))
	check("put in", plugins.Accepted, plugins.Accepted)
	server.Apply(t, strings.Replace(change, "%", "delete", 1))
	now.advance(time.Minute - 1)
	check("taken out", plugins.Accepted, plugins.Denied)
	now.advance(1)
	check("at the end of the memory", plugins.Denied, plugins.Denied)
	// A password is never remembered, and neither is an account.
	server.Apply(t, strings.Replace(change, "%", "add", 1))
	check("in again", plugins.Accepted, plugins.Accepted)
	if got := login(t, remembering, "carol", "wrong"); got.Outcome != plugins.Denied {
		t.Errorf("a wrong password: %+v", got)
	}
	server.Apply(t, "dn: uid=carol,ou=people,dc=example,dc=com\nchangetype: delete\n")
	if got := login(t, remembering, "carol", slapdtest.CarolPassword); got.Outcome != plugins.UnknownUser {
		t.Errorf("a deleted account: %+v", got)
	}
}

// A server that failed is left alone for its rest, then asked in the background, and used again when it has answered.
func TestServerComesBack(t *testing.T) {
	first, second, now := slapdtest.Start(t, slapdtest.Options{}), slapdtest.Start(t, slapdtest.Options{}), newClock()
	b, log := timed(t, now, map[string]any{"host": first.Address + "," + second.Address})
	asked := func(s *slapdtest.Server) int {
		return strings.Count(s.Log(), `BIND dn="uid=alice,ou=people,dc=example,dc=com" method=`)
	}
	expect := func(ofFirst, ofSecond int) {
		t.Helper()
		slapdtest.Eventually(t, "the servers' logs", func() bool { return asked(first) >= ofFirst && asked(second) >= ofSecond })
		if asked(first) != ofFirst || asked(second) != ofSecond {
			t.Fatalf("asked %d and %d times, want %d and %d", asked(first), asked(second), ofFirst, ofSecond)
		}
	}
	login(t, b, "alice", slapdtest.AlicePassword)
	expect(1, 0)
	first.Stop(t)
	login(t, b, "alice", slapdtest.AlicePassword)
	first.Restart(t)
	now.advance(rest - 1)
	login(t, b, "alice", slapdtest.AlicePassword)
	expect(1, 2)
	now.advance(1)
	login(t, b, "alice", slapdtest.AlicePassword)
	slapdtest.Eventually(t, "the first server to be back", func() bool { return strings.Contains(log.String(), "directory server is back") })
	for range 3 {
		login(t, b, "alice", slapdtest.AlicePassword)
	}
	// Of the log-in before these it is not known whether it was answered before the first server was.
	slapdtest.Eventually(t, "the first server to be asked", func() bool { return asked(first) >= 4 })
	if n := asked(second); n > 3 {
		t.Errorf("the second server is asked %d times", n)
	}
	// Still away at the end of its rest: log-ins go on with the other one, and none waits.
	first.Stop(t)
	login(t, b, "alice", slapdtest.AlicePassword)
	now.advance(rest)
	for range 3 {
		if got := login(t, b, "alice", slapdtest.AlicePassword); got.Outcome != plugins.Accepted {
			t.Errorf("%+v", got)
		}
	}
}

// A connection that was idle for long is asked for a sign of life or closed, and nothing is left when the backend is closed.
func TestIdleConnections(t *testing.T) {
	server, now := slapdtest.Start(t, slapdtest.Options{}), newClock()
	ignored := goleak.IgnoreCurrent()
	b, _ := timed(t, now, map[string]any{"host": server.Address})
	expect := func(connections, signs int) {
		t.Helper()
		count := func() (int, int) {
			bound := map[string]bool{}
			for line := range strings.Lines(server.Log()) {
				if _, line, _ := strings.Cut(line, "conn="); strings.Contains(line, " BIND dn=") {
					conn, _, _ := strings.Cut(line, " ")
					bound[conn] = true
				}
			}
			return len(bound), strings.Count(server.Log(), `SRCH base="" scope=0`)
		}
		slapdtest.Eventually(t, "the server's log", func() bool {
			c, s := count()
			return c >= connections && s >= signs
		})
		if c, s := count(); c != connections || s != signs {
			t.Errorf("%d connections and %d signs of life, want %d and %d:\n%s", c, s, connections, signs, server.Log())
		}
	}
	for range 3 {
		login(t, b, "alice", slapdtest.AlicePassword)
	}
	expect(2, 0)
	now.advance(freshFor)
	login(t, b, "alice", slapdtest.AlicePassword)
	expect(2, 1)
	now.advance(idleFor)
	login(t, b, "alice", slapdtest.AlicePassword)
	expect(4, 1)
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	goleak.VerifyNone(t, ignored)
	if _, err := b.Authenticate(t.Context(), plugins.Request{Name: "alice", Password: secret.New("x")}); err == nil {
		t.Error("a closed backend decides")
	}
}
