package workspace_test

import (
	"context"
	"testing"

	"latchkey/daemon/fault"
	"latchkey/daemon/workspace"
)

// What is told to many.
const (
	void        = "The invitation is not valid: it was used, replaced or withdrawn, or it has expired. Ask for a new one."
	noWorkspace = "Workspace is not found."
	noMember    = "Member is not found."
	removedOne  = "The member was removed; invite him again first."
	lastAdmin   = "The workspace would be left without an admin; make somebody else one first."
	needMembers = "The permission members.manage is required."
	needSeats   = "The permission licences.assign is required."
	needCI      = "The permission ci_tokens.manage is required."
	adminMakes  = "Only an admin of the workspace can make or unmake one."
	noneLeft    = "No seat is left: 2 of 2 are in use."
)

// refusal is something that must not be done, and what is told who tries.
type refusal struct {
	name     string
	who      workspace.Actor
	do       func(context.Context, workspace.Actor) error
	kind     fault.Kind
	sentence string
}

// wantRefused tries each, and fails the test where one is done, told in other words, or leaves a trace in the store.
func (s *site) wantRefused(t *testing.T, refusals []refusal) {
	t.Helper()
	for _, r := range refusals {
		t.Run(r.name, func(t *testing.T) {
			s.wantUnchanged(t, func() { wantFault(t, r.do(t.Context(), r.who), r.kind, r.sentence) })
		})
	}
}
