package pgstore

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"latchkey/daemon/store"
	"latchkey/daemon/store/pgstore/pgtest"
)

// fillSQL adds session tokens of a tenth as many users, of which the last tenth is expired, some of each other kind, and known users.
const fillSQL = `
INSERT INTO latchkey.credentials (id, kind, digest, user_name, created_at, expires_at, disabled, service)
	SELECT decode(lpad(to_hex(n), 24, '0'), 'hex'), 'token', sha256(n::text::bytea), ('user' || n %% (%[1]d / 10))::bytea, now(),
		timestamptz '2026-11-22 12:00:00Z' + n * interval '1 second', false, false FROM generate_series(1, %[1]d) n;
INSERT INTO latchkey.credentials (id, kind, digest, user_name, workspace, created_at, disabled, service)
	SELECT decode(lpad(to_hex(%[1]d + n), 24, '0'), 'hex'), (ARRAY['apikey', 'service', 'developer', 'ci'])[1 + n %% 4]::bytea,
		sha256((%[1]d + n)::text::bytea), ('user' || n)::bytea, decode(lpad(to_hex(n %% 20), 24, '0'), 'hex'), now(), false, false
		FROM generate_series(1, 400) n;
INSERT INTO latchkey.lockouts (key, failures, forget_at)
	SELECT ('name' || n)::bytea, ARRAY[now()], timestamptz '2026-11-22 12:00:00Z' + n * interval '1 second' FROM generate_series(1, %[1]d) n;
INSERT INTO latchkey.users (name, is_service, disabled) SELECT ('user' || n)::bytea, false, false FROM generate_series(1, %[1]d) n;
ANALYZE latchkey.credentials; ANALYZE latchkey.lockouts; ANALYZE latchkey.users`

// TestPlans asks the server how it would run each statement that is run often: by an index, and never by reading a table, also
// when it plans without looking at the values. hazard 67
func TestPlans(t *testing.T) {
	server := pgtest.Start(t)
	database := server.NewDatabase(t)
	s, err := Open(t.Context(), database, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	server.Exec(t, database, fmt.Sprintf(fillSQL, 20_000))
	conn, err := s.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	now := time.Date(2026, 11, 22, 12, 30, 0, 0, time.UTC)
	workspace := store.ID(fmt.Sprintf("%024x", 3))
	statements := map[string]string{
		"a check":      checkSQL,
		"log-ins":      lookupSQL,
		"a sweep":      sweepSQL(1000),
		"a forgetting": sweepLockoutsSQL(1000),
	}
	bounds := map[string]string{"a check": "digest = ", "log-ins": "name = ANY ", "a sweep": "expires_at <= ", "a forgetting": "forget_at <= "}
	arguments := map[string][]any{
		"a check": {text("x")}, "log-ins": {texts{"user1", "user2", "user3"}}, "a sweep": {moment(now)}, "a forgetting": {moment(now)},
	}
	for what, q := range map[string]store.Query{
		"a user's tokens":        {User: "user1", Kind: store.KindSession, Live: now, Limit: 20},
		"a user's all":           {User: "user1", Limit: 20},
		"a user's all, unpaged":  {User: "user1"},
		"a workspace's":          {Workspace: workspace, Limit: 20},
		"service tokens":         {Kind: store.KindService, Live: now, Limit: 20, Offset: 20},
		"a page of service keys": {Kind: store.KindService, After: workspace, Limit: 20},
	} {
		statements[what], arguments[what] = selection(q)
	}
	for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
		if _, err := conn.Exec(t.Context(), "SET plan_cache_mode = "+mode); err != nil {
			t.Fatal(err)
		}
		for what, sql := range statements {
			var values []string
			for _, argument := range arguments[what] {
				values = append(values, literal(t, argument))
			}
			// A statement that is prepared by name is what the driver makes, and what is planned once for all values.
			if _, err := conn.Exec(t.Context(), "PREPARE planned AS "+sql); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			rows, err := conn.Query(t.Context(), "EXPLAIN EXECUTE planned ("+strings.Join(values, ", ")+")")
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			plan := strings.Join(lines, "\n")
			if strings.Contains(plan, "Seq Scan") || !strings.Contains(plan, "Index") {
				t.Errorf("%s, with %s, reads a table:\n%s", what, mode, plan)
			}
			if bound := bounds[what]; !strings.Contains(plan, "Index Cond: ("+bound) {
				t.Errorf("%s, with %s, does not stop where the index says:\n%s", what, mode, plan)
			}
			if generic := strings.Contains(plan, "$1"); generic != (mode == "force_generic_plan") {
				t.Errorf("%s, with %s, is planned otherwise:\n%s", what, mode, plan)
			}
			if _, err := conn.Exec(t.Context(), "DEALLOCATE planned"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// literal returns a value as it stands in a statement.
func literal(t *testing.T, value any) string {
	t.Helper()
	switch v := value.(type) {
	case text:
		return fmt.Sprintf(`'\x%x'`, string(v))
	case texts:
		var all []string
		for _, s := range v {
			all = append(all, fmt.Sprintf(`"\\x%x"`, s))
		}
		return "'{" + strings.Join(all, ",") + "}'"
	case identifier:
		return fmt.Sprintf(`'\x%s'`, string(v))
	case time.Time:
		return "'" + v.Format(time.RFC3339Nano) + "'"
	case int:
		return strconv.Itoa(v)
	}
	t.Fatalf("a value is a %T", value)
	return ""
}
