package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"
)

// The codes of errors that are told apart.
const (
	codeUnique        = "23505" // unique_violation
	codeSerialization = "40001" // serialization_failure
	codeDeadlock      = "40P01" // deadlock_detected
	codeReadOnly      = "25006" // read_only_sql_transaction
	codeConnections   = "53300" // too_many_connections
	codeSchemaExists  = "42P06" // duplicate_schema
	codeTableExists   = "42P07" // duplicate_table
	codeNoFunction    = "42883" // undefined_function
	codeUnsupported   = "0A000" // feature_not_supported
	codeSyntax        = "42601" // syntax_error
)

var (
	errClosed = errors.New("the store is closed")
	// errRaced means that somebody else has made the record between our looking for it and our making it.
	errRaced = errors.New("another writer was faster, again and again")
	// errReadOnly means that the server takes no writes.
	errReadOnly = errors.New("the database server takes no writes: it is a standby, or set to be read only")
)

// ErrUnreachable means that no server has answered, or one that is still starting, so that it is of use to try again later.
var ErrUnreachable = errors.New("the database cannot be reached")

// unreachable reports whether an error means that, and not that a server has turned us away.
func unreachable(err error) bool {
	c := code(err)
	_, failed := errors.AsType[*pgconn.ConnectError](err)
	return strings.HasPrefix(c, "57P") || c == codeConnections || failed && c == "" ||
		c == "" && (errors.Is(err, context.DeadlineExceeded) || pgconn.SafeToRetry(err))
}

// verdict is an error of the caller's function, or a sentinel: it is returned as it is, and nothing is tried again.
type verdict struct{ error }

// notBegun is the failure of something before it has begun, so that it has certainly not happened.
type notBegun struct{ error }

func (e notBegun) Unwrap() error { return e.error }

// code returns the code of an error that the server has answered with, and nothing for any other.
func code(err error) string {
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok {
		return answer.Code
	}
	return ""
}

// collided reports whether a transaction was undone because of another one, so that it should be run again; or could not begin
// because the server had not yet cleared away the connections of callers who had gone.
func collided(err error) bool {
	c := code(err)
	return c == codeSerialization || c == codeDeadlock || c == codeConnections || errors.Is(err, errRaced)
}

// cut reports whether a connection that was there is lost. A server that cannot be reached at all is another matter: to try
// again at once is of no use then.
func cut(err error) bool {
	_, unreachable := errors.AsType[*pgconn.ConnectError](err)
	_, unreadable := errors.AsType[pgx.ScanArgError](err)
	if unreachable || unreadable || errors.Is(err, puddle.ErrClosedPool) || collided(err) {
		return false
	}
	c := code(err)
	return c == "" || strings.HasPrefix(c, "57P") || strings.HasPrefix(c, "08")
}

// failure makes of an error what a caller is told. done says what could not be done.
func (s *Store) failure(ctx context.Context, done string, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, puddle.ErrClosedPool):
		return errClosed
	case code(err) == codeReadOnly:
		// After a failover the connections may lead to what is a standby now; new ones are made to where the URL says.
		s.pool.Reset()
		err = errReadOnly
	}
	return fmt.Errorf("the store cannot be %s: %w", done, bare(err))
}

// bare returns an error without the configuration of the connection, which holds the password, and which the driver leaves in
// its errors, if not in their text, which it spreads over several lines.
func bare(err error) error {
	if _, unreachable := errors.AsType[*pgconn.ConnectError](err); unreachable {
		return errors.New(strings.Join(strings.Fields(err.Error()), " "))
	}
	return err
}
