package flatfile

import (
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"latchkey/plugins"
)

// tool runs a real tool with a password on its standard input and returns what it prints.
func tool(t testing.TB, debian, password, name string, arguments ...string) string {
	t.Helper()
	command := exec.Command(name, arguments...)
	command.Stdin = strings.NewReader(password + "\n")
	var trouble strings.Builder
	command.Stderr = &trouble
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%s (Debian package %s): %v: %s", name, debian, err, trouble.String())
	}
	return strings.TrimSpace(string(output))
}

// byHtpasswd returns the hash of a password that Apache's htpasswd makes.
func byHtpasswd(t testing.TB, password string, flags ...string) string {
	t.Helper()
	line := tool(t, "apache2-utils", password, "htpasswd", append([]string{"-n", "-i"}, append(flags, "user")...)...)
	_, hash, found := strings.Cut(line, ":")
	if !found {
		t.Fatalf("htpasswd printed no line of a password file")
	}
	return hash
}

// byOpenssl returns the hash of a password that openssl passwd makes.
func byOpenssl(t testing.TB, password string, flags ...string) string {
	t.Helper()
	return tool(t, "openssl", password, "openssl", append([]string{"passwd", "-stdin"}, flags...)...)
}

// makePipe makes a named pipe.
func makePipe(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
}

// What becomes of the hashes that the usual tools make: the table of the package's comment. hazard 12, hazard 13
func TestRealTools(t *testing.T) {
	const password = "S3cr3t:\u00e9 $x" // a colon, a space, a letter outside of ASCII; 12 bytes
	const short = "8letters"
	const no = plugins.ReasonUnusableHash
	cases := []struct {
		name, password, hash string
		options              options
		reason               string // why the right password is refused; empty when it is accepted
		notice               string // what the log says about the line; empty for nothing
	}{
		{"htpasswd -B", password, byHtpasswd(t, password, "-B"), options{}, "", "bcrypt of cost 5 is quickly guessed"},
		{"htpasswd -B -C 10", password, byHtpasswd(t, password, "-B", "-C", "10"), options{}, "", ""},
		{"htpasswd -B -C 17", password, strings.Replace(bcryptHash, "$04$", "$17$", 1), options{}, no, "of cost 17"},
		{"htpasswd -2", password, byHtpasswd(t, password, "-2"), options{}, "", ""},
		{"htpasswd -5", password, byHtpasswd(t, password, "-5"), options{}, "", ""},
		{"htpasswd -5 -r 1000", password, byHtpasswd(t, password, "-5", "-r", "1000"), options{}, "", ""},
		{"htpasswd -m", password, byHtpasswd(t, password, "-m"), options{}, "", "apr1 is quickly guessed"},
		{"htpasswd -s", password, byHtpasswd(t, password, "-s"), options{}, "", "SHA is quickly guessed"},
		{"htpasswd -d", short, byHtpasswd(t, short, "-d"), options{}, no, "needs allow_des"},
		{"htpasswd -d, allow_plaintext", short, byHtpasswd(t, short, "-d"), options{AllowPlaintext: true}, no, "looks like a password hash"},
		{"htpasswd -d, allow_des", short, byHtpasswd(t, short, "-d"), options{AllowDES: true}, "", "DES crypt is quickly guessed"},
		{"htpasswd -p", short, byHtpasswd(t, short, "-p"), options{}, no, "needs allow_plaintext"},
		{"htpasswd -p, allow_plaintext", short, byHtpasswd(t, short, "-p"), options{AllowPlaintext: true}, "", "stands in the file as it is"},
		{"nginx {PLAIN}, allow_plaintext", short, "{PLAIN}" + short, options{AllowPlaintext: true}, "", "stands in the file as it is"},
		{"openssl passwd -6", password, byOpenssl(t, password, "-6"), options{}, "", ""},
		{"openssl passwd -5", password, byOpenssl(t, password, "-5"), options{}, "", ""},
		{"openssl passwd -apr1", password, byOpenssl(t, password, "-apr1"), options{}, "", "apr1 is quickly guessed"},
		{"openssl passwd -1", password, byOpenssl(t, password, "-1"), options{}, no, "not known here"},
		{"slappasswd -h {SSHA}", right, bySlappasswd(t, right, "{SSHA}"), options{}, "", "SSHA is quickly guessed"},
		{"slappasswd -h {SMD5}", right, bySlappasswd(t, right, "{SMD5}"), options{AllowPlaintext: true}, no, "not known here"},
		{"mkpasswd yescrypt", right, "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$tnSYvahCwPBHKZUspmcxMfb0.WiB9W.zEaKlOBL35rC", options{AllowPlaintext: true}, no, "not known here"},
		{"an MD5 digest, allow_plaintext", right, "dc6b86adce0fe05b4c22c0ec2e1bb1b8", options{AllowPlaintext: true}, no, "looks like a password hash"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var log logged
			b := serve(t, c.options, log.logger(), "user:"+c.hash+":third field")
			got := ask(t, b, "user", c.password)
			if want := c.reason == ""; (got.Outcome == plugins.Accepted) != want || got.Reason != c.reason {
				t.Errorf("the right password gets %v %q", got.Outcome, got.Reason)
			}
			for _, wrong := range []string{c.password[1:], c.hash, "{PLAIN}" + c.password} {
				if got := ask(t, b, "user", wrong); got.Outcome != plugins.Denied && wrong != c.password { // plain text is its own
					t.Errorf("a wrong password gets %v", got.Outcome)
				}
			}
			if said := log.String(); !strings.Contains(said, c.notice) || c.notice == "" && said != "" || strings.Contains(said, c.hash) {
				t.Errorf("the log says %q, want %q in it", said, c.notice)
			}
		})
	}
}

// bySlappasswd returns the hash of a password that OpenLDAP's slappasswd makes.
func bySlappasswd(t testing.TB, password, scheme string) string {
	t.Helper()
	file := write(t, t.TempDir(), "password", password)
	return tool(t, "slapd", "", "/usr/sbin/slappasswd", "-n", "-h", scheme, "-T", file)
}

// The file that htpasswd itself writes, in place, is read: users are added, changed and deleted by it.
func TestHtpasswdEditsTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "htpasswd")
	tool(t, "apache2-utils", "first", "htpasswd", "-c", "-i", "-B", "-C", "4", path, "alice")
	b, err := open(options{FilePath: path}, quiet(), later, minBcryptCost)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(name, password string, want plugins.Outcome) {
		t.Helper()
		if got := ask(t, b, name, password); got.Outcome != want {
			t.Errorf("%s gets %v %q, want %v", name, got.Outcome, got.Reason, want)
		}
	}
	expect("alice", "first", plugins.Accepted)
	tool(t, "apache2-utils", "second", "htpasswd", "-i", "-5", path, "alice")
	expect("alice", "first", plugins.Denied)
	expect("alice", "second", plugins.Accepted)
	tool(t, "apache2-utils", "third", "htpasswd", "-i", "-B", "-C", "4", path, "bob")
	expect("bob", "third", plugins.Accepted)
	tool(t, "apache2-utils", "", "htpasswd", "-D", path, "alice")
	expect("alice", "second", plugins.UnknownUser)
}
