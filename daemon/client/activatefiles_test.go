package client

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/daemon/client/kept"
	"latchkey/daemon/credential"
	"latchkey/daemon/grant"
	"latchkey/daemon/machine"
	"latchkey/plugins/secret"
)

// grantFile returns the one file of the cache.
func (l *licenser) grantFile(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(l.cache(), "grant-*.json"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	return found[0]
}

// What is kept is the owner's alone, and holds no token.
func TestGrantFile(t *testing.T) {
	l := newLicenser(t)
	l.activated(t)
	file := l.grantFile(t)
	for path, want := range map[string]fs.FileMode{l.cache(): fs.ModeDir | 0o700, file: 0o600} {
		if info, err := os.Lstat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil || bytes.Contains(text, []byte(l.env["LATCHKEY_AUTH_TOKEN"][4:34])) {
		t.Errorf("%s, %v", text, err)
	}
	// Another product and another token have grants of their own.
	l.instead(503, "")
	other := l.options()
	other.Product = "another"
	refusedWith(t, other, ReasonUnreachable)
	l.env["LATCHKEY_AUTH_TOKEN"] = authToken(developerPrefix, "b")
	l.refused(t, ReasonUnreachable)
}

// A kept grant that was changed, that is another machine's or product's, or that is a link, does not count.
func TestPlantedGrant(t *testing.T) {
	l := newLicenser(t)
	l.activated(t)
	file := l.grantFile(t)
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	l.instead(503, "")
	put := func(text []byte) {
		t.Helper()
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string][]byte{
		"empty": {}, "half": good[:len(good)/2], "no JSON": []byte("x"), "large": bytes.Repeat([]byte(" "), 1<<20),
		"no time": []byte(strings.Replace(string(good), `"latest"`, `"last"`, 1)), "another server's": bytes.Replace(good, []byte("127.0.0.1"), []byte("127.0.0.2"), 1),
	} {
		put(text)
		if failed := l.refused(t, ReasonCache); !failed.Unreachable {
			t.Errorf("%s: %+v", name, failed)
		}
	}
	put(bytes.Replace(good, []byte(`"grant":"ey`), []byte(`"grant":"eY`), 1))
	l.refused(t, ReasonNotTrusted)
	put(good)
	l.activated(t)
	if err := os.WriteFile(l.machineFile(), []byte(strings.Repeat("0b", 16)), 0o600); err != nil {
		t.Fatal(err)
	}
	l.refused(t, ReasonNotTrusted) // copied from another machine
}

// A link that is planted in the grant's place is neither read nor written through, and the tool works with the server.
func TestPlantedLink(t *testing.T) {
	l := newLicenser(t)
	l.activated(t)
	file, victim := l.grantFile(t), filepath.Join(l.home, "victim")
	if err := errors.Join(os.Rename(file, victim), os.Symlink(victim, file)); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(victim)
	if err != nil {
		t.Fatal(err)
	}
	l.now = l.now.Add(time.Hour)
	l.log.Reset()
	l.activated(t)
	if !strings.Contains(l.log.String(), "is a link") {
		t.Errorf("log: %s", &l.log)
	}
	l.instead(503, "")
	if failed := l.refused(t, ReasonCache); !strings.Contains(failed.Sentence, "is a link") {
		t.Errorf("%+v", failed)
	}
	if after, err := os.ReadFile(victim); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the victim was changed: %v", err)
	}
	l.instead(403, `{"reason":"member_removed","faultstring":"Removed."}`)
	l.refused(t, "member_removed")
	if _, err := os.Lstat(victim); err != nil {
		t.Errorf("the victim was removed: %v", err)
	}
}

// A folder that others can look into keeps no grant; without any folder a tool works with the server only.
func TestNoCache(t *testing.T) {
	l := newLicenser(t)
	l.activated(t)
	if err := os.Chmod(l.cache(), 0o755); err != nil {
		t.Fatal(err)
	}
	l.activated(t)
	l.instead(503, "")
	l.refused(t, ReasonCache)
	l.instead(0, "")
	l.env["HOME"] = ""
	l.activated(t)
	l.instead(503, "")
	l.refused(t, ReasonUnreachable)
}

// The machine's own id is not shown; where there is none, a random one is kept.
func TestMachineID(t *testing.T) {
	folder := kept.Folder{Path: filepath.Join(t.TempDir(), "cache"), Holds: "grants"}
	own := filepath.Join(t.TempDir(), "machine-id")
	if err := os.WriteFile(own, []byte("0123456789abcdef0123456789abcdef\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	id, err := machineID(own, folder, rand.Reader)
	// printf 'latchkey licence machine id 1\n0123456789abcdef0123456789abcdef' | sha256sum
	if err != nil || id != "414a541bfbb4c351" {
		t.Errorf("%s, %v", id, err)
	}
	for _, content := range []string{"uninitialized\n", "", "0123", strings.Repeat("z", 32)} {
		if err := os.WriteFile(own, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		first, err := machineID(own, folder, rand.Reader)
		second, again := machineID(own, folder, rand.Reader)
		if err != nil || again != nil || first != second || !machine.IsHex(first, 16) {
			t.Errorf("%q: %s, %s, %v, %v", content, first, second, err, again)
		}
	}
	kept1, err := machineID(filepath.Join(own, "none"), folder, rand.Reader)
	other, none := machineID(filepath.Join(own, "none"), kept.Folder{}, rand.Reader)
	if err != nil || none != nil || kept1 == other || !machine.IsHex(other, 16) {
		t.Errorf("%s, %s, %v, %v", kept1, other, err, none)
	}
	if err := os.Chmod(folder.Path, 0o755); err != nil {
		t.Fatal(err)
	}
	if id, err := machineID(filepath.Join(own, "none"), folder, rand.Reader); err == nil || !machine.IsHex(id, 16) {
		t.Errorf("a loose folder: %s, %v", id, err)
	}
	if id, err := machineID(filepath.Join(own, "none"), folder, bytes.NewReader(nil)); err == nil || id != "" {
		t.Errorf("without randomness: %s, %v", id, err)
	}
}

// Build servers are recognised, and one that says no is none.
func TestInCI(t *testing.T) {
	for _, name := range []string{
		"CI", "GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL", "BUILDKITE", "TF_BUILD", "CIRCLECI", "TRAVIS", "TEAMCITY_VERSION",
		"BITBUCKET_BUILD_NUMBER", "CODEBUILD_BUILD_ID", "DRONE",
	} {
		for value, want := range map[string]bool{"true": true, "1": true, "x": true, "": false, "0": false, "false": false, "False": false} {
			if got := inCI(func(asked string) string { return map[string]string{name: value}[asked] }); got != want {
				t.Errorf("%s=%q: %v", name, value, got)
			}
		}
	}
	l := newLicenser(t)
	l.env["GITHUB_ACTIONS"] = "true"
	l.activated(t)
	if (*l.body.Load())["ci"] != true {
		t.Error("the server was not told")
	}
}

// What a tool tells of itself has the form of GET /info, and reads back.
func TestActivationInfo(t *testing.T) {
	l := newLicenser(t)
	a := l.activated(t)
	info := a.Info(begun().Add(161*time.Second + time.Millisecond))
	text, err := json.Marshal(info)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"version": "1.2.3", "edition": "team", "is_license_activated": true, "session_id": a.SessionID, "machine_id": a.MachineID,
		"system": "linux", "server_time_utc": "2026-03-01T12:02:41", "uptime": 161.0,
	} {
		if fields[name] != want {
			t.Errorf("%s is %v, want %v", name, fields[name], want)
		}
	}
	if _, ok := fields["is_docker"].(bool); !ok || len(fields) != 9 || len(a.SessionID) != 36 {
		t.Errorf("%s", text)
	}
	var back Info
	if err := json.Unmarshal(text, &back); err != nil || back != info {
		t.Errorf("%+v, %v", back, err)
	}
}

// The banner says what failed, why, what to do and how to go on without, and obeys no terminal.
func TestBanner(t *testing.T) {
	for _, test := range []struct {
		err  error
		want []string
	}{
		{
			&ActivationError{Reason: "no_licence_assigned", Sentence: "No licence is assigned to alice."},
			[]string{"\nLicence activation failed!\n", "\nReason: No licence is assigned to alice. (no_licence_assigned)\n", "example has quit", "LATCHKEY_AUTH_TOKEN", "LATCHKEY_ACTIVATE=0"},
		},
		{
			&ActivationError{Reason: ReasonUnreachable, Sentence: "It is away.", Unreachable: true},
			[]string{"(server_unreachable)", "its name resolves", "LATCHKEY_ACTIVATE=0"},
		},
		{errors.New("other\x1b[31m"), []string{"Reason: other [31m\n"}},
	} {
		var out strings.Builder
		WriteBanner(&out, "example\x1b", test.err)
		for _, want := range test.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%q is not in %s", want, &out)
			}
		}
		if strings.Contains(out.String(), "\x1b") {
			t.Error("an escape got through")
		}
	}
}

// A token that is kept is the server's own, the owner's alone, and of the right form.
func TestTokenStore(t *testing.T) {
	home := t.TempDir()
	getenv := func(name string) string { return map[string]string{"HOME": home}[name] }
	store, err := NewTokenStore(getenv)
	if err != nil {
		t.Fatal(err)
	}
	const server = "https://auth.example.com"
	if token, err := store.Load(server); err != nil || !token.Empty() {
		t.Errorf("%v, %v", token, err)
	}
	for _, bad := range []string{"", "lkd_", "lka_x", authToken(developerPrefix, "a") + "x", authToken("lks_", "a"), strings.ToUpper(authToken(ciPrefix, "a"))} {
		if err := store.Save(server, secret.New(bad)); err == nil || bad != "" && strings.Contains(err.Error(), bad) && len(bad) > 4 {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := store.Save(server, secret.New(authToken(ciPrefix, "a"))); err != nil {
		t.Fatal(err)
	}
	if token, err := store.Load(server); err != nil || token.Reveal() != authToken(ciPrefix, "a") {
		t.Errorf("%v", err)
	}
	if token, err := store.Load(server + ":1"); err != nil || !token.Empty() {
		t.Errorf("another server's: %v", err)
	}
	if info, err := os.Lstat(store.Path(server)); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(store.Path(server), []byte(`{"server":"`+server+`","token":"lkd_x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Load(server); err == nil {
		t.Error("a damaged file is read")
	}
	if err := errors.Join(store.Forget(server), store.Forget(server)); err != nil {
		t.Error(err)
	}
	if _, err := NewTokenStore(func(string) string { return "" }); err == nil {
		t.Error("a store without a place")
	}
}

// What cannot work is told before anything is sent, and where the server's address comes from is that of the latchkey command.
func TestActivationSettings(t *testing.T) {
	l := newLicenser(t)
	o := l.options()
	o.Product = ""
	refusedWith(t, o, ReasonSettings)
	o = l.options()
	o.CAFile = filepath.Join(l.home, "none.pem")
	refusedWith(t, o, ReasonSettings)
	l.env["LATCHKEY_URL"] = "ftp://user:canary@host"
	if failed := l.refused(t, ReasonSettings); strings.Contains(failed.Error(), "canary") {
		t.Errorf("%v", failed)
	}
	if l.requests.Load() != 0 {
		t.Error("the server was asked")
	}
	delete(l.env, "LATCHKEY_URL")
	config := filepath.Join(l.home, ".config", "latchkey", "config")
	if err := errors.Join(os.MkdirAll(filepath.Dir(config), 0o700), os.WriteFile(config, []byte("[general]\nurl = "+l.URL+"\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	l.activated(t)
	if err := os.WriteFile(config, []byte("[general]\nnonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.refused(t, ReasonSettings)
	o = l.options()
	o.URL, o.Log = l.URL, slog.New(slog.DiscardHandler)
	if _, err := Activate(t.Context(), o); err != nil {
		t.Errorf("the file is read although the tool names the server: %v", err)
	}
}

// FuzzKeptGrant: whatever is in the file, it is good only with the keys that are pinned, and every refusal is one of grant's.
func FuzzKeptGrant(f *testing.F) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	signer, err := grant.NewSigner(private, nil)
	if err != nil {
		f.Fatal(err)
	}
	pinned, err := grant.NewKeySet(public)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"server":"s","grant":"a.b.c","keys":` + string(signer.Keys()) + `,"latest":"2026-03-01T12:00:00Z"}`))
	f.Add([]byte(`{"server":"s","grant":"a.b.c","keys":null,"latest":"2026-03-01T12:00:00Z","notice":"\u001b"}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		g, ok := parseGrant(text)
		if !ok {
			return
		}
		if g.Grant == "" || g.Latest.IsZero() || strings.ContainsFunc(g.Notice, isControl) {
			t.Fatalf("%q is taken for %+v", text, g)
		}
		for _, keys := range []*grant.KeySet{&pinned, nil} {
			_, err := g.verify(keys, begun(), grant.Expectation{MachineID: "m", Product: "p"})
			if err == nil && keys != nil {
				t.Fatalf("%q is good", text)
			}
		}
	})
}

// Auth tokens end as those do that the credential engine mints.
func TestChecksum(t *testing.T) {
	if err := credential.CheckBootstrap(secret.New(authToken("lks_", "a"))); err != nil {
		t.Error(err)
	}
	if err := credential.CheckBootstrap(secret.New(authToken("lks_", "a")[:39] + "!")); err == nil {
		t.Error("a wrong checksum is not noticed")
	}
}

// The tool's own transport is used, and what it has stays open.
func TestActivationTransport(t *testing.T) {
	l := newLicenser(t)
	o := l.options()
	used := 0
	o.HTTP = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		used++
		return http.DefaultTransport.RoundTrip(r)
	})}
	if a, err := Activate(t.Context(), o); err != nil || !a.Activated || used != 2 {
		t.Errorf("%+v, %v, used %d times", a, err, used)
	}
}

// roundTripper is a transport that is a function.
type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls it.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
