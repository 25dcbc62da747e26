package workspace

import (
	"context"
	"errors"
	"slices"

	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
	"latchkey/daemon/mail"
	"latchkey/daemon/store"
	"latchkey/plugins/secret"
)

// errNoKey is what an unknown legacy key looks like.
var errNoKey = &fault.Error{Kind: fault.NotFound, Reason: "unknown_legacy_key", Public: "Legacy key is not found."}

// LegacyKey is a key of another product's time that a workspace goes on accepting.
type LegacyKey struct {
	Text secret.Text
	// Name is what it is called.
	Name string
	// Member is the id, account or address of who is given it; empty: nobody, so that it counts as a seat by itself.
	Member string
	// Subscription is the one that it counts in; empty: the member's, or the first that runs and has a seat left.
	Subscription store.ID
}

// AddLegacyKey makes a key known, of which only a hash is kept. This and all that follow need licences.assign. The error is an Invalid
// fault for what cannot be a key, a Conflict fault for one that is known or for which no seat is left, or a NotFound, Forbidden or
// Unavailable fault.
func (s *Service) AddLegacyKey(ctx context.Context, who Actor, reference string, key LegacyKey) (store.Credential, error) {
	digest, err := credential.LegacyDigest(key.Text)
	if err != nil {
		return store.Credential{}, err
	}
	if key.Name != "" && (mail.CheckName(key.Name) != nil || len(key.Name) > 64) {
		return store.Credential{}, fault.Invalidf("name is at most 64 bytes of printable text.")
	}
	issued, err := s.engine.Prepare(credential.Spec{Kind: store.KindLegacy, Name: key.Name, Digest: digest, CreatedBy: who.Name})
	if err != nil {
		return store.Credential{}, err
	}
	var added store.Credential
	err = s.change(ctx, who, reference, action{"legacy_key_added", LicencesAssign}, func(t *transaction) error {
		c := issued.Credential
		t.event.CredentialID, t.event.Kind = string(c.ID), string(c.Kind)
		var m store.Member
		if key.Member != "" {
			var err error
			if m, err = t.holder(key.Member); err != nil {
				return err
			}
		}
		to := m.Subscription
		if to == "" || key.Subscription != "" && key.Subscription != to {
			if to != "" {
				return fault.Conflictf("other_subscription", "The member counts in another subscription; leave it out.")
			}
			var err error
			if to, err = t.choose(key.Subscription); err != nil {
				return err
			}
			if err := t.move("", to); err != nil {
				return err
			}
		}
		c.Subscription, c.Member = to, m.ID
		if m.ID != "" {
			m.Subscription, m.LegacyKeys = to, append(m.LegacyKeys, c.ID)
			t.PutMember(m)
		}
		added = c
		return t.PutCredential(c)
	})
	return added, err
}

// holder returns the member who is to be given a key.
func (t *transaction) holder(reference string) (store.Member, error) {
	m, err := t.member(reference)
	if err == nil && m.State == store.MemberRemoved {
		err = fault.Conflictf("member_removed", "The member was removed; invite him again first.")
	}
	return m, err
}

// LegacyKeys returns the legacy keys behind after, at most limit (0: all), and how many there are.
func (s *Service) LegacyKeys(ctx context.Context, who Actor, reference string, after store.ID, limit int) ([]store.Credential, int, error) {
	standing, err := s.Find(ctx, who, reference)
	if err != nil {
		return nil, 0, err
	}
	if err := standing.require(LicencesAssign); err != nil {
		return nil, 0, err
	}
	return s.engine.List(ctx, store.Query{Kind: store.KindLegacy, Workspace: standing.Workspace.ID, After: after, Limit: limit})
}

// AssignLegacyKey gives a key to a member; with an empty one to nobody, so that it counts by itself again. The errors are those of
// AddLegacyKey.
func (s *Service) AssignLegacyKey(ctx context.Context, who Actor, reference string, id store.ID, member string) (store.Credential, error) {
	var after store.Credential
	err := s.change(ctx, who, reference, action{"legacy_key_assigned", LicencesAssign}, func(t *transaction) error {
		key, err := t.legacyKey(id)
		if err != nil {
			return err
		}
		var m store.Member
		if member != "" {
			if m, err = t.holder(member); err != nil {
				return err
			}
		}
		if key.Member == m.ID {
			after = key
			return nil
		}
		if key, err = t.release(key); err != nil {
			return err
		}
		if m.ID != "" {
			t.about(&m) // and not whom it is taken from
		}
		// From here the key counts in no subscription, and in most cases there is a seat that it has just left.
		to := m.Subscription
		if to == "" {
			if to, err = t.stay(key.Subscription); err != nil {
				return err
			}
		}
		if m.ID != "" {
			m.Subscription, m.LegacyKeys = to, append(m.LegacyKeys, key.ID)
			t.PutMember(m)
		}
		if err := t.place(key.ID, m.ID, to); err != nil {
			return err
		}
		after, err = t.Credential(key.ID)
		return err
	})
	return after, err
}

// stay counts a key in the subscription in which it was.
func (t *transaction) stay(in store.ID) (store.ID, error) { return in, t.move("", in) }

// DeleteLegacyKey ends a key. What a member has beside it stays as it is. The errors are those of AddLegacyKey.
func (s *Service) DeleteLegacyKey(ctx context.Context, who Actor, reference string, id store.ID) error {
	return s.change(ctx, who, reference, action{"legacy_key_deleted", LicencesAssign}, func(t *transaction) error {
		key, err := t.legacyKey(id)
		if err != nil {
			return err
		}
		if _, err := t.release(key); err != nil {
			return err
		}
		return t.DropCredential(id)
	})
}

// legacyKey returns a legacy key of the workspace.
func (t *transaction) legacyKey(id store.ID) (store.Credential, error) {
	key, err := t.Credential(id)
	if errors.Is(err, store.ErrNotFound) || err == nil && key.Kind != store.KindLegacy {
		return key, errNoKey
	}
	t.event.CredentialID, t.event.Kind = string(key.ID), string(key.Kind)
	return key, err
}

// release takes a key from who has it and out of the subscription that it counts in.
func (t *transaction) release(key store.Credential) (store.Credential, error) {
	if key.Member == "" {
		return key, t.move(key.Subscription, "")
	}
	m, err := t.Member(key.Member)
	if err != nil {
		return key, err
	}
	t.about(&m)
	m.LegacyKeys = slices.DeleteFunc(m.LegacyKeys, func(id store.ID) bool { return id == key.ID })
	if !m.Seat && len(m.LegacyKeys) == 0 {
		if err := t.move(m.Subscription, ""); err != nil {
			return key, err
		}
		m.Subscription = ""
	}
	t.PutMember(m)
	return key, nil
}

// place notes on a key whom it is given to and which subscription it counts in.
func (t *transaction) place(id, member, subscription store.ID) error {
	key, err := t.Credential(id)
	if err != nil {
		return err
	}
	key.Member, key.Subscription = member, subscription
	return t.PutCredential(key)
}
