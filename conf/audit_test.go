package conf

import (
	"os"
	"path/filepath"
	"testing"
)

// What the daemon writes is not among what it runs, by whatever name. hazard 41
func TestWrittenFilesAreNoExecutables(t *testing.T) {
	dir := t.TempDir()
	backends, link := filepath.Join(dir, "backends"), filepath.Join(dir, "link")
	if err := os.Mkdir(backends, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(backends, link); err != nil {
		t.Fatal(err)
	}
	const packaged = "it is inside /usr/libexec/latchkey/backends, where the backends' executables are; write it somewhere else"
	own := "it is inside " + backends + ", where the backends' executables are; write it somewhere else"
	check(t, "[audit]\nfile = /usr/libexec/latchkey/backends/latchkey-backend-x\n", "2: [audit] file: "+packaged)
	check(t, "[audit]\nfile = /usr/libexec/latchkey/x/../backends/y/z\n", "2: [audit] file: "+packaged)
	check(t, "[plugins]\ndir = "+backends+"\n[audit]\nfile = "+backends+"/x\n[log]\nfile = "+link+"/y\n[store]\nurl = bolt:"+backends+"/z\n",
		"4: [audit] file: "+own, "6: [log] file: "+own, "8: [store] url: "+own)
	check(t, "[plugins]\ndir = "+link+"\n[audit]\nfile = "+backends+"/x\n",
		"4: [audit] file: it is inside "+link+", where the backends' executables are; write it somewhere else")
	c := mustLoad(t, "[plugins]\ndir = "+backends+"\n[audit]\nfile = "+dir+"/backends.log\n")
	if c.Audit.File != dir+"/backends.log" {
		t.Errorf("[audit] %+v", c.Audit)
	}
}

// Each file has one writer.
func TestWrittenFilesDiffer(t *testing.T) {
	check(t, "[audit]\nfile = /var/log/x\n[log]\nfile = /var/log/./x\n[store]\nurl = bolt:/var/log/x\n",
		"2: [audit] file: it is the same file as [store] url; give each its own",
		"4: [log] file: it is the same file as [store] url; give each its own",
		"4: [log] file: it is the same file as [audit] file; give each its own")
	if c := mustLoad(t, "[audit]\nfile = stdout\n"); c.Audit.File != "stdout" {
		t.Errorf("[audit] %+v", c.Audit)
	}
	check(t, "[audit]\nfile = audit.log\n", "2: [audit] file: must be a path that begins with /; or stdout")
}
