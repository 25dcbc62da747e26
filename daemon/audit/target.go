package audit

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Stdout is the path that means standard output.
const Stdout = "stdout"

// target is where lines go: a file, a pipe or standard output.
type target struct {
	file    *os.File
	regular bool
	torn    bool // half a line stands at the end
}

// openTarget opens what a path names, and takes away what others may do with it.
func openTarget(path string) (*target, error) {
	if path == Stdout {
		return openStdout()
	}
	// A file is opened for reading too, to see how it ends. A pipe must not be: it would seem to have a reader.
	flags := os.O_RDWR
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		flags = os.O_WRONLY
	}
	file, err := os.OpenFile(path, flags|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o600)
	switch {
	case errors.Is(err, unix.ELOOP):
		return nil, fmt.Errorf("audit log %s: it is a symbolic link; name the file itself", path)
	case errors.Is(err, unix.ENXIO):
		return nil, fmt.Errorf("audit log %s: nobody reads this pipe; start its reader first", path)
	case err != nil:
		return nil, fmt.Errorf("audit log: %w", err)
	}
	t := &target{file: file}
	if err := t.examine(); err != nil {
		return nil, errors.Join(fmt.Errorf("audit log %s: %w", path, err), file.Close())
	}
	return t, nil
}

// openStdout opens standard output once more, so that a reader who goes away is an error: on descriptor 1 itself it would
// end the process (package os/signal).
func openStdout() (*target, error) {
	fd, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("audit log on standard output: %w", err)
	}
	return &target{file: os.NewFile(uintptr(fd), Stdout)}, nil
}

// examine gives a file mode 0600, and looks whether a crash has left half a line at its end.
func (t *target) examine() error {
	info, err := t.file.Stat()
	if err != nil {
		return err
	}
	if t.regular = info.Mode().IsRegular(); !t.regular {
		return nil
	}
	if info.Mode() != 0o600 {
		if err := t.file.Chmod(0o600); err != nil {
			return fmt.Errorf("its mode must be 0600: %w", err)
		}
	}
	if info.Size() == 0 {
		return nil
	}
	end := make([]byte, 1)
	if _, err := t.file.ReadAt(end, info.Size()-1); err != nil {
		return err
	}
	t.torn = end[0] != '\n'
	return nil
}

// write writes lines, all of them or none. When the disk takes only a part, that part is taken back, so that the next record
// does not begin in the middle of a line; where it cannot be taken back (a pipe), the next write begins with a newline.
func (t *target) write(text []byte) error {
	if t.torn {
		text = append([]byte{'\n'}, text...)
	}
	n, err := t.file.Write(text)
	if err == nil {
		t.torn = false
		return nil
	}
	if n > 0 && !t.takeBack(n) {
		t.torn = true
	}
	return err
}

// takeBack removes the last n bytes, and reports whether it could.
func (t *target) takeBack(n int) bool {
	if !t.regular {
		return false
	}
	info, err := t.file.Stat()
	return err == nil && t.file.Truncate(info.Size()-int64(n)) == nil
}

// room returns an error when the disk has no room for a record. Where the file system cannot say (fallocate(2)), and of a
// pipe, it returns nil.
func (t *target) room() error {
	if !t.regular {
		return nil
	}
	info, err := t.file.Stat()
	if err != nil {
		return err
	}
	if err := unix.Fallocate(int(t.file.Fd()), unix.FALLOC_FL_KEEP_SIZE, info.Size(), maxLine); errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fmt.Errorf("audit log %s: %w", t.file.Name(), err)
	}
	return nil
}

func (t *target) close() error { return t.file.Close() }
