package pgstore

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrationLock is the key of the advisory lock under which the tables are changed; it is "latchkey" in ASCII.
const migrationLock = 0x6c617463686b6579

// migration is one step from a version of the schema to the next.
type migration struct {
	version int
	name    string
	sql     string
}

// migrations returns those that the program has, in order.
func migrations() ([]migration, error) {
	files, err := fs.Glob(migrationFiles, "migrations/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	var all []migration
	for i, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(file, "migrations/"), ".sql")
		number, _, _ := strings.Cut(name, "_")
		if version, err := strconv.Atoi(number); err != nil || version != i+1 {
			return nil, fmt.Errorf("migration %q is not number %d", name, i+1)
		}
		sql, err := migrationFiles.ReadFile(file)
		if err != nil {
			return nil, err
		}
		all = append(all, migration{version: i + 1, name: name, sql: string(sql)})
	}
	return all, nil
}

// migrate brings the schema to the newest version, step by step. Several nodes may do so at once: a step is a transaction,
// under an advisory lock where the server has such, and it adds a row that only one can add.
func migrate(ctx context.Context, pool *pgxpool.Pool, all []migration, log *slog.Logger) error {
	for attempt := 1; ; attempt++ {
		version, err := schemaVersion(ctx, pool)
		switch {
		case err != nil:
			return fmt.Errorf("the version of the tables cannot be read: %w", err)
		case version > len(all):
			return fmt.Errorf("the database has tables of version %d, and this program knows versions up to %d: start a newer one", version, len(all))
		case version == len(all):
			return nil
		}
		next := all[version]
		err = pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error { return step(ctx, tx, next) })
		if err == nil {
			attempt = 0
			log.Info("the tables of the store were brought to a version", "version", next.version, "migration", next.name)
			continue
		}
		if attempt == attempts || !raced(err) {
			return fmt.Errorf("the tables cannot be brought to version %d: %w", next.version, err)
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
}

// raced reports whether a step failed because another node was making it.
func raced(err error) bool {
	switch code(err) {
	case codeUnique, codeSchemaExists, codeTableExists:
		return true
	}
	return collided(err)
}

// schemaVersion returns the version of the tables, and 0 when there are none.
func schemaVersion(ctx context.Context, from querier) (version int, err error) {
	var there bool
	if err := from.QueryRow(ctx, "SELECT to_regclass('latchkey.schema_versions') IS NOT NULL").Scan(&there); err != nil || !there {
		return 0, err
	}
	err = from.QueryRow(ctx, "SELECT coalesce(max(version), 0) FROM latchkey.schema_versions").Scan(&version)
	return version, err
}

// step makes one step, if nobody else has made it meanwhile.
func step(ctx context.Context, tx pgx.Tx, m migration) error {
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
		return err
	}
	if m.version == 1 {
		if err := makeSchema(ctx, tx); err != nil {
			return err
		}
	}
	version, err := schemaVersion(ctx, tx)
	if err != nil || version >= m.version {
		return err
	}
	// The row first: where there are no advisory locks, this is what the others wait at.
	if _, err := tx.Exec(ctx, "INSERT INTO latchkey.schema_versions (version, name) VALUES ($1, $2)", m.version, m.name); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, m.sql)
	return err
}

// makeSchema makes what the steps stand on. A schema that an administrator has made for us is used, since making one needs a
// right that we may not have.
func makeSchema(ctx context.Context, tx pgx.Tx) error {
	var found bool
	err := tx.QueryRow(ctx, "SELECT count(*) > 0 FROM pg_catalog.pg_namespace WHERE nspname = 'latchkey'").Scan(&found)
	if err != nil {
		return err
	}
	if !found {
		if _, err := tx.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS latchkey"); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, `CREATE TABLE IF NOT EXISTS latchkey.schema_versions (
		version integer     NOT NULL,
		name    text        NOT NULL,
		made_at timestamptz NOT NULL DEFAULT current_timestamp,
		CONSTRAINT schema_versions_pkey PRIMARY KEY (version)
	)`)
	return err
}
