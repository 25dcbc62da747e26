package pgstore

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"latchkey/daemon/store"
)

// credentialColumns are the columns of a credential, in the order of credentialTargets.
const credentialColumns = `c.id, c.kind, c.digest, c.user_name, c.name, c.roles, c.groups, c.metadata, c.disabled, c.created_at,
	c.expires_at, c.last_used_at, c.created_by, c.source, c.user_agent, c.backend, c.service, c.workspace, c.member, c.subscription`

// credentialTargets returns where the columns of a credential are read to.
func credentialTargets(c *store.Credential) []any {
	return []any{
		(*identifier)(&c.ID), (*text)(&c.Kind), (*text)(&c.Digest), (*text)(&c.User), (*text)(&c.Name), (*texts)(&c.Roles),
		(*texts)(&c.Groups), (*raw)(&c.Metadata), (*flag)(&c.Disabled), (*instant)(&c.CreatedAt), (*instant)(&c.ExpiresAt),
		(*instant)(&c.LastUsedAt), (*text)(&c.CreatedBy), (*text)(&c.Source), (*text)(&c.UserAgent), (*text)(&c.Backend),
		(*flag)(&c.Service), (*identifier)(&c.Workspace), (*identifier)(&c.Member), (*identifier)(&c.Subscription),
	}
}

// credentialValues returns what is written into the columns of a credential.
func credentialValues(c *store.Credential) []any {
	return []any{
		identifier(c.ID), text(c.Kind), text(c.Digest), text(c.User), text(c.Name), texts(c.Roles), texts(c.Groups), raw(c.Metadata),
		c.Disabled, instant(c.CreatedAt), instant(c.ExpiresAt), instant(c.LastUsedAt), text(c.CreatedBy), text(c.Source),
		text(c.UserAgent), text(c.Backend), c.Service, identifier(c.Workspace), identifier(c.Member), identifier(c.Subscription),
	}
}

const (
	// credentialNames are the columns that are written, in the order of credentialValues.
	credentialNames = `id, kind, digest, user_name, name, roles, groups, metadata, disabled, created_at,
		expires_at, last_used_at, created_by, source, user_agent, backend, service, workspace, member, subscription`
	// insertSQL adds a credential.
	insertSQL = `INSERT INTO latchkey.credentials (` + credentialNames + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)`
	// updateSQL writes all of a credential. It takes the same values.
	updateSQL = `UPDATE latchkey.credentials SET kind = $2, digest = $3, user_name = $4, name = $5, roles = $6, groups = $7,
		metadata = $8, disabled = $9, created_at = $10, expires_at = $11, last_used_at = $12, created_by = $13, source = $14,
		user_agent = $15, backend = $16, service = $17, workspace = $18, member = $19, subscription = $20 WHERE id = $1`
	// checkSQL reads a credential and its owner.
	checkSQL = "SELECT " + credentialColumns + ", " + userColumns +
		" FROM latchkey.credentials c LEFT JOIN latchkey.users u ON u.name = c.user_name WHERE c.digest = $1"
	// heldSQL notes that the store has held a credential. It writes only once in the life of a store.
	heldSQL = `INSERT INTO latchkey.facts (key) VALUES ('held') ON CONFLICT (key) DO NOTHING`
)

// CreateCredential adds a credential; see store.Credentials. Many that are called at the same time share a transaction.
func (s *Store) CreateCredential(ctx context.Context, c store.Credential) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.Settle(); err != nil {
		return err
	}
	// When ctx ends, the caller may change what is his while it is still being written.
	c.Roles, c.Groups, c.Metadata = slices.Clone(c.Roles), slices.Clone(c.Groups), slices.Clone(c.Metadata)
	return s.creations.do(ctx, &c)
}

// taken makes of an error that says that an id or a digest is taken the sentinel for it.
func taken(err error) error {
	if code(err) == codeUnique {
		return verdict{store.ErrExists}
	}
	return err
}

// CredentialByDigest returns a credential and its owner; see store.Credentials.
func (s *Store) CredentialByDigest(ctx context.Context, digest store.Digest) (*store.Entry, error) {
	var entry *store.Entry
	err := s.read(ctx, func(ctx context.Context) error {
		var owner userRow
		entry = &store.Entry{}
		err := s.pool.QueryRow(ctx, checkSQL, text(digest)).
			Scan(append(credentialTargets(&entry.Credential), owner.targets()...)...)
		if err == nil && owner.user.Name != "" {
			u := owner.settled()
			entry.Owner = &u
		}
		return missing(err)
	})
	if err != nil {
		return nil, err
	}
	return entry, nil
}

// missing makes of an error that says that there is no row the sentinel for it.
func missing(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return verdict{store.ErrNotFound}
	}
	return err
}

// Credential returns the credential with this id; see store.Credentials.
func (s *Store) Credential(ctx context.Context, id store.ID) (c store.Credential, err error) {
	err = s.read(ctx, func(ctx context.Context) error {
		c, err = credential(ctx, s.pool, id, "")
		return err
	})
	if err != nil {
		return store.Credential{}, err
	}
	return c, nil
}

// querier is a pool or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// credential returns the credential with this id. lock is what is added to the query, such as " FOR UPDATE".
func credential(ctx context.Context, from querier, id store.ID, lock string) (c store.Credential, err error) {
	if !store.ValidID(string(id)) {
		return c, verdict{store.ErrNotFound}
	}
	err = from.QueryRow(ctx, "SELECT "+credentialColumns+" FROM latchkey.credentials c WHERE c.id = $1"+lock, identifier(id)).
		Scan(credentialTargets(&c)...)
	return c, missing(err)
}

// UpdateCredential changes a credential; see store.Credentials.
func (s *Store) UpdateCredential(ctx context.Context, id store.ID, change func(*store.Credential) error) (store.Credential, error) {
	var after store.Credential
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		before, err := credential(ctx, tx, id, " FOR UPDATE")
		if err != nil {
			return err
		}
		after = before
		if err := s.guard(func() error { return change(&after) }); err != nil {
			return err
		}
		after.ID, after.Kind, after.CreatedAt = before.ID, before.Kind, before.CreatedAt
		if err := after.Settle(); err != nil {
			return verdict{err}
		}
		changed := changes{credentials: []store.Digest{before.Digest}}
		if after.Digest != before.Digest {
			changed.credentials = append(changed.credentials, after.Digest)
		}
		batch := &pgx.Batch{}
		batch.Queue(updateSQL, credentialValues(&after)...)
		s.announce(batch, changed)
		_, err = send(ctx, tx, batch)
		return taken(err)
	})
	if err != nil {
		return store.Credential{}, err
	}
	return after, nil
}

// DeleteCredential removes a credential; see store.Credentials.
func (s *Store) DeleteCredential(ctx context.Context, id store.ID, check func(store.Credential) error) (store.Credential, error) {
	var gone store.Credential
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		if gone, err = credential(ctx, tx, id, " FOR UPDATE"); err != nil {
			return err
		}
		if check != nil {
			if err := s.guard(func() error { return check(gone) }); err != nil {
				return err
			}
		}
		batch := &pgx.Batch{}
		batch.Queue("DELETE FROM latchkey.credentials WHERE id = $1", identifier(id))
		s.announce(batch, changes{credentials: []store.Digest{gone.Digest}})
		_, err = send(ctx, tx, batch)
		return err
	})
	if err != nil {
		return store.Credential{}, err
	}
	return gone, nil
}
