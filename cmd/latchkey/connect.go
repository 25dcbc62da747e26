package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"latchkey/daemon/client"
	"latchkey/daemon/client/kept"
	"latchkey/daemon/client/userconfig"
)

const adminSocket = "/run/latchkey/admin.sock"

// settings are what flags, environment and configuration file say about the server and the credential.
type settings struct {
	url, cacert string
	// stackstorm is set when the server's address is from StackStorm's environment; then its credentials count, too.
	stackstorm bool
	file       file
}

// environmentTopic is "latchkey help environment".
func environmentTopic() *cobra.Command {
	return &cobra.Command{Use: "environment", Short: "Which environment variables count", Long: `LATCHKEY_URL         the server's address
LATCHKEY_CACERT      PEM file with the certificates to trust instead of the system's
LATCHKEY_AUTH_TOKEN  a session token or an auth token; it decides when a key is set as well
LATCHKEY_API_KEY     an API key or a service token; for tools that are activated an auth token or a legacy key
LATCHKEY_ACTIVATE    0: tools are not activated, and go on without a licence
LATCHKEY_LOG_LICENCE 0: tools log nothing about their licence
LATCHKEY_WORKSPACE   the name or the id of the workspace that commands are about
XDG_CONFIG_HOME      where latchkey/config is (default ~/.config)
XDG_STATE_HOME       where latchkey/ keeps log-ins and auth tokens (default ~/.local/state)
XDG_CACHE_HOME       where latchkey/ keeps the grants of activated tools (default ~/.cache)
HTTPS_PROXY, HTTP_PROXY, NO_PROXY
                     the proxy to go through, as for other programs
NO_COLOR             is kept at all times: the output has no colours

StackStorm's ST2_AUTH_URL is taken when nothing else names a server, and then, and only then, ST2_CACERT, ST2_AUTH_TOKEN and
ST2_API_KEY are taken as well: a token goes to no server that it was not set for.`}
}

// settings reads the configuration file and puts flags and environment over it.
func (a *app) settings() (settings, error) {
	var s settings
	var err error
	if s.file, err = a.readConfig(); err != nil {
		return settings{}, err
	}
	if a.options.local && a.options.url != "" {
		return settings{}, usageError{errors.New("--local and --url exclude each other")}
	}
	given, source := a.options.url, "--url"
	if a.options.local {
		given, source = "unix://"+adminSocket, "--local"
	}
	place := userconfig.Find(given, source, a.getenv, s.file.File)
	s.url, s.stackstorm = place.URL, place.StackStorm
	a.server = "No server is named, so it is the default one; set LATCHKEY_URL."
	if place.From != "" {
		a.server = fmt.Sprintf("The server's address is from %s.", place.From)
	}
	s.file = s.file.forServer(s.url)
	switch {
	case a.options.cacert != "":
		s.cacert = a.options.cacert
	case a.options.insecure: // named on the command line, so it counts for more than a file that is named elsewhere
	default:
		s.cacert = place.CACert
	}
	return s, nil
}

// connect returns a client of the server that shows no credential yet.
func (a *app) connect(s settings) (*client.Client, error) {
	c, err := client.New(a.clientOptions(s))
	if err != nil {
		return nil, hinted{usageError{err}, a.server}
	}
	if a.options.insecure {
		fmt.Fprintln(a.stderr, "latchkey: warning: --insecure: the server's certificate is not checked, so anybody on the way can read passwords and tokens")
	}
	if inClear(c.URL()) && isTerminal(a.stderr) {
		fmt.Fprintln(a.stderr, "latchkey: warning: the connection is not encrypted, so anybody on the way can read passwords and tokens")
	}
	return c, nil
}

// clientOptions are those of a client of the server.
func (a *app) clientOptions(s settings) client.Options {
	return client.Options{
		URL: s.url, CAFile: s.cacert, Insecure: a.options.insecure, Timeout: a.options.timeout,
		UserAgent: fmt.Sprintf("latchkey/%s (%s; %s)", version(), runtime.GOOS, runtime.GOARCH),
	}
}

// inClear reports whether what goes to an address can be read on the network.
func inClear(address string) bool {
	at, err := url.Parse(address)
	if err != nil || at.Scheme != "http" || at.Hostname() == "localhost" {
		return false
	}
	ip := net.ParseIP(at.Hostname())
	return ip == nil || !ip.IsLoopback()
}

// folder returns Latchkey's folder below a base folder of the XDG Base Directory Specification; it is empty when there is
// neither the variable nor a home.
func (a *app) folder(variable, below string) string { return kept.Below(a.getenv, variable, below) }

// getenv returns a variable of the environment.
func (a *app) getenv(name string) string { return a.environ[name] }

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && termIsTerminal(file)
}
