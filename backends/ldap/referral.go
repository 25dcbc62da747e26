package ldap

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// How far referrals are followed for one search.
const (
	maxHops      = 3
	maxReferrals = 8
)

// site is a server that a referral names, and how it is spoken to.
type site struct {
	endpoint endpoint
	mode     mode
}

// chase follows the referrals of one search (setting chase_referrals; RFC 4511 sections 4.1.10 and 4.5.3), as the service
// account, on connections that are not kept. A referral that cannot be followed is an error: an entry may be behind it.
type chase struct {
	backend *Backend
	request *ldap.SearchRequest
	left    int  // referrals that may still be followed
	more    bool // a server had more entries than the size limit
}

// follow searches where the referrals point to.
func (f *chase) follow(ctx context.Context, referrals []string, hop int) ([]account, error) {
	if hop > maxHops {
		return nil, fmt.Errorf("the directory refers on more than %d times", maxHops)
	}
	var found []account
	for _, text := range referrals {
		if f.left--; f.left < 0 {
			return nil, fmt.Errorf("the directory refers to more than %d places", maxReferrals)
		}
		to, request, err := f.read(text)
		if err != nil {
			return nil, fmt.Errorf("referral %q: %w", text, err)
		}
		result, err := f.search(ctx, to, request)
		next := referralsOf(result, err)
		switch {
		case err == nil || resultCode(err) == ldap.LDAPResultReferral && len(next) > 0:
		case resultCode(err) == ldap.LDAPResultSizeLimitExceeded:
			f.more = true
		default:
			return nil, fmt.Errorf("referral %q: %w", text, err)
		}
		for _, entry := range result.Entries {
			found = append(found, account{entry: entry, at: &to})
		}
		elsewhere, err := f.follow(ctx, next, hop+1)
		if err != nil {
			return nil, err
		}
		found = append(found, elsewhere...)
	}
	return found, nil
}

// search asks one server.
func (f *chase) search(ctx context.Context, to site, request *ldap.SearchRequest) (*ldap.SearchResult, error) {
	ctx, cancel := f.backend.searches.share(ctx, f.left+1)
	defer cancel()
	c, err := f.backend.dialSite(ctx, to)
	if err != nil {
		return nil, err
	}
	defer c.close()
	if err := f.backend.bindService(ctx, c); err != nil {
		return nil, err
	}
	return c.search(ctx, request)
}

// read reads a referral's address (RFC 4516). The place and the scope of the search are taken from it; its filter is not, since
// ours is what identifies the account. A connection is protected as the settings say, or better.
func (f *chase) read(text string) (site, *ldap.SearchRequest, error) {
	address, err := url.Parse(text)
	if err != nil || address.Hostname() == "" {
		return site{}, nil, errors.New("is no LDAP address with a host")
	}
	own := f.backend.config.dialer
	to := site{}
	switch {
	case address.Scheme == "ldaps":
		to.mode = modeTLS
	case address.Scheme != "ldap":
		return site{}, nil, errors.New("is no LDAP address")
	case own.mode != modePlain:
		to.mode = modeStartTLS
	}
	to.endpoint, err = newEndpoint(address.Host, to.mode.port())
	if err != nil {
		return site{}, nil, err
	}
	if to.mode == modePlain && !own.plaintext && !to.endpoint.loopback() {
		return site{}, nil, errors.New("would send passwords in clear to another host")
	}
	request := *f.request
	if dn := strings.TrimPrefix(address.Path, "/"); dn != "" {
		request.BaseDN = dn
	}
	// What stands behind the name: attributes?scope?filter?extensions.
	if parts := strings.Split(address.RawQuery, "?"); len(parts) > 1 {
		switch strings.ToLower(parts[1]) {
		case "base":
			request.Scope = ldap.ScopeBaseObject
		case "one":
			request.Scope = ldap.ScopeSingleLevel
		case "sub":
			request.Scope = ldap.ScopeWholeSubtree
		}
	}
	return to, &request, nil
}

// dialSite connects to a server that a referral names.
func (b *Backend) dialSite(ctx context.Context, to site) (*conn, error) {
	dialer := b.config.dialer
	dialer.mode = to.mode
	return dialer.dial(ctx, to.endpoint)
}

// referralsOf returns the addresses that a search refers to: continuation references beside its entries, or, when the answer
// as a whole is a referral, those in its result. go-ldap does not take the latter out of a search's answer.
func referralsOf(result *ldap.SearchResult, err error) []string {
	var referrals []string
	if result != nil {
		referrals = append(referrals, result.Referrals...)
	}
	answer, ok := errors.AsType[*ldap.Error](err)
	if !ok || answer.ResultCode != ldap.LDAPResultReferral || answer.Packet == nil || len(answer.Packet.Children) < 2 {
		return referrals
	}
	// LDAPResult ends with referral [3] SEQUENCE OF uri (RFC 4511 section 4.1.9).
	for _, part := range answer.Packet.Children[1].Children {
		if part == nil || part.ClassType != ber.ClassContext || part.Tag != 3 {
			continue
		}
		for _, uri := range part.Children {
			if uri != nil && uri.Data != nil {
				referrals = append(referrals, uri.Data.String())
			}
		}
	}
	return referrals
}
