// Package systemd_test holds the units to systemd's own judgement.
package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// units are the files of this folder and where they are installed.
var units = map[string]string{
	"latchkeyd.service":            "etc/systemd/system/latchkeyd.service",
	"latchkeyd.socket":             "etc/systemd/system/latchkeyd.socket",
	"latchkeyd-admin.socket":       "etc/systemd/system/latchkeyd-admin.socket",
	"latchkeyd.service.d/pam.conf": "etc/systemd/system/latchkeyd.service.d/pam.conf",
	"latchkey.sysusers":            "usr/lib/sysusers.d/latchkey.conf",
	"latchkey.tmpfiles":            "usr/lib/tmpfiles.d/latchkey.conf",
}

// root makes a root folder with the units installed, with or without the drop-in for PAM, and stand-ins for what they name.
func root(t *testing.T, withPAM bool) string {
	t.Helper()
	dir := t.TempDir()
	for from, to := range units {
		if withPAM || !strings.Contains(from, "pam") {
			write(t, filepath.Join(dir, to), read(t, from), 0o644)
		}
	}
	for _, program := range []string{"usr/bin/latchkeyd", "bin/kill"} {
		write(t, filepath.Join(dir, program), "#!/bin/sh\n", 0o755)
	}
	for _, unit := range []string{ // what every host has
		"sysinit.target", "basic.target", "shutdown.target", "network.target", "nss-user-lookup.target", "multi-user.target", "sockets.target",
		"-.slice", "system.slice",
	} {
		write(t, filepath.Join(dir, "etc/systemd/system", unit), "[Unit]\nDescription="+unit+"\n", 0o644)
	}
	return dir
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
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

// verify returns what systemd finds wrong with the units in a root folder.
func verify(t *testing.T, dir string) []string {
	t.Helper()
	var wrong []string
	for _, unit := range []string{"latchkeyd.service", "latchkeyd.socket", "latchkeyd-admin.socket"} {
		// Some findings are errors and others are only said, so both count.
		output, err := exec.Command("systemd-analyze", "--root="+dir, "--man=no", "verify", filepath.Join(dir, "etc/systemd/system", unit)).CombinedOutput()
		if err != nil {
			wrong = append(wrong, err.Error())
		}
		for line := range strings.Lines(string(output)) {
			if strings.Contains(line, "latchkey") {
				wrong = append(wrong, strings.TrimSpace(line))
			}
		}
	}
	return wrong
}

// systemd understands every line, with and without the drop-in.
func TestVerify(t *testing.T) {
	for _, withPAM := range []bool{false, true} {
		if wrong := verify(t, root(t, withPAM)); len(wrong) > 0 {
			t.Errorf("with PAM %v: %s", withPAM, strings.Join(wrong, "\n"))
		}
	}
}

// The test above would see a line that systemd does not understand, and a program that is not there.
func TestVerifySees(t *testing.T) {
	for old, spoilt := range map[string]string{
		"ProtectHome=yes": "ProtectHoem=yes", "Type=notify": "Type=notify-reload-all", "/usr/bin/latchkeyd": "/usr/bin/latchkeydd", "WatchdogSec=60": "WatchdogSec=sixty",
	} {
		dir := root(t, false)
		service := filepath.Join(dir, units["latchkeyd.service"])
		write(t, service, strings.Replace(read(t, service), old, spoilt, 1), 0o644)
		if len(verify(t, dir)) == 0 {
			t.Errorf("%s in the place of %s is not seen", spoilt, old)
		}
	}
}

// exposure is systemd's measure in the last line of its report, from 0 (safe) to 10.
var exposure = regexp.MustCompile(`Overall exposure level for latchkeyd\.service: [0-9.]+`)

// The service is exposed to at most 2.0 of 10, by systemd's measure, with and without the drop-in for PAM. hazard 20
func TestSecurity(t *testing.T) {
	for _, withPAM := range []bool{false, true} {
		output := run(t, "systemd-analyze", "--root="+root(t, withPAM), "security", "--offline=yes", "--threshold=20", "--no-pager", "latchkeyd.service")
		found := exposure.FindString(output)
		if found == "" {
			t.Fatalf("no measure in\n%s", output)
		}
		t.Logf("with PAM %v: %s", withPAM, found)
		if withPAM != strings.Contains(output, "✗ SupplementaryGroups=") {
			t.Errorf("with PAM %v: the drop-in does not count as it should\n%s", withPAM, output)
		}
	}
}

// The daemon's user and groups can be made, and the folders have the modes that keep secrets and sockets. hazard 65
func TestSysusersAndTmpfiles(t *testing.T) {
	dir := root(t, false)
	write(t, filepath.Join(dir, "etc/latchkey/latchkey.conf"), "", 0o644)
	run(t, "systemd-sysusers", "--root="+dir, filepath.Join(dir, units["latchkey.sysusers"]))
	account := regexp.MustCompile(`(?m)^latchkey:[^:]*:(\d+):(\d+):[^:]*:/var/lib/latchkey:/usr/sbin/nologin$`).FindStringSubmatch(read(t, filepath.Join(dir, "etc/passwd")))
	if account == nil || account[1] == "0" || account[2] == "0" {
		t.Fatalf("the user is not made: %s", read(t, filepath.Join(dir, "etc/passwd")))
	}
	if groups := read(t, filepath.Join(dir, "etc/group")); !strings.Contains(groups, "latchkey-proxy:") {
		t.Fatalf("the group is not made: %s", groups)
	}
	run(t, "systemd-tmpfiles", "--root="+dir, "--create", filepath.Join(dir, units["latchkey.tmpfiles"]))
	for path, want := range map[string]os.FileMode{"etc/latchkey": 0o750, "etc/latchkey/latchkey.conf": 0o640, "run/latchkey": 0o755} {
		info, err := os.Stat(filepath.Join(dir, path))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want mode %o", path, info, err, want)
		}
	}
}

