package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"latchkey/daemon/client"
)

// company is a real daemon with a workspace, and a tool that is activated on one machine, whose clock is the test's.
type company struct {
	*site
	cache string
	ahead time.Duration // of the tool's clock
	logs  bytes.Buffer
}

// as returns the environment of a user's command line, with a home of his own.
func (c *company) as(user string) []string {
	return []string{"HOME=" + c.path("home-"+user), "LATCHKEY_WORKSPACE=acme"}
}

// run runs the command line as a user and wants it to succeed; the output comes back without its last newline.
func (c *company) run(user string, args ...string) string {
	c.t.Helper()
	return strings.TrimSpace(c.cli(c.as(user), args...).want(c.t, 0).stdout)
}

// logIn logs a user in on the command line.
func (c *company) logIn(user, password string) {
	c.t.Helper()
	c.cli(c.as(user), "login", user, "--password", password).want(c.t, 0)
}

// activate does what a tool does in its main, with these variables.
func (c *company) activate(variables ...string) (*client.Activation, error) {
	c.t.Helper()
	c.logs.Reset()
	return client.Activate(c.t.Context(), client.ActivateOptions{
		Product: "tool", Version: "1.0", URL: c.url(""), CacheFolder: c.cache, Log: slog.New(slog.NewTextHandler(&c.logs, nil)),
		Now: func() time.Time { return time.Now().Add(c.ahead) },
		Getenv: func(name string) string {
			for _, variable := range variables {
				if value, ok := strings.CutPrefix(variable, name+"="); ok {
					return value
				}
			}
			return ""
		},
	})
}

// granted fails the test unless a tool is activated.
func (c *company) granted(variables ...string) *client.Activation {
	c.t.Helper()
	a, err := c.activate(variables...)
	if err != nil || !a.Activated {
		c.t.Fatalf("activated: %+v, %v", a, err)
	}
	return a
}

// refused fails the test unless a tool is refused for a reason, which the banner shows with what to do and how to go on without.
func (c *company) refused(reason string, variables ...string) string {
	c.t.Helper()
	_, err := c.activate(variables...)
	failed, ok := errors.AsType[*client.ActivationError](err)
	if !ok || failed.Reason != reason {
		c.t.Fatalf("the activation came to %v, not %s", err, reason)
	}
	var banner bytes.Buffer
	client.WriteBanner(&banner, "tool", err)
	for _, part := range []string{"activation failed", reason, "LATCHKEY_ACTIVATE=0"} {
		if !strings.Contains(banner.String(), part) {
			c.t.Errorf("%q is not in the banner:\n%s", part, banner.String())
		}
	}
	return failed.Sentence
}

// The life of a workspace, from its trial to the sunset of its legacy keys, by the real daemon, the command line, and what a tool puts
// into its main.
func TestWorkspaceLife(t *testing.T) {
	c := &company{site: newSite(t, map[string]string{"root": "toor", "ann": "secret", "bob": "secret"}), cache: filepath.Join(t.TempDir(), "cache")}
	c.start()
	for user, password := range map[string]string{"root": "toor", "ann": "secret", "bob": "secret"} {
		c.logIn(user, password)
	}
	c.run("root", "workspace", "create", "acme", "--owner", "ann")
	c.run("ann", "subscription", "trial")
	if again := c.cli(c.as("ann"), "subscription", "trial"); again.code == 0 {
		t.Error("a second trial was given")
	}
	code := c.run("ann", "member", "invite", "The new one", "bob@example.com")
	if early := c.cli(c.as("ann"), "seat", "assign", "bob@example.com"); early.code == 0 || !strings.Contains(early.stderr, "has not joined yet") {
		t.Errorf("a seat for somebody who has not joined: %+v", early)
	}
	bob := c.run("bob", "member", "join", code)
	if late := c.cli(c.as("bob"), "member", "join", code); late.code == 0 {
		t.Error("an invitation was good twice")
	}
	token := "LATCHKEY_AUTH_TOKEN=" + bob
	if sentence := c.refused("no_licence_assigned", token); !strings.Contains(sentence, "assign you a seat") {
		t.Error(sentence)
	}
	c.run("ann", "seat", "assign", "bob")
	a := c.granted(token)
	if a.Claims.Subject != "bob" || a.Claims.Plan != "trial" || a.Claims.Workspace.Name != "acme" || !strings.Contains(c.logs.String(), "Successfully activated licence") {
		t.Errorf("%+v\n%s", a, c.logs.String())
	}
	c.offLine(token)
	c.rotateAndRemove(token)
	c.inCI(token)
	c.legacyKeys()
}

