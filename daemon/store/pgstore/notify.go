package pgstore

import (
	"context"
	"encoding/base64"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"latchkey/daemon/store"
)

// Channel is the channel on which a transaction tells the other nodes what it has changed or removed. A payload is one of
//
//	c <digest> <digest> …   credentials, by the digests under which they stood, in hex
//	u <name>                a user, by his name in base64 (RFC 4648, with padding)
//	*                       so much that all of it counts as changed
//
// It arrives after the transaction is committed, and not at all when it is undone. What is new is not told: nobody can have
// an old state of it. A user who becomes known is told, since his credentials get an owner; that one has
// logged in is not.
const Channel = "latchkey_changed"

// The server refuses a payload of 8000 bytes; what does not fit into maxPayloads of them is told as "*".
const (
	payloadSize = 7900
	maxPayloads = 20
)

// changes is what a transaction has changed.
type changes struct {
	credentials []store.Digest
	user        string
}

// payloads returns what there is to tell.
func (c changes) payloads() []string {
	var all []string
	var line strings.Builder
	for _, digest := range c.credentials {
		if line.Len() > payloadSize-2*64-1 {
			all = append(all, line.String())
			line.Reset()
		}
		if len(all) == maxPayloads {
			return []string{"*"}
		}
		if line.Len() == 0 {
			line.WriteByte('c')
		}
		line.WriteByte(' ')
		line.WriteString(digest.Hex())
	}
	if line.Len() > 0 {
		all = append(all, line.String())
	}
	if c.user != "" {
		all = append(all, "u "+base64.StdEncoding.EncodeToString([]byte(c.user)))
	}
	return all
}

// announce adds to a batch what tells the other nodes. A server delivers this when the transaction is committed. Commits
// that tell something wait for one another, since they are told in order.
func (s *Store) announce(batch *pgx.Batch, c changes) {
	if payloads := c.payloads(); s.tells && len(payloads) > 0 {
		batch.Queue("SELECT pg_notify('"+Channel+"', payload) FROM unnest($1::text[]) AS payload", payloads)
	}
}

// announceNow is announce where the changes are known only when they are made.
func (s *Store) announceNow(ctx context.Context, tx pgx.Tx, c changes) error {
	batch := &pgx.Batch{}
	s.announce(batch, c)
	if batch.Len() == 0 {
		return nil
	}
	_, err := send(ctx, tx, batch)
	return err
}

// Tells reports whether the server carries what nodes tell each other. One that speaks PostgreSQL's protocol but is another
// product may not: nothing may be remembered outside of the database then.
func (s *Store) Tells() bool { return s.tells }

// canTell asks the server for NOTIFY. The channel is one that nobody listens to.
func canTell(ctx context.Context, pool *pgxpool.Pool) (bool, error) {
	_, err := pool.Exec(ctx, "SELECT pg_notify('latchkey_probe', '')")
	switch code(err) {
	case codeNoFunction, codeUnsupported, codeSyntax:
		return false, nil
	case codeReadOnly: // a standby
		return true, nil
	}
	return err == nil, err
}