// restriction is a line that takes something away from the service.
var restriction = regexp.MustCompile(`^(Protect|Private|Restrict[A-Z]|NoNew|NoExec|Capability|Ambient|SystemCall|Memory|Lock|Proc|Limit|UMask|RemoveIPC|Keyring|Supplementary)`)

// Every line that takes something away, or gives something, has its reason in the line above. hazard 20
func TestEveryRestrictionHasAReason(t *testing.T) {
	for _, file := range []string{"latchkeyd.service", "latchkeyd.service.d/pam.conf"} {
		above, found := "", 0
		for line := range strings.Lines(read(t, file)) {
			if restriction.MatchString(line) && !strings.HasPrefix(line, "RestartPrevent") {
				found++
				if !strings.HasPrefix(above, "# ") {
					t.Errorf("%s: no reason above %s", file, line)
				}
			}
			above = line
		}
		if found == 0 {
			t.Errorf("%s restricts nothing", file)
		}
	}
}

// What the rest of the project relies on, and what systemd 252 does not know. hazard 20, hazard 60
func TestServiceIsAsPromised(t *testing.T) {
	service := read(t, "latchkeyd.service")
	for _, want := range []string{
		"User=latchkey\n", "Type=notify\n", "WatchdogSec=", "KillMode=control-group\n", "NoNewPrivileges=yes\n", "CapabilityBoundingSet=\n",
		"StateDirectory=latchkey\n", "StateDirectoryMode=0700\n", "RuntimeDirectory=latchkey\n", "ExecReload=/bin/kill -HUP $MAINPID\n",
		"ConfigurationDirectory=latchkey\n", "RestartPreventExitStatus=2\n", "#LoadCredential=ldap:", "#LoadCredential=tls.key:",
	} {
		if !strings.Contains(service, "\n"+want) {
			t.Errorf("the unit has no line %q", strings.TrimSpace(want))
		}
	}
	for _, unknown := range []string{"notify-reload", "ImportCredential", "\nEnvironment="} {
		if strings.Contains(service, unknown) {
			t.Errorf("the unit has %q", unknown)
		}
	}
	for unit, want := range map[string]string{"latchkeyd.socket": "FileDescriptorName=http\n", "latchkeyd-admin.socket": "FileDescriptorName=admin\n"} {
		if !strings.Contains(read(t, unit), "\n"+want) {
			t.Errorf("%s has no line %q", unit, want)
		}
	}
}
