package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// outcome is what a run of the command-line client came to.
type outcome struct {
	code           int
	stdout, stderr string
}

// cli runs latchkey against the site; env is added to an otherwise clean environment.
func (s *site) cli(env []string, args ...string) outcome {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program("latchkey"), args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "LATCHKEY_URL=" + s.url("")}, env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		s.t.Fatalf("latchkey %q: %v", args, err)
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// want fails the test unless the run ended with this code.
func (o outcome) want(t testing.TB, code int) outcome {
	t.Helper()
	if o.code != code {
		t.Fatalf("exit code %d, want %d\n%s%s", o.code, code, o.stdout, o.stderr)
	}
	return o
}

// matches fails the test unless the pattern, of which ^ and $ are a line's ends, is found.
func matches(t testing.TB, text, pattern string) {
	t.Helper()
	if !regexp.MustCompile("(?m)" + pattern).MatchString(text) {
		t.Errorf("%s is not in\n%s", pattern, text)
	}
}

// TestServiceTokens is what docs/service-tokens.md promises, sentence by sentence, by the real daemon and the real client.
func TestServiceTokens(t *testing.T) {
	s := newSite(t, map[string]string{"root": "toor", "alice": "secret"})
	s.extra = "[bootstrap]\ntoken_file = " + s.write("bootstrap", "Zk3vQ9xT7mB2wR8nL5cJ4hFd\n") + "\nname = installer\nroles = admin\nttl = 24h\n"
	s.start()
	first := []string{"LATCHKEY_API_KEY=Zk3vQ9xT7mB2wR8nL5cJ4hFd"}

	t.Run("HelpNamesTheCommands", func(t *testing.T) {
		out := s.cli(nil, "service-token", "--help").want(t, 0).stdout
		for _, command := range []string{"create", "delete", "list"} {
			matches(t, out, "^  "+command+" +[A-Z]")
		}
	})
	t.Run("BootstrapTokenIsGoodForTheFirstCall", func(t *testing.T) {
		matches(t, s.cli(first, "service-token", "list").want(t, 0).stdout, `^[0-9a-f]{24} \| installer \| \S+ \| \[admin\] `)
	})
	var token string
	t.Run("CreateShowsTheTokenOnce", func(t *testing.T) {
		made := s.cli(first, "service-token", "create", "--name", "my-service-token", "--roles", "stackstate-power-user").want(t, 0)
		matches(t, made.stderr, `^Service token created: [0-9a-f]{24}\. It is shown this once:$`)
		matches(t, made.stdout, `\Alks_[0-9A-Za-z]{36}\n\z`)
		token = strings.TrimSpace(made.stdout)
		listed := s.cli(first, "service-token", "list", "--json").want(t, 0).stdout
		one := s.do(request{method: "GET", path: "/api/v1/servicetokens/" + idOf(t, listed, "my-service-token"), header: map[string]string{"X-API-Key": first[0][17:]}}).want(t, 200)
		if strings.Contains(listed+one.text, "lks_") || strings.Contains(listed+one.text, token[4:34]) {
			t.Errorf("the token can be seen again:\n%s%s", listed, one.text)
		}
	})
	t.Run("RolesAreAListWithCommas", func(t *testing.T) {
		s.cli(first, "service-token", "create", "--name", "two", "--roles", "ops,dev").want(t, 0)
		matches(t, s.cli(first, "service-token", "list").want(t, 0).stdout, `\| two +\| +\| \[ops, dev\] `)
	})
	t.Run("ExpirationIsADay", func(t *testing.T) {
		s.cli(first, "service-token", "create", "--name", "until", "--roles", "ops", "--expiration", "2099-01-31").want(t, 0)
		matches(t, s.cli(first, "service-token", "list").want(t, 0).stdout, `\| until +\| 2099-01-31 +\| `)
		for _, bad := range []string{"2026-13-40", "31.01.2099", "2020-01-31"} {
			matches(t, s.cli(first, "service-token", "create", "--name", "x", "--roles", "ops", "--expiration", bad).want(t, 2).stderr, "yyyy-MM-dd")
		}
	})
	t.Run("ListIsATable", func(t *testing.T) {
		out := s.cli(first, "service-token", "list").want(t, 0).stdout
		matches(t, out, `\AID {22} \| NAME +\| EXPIRATION +\| ROLES +\| LAST USED`)
		matches(t, out, `^[0-9a-f]{24} \| my-service-token \| +\| \[stackstate-power-user\] \|`)
	})
	t.Run("NoUserAccountIsNeeded", func(t *testing.T) {
		who := s.cli([]string{"LATCHKEY_API_KEY=" + token}, "whoami").want(t, 0).stdout
		matches(t, who, "my-service-token")
		matches(t, who, "stackstate-power-user")
		if out := s.cli(nil, "--url", "unix://"+s.path("admin.sock"), "user", "list").want(t, 0).stdout; strings.Contains(out, "my-service-token") {
			t.Errorf("a user was made:\n%s", out)
		}
	})
	t.Run("HeadersOfTheAPI", func(t *testing.T) {
		for header, value := range map[string]string{"Authorization": "ApiKey " + token, "X-API-Key": token, "authorization": "Bearer " + token} {
			a := s.do(request{method: "GET", path: "/api/v1/user", header: map[string]string{header: value}}).want(t, 200)
			if a.field("username") != "my-service-token" {
				t.Errorf("%s: %s", header, a.text)
			}
		}
	})
	t.Run("DeleteByID", func(t *testing.T) {
		id := idOf(t, s.cli(first, "service-token", "list", "--json").want(t, 0).stdout, "my-service-token")
		matches(t, s.cli(first, "service-token", "delete", id).want(t, 0).stderr, "^Service token deleted: "+id+"$")
		s.do(request{method: "GET", path: "/api/v1/user", header: map[string]string{"X-API-Key": token}}).want(t, 401)
		s.cli(first, "service-token", "delete", id).want(t, 3)
		s.do(request{method: "DELETE", path: "/api/v1/servicetokens/" + id, header: map[string]string{"X-API-Key": first[0][17:]}}).want(t, 404)
	})
	t.Run("OthersMayNot", func(t *testing.T) {
		env := []string{"LATCHKEY_AUTH_TOKEN=" + s.token("alice:secret", "")}
		for _, args := range [][]string{{"list"}, {"create", "--name", "x", "--roles", "ops"}, {"delete", "0123456789abcdef01234567"}} {
			s.cli(env, append([]string{"service-token"}, args...)...).want(t, 4)
		}
	})
}

