package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"latchkey/backends/ldap/slapdtest"
)

// Random secrets are sent, by every route and both command lines, wherever a secret can stand; the secrets that the daemon issues
// count as well. None of them is afterwards in what the daemon says, writes or is started with, in whatever form.
//
// hazard 25 // hazard 34 // hazard 35 // hazard 37 // hazard 38
func TestCanariesAppearNowhere(t *testing.T) {
	x := newCanaryScenario(t)
	x.checkSearch()
	x.site.start()
	x.lookAt(x.site.daemon.cmd.Process.Pid, x.variable)
	x.readContract()
	x.logIn()
	x.useEverywhere("a good credential", http.StatusOK, x.live()...)
	x.runWorkspace()
	x.assaultRoutes()
	x.assaultParser()
	x.manage()
	x.end()
	x.runCommandLine()
	x.runAdministration()
	x.loseDirectory()
	x.checkCoverage()
	x.lookAt(x.site.daemon.cmd.Process.Pid, x.variable)
	for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
		x.keep("GET "+path, x.getAdmin(path))
	}
	x.keepFiles("while the daemon runs")
	x.site.daemon.stop()
	eventually(t, "the end of the log", func() bool { return strings.Contains(x.site.daemon.text(), "msg=stopping") })
	x.keep("log", []byte(x.site.daemon.text()))
	x.keepFiles("after its end")
	x.judge()
}

// windowLength is how many bytes of a secret, in any of its forms, count as the secret.
const windowLength = 16

type window [windowLength]byte

// canary is a secret with the place where it was used. A control is a random text that is no secret: it was sent where the daemon
// keeps or shows what it is sent, so that not finding it shows a search that finds nothing.
type canary struct {
	where   string
	core    string   // the random part
	control []string // what has to hold it; nil for a secret
}

// forms are the texts that stand for the canary: as it is, in other letters, in hex, and in base64 with what may stand before it.
// Percent-encoding changes none of its characters.
func (c canary) forms() []string {
	forms := []string{c.core, strings.ToLower(c.core), strings.ToUpper(c.core)}
	digits := hex.EncodeToString([]byte(c.core))
	forms = append(forms, digits, strings.ToUpper(digits))
	for before := range 3 {
		// The characters at both ends depend on the neighbours.
		encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", before) + c.core))
		forms = append(forms, encoded[(before*8+5)/6:len(encoded)-1])
	}
	return forms
}

// canarySearch finds parts of canaries in texts.
type canarySearch map[window]int

// newCanarySearch prepares the search for these canaries.
func newCanarySearch(canaries []canary) canarySearch {
	search := canarySearch{}
	for i, c := range canaries {
		for _, form := range c.forms() {
			for at := range len(form) - windowLength + 1 {
				search[window([]byte(form[at:at+windowLength]))] = i
			}
		}
	}
	return search
}

// in returns where a text holds canaries: the first offset of each, by the canary's index.
func (s canarySearch) in(text []byte) map[int]int {
	found := map[int]int{}
	for at := range len(text) - windowLength + 1 {
		if i, ok := s[window(text[at:at+windowLength])]; ok {
			if _, known := found[i]; !known {
				found[i] = at
			}
		}
	}
	return found
}

// evidence is something that must hold no secret.
type evidence struct {
	name string
	text []byte
}

// canaryScenario is a site under test with all secrets that it was shown, and all that it let be seen.
type canaryScenario struct {
	t         *testing.T
	site      *site
	directory *slapdtest.Server
	client    *http.Client
	outside   string // a folder for files that are allowed to hold secrets

	canaries  []canary
	kept      []evidence
	routes    []contractRoute
	accepted  map[string]int // by method and path of the contract
	refused   map[string]int
	strangers int

	passwords map[string]string // of each user
	bootstrap string
	variable  string            // in the environment of the daemon
	sessions  map[string]string // a session token of each user that has logged in
	key       string            // anna's API key, by keyID
	keyID     string
	service   string // a service token with the role introspect
}

// The users: two in the directory and two in the file.
const (
	canaryAdmin  = "root"
	canaryLocal  = "locked"
	canaryMember = "anna"
	canaryOther  = "dora"
)

