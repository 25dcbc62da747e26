// Package systemd_test holds the units to systemd's own judgement.
package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// root makes a root folder with the units installed as `make install` installs them, and stand-ins for the programs.
func root(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, file := range []struct {
		from, to string
	}{
		{"latchkeyd.service", "etc/systemd/system/latchkeyd.service"},
		{"latchkeyd.socket", "etc/systemd/system/latchkeyd.socket"},
		{"latchkeyd.service.d/pam.conf", "etc/systemd/system/latchkeyd.service.d/pam.conf"},
		{"latchkey.sysusers", "usr/lib/sysusers.d/latchkey.conf"},
		{"latchkey.tmpfiles", "usr/lib/tmpfiles.d/latchkey.conf"},
	} {
		content, err := os.ReadFile(file.from)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, file.to), string(content), 0o644)
	}
	for _, program := range []string{"usr/bin/latchkeyd", "bin/kill"} {
		write(t, filepath.Join(dir, program), "#!/bin/sh\n", 0o755)
	}
	// The targets that every host has.
	for _, unit := range []string{"sysinit", "basic", "shutdown", "network", "nss-user-lookup", "multi-user", "sockets"} {
		write(t, filepath.Join(dir, "etc/systemd/system", unit+".target"), "[Unit]\nDescription="+unit+"\n", 0o644)
	}
	for _, unit := range []string{"-.slice", "system.slice"} {
		write(t, filepath.Join(dir, "etc/systemd/system", unit), "[Unit]\nDescription="+unit+"\n", 0o644)
	}
	return dir
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// run runs one of systemd's tools and fails the test when it fails.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	output, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v (is the package systemd installed?)\n%s", name, strings.Join(args, " "), err, output)
	}
	return string(output)
}

// systemd understands every line, with and without the drop-in.
func TestVerify(t *testing.T) {
	dir := root(t)
	for _, unit := range []string{"latchkeyd.service", "latchkeyd.socket"} {
		output := run(t, "systemd-analyze", "--root="+dir, "--man=no", "verify", filepath.Join(dir, "etc/systemd/system", unit))
		for line := range strings.SplitSeq(output, "\n") {
			if strings.Contains(line, "latchkeyd") {
				t.Errorf("systemd-analyze verify %s: %s", unit, line)
			}
		}
	}
}

// The service is exposed to at most 2.0 of 10, by systemd's measure, with and without the drop-in for PAM. hazard 20
func TestSecurity(t *testing.T) {
	for _, withPAM := range []bool{false, true} {
		dir := root(t)
		if !withPAM {
			if err := os.RemoveAll(filepath.Join(dir, "etc/systemd/system/latchkeyd.service.d")); err != nil {
				t.Fatal(err)
			}
		}
		output := run(t, "systemd-analyze", "--root="+dir, "security", "--offline=yes", "--threshold=20", "--no-pager", "latchkeyd.service")
		lines := strings.Split(strings.TrimSpace(output), "\n")
		t.Logf("with PAM %v: %s", withPAM, lines[len(lines)-1])
	}
}

// The daemon's user and folders can be made.
func TestSysusersAndTmpfiles(t *testing.T) {
	dir := root(t)
	write(t, filepath.Join(dir, "etc/latchkey/latchkey.conf"), "", 0o600)
	run(t, "systemd-sysusers", "--root="+dir, filepath.Join(dir, "usr/lib/sysusers.d/latchkey.conf"))
	passwd, err := os.ReadFile(filepath.Join(dir, "etc/passwd"))
	if err != nil || !strings.Contains(string(passwd), "latchkey:") || !strings.Contains(string(passwd), "/usr/sbin/nologin") {
		t.Fatalf("the user is not made: %s, %v", passwd, err)
	}
	run(t, "systemd-tmpfiles", "--root="+dir, "--create", filepath.Join(dir, "usr/lib/tmpfiles.d/latchkey.conf"))
	info, err := os.Stat(filepath.Join(dir, "etc/latchkey/latchkey.conf"))
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Fatalf("the configuration's mode: %v, %v", info, err)
	}
}

// Every line that takes a right away has its reason above it, and the daemon runs as nobody special. hazard 20
func TestEveryRestrictionHasAReason(t *testing.T) {
	text, err := os.ReadFile("latchkeyd.service")
	if err != nil {
		t.Fatal(err)
	}
	explained := false
	for line := range strings.SplitSeq(string(text), "\n") {
		switch {
		case strings.HasPrefix(line, "#"):
			explained = true
		case line == "":
			explained = false
		case strings.HasPrefix(line, "Protect"), strings.HasPrefix(line, "Private"), strings.HasPrefix(line, "Restrict"), strings.HasPrefix(line, "NoNew"),
			strings.HasPrefix(line, "Capability"), strings.HasPrefix(line, "SystemCall"), strings.HasPrefix(line, "Memory"), strings.HasPrefix(line, "Lock"):
			if !explained {
				t.Errorf("no reason above %s", line)
			}
		}
	}
	for _, want := range []string{"User=latchkey\n", "Type=notify\n", "KillMode=control-group\n", "NoNewPrivileges=yes\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the unit has no line %q", strings.TrimSpace(want))
		}
	}
}
