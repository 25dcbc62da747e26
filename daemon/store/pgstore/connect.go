package pgstore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
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

// netloc is one of the hosts of a URL, perhaps with its port.
var netloc = regexp.MustCompile(`^(\[[^\[\]]*\]|[^:\[\]]*)(:[0-9]*)?$`)

// secretParts takes the secrets out of a URL, and its parameters. The driver splits a URL as libpq does: a / or a second @ in a
// password would make its rest a host, a port or a database, which are no secrets and are named in errors. So a URL that could be
// split otherwise is refused.
func secretParts(text string) (secrets []string, parameters url.Values, err error) {
	rest, ok := strings.CutPrefix(text, "postgres://")
	if !ok {
		rest, ok = strings.CutPrefix(text, "postgresql://")
	}
	user, location, found := strings.Cut(rest, "@")
	if !found {
		user, location = "", rest
	}
	if !ok || strings.ContainsAny(location, "@") || strings.Contains(user, "/") {
		return nil, nil, errURL
	}
	location, query, _ := strings.Cut(location, "?")
	hosts, _, _ := strings.Cut(location, "/")
	for host := range strings.SplitSeq(hosts, ",") {
		if !netloc.MatchString(host) {
			return nil, nil, errURL
		}
	}
	if parameters, err = url.ParseQuery(query); err != nil {
		return nil, nil, errURL
	}
	_, password, _ := strings.Cut(user, ":")
	for _, secret := range append([]string{password}, append(parameters["password"], parameters["sslpassword"]...)...) {
		decoded, _ := url.PathUnescape(secret) // empty when it cannot be
		secrets = append(secrets, secret, decoded, url.QueryEscape(secret), url.PathEscape(secret))
	}
	return secrets, parameters, nil
}

// parse reads a URL. No error holds the password or a part of it.
func parse(text string, o Options) (*pgxpool.Config, error) {
	secrets, parameters, err := secretParts(text)
	if err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(text)
	if err != nil {
		return nil, explain(err, secrets)
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
func explain(err error, secrets []string) error {
	// The driver writes: cannot parse `URL`: reason.
	text := err.Error()
	end := strings.LastIndex(text, "`: ")
	if end < 0 {
		return errURL
	}
	reason := text[end+len("`: "):]
	for _, secret := range secrets {
		if secret != "" && strings.Contains(reason, secret) {
			return errURL
		}
	}
	return fmt.Errorf("store: the URL cannot be used: %s", reason)
}
