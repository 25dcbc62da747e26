package boltstore

import (
	"bytes"
	"context"

	"go.etcd.io/bbolt"

	"latchkey/daemon/store"
)

// Credentials lists credentials; see store.Credentials. It reads the records of the page, and only of a query for a user and
// a workspace at once all that the workspace has.
func (s *Store) Credentials(ctx context.Context, q store.Query) (page []store.Credential, total int, err error) {
	if q.Kind != "" && kindByte(q.Kind) == 0 || q.User != "" && store.CheckName(q.User) != nil {
		return nil, 0, ctx.Err() // nothing can be of this kind, or have this name
	}
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		page, total, err = list(ctx, tx, q)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	return page, total, nil
}

// list returns the page of a query, and how many it selects.
func list(ctx context.Context, tx *bbolt.Tx, q store.Query) (page []store.Credential, total int, err error) {
	all, exact := references(tx, q)
	kind, now, after, skip, seen := kindByte(q.Kind), micros(q.Live), packed(q.After), q.Offset, 0
	for r := range all {
		if seen++; seen%1024 == 0 && ctx.Err() != nil {
			return nil, 0, ctx.Err()
		}
		if kind != 0 && r.to.kind() != kind || !q.Live.IsZero() && !r.to.liveAt(now) {
			continue
		}
		var c store.Credential
		if !exact {
			if c, err = byDigest(tx, r.to.digest()); err != nil {
				return nil, 0, err
			}
			if c.User != q.User {
				continue
			}
		}
		total++
		switch {
		case after != nil && bytes.Compare(r.id, after) <= 0:
		case skip > 0:
			skip--
		case q.Limit > 0 && len(page) >= q.Limit:
		default:
			if exact {
				if c, err = byDigest(tx, r.to.digest()); err != nil {
					return nil, 0, err
				}
			}
			page = append(page, c)
		}
	}
	return page, total, nil
}
