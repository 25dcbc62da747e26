package pgstore

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"latchkey/daemon/store"
)

// create serves a group of creations. Two transactions that add the same digests wait for one another unless both add them in the
// same order.
func (s *Store) create(ctx context.Context, all []*call[*store.Credential]) {
	slices.SortFunc(all, func(a, b *call[*store.Credential]) int { return cmp.Compare(a.of.Digest, b.of.Digest) })
	s.createAll(ctx, all)
}

// createAll adds credentials in one transaction and answers. When the server refuses one of them it does not say which, and nothing
// has happened: then each half is a transaction of its own, down to the one that is refused.
func (s *Store) createAll(ctx context.Context, all []*call[*store.Credential]) {
	if all = s.creations.wanted(all); len(all) == 0 {
		return
	}
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error { return insert(ctx, tx, all) })
	if half := len(all) / 2; half > 0 && refused(err) {
		s.createAll(ctx, all[:half])
		s.createAll(ctx, all[half:])
		return
	}
	s.creations.answer(all, err)
}

// refused reports whether the server has undone a transaction because of what was to be written, or of how: because of a value,
// a constraint, a trigger of an administrator's or a size, or because it does not know COPY.
func refused(err error) bool {
	c := code(err)
	for _, class := range []string{"22", "23", "44", "54", "P0", codeUnsupported, codeSyntax} {
		if strings.HasPrefix(c, class) {
			return true
		}
	}
	return false
}

// knownHeld is the key in a connection's own data that says that the row of heldSQL is there.
const knownHeld = "latchkey.held"

// insert adds credentials, and notes that the store has held one. A connection that has found the note there need not look again,
// since it stays for the life of the store. A new connection may lead to another server.
func insert(ctx context.Context, tx pgx.Tx, all []*call[*store.Credential]) error {
	batch, known := &pgx.Batch{}, tx.Conn().PgConn().CustomData()
	note := known[knownHeld] == nil
	if note {
		batch.Queue(heldSQL)
	}
	if len(all) == 1 {
		batch.Queue(insertSQL, credentialValues(all[0].of)...)
	}
	if batch.Len() > 0 {
		noted, err := send(ctx, tx, batch)
		if err != nil {
			return taken(err)
		}
		if note && noted == 0 {
			known[knownHeld] = true
		}
	}
	if len(all) == 1 {
		return nil
	}
	columns := strings.Fields(strings.ReplaceAll(credentialNames, ",", " "))
	// COPY costs the server less than INSERT does, and the driver less than its values.
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"latchkey", "credentials"}, columns, pgx.CopyFromSlice(len(all), func(i int) ([]any, error) {
		return credentialValues(all[i].of), nil
	}))
	return err
}
