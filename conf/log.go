package conf

import (
	"errors"
	"log/slog"
	"strings"
)

// levelOfDebug is the level that [auth] debug means.
const levelOfDebug = slog.LevelDebug

// logSection is the section [log].
func logSection() section {
	level := into("level", logLevel, func(c *Config) *slog.Level { return &c.Log.Level })
	level.show = func(c *Config) string { return strings.ToLower(c.Log.Level.String()) }
	return section{name: "log", keys: []key{
		level,
		into("format", oneOf("text", "json"), func(c *Config) *string { return &c.Log.Format }),
		into("file", absolute, func(c *Config) *string { return &c.Log.File }),
	}}
}

// logLevel reads a level by our own names or Python's, in any case.
func logLevel(value string) (slog.Level, error) {
	switch strings.ToLower(value) {
	case "debug":
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
