package pgstore

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"

	"latchkey/daemon/store"
)

// Export shows every record; see store.Contents. It reads one snapshot of the database, row by row.
func (s *Store) Export(ctx context.Context, each func(store.Record) error) error {
	tx, err := s.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return s.failure(ctx, "read", err)
	}
	defer func() { _ = tx.Rollback(ctx) }() // it has written nothing
	for _, export := range []func(context.Context, pgx.Tx, func(store.Record) error) error{exportFacts, exportUsers, exportLockouts, exportWorkspaces, exportMembers, exportCredentials} {
		if err := export(ctx, tx, each); err != nil {
			if refused, ok := errors.AsType[verdict](err); ok {
				return refused.error
			}
			return s.failure(ctx, "read", err)
		}
	}
	return nil
}

// stream runs a query and shows its rows one by one. An error of each is a verdict.
func stream(ctx context.Context, tx pgx.Tx, sql string, row func() (targets []any, record func() store.Record), each func(store.Record) error) error {
	rows, err := tx.Query(ctx, sql)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		targets, record := row()
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		if err := each(record()); err != nil {
			return verdict{err}
		}
	}
	return rows.Err()
}

func exportFacts(ctx context.Context, tx pgx.Tx, each func(store.Record) error) error {
	// "held" sorts before "mark:", which is the order of the contract.
	return stream(ctx, tx, "SELECT key FROM latchkey.facts WHERE key = 'held' OR substring(key FROM 1 FOR 5) = 'mark:' ORDER BY key", func() ([]any, func() store.Record) {
		var key text
		return []any{&key}, func() store.Record {
			if mark, ok := strings.CutPrefix(string(key), string(markKey(""))); ok {
				return store.Record{Mark: mark}
			}
			return store.Record{Held: true}
		}
	}, each)
}

func exportUsers(ctx context.Context, tx pgx.Tx, each func(store.Record) error) error {
	return stream(ctx, tx, "SELECT "+userColumns+" FROM latchkey.users u ORDER BY u.name", func() ([]any, func() store.Record) {
		r := &userRow{}
		return r.targets(), func() store.Record {
			u := r.settled()
			return store.Record{User: &u}
		}
	}, each)
}

func exportLockouts(ctx context.Context, tx pgx.Tx, each func(store.Record) error) error {
	return stream(ctx, tx, "SELECT key, failures, locked_until, forget_at FROM latchkey.lockouts ORDER BY key", func() ([]any, func() store.Record) {
		l := &store.NamedLockout{}
		return []any{(*text)(&l.Key), &l.Lockout.Failures, (*instant)(&l.Lockout.Until), (*instant)(&l.Expires)}, func() store.Record {
			for i := range l.Lockout.Failures {
				l.Lockout.Failures[i] = l.Lockout.Failures[i].UTC()
			}
			return store.Record{Lockout: l}
		}
	}, each)
}

func exportWorkspaces(ctx context.Context, tx pgx.Tx, each func(store.Record) error) error {
	return streamDocuments(ctx, tx, "SELECT record FROM latchkey.workspaces ORDER BY id", func(w *store.Workspace) error {
		return each(store.Record{Workspace: w})
	})
}

func exportMembers(ctx context.Context, tx pgx.Tx, each func(store.Record) error) error {
	return streamDocuments(ctx, tx, "SELECT record FROM latchkey.members ORDER BY workspace, id", func(m *store.Member) error {
		return each(store.Record{Member: m})
	})
}

// streamDocuments is stream for records that are kept whole.
func streamDocuments[Record any](ctx context.Context, tx pgx.Tx, sql string, each func(*Record) error) error {
	var row document
	return stream(ctx, tx, sql, func() ([]any, func() store.Record) {
		return []any{&row}, func() store.Record { return store.Record{} }
	}, func(store.Record) error {
		record := new(Record)
		if err := row.decode(record); err != nil {
			return err
		}
		return each(record)
	})
}

func exportCredentials(ctx context.Context, tx pgx.Tx, each func(store.Record) error) error {
	return stream(ctx, tx, "SELECT "+credentialColumns+" FROM latchkey.credentials c ORDER BY c.id", func() ([]any, func() store.Record) {
		c := &store.Credential{}
		return credentialTargets(c), func() store.Record { return store.Record{Credential: c} }
	}, each)
}

// Import adds records; see store.Contents.
func (s *Store) Import(ctx context.Context, records []store.Record) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		batch := &pgx.Batch{}
		held := false
		for _, r := range records {
			if r.Credential != nil && !held {
				held = true
				batch.Queue(heldSQL)
			}
			if err := queue(batch, r); err != nil {
				return verdict{err}
			}
		}
		if batch.Len() == 0 {
			return nil
		}
		_, err := send(ctx, tx, batch)
		return taken(err)
	})
}

// queue adds the statement that adds a record.
func queue(batch *pgx.Batch, r store.Record) error {
	switch {
	case r.Held:
		batch.Queue(heldSQL)
	case r.Mark != "":
		batch.Queue("INSERT INTO latchkey.facts (key) VALUES ($1)", markKey(r.Mark))
	case r.User != nil:
		u := *r.User
		if err := store.CheckName(u.Name); err != nil {
			return err
		}
		if err := u.Settle(); err != nil {
			return err
		}
		batch.Queue(strings.TrimSuffix(insertUserSQL, " ON CONFLICT (name) DO NOTHING"), userValues(&u)...)
	case r.Lockout != nil:
		l := *r.Lockout
		if err := store.CheckName(l.Key); err != nil {
			return err
		}
		if err := l.Lockout.Settle(); err != nil {
			return err
		}
		if err := store.SettleTimes(&l.Expires); err != nil {
			return err
		}
		batch.Queue("INSERT INTO latchkey.lockouts (key, failures, locked_until, forget_at) VALUES ($1, $2, $3, $4)",
			text(l.Key), l.Lockout.Failures, instant(l.Lockout.Until), instant(l.Expires))
	case r.Workspace != nil:
		w := r.Workspace.Clone()
		if err := w.Settle(); err != nil {
			return err
		}
		row, err := encode(&w)
		if err != nil {
			return err
		}
		batch.Queue(insertWorkspaceSQL, identifier(w.ID), text(w.Name), row)
	case r.Member != nil:
		m := *r.Member
		if err := m.Settle(); err != nil {
			return err
		}
		values, err := memberValues(&m)
		if err != nil {
			return err
		}
		batch.Queue(insertMemberSQL, values...)
	case r.Credential != nil:
		c := *r.Credential
		if err := c.Settle(); err != nil {
			return err
		}
		batch.Queue(insertSQL, credentialValues(&c)...)
	}
	return nil
}
