package flatfile

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	// settle is how old the last change of a file must be before it is read. Editors and htpasswd write a file in place, and
	// half of it is not to be believed; it is also longer than the kernel's clock for file times takes to move on, so that a
	// second change cannot hide in the same instant.
	settle = 100 * time.Millisecond
	// maxFile is the largest file in bytes: some half a million users.
	maxFile = 64 << 20
)

// fingerprint tells one content of a file from another: the file that the path leads to (a rename or a switched link in the
// path changes it), its size and its times (a change in place does).
type fingerprint struct {
	device, inode    uint64
	size             int64
	modified, change int64 // nanoseconds since 1970
	mode             os.FileMode
}

// source is a file and what was read from it last. Each use looks at the file's fingerprint, which costs a microsecond and
// sees everything that can happen to a path; watching by inotify would miss network file systems and links outside of the
// folder. A content that cannot be used leaves the one before it in force.
type source[T any] struct {
	path  string
	parse func(content []byte) (value T, notices []string, err error)
	now   func() time.Time
	log   *slog.Logger

	mu       sync.Mutex
	value    T
	read     time.Time
	inForce  fingerprint     // of value; zero when it should be read again in any case
	unusable fingerprint     // of the content after it, if that could not be used; it is not tried again
	rejected string          // what was wrong with that content, so that it is said once
	told     map[string]bool // the notices about value
}

// open reads the file for the first time. The error names the file, and the line where one is to blame.
func (s *source[T]) open() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, notices, mark, err := s.load()
	if err != nil {
		return err
	}
	s.adopt(value, notices, mark)
	return nil
}

// current returns what the file says and when it was read. It reads a changed file anew.
func (s *source[T]) current() (T, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := os.Stat(s.path)
	if err != nil {
		s.reject(err)
		return s.value, s.read
	}
	switch mark := identify(info); {
	case mark == s.inForce:
		s.rejected = ""
		return s.value, s.read
	case mark == s.unusable, s.settling(mark):
		return s.value, s.read
	}
	value, notices, mark, err := s.load()
	switch {
	case s.settling(mark): // it was changed while it was read
	case err != nil:
		s.reject(err)
		s.unusable = mark
	default:
		s.adopt(value, notices, mark)
	}
	return s.value, s.read
}

// adopt puts a content in force. A caller holds the lock.
func (s *source[T]) adopt(value T, notices []string, mark fingerprint) {
	again := s.told != nil
	s.value, s.read, s.inForce, s.unusable, s.rejected = value, s.now(), mark, fingerprint{}, ""
	if s.settling(mark) {
		s.inForce = fingerprint{}
	}
	told := make(map[string]bool, len(notices))
	for _, notice := range notices {
		if !s.told[notice] {
			s.log.Warn(s.path + ": " + notice)
		}
		told[notice] = true
	}
	s.told = told
	if again {
		s.log.Info("the file was read again", "file", s.path)
	}
}

// reject reports, once for each fault, that the file cannot be used. A caller holds the lock.
func (s *source[T]) reject(err error) {
	if text := err.Error(); text != s.rejected {
		s.rejected = text
		s.log.Error("the file cannot be used; what was read before stays in force", "file", s.path, "error", text)
	}
}

// settling reports whether the file was changed just now. A time in the future (another host's clock) counts as long ago.
func (s *source[T]) settling(mark fingerprint) bool {
	age := s.now().Sub(time.Unix(0, mark.change))
	return age >= 0 && age < settle
}

// load reads and parses the file.
func (s *source[T]) load() (value T, notices []string, mark fingerprint, err error) {
	content, mark, err := readFile(s.path)
	if err != nil {
		return value, nil, mark, err
	}
	value, notices, err = s.parse(content)
	if err != nil {
		return value, nil, mark, fmt.Errorf("%s: %w", s.path, err)
	}
	if mark.mode.Perm()&0o002 != 0 {
		notices = append(notices, "everybody on this host may write to the file, and so let himself in; chmod o-w")
	}
	return value, notices, mark, nil
}

// readFile returns the content of a regular file, and its fingerprint from after it was read: had somebody been writing
// meanwhile, it would be a fresh one. Its errors name the file.
func readFile(path string) ([]byte, fingerprint, error) {
	// Without O_NONBLOCK, opening a pipe would wait for somebody to write into it.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fingerprint{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fingerprint{}, err
	}
	if !info.Mode().IsRegular() {
		return nil, fingerprint{}, fmt.Errorf("%s: it is not a regular file", path)
	}
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fingerprint{}, err
	}
	if len(content) > maxFile {
		return nil, fingerprint{}, fmt.Errorf("%s: it is larger than %d MiB", path, maxFile>>20)
	}
	if info, err = file.Stat(); err != nil {
		return nil, fingerprint{}, err
	}
	return content, identify(info), nil
}

// identify returns a file's fingerprint.
func identify(info os.FileInfo) fingerprint {
	mark := fingerprint{size: info.Size(), modified: info.ModTime().UnixNano(), mode: info.Mode()}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		mark.device, mark.inode = uint64(stat.Dev), stat.Ino
		mark.change = stat.Ctim.Nano()
	}
	return mark
}
