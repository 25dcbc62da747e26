package pgstore

import (
	"context"
	"maps"
	"slices"

	"latchkey/daemon/store"
)

// lookupSQL reads users by their names.
const lookupSQL = "SELECT " + userColumns + " FROM latchkey.users u WHERE u.name = ANY ($1::bytea[])"

// lookup is the reading of a user.
type lookup struct {
	name string
	user store.User // set when he was found
}

// User returns the user; see store.Users. Many that are called at the same time share a query.
func (s *Store) User(ctx context.Context, name string) (store.User, error) {
	if err := ctx.Err(); err != nil {
		return store.User{}, err
	}
	l := &lookup{name: name}
	if err := s.lookups.do(ctx, l); err != nil {
		return store.User{}, err
	}
	return l.user, nil
}

// look serves a group of lookups with one query. That begins after the calls did, so it sees what was changed before them.
func (s *Store) look(ctx context.Context, all []*call[*lookup]) {
	byName := map[string][]*call[*lookup]{}
	for _, c := range all {
		byName[c.of.name] = append(byName[c.of.name], c)
	}
	var found map[string]store.User
	err := s.read(ctx, func(ctx context.Context) (err error) {
		found, err = s.users(ctx, slices.Collect(maps.Keys(byName)))
		return err
	})
	for name, calls := range byName {
		u, there := found[name]
		switch {
		case err != nil:
			s.lookups.answer(calls, err)
		case !there:
			s.lookups.answer(calls, store.ErrNotFound)
		default:
			for _, c := range calls { // each gets what he may change
				c.of.user = u
				c.of.user.Groups, c.of.user.Nicknames = slices.Clone(u.Groups), maps.Clone(u.Nicknames)
			}
			s.lookups.answer(calls, nil)
		}
	}
}

// users returns those of these names who are known.
func (s *Store) users(ctx context.Context, names []string) (map[string]store.User, error) {
	found := make(map[string]store.User, len(names))
	if len(names) == 1 {
		u, there, err := user(ctx, s.pool, names[0], "")
		if there {
			found[u.Name] = u
		}
		return found, err
	}
	rows, err := s.pool.Query(ctx, lookupSQL, texts(names))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r userRow
		if err := rows.Scan(r.targets()...); err != nil {
			return nil, err
		}
		u := r.settled()
		found[u.Name] = u
	}
	return found, rows.Err()
}
