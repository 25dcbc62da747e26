package pgstore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"latchkey/daemon/store"
)

// Credentials lists credentials; see store.Credentials.
func (s *Store) Credentials(ctx context.Context, q store.Query) (page []store.Credential, total int, err error) {
	if q.Kind != "" && !slices.Contains(store.Kinds(), q.Kind) || q.User != "" && store.CheckName(q.User) != nil ||
		q.Workspace != "" && !store.ValidID(string(q.Workspace)) {
		return nil, 0, ctx.Err() // nothing can be selected
	}
	sql, arguments := selection(q)
	err = s.read(ctx, func(ctx context.Context) error {
		page, total, err = collect(ctx, s, sql, arguments, func(total *int) (*store.Credential, []any) {
			c := &store.Credential{}
			return c, append([]any{total}, credentialTargets(c)...)
		}, func(c *store.Credential) (store.Credential, bool) { return *c, c.ID != "" })
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	return page, total, nil
}

// selection returns the statement for a query, and its arguments. Its rows begin with the total, or with -1 when that is
// the number of rows.
func selection(q store.Query) (string, []any) {
	var arguments []any
	bind := func(value any) string {
		arguments = append(arguments, value)
		return fmt.Sprintf("$%d", len(arguments))
	}
	conditions := []string{"true"}
	if q.Kind != "" {
		// One of the five, as text: so the planner sees that the index of all kinds but session tokens will do.
		conditions = append(conditions, "c.kind = '"+string(q.Kind)+"'")
	}
	if q.User != "" {
		conditions = append(conditions, "c.user_name = "+bind(text(q.User)))
	}
	if q.Workspace != "" {
		conditions = append(conditions, "c.workspace = "+bind(identifier(q.Workspace)))
	}
	if !q.Live.IsZero() {
		conditions = append(conditions, "(c.expires_at IS NULL OR c.expires_at > "+bind(moment(q.Live))+")")
	}
	from := " FROM latchkey.credentials c WHERE " + strings.Join(conditions, " AND ")
	var paging string
	if store.ValidID(string(q.After)) {
		paging += " AND c.id > " + bind(identifier(q.After))
	}
	paging += " ORDER BY c.id"
	if q.Limit > 0 {
		paging += " LIMIT " + bind(q.Limit)
	}
	if q.Offset > 0 {
		paging += " OFFSET " + bind(q.Offset)
	}
	if paging == " ORDER BY c.id" {
		return "SELECT -1, " + credentialColumns + from + paging, arguments
	}
	return counted("SELECT count(*) AS total"+from, "SELECT c.*"+from+paging, credentialColumns, "c", "c.id"), arguments
}

// counted returns the statement that gives the rows of a page and with each of them the total; one row without a record when
// the page is empty. One statement sees one state of the table.
func counted(count, page, columns, alias, order string) string {
	return "SELECT n.total, " + columns + " FROM (" + count + ") n LEFT JOIN (" + page + ") " + alias + " ON true ORDER BY " + order
}

// collect reads the rows of a list. next returns where a row is read to, and record what was read; its second result is
// false for the row without a record.
func collect[Row, Record any](ctx context.Context, s *Store, sql string, arguments []any, next func(total *int) (Row, []any),
	record func(Row) (Record, bool),
) (page []Record, total int, err error) {
	rows, err := s.pool.Query(ctx, sql, arguments...)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	total = -1
	for rows.Next() {
		row, targets := next(&total)
		if err := rows.Scan(targets...); err != nil {
			return nil, 0, err
		}
		if read, ok := record(row); ok {
			page = append(page, read)
		}
	}
	if total < 0 {
		total = len(page)
	}
	return page, total, rows.Err()
}
