package pgstore

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"latchkey/daemon/store"
)

// text is a string as it stands in a bytea column: every byte of it, and NULL when it is empty.
type text string

// ScanBytes reads a column; see pgtype.BytesScanner.
func (t *text) ScanBytes(value []byte) error {
	*t = text(value)
	return nil
}

// BytesValue writes one; see pgtype.BytesValuer.
func (t text) BytesValue() ([]byte, error) {
	if t == "" {
		return nil, nil
	}
	return []byte(t), nil
}

// raw is bytes in a bytea column, NULL when there are none.
type raw []byte

// ScanBytes reads a column; see pgtype.BytesScanner.
func (r *raw) ScanBytes(value []byte) error {
	*r = append(raw(nil), value...)
	return nil
}

// BytesValue writes one; see pgtype.BytesValuer.
func (r raw) BytesValue() ([]byte, error) {
	if len(r) == 0 {
		return nil, nil
	}
	return r, nil
}

// identifier is an id in a bytea column: its 12 bytes, and NULL when it is empty.
type identifier store.ID

// ScanBytes reads a column; see pgtype.BytesScanner.
func (i *identifier) ScanBytes(value []byte) error {
	*i = identifier(hex.EncodeToString(value))
	return nil
}

// BytesValue writes one; see pgtype.BytesValuer.
func (i identifier) BytesValue() ([]byte, error) {
	if i == "" {
		return nil, nil
	}
	return hex.DecodeString(string(i))
}

// flag is a boolean column; NULL, as in the columns of an owner who is not known, is false.
type flag bool

// ScanBool reads a column; see pgtype.BoolScanner.
func (f *flag) ScanBool(value pgtype.Bool) error {
	*f = flag(value.Bool)
	return nil
}

// instant is a time in a timestamptz column, in UTC, and NULL when it is zero.
type instant time.Time

// ScanTimestamptz reads a column; see pgtype.TimestamptzScanner.
func (i *instant) ScanTimestamptz(value pgtype.Timestamptz) error {
	*i = instant{}
	if value.Valid && value.InfinityModifier == pgtype.Finite {
		*i = instant(value.Time.UTC())
	}
	return nil
}

// TimestamptzValue writes one; see pgtype.TimestamptzValuer.
func (i instant) TimestamptzValue() (pgtype.Timestamptz, error) {
	t := time.Time(i)
	return pgtype.Timestamptz{Time: t, Valid: !t.IsZero()}, nil
}

// texts is a list of strings in a bytea[] column, NULL when it is empty.
type texts []string

// Dimensions says how long a list is that is written; see pgtype.ArrayGetter.
func (l texts) Dimensions() []pgtype.ArrayDimension {
	if len(l) == 0 {
		return nil
	}
	return []pgtype.ArrayDimension{{Length: int32(len(l)), LowerBound: 1}}
}

// Index returns an element to write; see pgtype.ArrayGetter.
func (l texts) Index(i int) any { return text(l[i]) }

// IndexType returns something of an element's type; see pgtype.ArrayGetter.
func (l texts) IndexType() any { return text("") }

// SetDimensions makes room for a list that is read; see pgtype.ArraySetter.
func (l *texts) SetDimensions(dimensions []pgtype.ArrayDimension) error {
	*l = nil
	switch len(dimensions) {
	case 0:
		return nil
	case 1:
		*l = make(texts, dimensions[0].Length)
		return nil
	}
	return fmt.Errorf("a list has %d dimensions", len(dimensions))
}

// ScanIndex returns where an element is to be read to; see pgtype.ArraySetter.
func (l texts) ScanIndex(i int) any { return (*text)(&l[i]) }

// ScanIndexType returns something of the type that ScanIndex returns; see pgtype.ArraySetter.
func (l texts) ScanIndexType() any { return new(text) }

// moment returns a time to compare columns with: rounded down as the columns are, and within what a column can hold.
func moment(t time.Time) time.Time {
	t = t.UTC().Truncate(time.Microsecond)
	switch earliest, latest := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC); {
	case t.Before(earliest):
		return earliest.Add(-time.Microsecond)
	case t.After(latest):
		return latest
	}
	return t
}
