package pgstore

import (
	"encoding/binary"
	"encoding/hex"
	"time"

	"latchkey/daemon/store"
)

// copySQL adds credentials that follow as rows. It costs the server less than INSERT does, and the driver less than its values.
const copySQL = "COPY latchkey.credentials (" + credentialNames + ") FROM STDIN BINARY"

// What stands in the format.
const (
	copyHeader  = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00" // a signature, no flags, no extension
	copyTrailer = "\xff\xff"
	oidBytes    = 17                  // the type of a list's elements, bytea
	epoch       = 946_684_800_000_000 // 2000-01-01 in microseconds since 1970
	sizeOfRow   = 384                 // about what a session token takes
)

// copyRows are credentials in the binary format of COPY; see "COPY" in PostgreSQL's manual. Each column is what credentialValues makes of it.
type copyRows []byte

// newCopyRows returns no rows yet, and room for about so many.
func newCopyRows(n int) copyRows {
	return append(make(copyRows, 0, len(copyHeader)+n*sizeOfRow+len(copyTrailer)), copyHeader...)
}

// end returns what is sent.
func (r *copyRows) end() []byte { return append(*r, copyTrailer...) }

// add adds a credential that is settled, so that its ids are hex digits and its times whole microseconds.
func (r *copyRows) add(c *store.Credential) {
	*r = binary.BigEndian.AppendUint16(*r, credentialCount)
	r.identifier(c.ID)
	r.text(string(c.Kind))
	r.text(string(c.Digest))
	r.text(c.User)
	r.text(c.Name)
	r.texts(c.Roles)
	r.texts(c.Groups)
	r.text(string(c.Metadata))
	r.flag(c.Disabled)
	r.instant(c.CreatedAt)
	r.instant(c.ExpiresAt)
	r.instant(c.LastUsedAt)
	r.text(c.CreatedBy)
	r.text(c.Source)
	r.text(c.UserAgent)
	r.text(c.Backend)
	r.flag(c.Service)
	r.identifier(c.Workspace)
	r.identifier(c.Member)
	r.identifier(c.Subscription)
}

// number adds one of the format's 32 bits.
func (r *copyRows) number(n int) { *r = binary.BigEndian.AppendUint32(*r, uint32(n)) }

// null adds a column, or an element of a list, that is NULL.
func (r *copyRows) null() { r.number(-1) }

// text adds a bytea, NULL when it is empty.
func (r *copyRows) text(s string) {
	if s == "" {
		r.null()
		return
	}
	r.number(len(s))
	*r = append(*r, s...)
}

// identifier adds the 12 bytes of an id, NULL when it is empty.
func (r *copyRows) identifier(id store.ID) {
	if id == "" {
		r.null()
		return
	}
	r.number(hex.DecodedLen(len(id)))
	*r, _ = hex.AppendDecode(*r, []byte(id))
}

// flag adds a boolean.
func (r *copyRows) flag(is bool) {
	r.number(1)
	if is {
		*r = append(*r, 1)
	} else {
		*r = append(*r, 0)
	}
}

// instant adds a timestamptz, NULL when it is zero.
func (r *copyRows) instant(t time.Time) {
	if t.IsZero() {
		r.null()
		return
	}
	r.number(8)
	*r = binary.BigEndian.AppendUint64(*r, uint64(t.UnixMicro()-epoch))
}

// texts adds a bytea[], NULL when it is empty; an element that is empty is NULL.
func (r *copyRows) texts(all []string) {
	if len(all) == 0 {
		r.null()
		return
	}
	start, hasNull := len(*r), 0
	r.number(0) // the size, which is not known yet
	for _, s := range all {
		if s == "" {
			hasNull = 1
		}
	}
	r.number(1) // dimension
	r.number(hasNull)
	r.number(oidBytes)
	r.number(len(all))
	r.number(1) // the number of the first element
	for _, s := range all {
		r.text(s)
	}
	binary.BigEndian.PutUint32((*r)[start:], uint32(len(*r)-start-4))
}