// newCanaryScenario starts a directory and prepares a site whose passwords are all canaries.
func newCanaryScenario(t *testing.T) *canaryScenario {
	t.Helper()
	x := &canaryScenario{
		t: t, outside: t.TempDir(), accepted: map[string]int{}, refused: map[string]int{},
		passwords: map[string]string{}, sessions: map[string]string{},
	}
	for _, user := range []string{canaryAdmin, canaryLocal, canaryMember, canaryOther} {
		x.passwords[user] = x.secret("password of "+user) + `:"ä %41+\`
	}
	bind := x.secret("LDAP bind password")
	const bindDN = "cn=canary,ou=services," + slapdtest.Suffix
	ldif := fmt.Sprintf("dn: %s\nobjectClass: applicationProcess\nobjectClass: simpleSecurityObject\ncn: canary\nuserPassword: %s\n\n", bindDN, bind)
	for _, user := range []string{canaryMember, canaryOther} {
		ldif += fmt.Sprintf("dn: uid=%[1]s,%[2]s\nobjectClass: inetOrgPerson\nuid: %[1]s\ncn: %[1]s\nsn: %[1]s\nuserPassword:: %[3]s\n\n"+
			"dn: cn=of-%[1]s,%[4]s\nobjectClass: groupOfNames\ncn: of-%[1]s\nmember: uid=%[1]s,%[2]s\n\n",
			user, slapdtest.People, base64.StdEncoding.EncodeToString([]byte(x.passwords[user])), slapdtest.Groups)
	}
	x.directory = slapdtest.Start(t, slapdtest.Options{LDIF: ldif, Readers: []string{bindDN}})
	s := newSite(t, map[string]string{canaryAdmin: x.passwords[canaryAdmin], canaryLocal: x.passwords[canaryLocal]})
	x.bootstrap = x.secret("bootstrap token")
	x.variable = x.secret("variable in the environment of the daemon")
	s.env = []string{"CANARY=" + x.variable, "CANARY_CONTROL=" + x.control("environment of the daemon", "environ of the daemon")}
	s.auth = "backend = ldap, flat_file\nquery_credentials = True\ndebug = True\n"
	s.extra = fmt.Sprintf(`[log]
level = debug

[verify]
allow_basic = True
basic_cache = 60

[bootstrap]
token_file = %s
roles = admin

[backend.ldap]
host = %s
bind_dn = %s
bind_password = %s
base_ou = dc=example,dc=com
group_dns = cn=of-anna; cn=of-dora
group_dns_check = or
network_timeout = 2
debug = True

[backend.flat_file]
file_path = %s
`, s.write("bootstrap.token", x.bootstrap+"\n"), x.directory.Address, bindDN, bind, s.path("htpasswd"))
	x.site, x.client = s, s.client()
	return x
}

// secret returns a new canary and remembers where it is used.
func (x *canaryScenario) secret(where string) string {
	core := rand.Text()
	x.canaries = append(x.canaries, canary{where: where, core: core})
	return core
}

// control returns a new random text that the named evidence has to hold.
func (x *canaryScenario) control(where string, in ...string) string {
	core := rand.Text()
	x.canaries = append(x.canaries, canary{where: where, core: core, control: in})
	return core
}

// keep adds to what must hold no secret.
func (x *canaryScenario) keep(name string, text []byte) {
	x.kept = append(x.kept, evidence{name, bytes.Clone(text)})
}

// lookAt keeps the arguments and the environment of a process and of its children. A value of exempt may be in the process's own
// environment, because the test put it there as a user does.
func (x *canaryScenario) lookAt(pid int, exempt ...string) {
	x.t.Helper()
	for _, id := range append([]int{pid}, children(x.t, pid)...) {
		for _, file := range []string{"cmdline", "environ"} {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", id, file))
			if err != nil || len(text) == 0 {
				continue // it has ended
			}
			owner := "a child"
			if id == pid {
				owner = "a command"
				if x.site.daemon != nil && pid == x.site.daemon.cmd.Process.Pid {
					owner = "the daemon"
				}
				if file == "environ" {
					for _, value := range exempt {
						text = bytes.Replace(text, []byte(value), nil, 1)
					}
				}
			}
			x.keep(file+" of "+owner, text)
		}
	}
}

// keepFiles keeps all files of the site but those in which an administrator writes secrets.
func (x *canaryScenario) keepFiles(when string) {
	x.t.Helper()
	err := filepath.WalkDir(x.site.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		name := filepath.Base(path)
		if slices.Contains([]string{"latchkey.conf", "bootstrap.token"}, name) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		x.keep(name+" "+when, text)
		return nil
	})
	if err != nil {
		x.t.Fatal(err)
	}
}

// command is one run of a program.
type command struct {
	program string
	args    []string // hold no secret
	env     []string // may hold secrets, which then may be in the program's own environment and nowhere else
	input   string   // written to standard input once the process was looked at
	code    int      // the exit code
	reveals bool     // it prints a new credential, once
}

// issuedPattern finds a credential of the daemon's.
var issuedPattern = regexp.MustCompile(`lk[a-z]_[0-9A-Za-z]{36}`)

// run runs a program and keeps all that it prints, but the new credential that it is there to show.
func (x *canaryScenario) run(c command) {
	x.t.Helper()
	cmd := exec.Command(program(c.program), c.args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "LATCHKEY_URL=" + x.site.url(""), "XDG_STATE_HOME=" + x.outside}, c.env...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	stdin, err := cmd.StdinPipe()
	if err != nil {
		x.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		x.t.Fatal(err)
	}
	done := make(chan struct{})
	x.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has ended when all is well
		<-done
	})
	var exempt []string
	for _, variable := range c.env {
		_, value, _ := strings.Cut(variable, "=")
		exempt = append(exempt, value)
	}
	x.lookAt(cmd.Process.Pid, exempt...) // it is not waited for yet, so its id is its own
	go func() {
		defer close(done)
		_, _ = io.WriteString(stdin, c.input) // what does not read it may have ended
		_ = stdin.Close()
		_ = cmd.Wait() // the state is read from cmd.ProcessState
	}()
	eventually(x.t, "the end of "+c.program, func() bool {
		select {
		case <-done:
			return true
		default:
			x.lookAt(cmd.Process.Pid, exempt...)
			return false
		}
	})
	printed := output.Bytes()
	if text := issuedPattern.Find(printed); c.reveals && text != nil {
		x.issued(c.program+" "+c.args[0], string(text))
		printed = bytes.Replace(printed, text, nil, 1)
	}
	x.keep("output of "+c.program, printed)
	if got := cmd.ProcessState.ExitCode(); got != c.code {
		x.t.Errorf("%s %q: exit code %d, want %d\n%s", c.program, c.args, got, c.code, output.String())
	}
}

// latchkey runs the CLI.
func (x *canaryScenario) latchkey(code int, input string, env []string, args ...string) {
	x.t.Helper()
	reveals := code == 0 && (slices.Contains(args, "create") || args[0] == "auth")
	x.run(command{program: "latchkey", args: args, env: env, input: input, code: code, reveals: reveals})
}

// runCommandLine goes through the CLI.
func (x *canaryScenario) runCommandLine() {
	x.t.Helper()
	admin, member, none := []string{"LATCHKEY_API_KEY=" + x.bootstrap}, []string{"LATCHKEY_API_KEY=" + x.key}, []string(nil)
	c := func(where string) string { return x.secret(where + " of the CLI") }
	x.latchkey(0, x.passwords[canaryMember]+"\n", none, "auth", canaryMember, "--password-stdin", "-t")
	x.latchkey(0, x.passwords[canaryMember], none, "auth", canaryMember, "--password-stdin")
	x.latchkey(4, c("wrong password"), none, "auth", canaryMember, "--password-stdin")
	x.latchkey(2, "", none, "auth", canaryMember, "--password-file", x.outsideFile("loose", c("password file that all may read"), 0o644))
	x.latchkey(0, "", none, "login", canaryAdmin, "--password-file", x.outsideFile("password", x.passwords[canaryAdmin]+"\n", 0o600))
	logins, err := filepath.Glob(filepath.Join(x.outside, "latchkey", "token-*"))
	if err != nil || len(logins) != 1 {
		x.t.Fatalf("the kept log-ins: %v, %v", logins, err)
	}
	kept, err := os.ReadFile(logins[0])
	if err != nil {
		x.t.Fatal(err)
	}
	token := issuedPattern.Find(kept)
	x.issued("latchkey login", string(token))
	x.keep("kept log-in without its token", bytes.Replace(kept, token, nil, 1))
	for _, args := range [][]string{{"whoami"}, {"token", "list", "-j"}, {"logout"}} {
		x.latchkey(0, "", none, args...)
	}
	x.latchkey(0, "", member, "whoami")
	metadata := x.control("metadata of the CLI", "cmdline of a command", "latchkey.db after its end")
	x.latchkey(0, "", member, "apikey", "create", "-k", "-m", fmt.Sprintf(`{"used_by": %q}`, metadata))
	x.latchkey(0, "", admin, "apikey", "create", "-u", canaryMember)
	x.latchkey(0, "", admin, "apikey", "list", "-d", "--show-secrets", "-j")
	x.latchkey(0, "", admin, "service-token", "create", "--name", "cli", "--roles", "ops", "--ttl", "1h")
	x.latchkey(0, "", admin, "user", "list")
	x.latchkey(0, "", none, "--url", "unix://"+x.site.path("admin.sock"), "user", "list", "-j")
	x.latchkey(0, x.sessions[canaryMember], member, "token", "validate", "--stdin")
	x.latchkey(1, c("bad token on standard input"), member, "token", "validate", "--stdin")
	x.latchkey(4, "", []string{"LATCHKEY_API_KEY=" + c("bad API key")}, "whoami")
	x.latchkey(4, "", []string{"LATCHKEY_AUTH_TOKEN=lkt_" + c("bad token")}, "apikey", "create")
	x.latchkey(5, "", append(member, "LATCHKEY_URL=http://127.0.0.1:1"), "whoami")
	x.latchkey(2, "", []string{strings.Replace("LATCHKEY_URL="+x.site.url(""), "://", "://root:"+c("password in the URL")+"@", 1)}, "whoami")
	x.latchkey(2, fmt.Sprintf(`[{"user": "anna", "key_hash": %q}]`, c("bent hash")), admin, "apikey", "load", "-")
	x.latchkey(2, fmt.Sprintf(`[{"user": "anna", "key_hash": %q`, c("bent file")), admin, "apikey", "load", "-")
	config := x.outsideFile("config", fmt.Sprintf("[credentials]\nusername = %s\npassword = %s\n[cli]\ncache_token = False\n", canaryAdmin, x.passwords[canaryAdmin]), 0o600)
	x.latchkey(0, "", none, "whoami", "--config", config)
	for name, text := range map[string]string{"unknown": "passwort = ", "bent": "", "twice": "password = x\npassword = "} {
		x.latchkey(2, "", none, "whoami", "--config", x.outsideFile(name, "[credentials]\n"+text+c("faulty configuration")+"\n", 0o600))
	}
	x.latchkey(2, "", none, "whoami", "--config", x.outsideFile("open", "[credentials]\napi_key = "+c("open configuration")+"\n", 0o644))
}

// runAdministration goes through latchkeyd's other commands, and a reload of a faulty configuration.
func (x *canaryScenario) runAdministration() {
	x.t.Helper()
	c := func(where string) string { return x.secret(where + " of the daemon") }
	latchkeyd := func(code int, input, config string, args ...string) {
		x.t.Helper()
		x.run(command{program: "latchkeyd", args: append([]string{"--config-file", config}, args...), input: input, code: code})
	}
	good, err := os.ReadFile(x.site.path("latchkey.conf"))
	if err != nil {
		x.t.Fatal(err)
	}
	path := x.site.path("latchkey.conf")
	latchkeyd(0, "", path, "config", "check")
	latchkeyd(0, "", path, "backup", x.site.path("backup.db"))
	unknown := "nobody-" + x.control("user name of backend test", "output of latchkeyd", "cmdline of a command")
	for _, user := range []string{canaryMember, canaryAdmin, unknown} {
		if password := x.passwords[user]; password != "" {
			latchkeyd(0, password+"\n", path, "backend", "test", "-u", user, "--password-stdin")
		}
		latchkeyd(1, c("wrong password"), path, "backend", "test", "-u", user, "--password-stdin")
	}
	bind := regexp.MustCompile(`(?m)^bind_password = `)
	wrong := x.outsideFile("wrong.conf", bind.ReplaceAllString(string(good), "${0}"+c("wrong bind password")), 0o600)
	latchkeyd(1, x.passwords[canaryMember], wrong, "backend", "test", "-u", canaryMember, "--password-stdin")
	for said, faulty := range map[string]func(string) string{
		"bind_passwort": func(text string) string { // misspelt, so that the backend is asked
			return bind.ReplaceAllString(text, "bind_passwort = "+c("misspelt setting")+"\npool_size = "+c("number")+"\n${0}")
		},
		"is no \\\"key = value": func(text string) string {
			return bind.ReplaceAllString(text, c("line without a key")+"\n${0}") +
				"[bootstrap]\ntoken = secret-" + c("second token") + "\nttl = " + c("time") + "\n[" + c("section") + "\n"
		},
	} {
		latchkeyd(2, "", x.outsideFile("faulty.conf", faulty(string(good)), 0o600), "config", "check")
		x.site.config = faulty
		x.site.configure()
		x.site.daemon.signal(syscall.SIGHUP)
		x.site.daemon.waitFor(said)
	}
	x.site.config = nil
	x.site.configure()
	x.site.daemon.signal(syscall.SIGHUP)
	x.site.daemon.waitFor("the configuration was read anew")
}

// checkSearch shows that the search finds a secret in each form in which it could be written, and a part of it.
func (x *canaryScenario) checkSearch() {
	x.t.Helper()
	c := canary{core: rand.Text()}
	search := newCanarySearch([]canary{{core: rand.Text()}, c})
	for form, text := range map[string]string{
		"as it is":          `msg="the password ` + c.core + `"`,
		"a part of it":      "\x00" + c.core[5:5+windowLength] + "\x00",
		"in small letters":  strings.ToLower(c.core),
		"base64":            base64.StdEncoding.EncodeToString([]byte("x" + c.core)),
		"base64 of Basic":   base64.StdEncoding.EncodeToString([]byte("alice:" + c.core)),
		"base64 in an URL":  base64.RawURLEncoding.EncodeToString([]byte("ab" + c.core + "?>")),
		"percent-encoded":   url.QueryEscape("ä " + c.core + "%"),
		"in hex":            fmt.Sprintf("%x", "a"+c.core),
		"in hex, upper":     fmt.Sprintf("%X", c.core),
		"as a Go structure": fmt.Sprintf("%+v %q", struct{ S string }{c.core}, c.core),
	} {
		if _, found := search.in([]byte(text))[1]; !found {
			x.t.Errorf("the search does not find a secret written %s: %s", form, text)
		}
	}
	if found := search.in([]byte("\x00" + c.core[:windowLength-1] + "\x00" + rand.Text())); len(found) != 0 {
		x.t.Errorf("the search finds what is not there: %v", found)
	}
}

// judge searches everything that was kept for every canary.
func (x *canaryScenario) judge() {
	x.t.Helper()
	search, size := newCanarySearch(x.canaries), 0
	controls, backends := map[int]map[string]bool{}, 0
	for _, e := range x.kept {
		size += len(e.text)
		if e.name == "cmdline of a child" && bytes.Contains(e.text, []byte("latchkey-backend-")) {
			backends++
		}
		for i, at := range search.in(e.text) {
			c := x.canaries[i]
			if c.control == nil {
				from, to := max(0, at-100), min(len(e.text), at+100)
				x.t.Errorf("%s holds a secret, %q of %s: …%q…", e.name, c.core, c.where, e.text[from:to])
				continue
			}
			if controls[i] == nil {
				controls[i] = map[string]bool{}
			}
			controls[i][e.name] = true
		}
	}
	for i, c := range x.canaries {
		for _, name := range c.control {
			if !controls[i][name] {
				x.t.Errorf("%s was sent and is not found in %q, so the search proves nothing; it is in %q", c.where, name, slices.Sorted(maps.Keys(controls[i])))
			}
		}
	}
	if backends < 4 { // two of them, twice
		x.t.Errorf("backends were looked at %d times", backends)
	}
	x.t.Logf("%d canaries, %d texts, %d bytes", len(x.canaries), len(x.kept), size)
}
