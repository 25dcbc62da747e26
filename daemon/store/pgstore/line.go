package pgstore

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"latchkey/daemon/store"
	"latchkey/daemon/store/cache"
)

// The times of a line. A change is seen everywhere within a second: it is told at once, and a node whose line says nothing any
// more, for whatever reason, stops trusting its memory proofLife after the last question that was answered.
const (
	heartbeat       = 200 * time.Millisecond // how often the line is asked whether it is there
	answerTimeout   = 400 * time.Millisecond // how long the answer may take
	proofLife       = 700 * time.Millisecond // how long an answer counts, from when it was asked for
	dialTimeout     = 5 * time.Second        // how long making the connection may take
	shortestRedial  = 20 * time.Millisecond
	longestRedial   = time.Second
	farewellTimeout = time.Second
)

// line is the connection on which a node hears what others change.
//
// PostgreSQL delivers a notification to a listening session no later than the answer to that session's next statement. So an
// answer proves that all that was told before the question was asked has been heard.
type line struct {
	config *pgx.ConnConfig
	cache  *cache.Cache
	log    *slog.Logger
	now    func() time.Time
	cancel context.CancelFunc
	ended  chan struct{}

	up     atomic.Bool               // the connection is there, as far as anybody knows
	proven atomic.Pointer[time.Time] // when the last question was asked that was answered
}

// newLine begins to listen.
func newLine(config *pgx.ConnConfig, kept *cache.Cache, log *slog.Logger, now func() time.Time) *line {
	ctx, cancel := context.WithCancel(context.Background())
	l := &line{config: config.Copy(), cache: kept, log: log, now: now, cancel: cancel, ended: make(chan struct{})}
	l.config.OnNotification = func(_ *pgconn.PgConn, n *pgconn.Notification) { l.hear(n.Payload) }
	l.config.ConnectTimeout = dialTimeout
	go l.run(ctx)
	return l
}

// close ends the connection and waits for that.
func (l *line) close() {
	l.cancel()
	<-l.ended
}

// whole reports whether everything that was changed up to proofLife ago has been heard.
func (l *line) whole() bool { return l.up.Load() && l.age() < proofLife }

// age returns how long ago the last question was asked that was answered.
func (l *line) age() time.Duration {
	proven := l.proven.Load()
	if proven == nil {
		return 1<<63 - 1
	}
	return l.now().Sub(*proven)
}

// run listens, again and again, until ctx ends.
func (l *line) run(ctx context.Context) {
	defer close(l.ended)
	pause, said := shortestRedial, false
	for ctx.Err() == nil {
		heard, err := l.listen(ctx)
		l.up.Store(false)
		if ctx.Err() != nil {
			return
		}
		if heard {
			pause, said = shortestRedial, false
		}
		if !said {
			said = true
			l.log.Warn("what other nodes change is not heard; every check reads the database until it is", "error", bare(err))
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		pause = min(2*pause, longestRedial)
	}
}

// listen connects and hears until the connection is lost. It reports whether it was there at all.
func (l *line) listen(ctx context.Context) (heard bool, err error) {
	conn, err := pgx.ConnectConfig(ctx, l.config)
	if err != nil {
		return false, err
	}
	defer func() {
		farewell, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewellTimeout)
		defer cancel()
		_ = conn.Close(farewell) // it is gone either way
	}()
	asked := l.now()
	if err := l.ask(ctx, conn, "LISTEN "+Channel); err != nil {
		return false, err
	}
	l.cache.Clear() // what was told while nobody listened is not known
	l.proven.Store(&asked)
	l.up.Store(true)
	l.log.Info("what other nodes change is heard")
	for {
		if err := l.wait(ctx, conn); err != nil {
			return true, err
		}
		asked := l.now()
		if err := l.ask(ctx, conn, "SELECT 1"); err != nil {
			return true, err
		}
		l.proven.Store(&asked)
	}
}

// ask sends a statement, and fails when there is no answer within answerTimeout.
func (l *line) ask(ctx context.Context, conn *pgx.Conn, sql string) error {
	limited, cancel := context.WithTimeoutCause(ctx, answerTimeout, errors.New("the database did not answer in time"))
	defer cancel()
	if _, err := conn.Exec(limited, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		if cause := context.Cause(limited); cause != nil {
			return cause
		}
		return err
	}
	return nil
}

// wait hears what comes until it is time for the next question.
func (l *line) wait(ctx context.Context, conn *pgx.Conn) error {
	limited, cancel := context.WithTimeout(ctx, heartbeat)
	defer cancel()
	for {
		if err := conn.PgConn().WaitForNotification(limited); err != nil {
			if limited.Err() != nil && ctx.Err() == nil && !conn.IsClosed() {
				return nil
			}
			return err
		}
	}
}

// hear forgets what a payload says was changed; see Channel. One that is not understood comes from a newer version, and makes
// the node forget everything.
func (l *line) hear(payload string) {
	kind, rest, _ := strings.Cut(payload, " ")
	switch kind {
	case "c":
		var digests []store.Digest
		for word := range strings.FieldsSeq(rest) {
			digest, err := hex.DecodeString(word)
			if err != nil {
				l.cache.Clear()
				return
			}
			digests = append(digests, store.Digest(digest))
		}
		l.cache.Drop(digests...)
	case "u":
		name, err := base64.StdEncoding.DecodeString(rest)
		if err != nil {
			l.cache.Clear()
			return
		}
		l.cache.Touch(string(name))
	default:
		l.cache.Clear()
	}
}
