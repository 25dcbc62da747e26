package pgtest

import (
	"maps"
	"testing"
)

// Standby starts a server that follows this one and takes reads only. It waits for no standby of its own once it is promoted.
// It is stopped at the end of the test.
func (s *Server) Standby(t testing.TB) *Server {
	t.Helper()
	o := s.options
	o.Settings = maps.Clone(o.Settings)
	delete(o.Settings, "synchronous_standby_names")
	standby := settle(t, o)
	standby.program(t, "pg_basebackup", "--pgdata="+standby.data(), "--host="+s.folder, "--port="+s.socketPort(),
		"--username="+Superuser, "--write-recovery-conf", "--checkpoint=fast", "--no-sync")
	standby.run(t)
	return standby
}

// Promote makes a standby a server that takes writes, and returns when it is one.
func (s *Server) Promote(t testing.TB) {
	t.Helper()
	s.program(t, "pg_ctl", "promote", "--wait", "--pgdata="+s.data())
}

// Own returns the URL on this server of a database whose URL on another one is given.
func (s *Server) Own(t testing.TB, database string) string {
	t.Helper()
	return s.databaseURL(s.parse(t, database).Path[1:])
}

// Either returns a URL for the same database on two servers, of which the one that takes writes is meant.
func (s *Server) Either(t testing.TB, other *Server, database string) string {
	t.Helper()
	u := s.parse(t, database)
	query := u.Query()
	query.Set("host", s.folder+","+other.folder)
	query.Set("port", s.socketPort()+","+other.socketPort())
	query.Set("target_session_attrs", "read-write")
	u.RawQuery = query.Encode()
	return u.String()
}
