package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"latchkey/daemon/grant/granttest"
)

// TestMain makes the test binary the command, so that the scripts run what the tests were built from.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"latchkey": main})
}

// noRaceSleep is a value of GORACE: under -race every process would otherwise sleep a second before it ends.
const noRaceSleep = "atexit_sleep_ms=0"

// serverKey is where a script's server is kept in its environment.
type serverKey struct{}

// TestScripts runs testdata/script/*.txtar, each against a server of its own. Alice's password is "secret" and she is an
// administrator; Bob's is "b:o ß". Beside testscript's commands there are:
//
//	exit CODE COMMAND…  the command ends with this code
//	clock DURATION      the server's clock goes forward
//	fail STATUS         the server answers everything with a status; 0 ends that
//	redirect URL        the server sends everybody elsewhere
//	answer STATUS FILE  the server answers everything with a file
//	backend break|mend  no password can be decided
//	password USER WORD  a user's password changes
//	requests N          there were so many requests since the last time
//	asked TEXT          the last request was this: METHOD PATH BODY
//	sent HEADER TEXT    the last request had this header; without TEXT it had none
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			server := newTestServer(e.T().(testing.TB), e.WorkDir) // testscript hands out *testing.T
			e.Values[serverKey{}] = server
			e.Setenv("GORACE", noRaceSleep)
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("LATCHKEY_URL", server.plain.URL)
			e.Setenv("PLAIN", server.plain.URL)
			e.Setenv("SECURE", server.secure.URL)
			e.Setenv("SOCKET", "unix://"+server.socket)
			e.Setenv("STATE", filepath.Join(e.WorkDir, "home", ".local", "state", "latchkey"))
			e.Setenv("CONFIG", filepath.Join(e.WorkDir, "home", ".config", "latchkey"))
			e.Setenv("CACHE", filepath.Join(e.WorkDir, "home", ".cache", "latchkey"))
			for name, value := range map[string]string{
				"DEVELOPER": granttest.Developer, "CITOKEN": granttest.CI, "UNASSIGNED": granttest.Unassigned, "LEGACY": granttest.Legacy,
			} {
				e.Setenv(name, value)
			}
			if err := os.MkdirAll(filepath.Join(e.WorkDir, "home"), 0o700); err != nil {
				return err
			}
			return server.writeCA(filepath.Join(e.WorkDir, "ca.pem"))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exit": exit, "clock": clock, "fail": fail, "redirect": redirect, "answer": answerWith, "backend": backend,
			"password": password, "requests": requests, "sent": sent, "asked": asked,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// serverOf returns a script's server.
func serverOf(ts *testscript.TestScript) *testServer {
	return ts.Value(serverKey{}).(*testServer) // Setup has put it there
}

// need ends the script unless a custom command has so many arguments.
func need(ts *testscript.TestScript, neg, ok bool, usage string) {
	if neg || !ok {
		ts.Fatalf("usage: %s", usage)
	}
}

func exit(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, len(args) > 1, "exit CODE COMMAND…")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if ended, ok := err.(interface{ ExitCode() int }); ok { // exec's own
		got = ended.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func clock(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, len(args) == 1, "clock DURATION")
	step, err := time.ParseDuration(args[0])
	ts.Check(err)
	serverOf(ts).offset.Add(int64(step))
}

func fail(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, len(args) == 1, "fail STATUS")
	status, err := strconv.Atoi(args[0])
	ts.Check(err)
	serverOf(ts).fail.Store(int64(status))
}

func redirect(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, len(args) == 1, "redirect URL")
	serverOf(ts).handle(http.RedirectHandler(args[0], http.StatusTemporaryRedirect))
}

func answerWith(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, len(args) == 2, "answer STATUS FILE")
	status, err := strconv.Atoi(args[0])
	ts.Check(err)
	text := ts.ReadFile(args[1])
	serverOf(ts).handle(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, text)
	}))
}

func backend(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, len(args) == 1, "backend break|mend")
	b := serverOf(ts).accounts
	b.mu.Lock()
	defer b.mu.Unlock()
	b.broken = args[0] == "break"
}

func password(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, len(args) == 2, "password USER WORD")
	b := serverOf(ts).accounts
	b.mu.Lock()
	defer b.mu.Unlock()
	b.passwords[args[0]] = args[1]
}

func requests(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, len(args) == 1, "requests N")
	want, err := strconv.ParseInt(args[0], 10, 64)
	ts.Check(err)
	if got := serverOf(ts).requests.Swap(0); got != want {
		ts.Fatalf("%d requests, want %d", got, want)
	}
}

func asked(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, len(args) == 1, "asked TEXT")
	if got := serverOf(ts).asked.Load(); got != args[0] {
		ts.Fatalf("the request was %v, want %s", got, args[0])
	}
}

func sent(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, len(args) == 1 || len(args) == 2, "sent HEADER [TEXT]")
	value, there := serverOf(ts).headers.Load(http.CanonicalHeaderKey(args[0]))
	switch {
	case len(args) == 1 && there:
		ts.Fatalf("the request had %s: %v", args[0], value)
	case len(args) == 2 && (!there || !strings.Contains(value.(string), args[1])): // only strings are put there
		ts.Fatalf("the request had %s: %v, want %q in it", args[0], value, args[1])
	}
}
