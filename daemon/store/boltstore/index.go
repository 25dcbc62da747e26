package boltstore

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"iter"
	"math"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"latchkey/daemon/store"
)

// The sizes of parts of keys and pointers, in bytes.
const (
	idSize      = 12
	instantSize = 8
)

// never is the end of what does not expire.
const never uint64 = math.MaxUint64

// packed returns an id as it stands in keys. What is no id becomes a key that nothing stands under.
func packed(id store.ID) []byte {
	raw, err := hex.DecodeString(string(id))
	if err != nil || len(raw) != idSize {
		return nil
	}
	return raw
}

// kindByte returns the byte that stands for a kind; zero for a kind that is unknown.
func kindByte(kind store.Kind) byte {
	switch kind {
	case store.KindSession:
		return 't'
	case store.KindAPIKey:
		return 'a'
	case store.KindService:
		return 's'
	case store.KindDeveloper:
		return 'd'
	case store.KindCI:
		return 'c'
	case store.KindInvitation:
		return 'i'
	case store.KindLegacy:
		return 'l'
	}
	return 0
}

// micros returns a time as a number that sorts as times do.
func micros(t time.Time) uint64 { return uint64(t.UnixMicro()) ^ 1<<63 }

// end is micros of when something ends; the zero time is never.
func end(t time.Time) uint64 {
	if t.IsZero() {
		return never
	}
	return micros(t)
}

// endKey returns the beginning of a key that sorts by when something ends.
func endKey(t time.Time) []byte { return binary.BigEndian.AppendUint64(nil, end(t)) }

// ended returns the keys of a bucket, at most limit and the first first, of what has ended at now.
func ended(b *bbolt.Bucket, now time.Time, limit int) iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) {
		cursor := b.Cursor()
		for key, value := cursor.First(); key != nil && limit > 0; key, value = cursor.Next() {
			if binary.BigEndian.Uint64(key) > micros(now) || !yield(key, value) {
				return
			}
			limit--
		}
	}
}

// pointer is what an index says about a credential: when it expires, its kind and its digest.
type pointer []byte

func pointTo(c *store.Credential) pointer {
	p := append(endKey(c.ExpiresAt), kindByte(c.Kind))
	return append(p, c.Digest...)
}

func (p pointer) digest() []byte { return p[instantSize+1:] }

func (p pointer) kind() byte { return p[instantSize] }

// liveAt reports whether the credential is not expired at now, in micros.
func (p pointer) liveAt(now uint64) bool { return now < binary.BigEndian.Uint64(p) }

// eachIndex calls f with each index that a credential stands in, its key there, and the value.
func eachIndex(tx *bbolt.Tx, c *store.Credential, f func(b *bbolt.Bucket, key, value []byte) error) error {
	id, kind, to := packed(c.ID), kindByte(c.Kind), pointTo(c)
	if err := f(ending(tx, bucketIDs), id, to); err != nil {
		return err
	}
	if c.User != "" {
		if err := f(tx.Bucket(bucketOwners), append(ownerKey(c.User, kind), id...), to); err != nil {
			return err
		}
	}
	if c.Kind != store.KindSession {
		if err := f(tx.Bucket(bucketKinds), append([]byte{kind}, id...), to); err != nil {
			return err
		}
	}
	if c.Workspace != "" {
		if err := f(tx.Bucket(bucketWorkspaces), append(append(packed(c.Workspace), kind), id...), to); err != nil {
			return err
		}
	}
	if !c.ExpiresAt.IsZero() {
		return f(ending(tx, bucketExpiries), append(endKey(c.ExpiresAt), id...), []byte(c.Digest))
	}
	return nil
}

// ending returns a bucket that grows at its end, so that its pages are filled and not left half empty.
func ending(tx *bbolt.Tx, name []byte) *bbolt.Bucket {
	b := tx.Bucket(name)
	b.FillPercent = 0.95
	return b
}

// ownerKey returns the beginning of the keys of what a user has, of one kind or with zero of all.
func ownerKey(user string, kind byte) []byte {
	key := append(append(make([]byte, 0, len(user)+2+idSize), user...), 0)
	if kind != 0 {
		key = append(key, kind)
	}
	return key
}

// reference is a credential in an index.
type reference struct {
	id []byte
	to pointer
}

// references returns the credentials that the best index for a query names, in order of creation. Whether the index has
// restricted the owner and the workspace, as far as the query does, is the second result; the kind and the expiry are in
// the pointers.
func references(tx *bbolt.Tx, q store.Query) (iter.Seq[reference], bool) {
	kind := kindByte(q.Kind)
	switch {
	case q.Workspace != "":
		prefix := packed(q.Workspace)
		if prefix == nil {
			return func(func(reference) bool) {}, true
		}
		if kind != 0 {
			return scan(tx.Bucket(bucketWorkspaces), append(prefix, kind)), q.User == ""
		}
		return ordered(scan(tx.Bucket(bucketWorkspaces), prefix)), q.User == ""
	case q.User != "" && kind != 0:
		return scan(tx.Bucket(bucketOwners), ownerKey(q.User, kind)), true
	case q.User != "":
		return ordered(scan(tx.Bucket(bucketOwners), ownerKey(q.User, 0))), true
	case kind != 0 && q.Kind != store.KindSession:
		return scan(tx.Bucket(bucketKinds), []byte{kind}), true
	}
	return scan(tx.Bucket(bucketIDs), nil), true
}

// scan returns what stands in a bucket under keys with this beginning.
func scan(b *bbolt.Bucket, prefix []byte) iter.Seq[reference] {
	return func(yield func(reference) bool) {
		cursor := b.Cursor()
		for key, value := cursor.Seek(prefix); bytes.HasPrefix(key, prefix) && key != nil; key, value = cursor.Next() {
			if !yield(reference{key[len(key)-idSize:], value}) {
				return
			}
		}
	}
}

// ordered returns the same in order of creation.
func ordered(all iter.Seq[reference]) iter.Seq[reference] {
	return slices.Values(slices.SortedFunc(all, func(a, b reference) int { return bytes.Compare(a.id, b.id) }))
}
