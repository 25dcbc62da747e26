package pgstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/jackc/pgx/v5"

	"latchkey/daemon/store"
)

// userColumns are the columns of a user, in the order of userRow.targets.
const userColumns = `u.name, u.display_name, u.mail, u.groups, u.backend, u.is_service, u.nicknames, u.disabled, u.created_at,
	u.last_login_at`

// userRow is a user as he is read: his nicknames stand in a list, each origin before its name.
type userRow struct {
	user      store.User
	nicknames texts
}

// targets returns where the columns of a user are read to.
func (r *userRow) targets() []any {
	u := &r.user
	return []any{
		(*text)(&u.Name), (*text)(&u.DisplayName), (*text)(&u.Mail), (*texts)(&u.Groups), (*text)(&u.Backend), (*flag)(&u.IsService),
		&r.nicknames, (*flag)(&u.Disabled), (*instant)(&u.CreatedAt), (*instant)(&u.LastLoginAt),
	}
}

// settled returns the user that was read.
func (r *userRow) settled() store.User {
	u := r.user
	for pair := range slices.Chunk(r.nicknames, 2) {
		if u.Nicknames == nil {
			u.Nicknames = map[string]string{}
		}
		if len(pair) == 2 {
			u.Nicknames[pair[0]] = pair[1]
		}
	}
	return u
}

// userValues returns what is written into the columns of a user.
func userValues(u *store.User) []any {
	var nicknames texts
	for _, origin := range slices.Sorted(maps.Keys(u.Nicknames)) {
		nicknames = append(nicknames, origin, u.Nicknames[origin])
	}
	return []any{
		text(u.Name), text(u.DisplayName), text(u.Mail), texts(u.Groups), text(u.Backend), u.IsService, nicknames, u.Disabled,
		instant(u.CreatedAt), instant(u.LastLoginAt),
	}
}

const (
	insertUserSQL = `INSERT INTO latchkey.users (name, display_name, mail, groups, backend, is_service, nicknames, disabled, created_at,
		last_login_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (name) DO NOTHING`
	updateUserSQL = `UPDATE latchkey.users SET display_name = $2, mail = $3, groups = $4, backend = $5, is_service = $6, nicknames = $7,
		disabled = $8, created_at = $9, last_login_at = $10 WHERE name = $1`
)

// user returns a user and whether there is one. lock is what is added to the query, such as " FOR UPDATE".
func user(ctx context.Context, from querier, name, lock string) (u store.User, found bool, err error) {
	var r userRow
	err = from.QueryRow(ctx, "SELECT "+userColumns+" FROM latchkey.users u WHERE u.name = $1"+lock, text(name)).Scan(r.targets()...)
	if errors.Is(err, pgx.ErrNoRows) {
		return store.User{}, false, nil
	}
	return r.settled(), err == nil, err
}

// Users lists users; see store.Users.
func (s *Store) Users(ctx context.Context, after string, limit int) (page []store.User, total int, err error) {
	var arguments []any
	const count, all = "SELECT count(*) AS total FROM latchkey.users u", "SELECT u.* FROM latchkey.users u"
	chosen := all
	if after != "" {
		arguments = append(arguments, text(after))
		chosen += " WHERE u.name > $1"
	}
	chosen += " ORDER BY u.name"
	if limit > 0 {
		arguments = append(arguments, limit)
		chosen += fmt.Sprintf(" LIMIT $%d", len(arguments))
	}
	sql := counted(count, chosen, userColumns, "u", "u.name")
	err = s.read(ctx, func(ctx context.Context) error {
		page, total, err = collect(ctx, s, sql, arguments, func(total *int) (*userRow, []any) {
			r := &userRow{}
			return r, append([]any{total}, r.targets()...)
		}, func(r *userRow) (store.User, bool) { return r.settled(), r.user.Name != "" })
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	return page, total, nil
}

// PutUser changes or adds a user; see store.Users.
func (s *Store) PutUser(ctx context.Context, name string, change func(*store.User, bool) error) (store.User, error) {
	if err := store.CheckName(name); err != nil {
		return store.User{}, err
	}
	var u store.User
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var found bool
		var err error
		if u, found, err = user(ctx, tx, name, " FOR UPDATE"); err != nil {
			return err
		}
		u.Name = name
		before := u
		before.Groups, before.Nicknames = slices.Clone(u.Groups), maps.Clone(u.Nicknames)
		if err := s.guard(func() error { return change(&u, found) }); err != nil {
			return err
		}
		u.Name = name
		if err := u.Settle(); err != nil {
			return verdict{err}
		}
		batch := &pgx.Batch{}
		if found {
			batch.Queue(updateUserSQL, userValues(&u)...)
		} else {
			batch.Queue(insertUserSQL, userValues(&u)...)
		}
		if !found || tells(&before, &u) {
			s.announce(batch, changes{user: name})
		}
		rows, err := send(ctx, tx, batch)
		if err == nil && rows == 0 {
			return errRaced
		}
		return err
	})
	if err != nil {
		return store.User{}, err
	}
	return u, nil
}

// tells reports whether a change of a user is one that checks are to see. When he last logged in is none, and since commits that tell
// something wait for one another it is told to nobody.
func tells(before, after *store.User) bool {
	seen := *before
	seen.LastLoginAt = after.LastLoginAt
	return !reflect.DeepEqual(seen, *after)
}

// DeleteUser removes a user and his credentials; see store.Users.
func (s *Store) DeleteUser(ctx context.Context, name string) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, "DELETE FROM latchkey.users WHERE name = $1", text(name))
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return verdict{store.ErrNotFound}
		}
		var member bool
		err = tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM latchkey.members WHERE account = $1)", text(name)).Scan(&member)
		if err != nil {
			return err
		}
		if member {
			return verdict{store.ErrInUse}
		}
		gone, err := digests(ctx, tx, "DELETE FROM latchkey.credentials WHERE user_name = $1 RETURNING digest", text(name))
		if err != nil {
			return err
		}
		return s.announceNow(ctx, tx, changes{credentials: gone, user: name})
	})
}
