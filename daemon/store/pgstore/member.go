package pgstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"latchkey/daemon/store"
)

// The conditions that select one member of a workspace.
const (
	byMemberID = "id = $2"
	byAccount  = "account = $2"
	byMail     = "mail = $2"
)

const (
	insertMemberSQL = "INSERT INTO latchkey.members (workspace, id, removed, account, mail, record) VALUES ($1, $2, $3, $4, $5, $6)"
	updateMemberSQL = "UPDATE latchkey.members SET removed = $3, account = $4, mail = $5, record = $6 WHERE workspace = $1 AND id = $2"
	// vacateSQL takes a member's account and address away from him before any member gets one, since one may take what another leaves.
	vacateSQL = "UPDATE latchkey.members SET account = NULL, mail = NULL WHERE workspace = $1 AND id = $2"
)

// memberValues returns what is written into the columns of a member.
func memberValues(m *store.Member) ([]any, error) {
	row, err := encode(m)
	if err != nil {
		return nil, err
	}
	return []any{
		identifier(m.Workspace), identifier(m.ID), m.State == store.MemberRemoved, text(m.Account()), text(m.MailKey()), row,
	}, nil
}

// queueMembers adds to a batch what writes members, and locks the users whom they stand for, so that nobody removes them before
// the transaction ends.
func queueMembers(ctx context.Context, tx pgx.Tx, batch *pgx.Batch, members []store.Member) error {
	known := make([]bool, len(members))
	for i := range members {
		m := &members[i]
		if user := m.Account(); user != "" {
			var one int
			err := tx.QueryRow(ctx, "SELECT 1 FROM latchkey.users WHERE name = $1 FOR SHARE", text(user)).Scan(&one)
			if missing(err) != err {
				return verdict{fmt.Errorf("%w: the user %q of an active member is not known", store.ErrInvalid, user)}
			}
			if err != nil {
				return err
			}
		}
		err := tx.QueryRow(ctx, "SELECT true FROM latchkey.members WHERE workspace = $1 AND id = $2", identifier(m.Workspace), identifier(m.ID)).
			Scan(&known[i])
		if missing(err) == err && err != nil {
			return err
		}
		if known[i] {
			batch.Queue(vacateSQL, identifier(m.Workspace), identifier(m.ID))
		}
	}
	for i := range members {
		values, err := memberValues(&members[i])
		if err != nil {
			return verdict{err}
		}
		if known[i] {
			batch.Queue(updateMemberSQL, values...)
		} else {
			batch.Queue(insertMemberSQL, values...)
		}
	}
	return nil
}

// member returns the member of a workspace whom a condition selects; value is its argument.
func member(ctx context.Context, from querier, condition string, workspace store.ID, value any) (m store.Member, err error) {
	if id, isID := value.(identifier); !store.ValidID(string(workspace)) || isID && !store.ValidID(string(id)) {
		return m, verdict{store.ErrNotFound}
	}
	var row document
	err = from.QueryRow(ctx, "SELECT record FROM latchkey.members WHERE workspace = $1 AND "+condition, identifier(workspace), value).Scan(&row)
	if err != nil {
		return m, missing(err)
	}
	return m, row.decode(&m)
}

func (s *Store) readMember(ctx context.Context, condition string, workspace store.ID, value any) (m store.Member, err error) {
	err = s.read(ctx, func(ctx context.Context) error {
		m, err = member(ctx, s.pool, condition, workspace, value)
		return err
	})
	return m, err
}

// Member returns a member; see store.Members.
func (s *Store) Member(ctx context.Context, workspace, id store.ID) (store.Member, error) {
	return s.readMember(ctx, byMemberID, workspace, identifier(id))
}

// MemberOf returns a user's membership; see store.Members.
func (s *Store) MemberOf(ctx context.Context, workspace store.ID, user string) (store.Member, error) {
	return s.readMember(ctx, byAccount, workspace, text(user))
}

// MemberMailed returns the member with an address; see store.Members.
func (s *Store) MemberMailed(ctx context.Context, workspace store.ID, key string) (store.Member, error) {
	return s.readMember(ctx, byMail, workspace, text(key))
}

// Members lists members; see store.Members.
func (s *Store) Members(ctx context.Context, q store.MemberQuery) ([]store.Member, int, error) {
	if !store.ValidID(string(q.Workspace)) {
		return nil, 0, ctx.Err()
	}
	arguments := []any{identifier(q.Workspace)}
	where := " FROM latchkey.members m WHERE m.workspace = $1"
	if !q.Removed {
		where += " AND NOT m.removed"
	}
	chosen := "SELECT m.*" + where
	if store.ValidID(string(q.After)) {
		arguments = append(arguments, identifier(q.After))
		chosen += " AND m.id > $2"
	}
	chosen += " ORDER BY m.id"
	return documents[store.Member](ctx, s, "SELECT count(*) AS total"+where, chosen, "m", "m.id", q.Limit, arguments)
}

// Memberships lists the workspaces that a user is in; see store.Members.
func (s *Store) Memberships(ctx context.Context, user string) ([]store.Member, error) {
	if store.CheckName(user) != nil {
		return nil, ctx.Err()
	}
	all, _, err := documents[store.Member](ctx, s, "SELECT count(*) AS total FROM latchkey.members WHERE account = $1",
		"SELECT m.* FROM latchkey.members m WHERE m.account = $1 ORDER BY m.workspace", "m", "m.workspace", 0, []any{text(user)})
	return all, err
}
