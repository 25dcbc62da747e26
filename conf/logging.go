package conf

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"

	"gopkg.in/ini.v1"
)

// logLevelValue is the type of a level, by a name that reads well where keys are listed.
type logLevelValue = slog.Level

// logLevel reads a level by Python's or our own names.
func logLevel(value string) (slog.Level, error) {
	switch strings.ToLower(value) {
	case "debug", "audit", "notset":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warning", "warn":
		return slog.LevelWarn, nil
	case "error", "critical", "fatal":
		return slog.LevelError, nil
	}
	return 0, errors.New("must be debug, info, warning or error")
}

// pythonFile finds the path in a Python file handler's arguments, such as ("/var/log/st2/st2auth.log",).
var pythonFile = regexp.MustCompile(`^\(\s*["']([^"']+)["']`)

// takePythonLogging honours what can be understood of StackStorm's [auth] logging file: the root logger's level, and a file
// handler's path when we can write there. [log] wins; everything else is said once.
func (r *reader) takePythonLogging(c *Config) {
	given, ok := r.settings["auth"]["logging"]
	if !ok || isNone(given.value) {
		return
	}
	note := func(format string, args ...any) {
		c.Notices = append(c.Notices, Notice{given.position, "[auth] logging: " + fmt.Sprintf(format, args...)})
	}
	file, err := ini.LoadSources(ini.LoadOptions{IgnoreInlineComment: true, IgnoreContinuation: true, SkipUnrecognizableLines: true, ChildSectionDelimiter: newline}, given.value)
	if err != nil {
		note("%s cannot be read, so it is ignored; [log] has our own settings", given.value)
		return
	}
	_, ownLevel := r.settings["log"]["level"]
	if level, err := logLevel(file.Section("logger_root").Key("level").Value()); err == nil && !ownLevel {
		c.Log.Level = level
	}
	_, ownFile := r.settings["log"]["file"]
	for _, name := range list(file.Section("logger_root").Key("handlers").Value()) {
		handler := file.Section("handler_" + name)
		path := pythonFile.FindStringSubmatch(handler.Key("args").Value())
		if !strings.Contains(handler.Key("class").Value(), "FileHandler") || path == nil || ownFile {
			continue
		}
		if err := appendable(path[1]); err != nil {
			note("its file is not used, the log goes to standard error: %v", err)
			continue
		}
		c.Log.File, ownFile = path[1], true
	}
	note("level and file of %s are honoured, its other handlers, filters and formats are not", given.value)
}

// appendable returns nil when a file can be written.
func appendable(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	return file.Close()
}
