package store

import (
	"fmt"
	"time"
)

// The functions here make a record what it will be when it is read again, so that every store keeps the same: times in UTC and
// whole microseconds, no empty lists. A store calls them on what it is given before it keeps it. Their errors wrap ErrInvalid.

// Settle settles a credential, and returns an error when it must not be kept; see Check.
func (c *Credential) Settle() error {
	if err := SettleTimes(&c.CreatedAt, &c.ExpiresAt, &c.LastUsedAt); err != nil {
		return err
	}
	settleLists(&c.Roles, &c.Groups)
	if len(c.Metadata) == 0 {
		c.Metadata = nil
	}
	return c.Check()
}

// Settle settles a user. His name is CheckName's to judge.
func (u *User) Settle() error {
	settleLists(&u.Groups)
	if len(u.Nicknames) == 0 {
		u.Nicknames = nil
	}
	return SettleTimes(&u.CreatedAt, &u.LastLoginAt)
}

// Settle settles a counter.
func (l *Lockout) Settle() error {
	if len(l.Failures) == 0 {
		l.Failures = nil
	}
	for i := range l.Failures {
		if err := SettleTimes(&l.Failures[i]); err != nil {
			return err
		}
	}
	return SettleTimes(&l.Until)
}

// SettleTimes settles times. It refuses years that RFC 3339 cannot write, since a record must be one that every store can hold.
func SettleTimes(times ...*time.Time) error {
	for _, t := range times {
		if t.IsZero() {
			*t = time.Time{}
			continue
		}
		*t = t.UTC().Truncate(time.Microsecond)
		if year := t.Year(); year < 0 || year > 9999 {
			return fmt.Errorf("%w: a time is between the years 0 and 9999", ErrInvalid)
		}
	}
	return nil
}

func settleLists(lists ...*[]string) {
	for _, list := range lists {
		if len(*list) == 0 {
			*list = nil
		}
	}
}
