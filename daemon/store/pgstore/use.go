package pgstore

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"latchkey/daemon/store"
)

// NoteUses notes when credentials were last used; see store.Uses.
func (s *Store) NoteUses(ctx context.Context, used map[store.ID]time.Time) error {
	_, err := s.noteUses(ctx, used)
	return err
}

// noteUses is NoteUses, and returns the digests of what it changed, also when it failed: the commit may have happened.
func (s *Store) noteUses(ctx context.Context, used map[store.ID]time.Time) (changed []store.Digest, err error) {
	var ids []identifier
	var times []instant
	for _, id := range slices.Sorted(maps.Keys(used)) {
		if !store.ValidID(string(id)) {
			continue
		}
		at := used[id]
		if err := store.SettleTimes(&at); err != nil {
			return nil, err
		}
		ids, times = append(ids, identifier(id)), append(times, instant(at))
	}
	if len(ids) == 0 {
		return nil, ctx.Err()
	}
	err = s.write(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		changed, err = digests(ctx, tx, `UPDATE latchkey.credentials c SET last_used_at = u.at
			FROM (SELECT unnest($1::bytea[]) AS id, unnest($2::timestamptz[]) AS at) u WHERE c.id = u.id RETURNING c.digest`, ids, times)
		if err != nil {
			return err
		}
		return s.announceNow(ctx, tx, changes{credentials: changed})
	})
	return changed, err
}
