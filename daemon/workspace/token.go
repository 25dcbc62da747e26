package workspace

import (
	"context"
	"time"

	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
	"latchkey/daemon/mail"
	"latchkey/daemon/store"
)

// self returns the workspace and the caller's own membership.
func (s *Service) self(ctx context.Context, who Actor, reference string) (*store.Member, error) {
	standing, err := s.Find(ctx, who, reference)
	if err != nil {
		return nil, err
	}
	if standing.Member == nil {
		return nil, fault.Forbiddenf("Only a member of the workspace has a developer token.")
	}
	return standing.Member, nil
}

// DeveloperToken returns the caller's own developer token, never its text. The error is a NotFound, Forbidden or Unavailable fault.
func (s *Service) DeveloperToken(ctx context.Context, who Actor, reference string) (store.Credential, error) {
	m, err := s.self(ctx, who, reference)
	if err != nil {
		return store.Credential{}, err
	}
	return s.engine.Get(ctx, m.Token)
}

// RotateDeveloperToken gives the caller's own developer token a new text, which is shown once; the old one is dead at once and for
// ever. The errors are those of DeveloperToken, and a Conflict fault when it is rotated at the same time.
func (s *Service) RotateDeveloperToken(ctx context.Context, who Actor, reference string) (credential.Issued, error) {
	m, err := s.self(ctx, who, reference)
	if err != nil {
		return credential.Issued{}, err
	}
	owner := credential.Owner{User: who.User, Kinds: credential.Developer, Workspace: m.Workspace}
	return s.engine.Rotate(ctx, m.Token, owner, who.Name, who.Origin)
}

// ciOwner returns which CI tokens the caller may reach, if he has the permission. That he has not is recorded with a reason, which is
// the word for what he wants to do.
func (s *Service) ciOwner(ctx context.Context, who Actor, reference, reason string) (credential.Owner, error) {
	standing, err := s.Find(ctx, who, reference)
	if err != nil {
		return credential.Owner{}, err
	}
	if err := standing.require(CITokensManage); err != nil {
		return credential.Owner{}, s.refused(ctx, eventOf(who, reason, standing.Workspace.ID), err)
	}
	return credential.Owner{Any: true, Kinds: credential.CI, Workspace: standing.Workspace.ID}, nil
}

// CreateCIToken makes a CI token, which is the workspace's and not its maker's. A zero expires means that it does not expire. This and
// all that follow need ci_tokens.manage. The error is an Invalid fault for a name that cannot be one, or a NotFound, Forbidden or
// Unavailable fault.
func (s *Service) CreateCIToken(ctx context.Context, who Actor, reference, name string, expires time.Time) (credential.Issued, error) {
	owner, err := s.ciOwner(ctx, who, reference, "ci_token_created")
	if err != nil {
		return credential.Issued{}, err
	}
	if mail.CheckName(name) != nil || len(name) > 64 {
		return credential.Issued{}, fault.Invalidf("name is 1 to 64 bytes of printable text.")
	}
	return s.engine.Issue(ctx, credential.Spec{
		Kind: store.KindCI, Name: name, ExpiresAt: expires, CreatedBy: who.Name, Workspace: owner.Workspace,
	}, who.Origin)
}

// CITokens returns the CI tokens behind after, at most limit (0: all), and how many there are. The error is a NotFound, Forbidden or
// Unavailable fault.
func (s *Service) CITokens(ctx context.Context, who Actor, reference string, after store.ID, limit int) ([]store.Credential, int, error) {
	owner, err := s.ciOwner(ctx, who, reference, "ci_tokens_listed")
	if err != nil {
		return nil, 0, err
	}
	return s.engine.List(ctx, store.Query{Kind: store.KindCI, Workspace: owner.Workspace, After: after, Limit: limit})
}

// RotateCIToken gives a CI token a new text, which is shown once; the old one is dead at once. The errors are those of CITokens, and a
// Conflict fault when the token has expired or is rotated at the same time.
func (s *Service) RotateCIToken(ctx context.Context, who Actor, reference string, id store.ID) (credential.Issued, error) {
	owner, err := s.ciOwner(ctx, who, reference, "ci_token_rotated")
	if err != nil {
		return credential.Issued{}, err
	}
	if c, err := s.engine.Get(ctx, id); err == nil && owner.Workspace == c.Workspace && c.Expired(s.now()) {
		return credential.Issued{}, fault.Conflictf("expired", "The token has expired; create a new one.")
	}
	return s.engine.Rotate(ctx, id, owner, who.Name, who.Origin)
}

// DeleteCIToken ends a CI token. The errors are those of CITokens.
func (s *Service) DeleteCIToken(ctx context.Context, who Actor, reference string, id store.ID) error {
	owner, err := s.ciOwner(ctx, who, reference, "ci_token_deleted")
	if err != nil {
		return err
	}
	_, err = s.engine.Delete(ctx, id, owner, who.Name, who.Origin)
	return err
}
