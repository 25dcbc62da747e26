package plugins

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strings"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/time/rate"
)

// How many lines of a backend get into the daemon's log: a burst, and so many a second. What is beyond is dropped, so that a
// backend which writes without end fills neither the log nor the disk.
const (
	logBurst  = 200
	logPerSec = 20
)

// exitMessage is what go-plugin says of every end of a process, also of one that was asked for; package daemon/host says what
// an administrator should hear.
const exitMessage = "plugin process exited"

// newHCLog returns a logger for go-plugin that writes to log. It lets go-hclog format each line as JSON, which is then read
// and passed on.
func newHCLog(log *slog.Logger) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{
		Level: hclog.Debug, JSONFormat: true, DisableTime: true,
		Output: &logWriter{log: log, limit: rate.NewLimiter(logPerSec, logBurst)},
	})
}

// logWriter takes go-hclog's JSON lines.
type logWriter struct {
	log   *slog.Logger
	limit *rate.Limiter
}

var _ io.Writer = (*logWriter)(nil)

// Write takes one line.
func (w *logWriter) Write(line []byte) (int, error) {
	if !w.limit.Allow() {
		return len(line), nil
	}
	var fields map[string]any
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	if err := decoder.Decode(&fields); err != nil {
		w.log.Info(oneLine(string(line)))
		return len(line), nil
	}
	level := slog.LevelDebug
	switch fields["@level"] {
	case "error":
		level = slog.LevelError
	case "warn":
		level = slog.LevelWarn
	case "info":
		level = slog.LevelInfo
	}
	message, _ := fields["@message"].(string)
	if message == exitMessage {
		level = slog.LevelDebug
	}
	var attrs []slog.Attr
	for _, key := range sortedKeys(fields) {
		if !strings.HasPrefix(key, "@") && key != "backend" && key != "timestamp" {
			text, ok := fields[key].(string)
			if !ok {
				encoded, _ := json.Marshal(fields[key]) // it came from JSON
				text = string(encoded)
			}
			attrs = append(attrs, slog.String(key, oneLine(text)))
		}
	}
	w.log.LogAttrs(context.Background(), level, oneLine(message), attrs...)
	return len(line), nil
}
