package plugins

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
)

// Connection is a backend that can be spoken to, however it came to run.
type Connection interface {
	// Client speaks to the backend.
	Client() *Client
	// Gone is closed when the backend cannot be reached any more; it never comes back, and a new Connection must be made.
	Gone() <-chan struct{}
	// Close ends the backend and waits for its end. It may be called more than once.
	Close() error
}

// niceness is by how much backends stand back behind the daemon (nice(1)).
const niceness = 10

// LaunchOptions say how a backend is started.
type LaunchOptions struct {
	// StartTimeout is how long the backend may take to say hello, CallTimeout how long each call may take.
	StartTimeout, CallTimeout time.Duration
	// SocketDir is the folder in which a private one is made for the socket; empty means the system's folder for temporary files.
	SocketDir string
	// Log gets what the backend logs.
	Log *slog.Logger
}

// process is a Connection to a child process.
type process struct {
	client    *Client
	plugin    *plugin.Client
	conn      *grpc.ClientConn
	socketDir string
	gone      chan struct{}
	closed    chan struct{} // closed by Close: lets the thread go that the child is tied to
}

// Launch starts an executable as a child process and returns when it has said hello. The error is an *ExecutableError.
//
// The child gets none of this process's environment, a private folder for its socket, and a certificate made for this start.
// The kernel kills it when this process ends, however that is.
func Launch(ctx context.Context, e *Executable, o LaunchOptions) (Connection, error) {
	socketDir, err := os.MkdirTemp(o.SocketDir, "latchkey-backend-") // mode 0700
	if err != nil {
		return nil, fmt.Errorf("folder for the socket of backend %s: %w", e.Backend, err)
	}
	p := &process{socketDir: socketDir, gone: make(chan struct{}), closed: make(chan struct{})}
	p.plugin = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  handshake(),
		Plugins:          plugin.PluginSet{pluginName: &bridge{}},
		Cmd:              command(e, socketDir),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     o.StartTimeout,
		Logger:           newHCLog(o.Log.With("backend", e.Backend)),
		GRPCDialOptions:  []grpc.DialOption{grpc.WithIdleTimeout(0)}, // an idle connection would look like a lost one
	})
	if err := p.start(ctx); err != nil {
		problem := "did not start as a backend of Latchkey's (is it a plugin?)"
		return nil, errors.Join(&ExecutableError{Backend: e.Backend, Path: e.Path, Problem: problem, Err: errors.New(oneLine(err.Error()))}, p.Close())
	}
	p.client = NewClient(p.conn, o.CallTimeout)
	go p.watch()
	return p, nil
}

// command returns the child's command line. It runs the open file and not its name, as descriptor 3 of the child, so that
// nobody can put another file in its place between the check and the start; a script's interpreter can read it there, too.
func command(e *Executable, socketDir string) *exec.Cmd {
	cmd := exec.Command("/proc/self/fd/3")
	cmd.Args = []string{e.Path}
	cmd.ExtraFiles = []*os.File{e.file}
	// go-plugin tells a child of UnixSocketConfig only when a runner of one's own starts it, so its variable is set here.
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", plugin.EnvUnixSocketDir + "=" + socketDir}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// start runs the child on a thread that lives until Close: the kernel sends the death signal when the thread that started
// the child ends, not when the process does (PR_SET_PDEATHSIG, prctl(2)).
func (p *process) start(ctx context.Context) error {
	started := make(chan error, 1)
	onOwnThread(func() {
		// Hashing passwords is all that a flood of log-ins makes a backend do; it must not take the processor from checks. A child
		// inherits the priority of the thread that starts it. Where the system forbids it, all have the same.
		_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, niceness)
		started <- p.connect()
		<-p.closed
	})
	select {
	case err := <-started:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// onOwnThread runs f on a thread that nothing else uses and that ends with f. It is never the main thread, which cannot end and
// whose priority is what ps(1) shows of the process.
func onOwnThread(f func()) {
	go func() {
		runtime.LockOSThread()
		if syscall.Gettid() != os.Getpid() {
			f()
			return // still locked, so the thread ends
		}
		taken := make(chan struct{})
		go func() {
			runtime.LockOSThread() // another thread, since the main one is held
			close(taken)
			f()
		}()
		<-taken
		runtime.UnlockOSThread()
	}()
}

// connect starts the child and opens the connection.
func (p *process) connect() error {
	protocol, err := p.plugin.Client()
	if err != nil {
		return err
	}
	raw, err := protocol.Dispense(pluginName)
	if err != nil {
		return err
	}
	conn, ok := raw.(*grpc.ClientConn)
	if !ok {
		return errors.New("it does not speak gRPC")
	}
	p.conn = conn
	return protocol.Ping()
}

// watch closes gone when the connection is lost, which is what the end of the child looks like at once.
func (p *process) watch() {
	defer close(p.gone)
	for {
		state := p.conn.GetState()
		if state == connectivity.TransientFailure || state == connectivity.Shutdown || state == connectivity.Idle {
			return
		}
		if !p.conn.WaitForStateChange(context.Background(), state) {
			return
		}
	}
}

// Client returns what speaks to the child.
func (p *process) Client() *Client { return p.client }

// Gone is closed when the child is gone.
func (p *process) Gone() <-chan struct{} { return p.gone }

// Close kills the child, waits for its end and removes its socket.
func (p *process) Close() error {
	p.plugin.Kill()
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return os.RemoveAll(p.socketDir)
}
