package pgstore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// defaultConns is how many connections are held when nobody says how many.
	defaultConns = 16
	// connectTimeout bounds one attempt to reach a server when the URL has no connect_timeout.
	connectTimeout = 5 * time.Second
)

// sessionSettings is run on each new connection. A commit that returns is on the disk whatever the server, the database and the
// user are set to; remote_apply promises more than on, and stays. A transaction of ours pauses only while a change function
// runs, so one that pauses for long belongs to a node that is frozen, and must not hold its rows.
const sessionSettings = `
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') <> 'remote_apply';
SET idle_in_transaction_session_timeout = 30000;
SET default_transaction_isolation = 'read committed'`

// errURL is all that is said about a URL that cannot be taken apart: its password could be anywhere in it.
var errURL = errors.New("store: the URL cannot be read; it has the form postgres://user:password@host:port/database?sslmode=verify-full, " +
	"and in the password every character but letters and digits stands as %XX")

// parse reads a URL. No error holds the password or a part of it.
func parse(text string, o Options) (*pgxpool.Config, error) {
	u, err := url.Parse(text)
	// An unescaped #, / or ? in a password makes the rest of it a path, a query or a fragment: the @ behind it tells.
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Opaque != "" || u.Fragment != "" ||
		u.User == nil && strings.Contains(text, "@") {
		return nil, errURL
	}
	parameters, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errURL
	}
	config, err := pgxpool.ParseConfig(text)
	if err != nil {
		return nil, explain(err, u, parameters)
	}
	connection := config.ConnConfig
	switch connection.DefaultQueryExecMode {
	case pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol:
		return nil, errors.New("store: default_query_exec_mode of the URL may be cache_statement, cache_describe or describe_exec")
	}
	if connection.ConnectTimeout == 0 {
		connection.ConnectTimeout = connectTimeout
	}
	if connection.RuntimeParams["application_name"] == "" {
		connection.RuntimeParams["application_name"] = "latchkey"
	}
	switch {
	case o.MaxConns > 0:
		config.MaxConns = int32(o.MaxConns)
	case !parameters.Has("pool_max_conns"):
		config.MaxConns = defaultConns
	}
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, sessionSettings); err != nil {
			return fmt.Errorf("a new connection cannot be set up: %w", err)
		}
		return nil
	}
	return config, nil
}

// explain says what is wrong with a URL that has the right form, such as an sslmode that does not exist, without the URL.
func explain(err error, u *url.URL, parameters url.Values) error {
	// The driver writes: cannot parse `URL`: reason.
	_, reason, found := strings.Cut(err.Error(), "`: ")
	if last := strings.LastIndex(reason, "`: "); last >= 0 {
		reason = reason[last+len("`: "):]
	}
	password, _ := u.User.Password()
	secrets := append([]string{password}, append(parameters["password"], parameters["sslpassword"]...)...)
	for _, secret := range secrets {
		if secret != "" && (strings.Contains(reason, secret) || strings.Contains(reason, url.QueryEscape(secret)) ||
			strings.Contains(reason, url.PathEscape(secret))) {
			return errURL
		}
	}
	if !found || reason == "" {
		return errURL
	}
	return fmt.Errorf("store: the URL cannot be used: %s", reason)
}