// offLine stops the daemon: the grant counts for a day, and not when the clock is set back.
func (c *company) offLine(token string) {
	c.t.Helper()
	c.daemon.stop()
	c.ahead = 23 * time.Hour
	if a := c.granted(token); !a.Offline {
		c.t.Errorf("%+v", a)
	}
	c.ahead = time.Hour
	c.refused("clock_wrong", token)
	c.ahead = 25 * time.Hour
	c.refused("offline_too_long", token)
	c.ahead = 0
	c.start()
	c.cache = filepath.Join(c.t.TempDir(), "cache") // which forgets that the clock was ahead
	c.granted(token)
}

// rotateAndRemove takes the seat away and gives it back, and gives the token a new text.
func (c *company) rotateAndRemove(token string) {
	c.t.Helper()
	c.run("ann", "seat", "unassign", "bob")
	c.refused("no_licence_assigned", token)
	c.run("ann", "seat", "assign", "bob")
	c.granted(token)
	fresh := c.run("bob", "dev-token", "rotate")
	c.refused("unknown_token", token)
	c.granted("LATCHKEY_AUTH_TOKEN=" + fresh)
	c.granted("LATCHKEY_API_KEY=" + fresh)
	c.do(request{method: "GET", path: "/api/v1/workspaces/acme", header: map[string]string{"X-API-Key": fresh}}).want(c.t, http.StatusOK)
	c.refused("developer_token_in_ci", "LATCHKEY_AUTH_TOKEN="+fresh, "CI=true")
	c.run("ann", "member", "remove", "bob")
	c.refused("member_removed", "LATCHKEY_AUTH_TOKEN="+fresh)
	if shown := c.run("ann", "member", "list", "--removed"); !strings.Contains(shown, "bob") {
		c.t.Error(shown)
	}
	c.run("bob", "member", "join", c.run("ann", "member", "resend", "bob@example.com"))
	c.refused("unknown_token", "LATCHKEY_AUTH_TOKEN="+fresh) // he has another one now
}

// inCI uses a CI token, which is the workspace's.
func (c *company) inCI(token string) {
	c.t.Helper()
	ci := c.run("ann", "ci-token", "create", "--name", "nightly")
	for _, variable := range []string{"CI=1", "GITHUB_ACTIONS=true", "JENKINS_URL=http://x", "TF_BUILD=True"} {
		if a := c.granted("LATCHKEY_AUTH_TOKEN="+ci, variable); a.Claims.Kind != "ci" || a.Claims.Subject != "nightly" {
			c.t.Errorf("%+v", a)
		}
		c.refused("unknown_token", token, variable)
	}
}

// legacyKeys uses one with and without a seat, in a downtime and after the sunset.
func (c *company) legacyKeys() {
	c.t.Helper()
	const key = "old-Key-0123456789"
	used := func() int {
		var seats struct{ Used int }
		if err := json.Unmarshal([]byte(c.run("ann", "seat", "list", "--json")), &seats); err != nil {
			c.t.Fatal(err)
		}
		return seats.Used
	}
	before := used()
	c.run("ann", "legacy-key", "add", key, "--name", "old", "--member", "bob")
	c.granted("LATCHKEY_API_KEY=" + key)
	if used() != before+1 {
		c.t.Errorf("a legacy key counts %d", used()-before)
	}
	c.run("ann", "seat", "assign", "bob")
	if used() != before+1 {
		c.t.Errorf("a seat beside a legacy key counts %d", used()-before)
	}
	reload := func(section string) {
		c.extra = "[legacy]\n" + section
		c.configure()
		c.daemon.signal(syscall.SIGHUP)
	}
	now := time.Now().UTC()
	reload("downtimes = " + now.Add(-time.Hour).Format(time.RFC3339) + "/" + now.Add(time.Hour).Format(time.RFC3339) + "\nguide = https://example.com/move\n")
	eventually(c.t, "the downtime", func() bool {
		_, err := c.activate("LATCHKEY_API_KEY=" + key)
		return err != nil
	})
	if sentence := c.refused("legacy_key_downtime", "LATCHKEY_API_KEY="+key); !strings.Contains(sentence, "https://example.com/move") {
		c.t.Error(sentence)
	}
	reload("sunset = 2026-01-01\n")
	eventually(c.t, "the sunset", func() bool {
		_, err := c.activate("LATCHKEY_API_KEY=" + key)
		failed, _ := errors.AsType[*client.ActivationError](err)
		return failed != nil && failed.Reason == "legacy_key_sunset"
	})
	c.run("ann", "legacy-key", "delete", c.firstKey())
	bob := c.run("bob", "dev-token", "rotate")
	c.granted("LATCHKEY_AUTH_TOKEN=" + bob)
}

// firstKey returns the id of the legacy key that is listed first.
func (c *company) firstKey() string {
	c.t.Helper()
	var keys []struct{ ID string }
	if err := json.Unmarshal([]byte(c.run("ann", "legacy-key", "list", "--json")), &keys); err != nil || len(keys) == 0 {
		c.t.Fatalf("legacy keys: %v, %v", keys, err)
	}
	return keys[0].ID
}
