package boltstore

import (
	"bytes"
	"errors"
	"slices"

	"go.etcd.io/bbolt"

	"latchkey/daemon/store"
)

// bulk is how many records BulkLoad writes in one transaction.
const bulk = 200_000

// settled is how full the pages of a bucket are that was filled in random order.
const settled = 0.69

// BulkLoad makes a store at path and fills it faster than log-ins would, bucket by bucket in order of the keys: count
// credentials, which make returns by number in order of their ids, with digest returning the digest of each; owners users by
// the names that name returns, in order; the owner of credential n is n modulo owners. The pages are as full as if all had come
// in random order. The file is as Close leaves it.
func BulkLoad(path string, count, owners int, make func(n int) store.Credential, digest func(n int) store.Digest, name func(n int) string) error {
	s, err := Open(path, Options{NoSync: true})
	if err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true, NoGrowSync: true, NoFreelistSync: true, InitialMmapSize: mapSize})
	if err != nil {
		return err
	}
	l := loader{db, count, make}
	err = l.users(owners, name)
	if err == nil {
		err = l.credentials(digest)
	}
	if err == nil {
		err = errors.Join(
			l.index(bucketIDs, func(i int) int { return i }),
			l.index(bucketExpiries, func(i int) int { return i }),
			l.index(bucketOwners, byOwner(count, owners)))
	}
	db.NoFreelistSync = false
	err = errors.Join(err, db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketIDs).SetSequence(uint64(count))
	}))
	return errors.Join(err, db.Sync(), db.Close())
}

// byOwner returns the number of the ith credential in order of owners.
func byOwner(count, owners int) func(i int) int {
	more := count % owners // so many owners have one credential more than the others
	each := count / owners
	return func(i int) int {
		if i < more*(each+1) {
			return i%(each+1)*owners + i/(each+1)
		}
		i -= more * (each + 1)
		return i%each*owners + more + i/each
	}
}

type loader struct {
	db    *bbolt.DB
	count int
	make  func(n int) store.Credential
}

// each calls f with the numbers up to count, many in one transaction.
func (l *loader) each(count int, f func(tx *bbolt.Tx, i int) error) error {
	for first := 0; first < count; first += bulk {
		err := l.db.Update(func(tx *bbolt.Tx) error {
			for i := first; i < min(first+bulk, count); i++ {
				if err := f(tx, i); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) users(owners int, name func(n int) string) error {
	return l.each(owners, func(tx *bbolt.Tx, i int) error {
		return importUser(tx, store.User{Name: name(i), Mail: name(i) + "@example.org", Groups: []string{"staff", "developers"}, Backend: "ldap"})
	})
}

func (l *loader) credentials(digest func(n int) store.Digest) error {
	type place struct {
		digest [16]byte // the beginning
		n      int
	}
	places := make([]place, l.count)
	for n := range places {
		places[n] = place{[16]byte([]byte(digest(n)[:16])), n}
	}
	slices.SortFunc(places, func(a, b place) int { return bytes.Compare(a.digest[:], b.digest[:]) })
	return l.each(l.count, func(tx *bbolt.Tx, i int) error {
		c := l.make(places[i].n)
		value, err := encodeCredential(&c)
		if err != nil {
			return err
		}
		b := tx.Bucket(bucketCredentials)
		b.FillPercent = settled
		return b.Put([]byte(c.Digest), value)
	})
}

// index fills one index of credentials; at returns the number of the ith in order of its keys.
func (l *loader) index(name []byte, at func(i int) int) error {
	return l.each(l.count, func(tx *bbolt.Tx, i int) error {
		c := l.make(at(i))
		wanted := tx.Bucket(name)
		wanted.FillPercent = settled
		return eachIndex(tx, &c, func(b *bbolt.Bucket, key, value []byte) error {
			if b != wanted {
				return nil
			}
			return b.Put(key, value)
		})
	})
}

// FreePages returns how many pages of the file at path, which nobody has open, are free.
func FreePages(path string) (int, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, PreLoadFreelist: true})
	if err != nil {
		return 0, err
	}
	return db.Stats().FreePageN, db.Close()
}
