package ldap

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// account is an entry that a name was found to be.
type account struct {
	entry *ldap.Entry
	// at is the server that a referral led to; nil for the servers of the settings.
	at *site
}

// searchAccount returns the entry that a typed name stands for, and how many entries there are: 0, 1, or 2 for several.
func (b *Backend) searchAccount(ctx context.Context, name string, t *trace) (found account, entries int, err error) {
	c := b.config
	filter := c.account.expand(map[string]string{placeUsername: name})
	request := ldap.NewSearchRequest(c.base, c.scope, c.deref, 2, c.timeLimit, false, filter, accountAttributes(c.idAttr), nil)
	accounts, more, err := b.search(ctx, request, t)
	if err != nil {
		return account{}, 0, explainBase("base_ou", c.base, err)
	}
	t.step("Searched %s (%s) for %s: %s.", c.base, ldap.ScopeMap[c.scope], filter, describe(accounts, more))
	switch {
	case more || len(accounts) > 1:
		return account{}, 2, nil
	case len(accounts) == 0:
		return account{}, 0, nil
	}
	return accounts[0], 1, nil
}

// searchGroups returns the groups of an account.
func (b *Backend) searchGroups(ctx context.Context, name, dn string, t *trace) ([]group, error) {
	c := b.config
	filter := c.group.expand(map[string]string{placeUserDN: dn, placeUsername: name})
	request := ldap.NewSearchRequest(c.groupBase, c.scope, c.deref, c.sizeLimit, c.timeLimit, false, filter, []string{"cn"}, nil)
	found, more, err := b.search(ctx, request, t)
	if err != nil {
		return nil, explainBase("base_ou_group", c.groupBase, err)
	}
	if more {
		return nil, fmt.Errorf("the directory does not list all groups of %s: its size limit is lower than their number", dn)
	}
	t.step("Searched %s (%s) for %s: %s.", c.groupBase, ldap.ScopeMap[c.scope], filter, describe(found, false))
	groups := make([]group, 0, len(found))
	for _, f := range found {
		groups = append(groups, newGroup(f.entry))
	}
	return groups, nil
}

// search searches with a pooled connection as the service account. more says that there are entries beyond the request's
// size limit or the server's.
func (b *Backend) search(ctx context.Context, request *ldap.SearchRequest, t *trace) (found []account, more bool, err error) {
	var result *ldap.SearchResult
	err = b.searches.use(ctx, func(ctx context.Context, c *conn) error {
		var err error
		result, err = c.search(ctx, request)
		t.server(c.endpoint, b.config.dialer.mode, b.config.bindDN)
		return err
	})
	referrals := referralsOf(result, err)
	switch {
	case err == nil:
	case resultCode(err) == ldap.LDAPResultSizeLimitExceeded:
		more = true
	case resultCode(err) == ldap.LDAPResultReferral && b.config.chase && len(referrals) > 0:
	default:
		return nil, false, err
	}
	for _, entry := range result.Entries {
		found = append(found, account{entry: entry})
	}
	if b.config.chase && len(referrals) > 0 {
		chase := &chase{backend: b, request: request, left: maxReferrals}
		elsewhere, err := chase.follow(ctx, referrals, 1)
		if err != nil {
			return nil, false, err
		}
		found, more = append(found, elsewhere...), more || chase.more
	}
	return unique(found), more, nil
}

// unique leaves out an entry that several servers have returned: the servers of one referral are replicas.
func unique(found []account) []account {
	if len(found) < 2 {
		return found
	}
	seen := make([]string, 0, len(found))
	return slices.DeleteFunc(found, func(a account) bool {
		key := accountKey(a.entry.DN)
		if slices.Contains(seen, key) {
			return true
		}
		seen = append(seen, key)
		return false
	})
}

// accountKey returns a text that is the same for two spellings of one distinguished name.
func accountKey(dn string) string {
	parsed, err := ldap.ParseDN(dn)
	if err != nil {
		return dn
	}
	return strings.ToLower(parsed.String())
}

// explainBase adds the setting to an error that says that the place of a search does not exist.
func explainBase(key, base string, err error) error {
	if resultCode(err) == ldap.LDAPResultNoSuchObject {
		return fmt.Errorf("%s %q does not exist in the directory, or the service account may not see it: %w", key, base, err)
	}
	return err
}

// describe says what was found.
func describe(found []account, more bool) string {
	if len(found) == 0 && !more {
		return "no entry"
	}
	dns := make([]string, 0, len(found))
	for _, f := range found {
		dns = append(dns, f.entry.DN)
	}
	text := fmt.Sprintf("%d found (%s)", len(found), strings.Join(dns, "; "))
	if more {
		text += ", and more than the size limit"
	}
	return text
}