// idOf returns the id of the token with this name in the output of `service-token list --json`.
func idOf(t testing.TB, list, name string) string {
	t.Helper()
	for object := range strings.SplitSeq(list, "}") {
		if strings.Contains(object, `"name": "`+name+`"`) {
			if found := regexp.MustCompile(`"id": "([0-9a-f]{24})"`).FindStringSubmatch(object); found != nil {
				return found[1]
			}
		}
	}
	t.Fatalf("%s is not in %s", name, list)
	return ""
}

// The bootstrap token is made at the first start of an empty store and never again, whatever becomes of it, of the file and of
// the daemon; only its hash is kept. hazard 31, hazard 40
func TestBootstrapIsOnce(t *testing.T) {
	const text, other = "Zk3vQ9xT7mB2wR8nL5cJ4hFd", "Hq8sV2yN6kP4tD9gW3bX7zMc"
	works := func(s *site, text string) bool {
		return s.do(request{method: "GET", path: "/api/v1/user", header: map[string]string{"X-API-Key": text}}).status == 200
	}
	configured := func(s *site, text, more string) {
		s.extra = "[bootstrap]\ntoken_file = " + s.write("bootstrap", text+"\n") + "\nroles = admin, ops\n" + more
	}
	t.Run("Deleted", func(t *testing.T) {
		s := newSite(t, nil)
		configured(s, text, "")
		s.start()
		if !works(s, text) {
			t.Fatal("the token was not made")
		}
		env := []string{"LATCHKEY_API_KEY=" + text}
		s.cli(env, "service-token", "delete", idOf(t, s.cli(env, "service-token", "list", "--json").want(t, 0).stdout, "bootstrap")).want(t, 0)
		for _, next := range []string{text, other, text} {
			s.daemon.kill()
			configured(s, next, "")
			s.start()
			if works(s, next) || works(s, text) {
				t.Fatal("a token that was deleted came back, or another was made")
			}
		}
		s.daemon.stop()
		content, err := os.ReadFile(s.path("latchkey.db"))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte(text)) || bytes.Contains(content, []byte(other)) {
			t.Error("the store holds the token's text")
		}
	})
	t.Run("StoreInUse", func(t *testing.T) {
		s := newSite(t, map[string]string{"alice": "secret"})
		s.start()
		s.token("alice:secret", "")
		s.daemon.stop()
		configured(s, text, "")
		s.start()
		if works(s, text) {
			t.Error("a token was made in a store that was in use before")
		}
	})
	t.Run("Expires", func(t *testing.T) {
		s := newSite(t, nil)
		configured(s, text, "ttl = 60\n")
		s.start()
		list := s.do(request{method: "GET", path: "/api/v1/servicetokens", header: map[string]string{"X-API-Key": text}}).want(t, 200)
		found := regexp.MustCompile(`"expires_at":"([^"]+)"`).FindStringSubmatch(list.text)
		if found == nil {
			t.Fatalf("no expiry: %s", list.text)
		}
		expires, err := time.Parse(time.RFC3339, found[1])
		if left := time.Until(expires); err != nil || left > time.Minute || left < 0 {
			t.Errorf("it expires in %s, %v", left, err)
		}
		s.daemon.stop()
		configured(s, text, "ttl = 24h\n")
		s.start()
		again := s.do(request{method: "GET", path: "/api/v1/servicetokens", header: map[string]string{"X-API-Key": text}}).want(t, 200)
		if !strings.Contains(again.text, found[1]) {
			t.Errorf("a restart with another ttl changed the expiry: %s", again.text)
		}
	})
}

