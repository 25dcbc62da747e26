package plugins

import (
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

// parentInterval is how often a backend looks whether the daemon is still there.
const parentInterval = time.Second

// collectorPercent is how much the heap may grow between two collections. A backend holds next to nothing and throws away much, so Go's
// default of 100 collects many times a second under log-ins; with 400 the heap of an idle backend stays below 20 MiB.
const collectorPercent = 400

// streamWorkers is how many goroutines are kept for calls. A new one for each call would have to grow its stack each time, which was
// some 7 % of what a log-in cost the LDAP backend; further calls than these get new ones.
const streamWorkers = 16

// Serve is the main function of a backend: it serves the backend that factory makes to the daemon that started this process,
// and returns when that ends. Name is for its log lines. Started by hand, it says so and ends the process with code 1.
func Serve(name string, factory Factory) {
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: asHCLog})).With("backend", name)
	server := newServer(factory, log)
	defer server.close()
	debug.SetGCPercent(collectorPercent)
	// A terminal's Ctrl-C and a service manager's stop reach every process of the daemon's; the daemon still needs its backends
	// to finish the log-ins under way, and ends them itself.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go endWithParent(os.Getppid())
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: handshake(),
		Plugins:         plugin.PluginSet{pluginName: &bridge{server: server}},
		Logger:          hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: os.Stderr, JSONFormat: true}),
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			return plugin.DefaultGRPCServer(append(options, grpc.MaxRecvMsgSize(MaxMessage), grpc.MaxSendMsgSize(MaxMessage),
				grpc.NumStreamWorkers(streamWorkers)))
		},
	})
}

// asHCLog names the fields of a log line as the daemon's side of go-plugin reads them.
func asHCLog(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.TimeKey:
		return slog.Attr{}
	case slog.LevelKey:
		return slog.String("@level", strings.ToLower(a.Value.String()))
	case slog.MessageKey:
		a.Key = "@message"
	}
	return a
}

// endWithParent ends the process when its parent is gone. The kernel does that, too, where the daemon asked for it
// (PR_SET_PDEATHSIG); standard input is no sign, because it is the daemon's own.
func endWithParent(parent int) {
	for range time.Tick(parentInterval) {
		if os.Getppid() != parent {
			os.Exit(1)
		}
	}
}
