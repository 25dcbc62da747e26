package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"latchkey/daemon/grant/granttest"
)

// TestMain makes the test binary the tool, so that the script runs what the test was built from.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"example-tool": main})
}

// serverKey is where a script's server is kept in its environment.
type serverKey struct{}

// TestTool runs testdata/*.txtar. Beside testscript's commands there is
//
//	fail STATUS  the server answers everything with a status; 0 ends that
func TestTool(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			activates := granttest.New(e.T().(testing.TB), time.Now) // testscript hands out *testing.T
			server := httptest.NewServer(activates)
			e.Defer(server.Close)
			e.Values[serverKey{}] = activates
			for name, value := range map[string]string{
				"GORACE": "atexit_sleep_ms=0", "HOME": filepath.Join(e.WorkDir, "home"), "LATCHKEY_URL": server.URL,
				"DEVELOPER": granttest.Developer, "UNASSIGNED": granttest.Unassigned, "LEGACY": granttest.Legacy,
			} {
				e.Setenv(name, value)
			}
			return os.Mkdir(filepath.Join(e.WorkDir, "home"), 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"fail": func(ts *testscript.TestScript, _ bool, args []string) {
				status, err := strconv.Atoi(args[0])
				ts.Check(err)
				ts.Value(serverKey{}).(*granttest.Server).Fail(status) // Setup has put it there
			},
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}
