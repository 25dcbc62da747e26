package pgtest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Running reports whether the server's first process is there.
func (s *Server) Running() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// Stop ends the server in good order: connections are cut, and all is written to the disk. It does nothing when the server is
// not running.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	s.end(t, syscall.SIGINT)
}

// Kill ends all processes of the server as kill -9 does, and returns when they are gone. It does nothing when the server is not
// running.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	s.end(t, syscall.SIGKILL)
}

// Restart starts the server again on the files that it has, stopping it first if it is running, and returns when it answers.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Stop(t)
	s.start(t)
}

// Freeze stops all processes of the server without ending them: connections stay, and nobody answers. Thaw undoes it.
func (s *Server) Freeze(t testing.TB) {
	t.Helper()
	s.tell(t, syscall.SIGSTOP)
}

// Thaw lets a frozen server go on.
func (s *Server) Thaw(t testing.TB) {
	t.Helper()
	s.tell(t, syscall.SIGCONT)
}

// tell sends a signal to all processes of the server.
func (s *Server) tell(t testing.TB, signal syscall.Signal) {
	t.Helper()
	first := s.command.Process.Pid
	for _, pid := range append([]int{first}, children(t, first)...) {
		_ = syscall.Kill(pid, signal) // one that has ended meanwhile needs none
	}
}

// end sends a signal to the server's first process and waits until that and its children are gone.
func (s *Server) end(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if !s.Running() {
		return
	}
	s.Thaw(t) // what is frozen does not end
	family := children(t, s.command.Process.Pid)
	if err := s.command.Process.Signal(signal); err != nil {
		t.Errorf("PostgreSQL: %v", err)
	}
	select {
	case <-s.ended:
	case <-time.After(patience):
		_ = s.command.Process.Kill()
		t.Errorf("PostgreSQL did not end within %v", patience)
		<-s.ended
	}
	if signal == syscall.SIGKILL {
		for _, pid := range family {
			_ = syscall.Kill(pid, signal) // it may be gone already
		}
	}
	s.eventually(t, "to be gone", func() bool {
		for _, pid := range family {
			if alive(pid) {
				return false
			}
		}
		return true
	})
}

// children returns the processes that a process has started.
func children(t testing.TB, parent int) []int {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for _, file := range all {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if _, itsParent, ok := status(pid); err == nil && ok && itsParent == parent {
			found = append(found, pid)
		}
	}
	return found
}

// alive reports whether a process is there and is not only waiting to be counted as dead.
func alive(pid int) bool {
	state, _, ok := status(pid)
	return ok && state != "Z"
}

// status returns the state of a process and its parent; see proc(5).
func status(pid int) (state string, parent int, ok bool) {
	line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", 0, false
	}
	// The name stands in brackets and may hold anything.
	fields := strings.Fields(string(line[strings.LastIndexByte(string(line), ')')+1:]))
	if len(fields) < 2 {
		return "", 0, false
	}
	parent, err = strconv.Atoi(fields[1])
	return fields[0], parent, err == nil
}
