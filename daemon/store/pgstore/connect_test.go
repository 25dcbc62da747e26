package pgstore

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"latchkey/daemon/store/pgstore/pgtest"
)

// TestSessions holds each connection to what makes a write durable, whatever the server, the database and the user are set to.
func TestSessions(t *testing.T) {
	server := pgtest.StartWith(t, pgtest.Options{Settings: map[string]string{"synchronous_commit": "off", "fsync": "off"}})
	open := func(database string) (map[string]string, string) {
		t.Helper()
		var log bytes.Buffer
		s, err := Open(t.Context(), database, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		found := map[string]string{}
		for _, setting := range []string{"synchronous_commit", "idle_in_transaction_session_timeout", "default_transaction_isolation", "application_name"} {
			found[setting] = lookUp[string](t, s.pool, "SELECT current_setting($1)", setting)
		}
		return found, log.String()
	}
	for _, set := range []string{"off", "local", "remote_write", "on", "remote_apply"} {
		database := server.NewDatabase(t)
		name := strings.TrimPrefix(parsed(t, database).Path, "/")
		server.Exec(t, server.URL(), fmt.Sprintf("ALTER DATABASE %[1]s SET synchronous_commit = %[2]s; "+
			"ALTER DATABASE %[1]s SET default_transaction_isolation = 'serializable'", name, set))
		want := "on"
		if set == "remote_apply" {
			want = set // promises more
		}
		found, log := open(database)
		if found["synchronous_commit"] != want || found["idle_in_transaction_session_timeout"] != "30s" ||
			found["default_transaction_isolation"] != "read committed" || found["application_name"] != "latchkey" {
			t.Errorf("with synchronous_commit = %s: %v", set, found)
		}
		if !strings.Contains(log, "level=WARN") || !strings.Contains(log, "fsync=off") {
			t.Errorf("that fsync is off was not said:\n%s", log)
		}
	}
}

// parsed takes a URL apart.
func parsed(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// wrongURLs returns URLs that Open cannot use, made of one that it can. Their password is s3cr3t1, s3cr3t2 where it falls into two
// parts; the first one is merely wrong.
func wrongURLs(t *testing.T, good string) []string {
	t.Helper()
	with := func(change func(*url.URL, url.Values)) string {
		u := parsed(t, good)
		query := u.Query()
		change(u, query)
		u.RawQuery = query.Encode()
		return u.String()
	}
	other := func(u *url.URL) { u.User = url.UserPassword(pgtest.Superuser, "s3cr3t1") }
	return []string{
		with(func(u *url.URL, _ url.Values) { other(u) }),
		with(func(u *url.URL, _ url.Values) { other(u); u.Host = "127.0.0.1:1" }),
		with(func(u *url.URL, _ url.Values) { other(u); u.Host = "host.invalid" }),
		with(func(u *url.URL, _ url.Values) { other(u); u.Host = "127.0.0.1:s3cr3t1" }),
		with(func(u *url.URL, q url.Values) { other(u); q.Set("sslmode", "s3cr3t1") }),
		with(func(u *url.URL, q url.Values) { other(u); q.Set("sslmode", "nonsense") }),
		with(func(u *url.URL, q url.Values) {
			other(u)
			q.Set("sslmode", "verify-full")
			q.Set("sslrootcert", "/nonexistent")
		}),
		with(func(u *url.URL, q url.Values) { other(u); q.Set("connect_timeout", "soon") }),
		with(func(u *url.URL, q url.Values) { other(u); q.Set("pool_max_conns", "s3cr3t1") }),
		with(func(u *url.URL, q url.Values) { other(u); q.Set("default_query_exec_mode", "simple_protocol") }),
		with(func(u *url.URL, q url.Values) { u.User = url.User(pgtest.Superuser); q.Set("password", "s3cr3t1") }),
		with(func(u *url.URL, q url.Values) {
			u.User = nil
			q.Set("password", "s3cr3t1")
			q.Set("sslmode", "s3cr3t1")
		}),
		"postgres://u:s3cr3t1@[::1/d", "postgres://u:s3cr3t1/s3cr3t2@127.0.0.1:1/d", "postgres://u:s3cr3t1#s3cr3t2@127.0.0.1:1/d",
		"postgres://u:s3cr3t1?s3cr3t2@127.0.0.1:1/d", "postgres://u:4711#s3cr3t2@127.0.0.1:1/d", "postgres://u:4711/s3cr3t2@127.0.0.1:1/d",
		"postgres://u:4711?s3cr3t2@127.0.0.1:1/d",
		"postgres://u:s3cr3t1%zzs3cr3t2@127.0.0.1:1/d", "postgres://u:s3cr3t1@s3cr3t2@127.0.0.1:1/d",
		"postgres://u:s3cr3t1 s3cr3t2@127.0.0.1:1/d", "postgres:u:s3cr3t1@127.0.0.1:1/d", "mysql://u:s3cr3t1@127.0.0.1:1/d",
		"host=127.0.0.1 port=1 password=s3cr3t1", "u:s3cr3t1@127.0.0.1", "://s3cr3t1", "s3cr3t1", "", "postgres://u:s3cr3t1",
		"postgres://u:p@s3cr3t1/s3cr3t2@127.0.0.1:1/d", "postgres://u:p@s3cr3t1?s3cr3t2@127.0.0.1:1/d", "postgres://u:s3cr3t1@127.0.0.1:1/d?x=%zz",
		"postgres://u:s3cr3t1@127.0.0.1:1/d?sslmode=a`:%20s3cr3t1",
	}
}

// TestPasswordStaysSecret gives Open URLs that are wrong in every way, and looks for the password, and for the parts that an
// unescaped character would make of it, in all that is said.
func TestPasswordStaysSecret(t *testing.T) {
	server := pgtest.StartWith(t, pgtest.Options{TCP: true})
	good := server.TCPURL(t, server.NewDatabase(t))
	var log bytes.Buffer
	options := Options{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	s, err := Open(t.Context(), good, options)
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{"nothing": fmt.Sprintf("%v %+v", s, s)}
	hear := func(what string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("%s was accepted", what)
			return
		}
		said[what] = fmt.Sprintf("%v %+v %#v", err, err, err)
		// The driver leaves the configuration in it, with the password, for whoever prints more than the text.
		if _, found := errors.AsType[*pgconn.ConnectError](err); found {
			t.Errorf("of %s the driver's error is handed on", what)
		}
	}
	wrong := wrongURLs(t, good)
	for _, text := range wrong {
		s, err := Open(t.Context(), text, options)
		if err == nil {
			_ = s.Close()
		}
		hear(text, err)
	}
	server.Stop(t)
	hear("a server that is away", s.Ping(t.Context()))
	_, err = s.Credential(t.Context(), "000000000000000000000001")
	hear("a server that is away, to a reader", err)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	said["the log"] = log.String()
	for what, text := range said {
		for _, secret := range []string{pgtest.Password, "s3cr3t", "4711"} {
			if strings.Contains(text, secret) {
				t.Errorf("of %s it says:\n%s", what, text)
			}
		}
	}
	if text := said["a server that is away"]; !strings.Contains(text, "the store cannot be written") || !strings.Contains(text, "refused") {
		t.Errorf("of a server that is away it says:\n%s", text)
	}
	t.Logf("with a wrong password: %s", said[wrong[0]])
}

func TestReasons(t *testing.T) {
	for text, want := range map[string]string{
		"postgres://u:hunter2@h/d?sslmode=nonsense":                             "store: the URL cannot be used: failed to configure TLS (sslmode is invalid)",
		"postgres://u:hunter2@h/d?connect_timeout=soon":                         "connect_timeout",
		"postgres://u:hunter2@h/d?pool_max_conns=many":                          "pool_max_conns",
		"postgres://u:hunter2@h/d?sslmode=verify-full&sslrootcert=/nonexistent": "no such file",
		"postgres://u:hunter2@h/d?default_query_exec_mode=exec":                 "default_query_exec_mode",
		"http://h/":                    "it has the form postgres://",
		"postgres://u:p/q@h/d":         "stands as %XX",
		"postgres://u:p@q@h/d":         "stands as %XX",
		"host=h user=u password='p q'": "it has the form postgres://",
	} {
		if _, err := parse(text, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for text, want := range map[string]int32{"postgres://h/d": 16, "postgres://h/d?pool_max_conns=3": 3} {
		if config, err := parse(text, Options{}); err != nil || config.MaxConns != want || config.ConnConfig.ConnectTimeout != connectTimeout {
			t.Errorf("%s: %+v, %v", text, config, err)
		}
	}
	for text, want := range map[string]string{
		"postgres://u:a?b#c@h/d": "a?b#c", "postgres://u:a%40b%2f%3f%23%25%3a%20c@h/d": "a@b/?#%: c", "postgres://u:a:b@h/d": "a:b",
		"postgresql://u:a+b@h/d": "a+b", "postgres://u@h/d?password=a%2Bb%26c": "a+b&c",
	} {
		if config, err := parse(text, Options{}); err != nil || config.ConnConfig.Password != want || config.ConnConfig.Host != "h" ||
			config.ConnConfig.Database != "d" || config.ConnConfig.User != "u" {
			t.Errorf("%s: %+v, %v", text, config, err)
		}
	}
	if config, err := parse("postgres://u@a:1,b:2,[::1]:3/d?sslmode=disable", Options{}); err != nil || config.ConnConfig.Port != 1 || len(config.ConnConfig.Fallbacks) != 2 ||
		config.ConnConfig.Fallbacks[1].Host != "::1" {
		t.Errorf("several hosts: %+v, %v", config, err)
	}
	if config, err := parse("postgres://h/d?pool_max_conns=3&connect_timeout=9&application_name=x", Options{MaxConns: 5}); err != nil ||
		config.MaxConns != 5 || config.ConnConfig.ConnectTimeout.Seconds() != 9 || config.ConnConfig.RuntimeParams["application_name"] != "x" {
		t.Errorf("%+v, %v", config, err)
	}
}
