package workspace

import (
	"context"
	"encoding/json"
	"errors"

	"latchkey/daemon/audit"
	"latchkey/daemon/fault"
)

// Records finds what was recorded.
type Records interface {
	// OfWorkspace returns the last records of a workspace, at most limit, oldest first; see audit.Log.
	OfWorkspace(workspace string, limit int) ([]json.RawMessage, error)
}

// AuditLog returns the last records of a workspace, at most limit, oldest first. It needs audit.read. The error is a NotFound fault, also
// when the log is kept where it cannot be read again, or a Forbidden or Unavailable fault.
func (s *Service) AuditLog(ctx context.Context, who Actor, reference string, limit int) ([]json.RawMessage, error) {
	standing, err := s.Find(ctx, who, reference)
	if err != nil {
		return nil, err
	}
	if err := standing.require(AuditRead); err != nil {
		return nil, err
	}
	none := fault.NotFoundf("The audit log is not kept in a file that can be read here.")
	if s.records == nil {
		return nil, none
	}
	records, err := s.records.OfWorkspace(string(standing.Workspace.ID), limit)
	switch {
	case errors.Is(err, audit.ErrNotReadable):
		return nil, none.Because(err)
	case err != nil:
		return nil, fault.Unavailablef("audit_unavailable", err)
	}
	return records, nil
}
