package conf

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
)

// pythonFile is a Python logging file as StackStorm has them.
const pythonFile = `[loggers]
keys=root

[handlers]
keys=consoleHandler, auditHandler, fileHandler

[formatters]
keys=simpleConsoleFormatter

[logger_root]
level=WARNING
handlers=consoleHandler, auditHandler, fileHandler

[handler_consoleHandler]
class=StreamHandler
level=DEBUG
formatter=simpleConsoleFormatter
args=(sys.stdout,)

[handler_auditHandler]
class=handlers.RotatingFileHandler
level=AUDIT
args=("/nonexistent/st2auth.audit.log",)

[handler_fileHandler]
class=st2common.log.FormatNamedFileHandler
level=DEBUG
args=("LOG", "a", 100000000, 5)

[formatter_simpleConsoleFormatter]
format=%(asctime)s %(levelname)s [-] %(message)s
`

// Of StackStorm's Python logging file the level and the file are honoured, and [log] wins over both.
func TestPythonLogging(t *testing.T) {
	out := write(t, "st2auth.log", "", 0o600)
	python := write(t, "logging.auth.conf", strings.ReplaceAll(pythonFile, "LOG", out), 0o644)
	c := mustLoad(t, "[auth]\nlogging = "+python+"\n")
	if c.Log.Level != slog.LevelWarn || c.Log.File != out {
		t.Errorf("[log] %+v", c.Log)
	}
	want := "latchkey.conf:2: [auth] logging: " + python + " is a Python logging file; used of it: the level, the file " + out + "; [log] has our own settings\n"
	if got := noticesOf(c); got != want {
		t.Errorf("notices\n%swant\n%s", got, want)
	}
	c = mustLoad(t, "[auth]\nlogging = "+python+"\n[log]\nlevel = error\nfile = /mine\n")
	if got := noticesOf(c); c.Log.Level != slog.LevelError || c.Log.File != "/mine" || !strings.Contains(got, "used of it: nothing;") {
		t.Errorf("[log] %+v, notices %s", c.Log, got)
	}
	c = mustLoad(t, "[auth]\nlogging = "+python+"\ndebug = True\n")
	if c.Log.Level != slog.LevelDebug {
		t.Errorf("[log] %+v", c.Log)
	}
}

// A logging file that is not there, is none, or names a file that cannot be written stops nothing.
func TestPythonLoggingStopsNothing(t *testing.T) {
	gone := write(t, "logging.auth.conf", strings.ReplaceAll(pythonFile, "LOG", "/nonexistent/st2auth.log"), 0o644)
	for name, want := range map[string]string{
		"/nonexistent/logging.conf": "/nonexistent/logging.conf is not there and is not needed; [log] says what is logged",
		filepath.Dir(gone):          filepath.Dir(gone) + " cannot be read (is a directory); [log] says what is logged",
		gone:                        "/nonexistent/st2auth.log cannot be written (no such file or directory), so the log goes to standard error",
	} {
		c := mustLoad(t, "[auth]\nlogging = "+name+"\n")
		if got := noticesOf(c); !strings.HasPrefix(got, "latchkey.conf:2: [auth] logging: "+want+"\n") || c.Log.File != "" {
			t.Errorf("%s: [log] %+v, notices %s", name, c.Log, got)
		}
	}
}

// What a Python logging file may have and we do not use.
func TestReadPythonLog(t *testing.T) {
	handler := func(class, level, args string) string {
		return "[logger_root]\nhandlers=x\n[handler_x]\nclass=" + class + "\nlevel=" + level + "\nargs=" + args + "\n"
	}
	for text, want := range map[string]pythonLog{
		"[logger_root]\nlevel=INFO\n[logger_st2auth]\nlevel=ERROR\n":    {level: slog.LevelError, hasLevel: true},
		"[logger_root]\nlevel=CRITICAL\n[logger_st2auth]\nlevel=none\n": {level: slog.LevelError, hasLevel: true},
		"[logger_root]\nlevel=NOTSET\n":                                 {},
		handler("FileHandler", "INFO", `('/var/log/x.log',)`):           {file: "/var/log/x.log"},
		handler("FileHandler", "AUDIT", `("/var/log/x.log",)`):          {},
		handler("FileHandler", "INFO", `("logs/x.log",)`):               {},
		handler("FileHandler", "INFO", `("/var/log/{timestamp}.log",)`): {},
		handler("FileHandler", "INFO", `(sys.stdout,)`):                 {},
		handler("StreamHandler", "INFO", `("/var/log/x.log",)`):         {},
		"[logger_root": {}, "": {}, "[a]\nb=`": {},
	} {
		if got := readPythonLog([]byte(text)); got != want {
			t.Errorf("%q is read as %+v, want %+v", text, got, want)
		}
	}
}

func FuzzReadPythonLog(f *testing.F) {
	f.Add([]byte(pythonFile))
	f.Add([]byte("[logger_root]\nlevel=\"\"\"INFO\nhandlers=`a\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if file := readPythonLog(text).file; file != "" && !filepath.IsAbs(file) {
			t.Fatalf("file %q", file)
		}
	})
}