// A bootstrap section that is not whole, or whose token can be guessed, ends the start with a fault by file and line.
func TestBootstrapFaults(t *testing.T) {
	for what, c := range map[string]struct{ section, want string }{
		"no roles":     {"token = Zk3vQ9xT7mB2wR8nL5cJ4hFd\n", "roles: a bootstrap token needs at least one role"},
		"no token":     {"roles = ops\n", "token: it is missing"},
		"short":        {"token = hunter2\nroles = ops\n", "openssl rand"},
		"guessable":    {"token = password-password-password\nroles = ops\n", "openssl rand"},
		"bad checksum": {"token = lks_Zk3vQ9xT7mB2wR8nL5cJ4hFdXw6yN9pS3aG1\nroles = ops\n", "token: "},
		"other kind":   {"token = lkt_Zk3vQ9xT7mB2wR8nL5cJ4hFdXw6yN9pS3aG1\nroles = ops\n", "token: "},
		"bad role":     {"token = Zk3vQ9xT7mB2wR8nL5cJ4hFd\nroles = o ps\n", "roles: "},
	} {
		t.Run(what, func(t *testing.T) {
			s := newSite(t, nil)
			s.extra = "[bootstrap]\n" + c.section
			p := s.launch("--config-file", s.configure())
			if code := p.wait(); code != 2 || !strings.Contains(p.text(), "[bootstrap] "+c.want) && !strings.Contains(p.text(), c.want) {
				t.Errorf("exit code %d, want 2 and %q:\n%s", code, c.want, p.text())
			}
			if strings.Contains(p.text(), "hunter2") || strings.Contains(p.text(), "lks_Zk3v") {
				t.Errorf("the token is shown:\n%s", p.text())
			}
		})
	}
}
