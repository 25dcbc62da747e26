package flatfile

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/plugins"
	"latchkey/plugins/secret"
)

// replace puts a file in another's place by a rename, as careful editors do.
func replace(t *testing.T, path, content string) {
	t.Helper()
	if err := os.Rename(write(t, filepath.Dir(path), ".new", content), path); err != nil {
		t.Fatal(err)
	}
}

// Every way to change a file is seen: in place, by a rename, and by the switched link of a Kubernetes volume; and so is a
// changed group file.
func TestChangedFileIsReadAgain(t *testing.T) {
	folder := t.TempDir()
	volume := filepath.Join(folder, "volume")
	version := func(name, users, groups string) {
		if err := os.MkdirAll(filepath.Join(volume, name), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(volume, name), "htpasswd", users)
		write(t, filepath.Join(volume, name), "groups", groups)
		if err := os.Symlink(name, filepath.Join(volume, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(volume, "..data_tmp"), filepath.Join(volume, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	version("..1", "alice:"+shaHash+"\n", "ops: alice\n")
	for _, name := range []string{"htpasswd", "groups"} {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(volume, name)); err != nil {
			t.Fatal(err)
		}
	}
	o := options{FilePath: filepath.Join(volume, "htpasswd"), GroupFile: filepath.Join(volume, "groups")}
	b, err := open(o, quiet(), later, minBcryptCost)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(how, name string, want plugins.Outcome, groups string) {
		t.Helper()
		if got := ask(t, b, name, right); got.Outcome != want || strings.Join(got.Groups, " ") != groups {
			t.Errorf("%s: %s gets %v %q, want %v %q", how, name, got.Outcome, got.Groups, want, groups)
		}
	}
	expect("at the start", "alice", plugins.Accepted, "ops")
	version("..2", "bob:"+shaHash+"\n", "dev: bob\n")
	expect("a switched link", "alice", plugins.UnknownUser, "")
	expect("a switched link", "bob", plugins.Accepted, "dev")

	in := filepath.Join(volume, "..2")
	write(t, in, "htpasswd", "bob:"+shaHash+"\ncarol:"+shaHash+"\n")
	expect("in place", "carol", plugins.Accepted, "")
	write(t, in, "groups", "dev: bob carol\n")
	expect("in place", "carol", plugins.Accepted, "dev")
	replace(t, filepath.Join(in, "htpasswd"), "dave:"+shaHash+"\n")
	expect("a rename", "carol", plugins.UnknownUser, "")
	expect("a rename", "dave", plugins.Accepted, "")
}

// A file that has become unusable leaves what was read before in force and is reported once; it is used again when it is good.
func TestBadFileKeepsTheOldOne(t *testing.T) {
	var log logged
	b := serve(t, options{}, log.logger(), "alice:"+shaHash)
	path := b.users.path
	for how, spoil := range map[string]func(){
		"line 2: there is no colon in it": func() { write(t, filepath.Dir(path), "htpasswd", "bob:"+shaHash+"\ncanary\n") },
		"no such file":                    func() { _ = os.Remove(path) },
		"not a regular file":              func() { _, _ = os.Remove(path), os.Mkdir(path, 0o700) },
	} {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		replace(t, path, "alice:"+shaHash+"\n")
		ask(t, b, "alice", right)
		spoil()
		for range 3 {
			if got := ask(t, b, "alice", right); got.Outcome != plugins.Accepted {
				t.Errorf("%s: alice gets %v", how, got.Outcome)
			}
			if got := ask(t, b, "bob", right); got.Outcome != plugins.UnknownUser {
				t.Errorf("%s: bob gets %v", how, got.Outcome)
			}
			if err := b.Check(t.Context()); err != nil {
				t.Errorf("%s: Check() = %v", how, err)
			}
		}
		if n := strings.Count(log.String(), how); n != 1 {
			t.Errorf("the log says %d times %q", n, how)
		}
	}
	if strings.Contains(log.String(), "canary") || !strings.Contains(log.String(), "what was read before stays in force") {
		t.Errorf("the log is:\n%s", log.String())
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	replace(t, path, "bob:"+shaHash+"\n")
	if got := ask(t, b, "bob", right); got.Outcome != plugins.Accepted {
		t.Errorf("after the file was mended, bob gets %v", got.Outcome)
	}
}

// A file that was changed just now may be half written: it is read when it has been left alone for a while, and a second
// change with the same size and in the same instant is not missed.
func TestHalfWrittenFileIsLeftAlone(t *testing.T) {
	var now atomic.Int64 // how far the backend's clock is ahead of the file's last change
	path := write(t, t.TempDir(), "htpasswd", "alice:"+shaHash+"\n")
	var changed time.Time
	look := func() {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			t.Fatal(err)
		}
		changed = time.Unix(0, identify(info).change)
	}
	look()
	b, err := open(options{FilePath: path}, quiet(), func() time.Time { return changed.Add(time.Duration(now.Load())) }, minBcryptCost)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(name string, want plugins.Outcome) {
		t.Helper()
		if got := ask(t, b, name, right); got.Outcome != want {
			t.Errorf("%s gets %v, want %v", name, got.Outcome, want)
		}
	}
	expect("alice", plugins.Accepted)
	// Right after the start, the same size in the same instant.
	write(t, filepath.Dir(path), "htpasswd", "malik:"+shaHash+"\n")
	look()
	expect("malik", plugins.UnknownUser)
	now.Store(int64(settle))
	expect("malik", plugins.Accepted)
	expect("alice", plugins.UnknownUser)

	write(t, filepath.Dir(path), "htpasswd", "alice:"+shaHash+"\nbo")
	look()
	now.Store(int64(settle) - 1)
	expect("malik", plugins.Accepted)
	write(t, filepath.Dir(path), "htpasswd", "alice:"+shaHash+"\nbob:"+shaHash+"\n")
	look()
	expect("bob", plugins.UnknownUser)
	now.Store(int64(settle))
	expect("bob", plugins.Accepted)
}

// Notices about lines are said once, not at each change of the file.
func TestNoticesAreSaidOnce(t *testing.T) {
	var log logged
	b := serve(t, options{}, log.logger(), "alice:"+shaHash)
	for _, more := range []string{"bob:" + shaHash + "\n", "carol:" + shaHash + "\n"} {
		replace(t, b.users.path, "alice:"+shaHash+"\n"+more)
		ask(t, b, "alice", right)
	}
	for _, name := range []string{"alice", "bob", "carol"} {
		if n := strings.Count(log.String(), `user \"`+name); n != 1 {
			t.Errorf("the log has %d notices about %s", n, name)
		}
	}
	if n := strings.Count(log.String(), "the file was read again"); n != 2 {
		t.Errorf("the log says %d times that the file was read again", n)
	}
}

// A file that everybody may write to is reported, and one without users as well.
func TestNoticesAboutTheFile(t *testing.T) {
	var log logged
	path := write(t, t.TempDir(), "htpasswd", "# nobody\n")
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	b, err := open(options{FilePath: path}, log.logger(), later, minBcryptCost)
	if err != nil {
		t.Fatal(err)
	}
	if got := ask(t, b, "alice", right); got.Outcome != plugins.UnknownUser {
		t.Errorf("alice gets %v", got.Outcome)
	}
	for _, want := range []string{"everybody on this host may write", "no line lets anybody log in"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, log.String())
		}
	}
}

// Log-ins and changes of the file at once: each answer comes from one whole state of the file.
func TestConcurrentLogins(t *testing.T) {
	b := serve(t, options{}, quiet(), "alice:"+shaHash, "bob:"+shaHash)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				result, err := b.Authenticate(t.Context(), plugins.Request{Name: "alice", Password: secret.New(right)})
				if err != nil || result.Outcome != plugins.Accepted {
					t.Errorf("alice gets %v, %v", result.Outcome, err)
					return
				}
			}
		})
	}
	wg.Go(func() {
		for i := range 100 {
			replace(t, b.users.path, "alice:"+shaHash+"\n"+strings.Repeat("#\n", i))
		}
	})
	wg.Wait()
}
