package pgstore

import (
	"fmt"
	"time"

	"latchkey/daemon/store"
)

// settleCredential makes a credential what it will be when it is read again, and checks that it may be kept: times in UTC and
// whole microseconds, no empty lists. The error wraps store.ErrInvalid.
func settleCredential(c *store.Credential) error {
	if err := settleTimes(&c.CreatedAt, &c.ExpiresAt, &c.LastUsedAt); err != nil {
		return err
	}
	settleLists(&c.Roles, &c.Groups)
	if len(c.Metadata) == 0 {
		c.Metadata = nil
	}
	return c.Check()
}

// settleUser does the same for a user.
func settleUser(u *store.User) error {
	settleLists(&u.Groups)
	if len(u.Nicknames) == 0 {
		u.Nicknames = nil
	}
	return settleTimes(&u.CreatedAt, &u.LastLoginAt)
}

// settleLockout does the same for a counter.
func settleLockout(l *store.Lockout) error {
	if len(l.Failures) == 0 {
		l.Failures = nil
	}
	for i := range l.Failures {
		if err := settleTimes(&l.Failures[i]); err != nil {
			return err
		}
	}
	return settleTimes(&l.Until)
}

// settleTimes refuses years that RFC 3339 cannot write, since a record must be one that every store can hold.
func settleTimes(times ...*time.Time) error {
	for _, t := range times {
		if t.IsZero() {
			*t = time.Time{}
			continue
		}
		*t = t.UTC().Truncate(time.Microsecond)
		if year := t.Year(); year < 0 || year > 9999 {
			return fmt.Errorf("%w: a time is between the years 0 and 9999", store.ErrInvalid)
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
