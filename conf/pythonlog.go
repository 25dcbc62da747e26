package conf

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"gopkg.in/ini.v1"
)

// pythonLog is what we understand of a Python logging file (Python's logging.config, "Configuration file format").
type pythonLog struct {
	level    slog.Level
	hasLevel bool
	file     string // of the first file handler
}

// takePythonLogging honours what is understood of the file that StackStorm's [auth] logging names: the logger's level, and
// where its file is. [log] wins over both. What is not honoured is said in one notice, and a file that is not there stops
// nothing: st2.conf names one that StackStorm's packages bring.
func (r *reader) takePythonLogging(c *Config) {
	given, ok := r.value("auth", "logging")
	if !ok {
		return
	}
	content, _, err := readFile(given.value)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.notice(given.position, "[auth] logging: %s is not there and is not needed; [log] says what is logged", printablePath(given.value))
		return
	case err != nil:
		r.notice(given.position, "[auth] logging: %s cannot be read (%v); [log] says what is logged", printablePath(given.value), cause(err))
		return
	}
	found := readPythonLog(content)
	used := []string{}
	if _, own := r.value("log", "level"); found.hasLevel && !own {
		c.Log.Level = found.level
		used = append(used, "the level")
	}
	if _, own := r.value("log", "file"); found.file != "" && !own {
		if err := appendable(found.file); err != nil {
			r.notice(given.position, "[auth] logging: %s cannot be written (%v), so the log goes to standard error", printablePath(found.file), cause(err))
		} else {
			c.Log.File = found.file
			used = append(used, "the file "+printablePath(found.file))
		}
	}
	if len(used) == 0 {
		used = []string{"nothing"}
	}
	r.notice(given.position, "[auth] logging: %s is a Python logging file; used of it: %s; [log] has our own settings",
		printablePath(given.value), strings.Join(used, ", "))
}

// readPythonLog reads a Python logging file: the logger st2auth where there is one, otherwise the root logger. What it does
// not understand is not there.
func readPythonLog(content []byte) pythonLog {
	file, err := ini.LoadSources(ini.LoadOptions{
		IgnoreInlineComment: true, IgnoreContinuation: true, PreserveSurroundedQuote: true, SkipUnrecognizableLines: true,
		ChildSectionDelimiter: lineMark,
	}, content)
	if err != nil {
		return pythonLog{}
	}
	var found pythonLog
	for _, logger := range []string{"logger_st2auth", "logger_root"} {
		section := file.Section(logger)
		if level, err := logLevel(section.Key("level").Value()); err == nil && !found.hasLevel {
			found.level, found.hasLevel = level, true
		}
		for _, handler := range list(section.Key("handlers").Value()) {
			if path := handlerFile(file.Section("handler_" + handler)); path != "" && found.file == "" {
				found.file = path
			}
		}
	}
	return found
}

// firstArgument finds the path in a file handler's arguments, such as ("/var/log/st2/st2auth.log", "a").
var firstArgument = regexp.MustCompile(`^\(\s*["']([^"']+)["']`)

// handlerFile returns the path that a handler writes to. StackStorm's audit handler is none: its file gets other lines. A path
// with a placeholder, which StackStorm's own handler fills in, is none either.
func handlerFile(handler *ini.Section) string {
	path := firstArgument.FindStringSubmatch(handler.Key("args").Value())
	if path == nil || !strings.HasSuffix(handler.Key("class").Value(), "FileHandler") || strings.EqualFold(handler.Key("level").Value(), "audit") {
		return ""
	}
	if !filepath.IsAbs(path[1]) || strings.ContainsAny(path[1], "{}%\\") {
		return ""
	}
	return filepath.Clean(path[1])
}

// appendable returns nil when a file is there and can be written.
func appendable(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	return file.Close()
}

// printablePath returns a path as it is shown in a message.
func printablePath(path string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return '?'
		}
		return c
	}, path)
}
