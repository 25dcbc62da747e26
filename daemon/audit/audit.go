// Package audit records every decision and every change, one JSON object a line.
//
// What always holds: an Event has an allow-listed set of fields and none of them can hold a credential's text; a record is
// written within a deadline or Record returns an error, and then nothing is issued or changed; what is not printable is
// escaped and long values are cut, so that one event is one line of at most 4096 bytes whatever a caller sent; lines that
// could not be written are counted, and the log says that they are missing as soon as it can.
//
// It does not rotate files: it reopens them when told to (SIGHUP). It does not wait for the disk. docs/audit.md is for who
// reads the log.
package audit

import (
	"context"
	"time"
)

// Origin is where a request came from.
type Origin struct {
	RequestID string
	// Source is the client's address, without port; "unix" for a unix socket.
	Source string
	// UserAgent is what the client calls itself; it is cut at 256 bytes.
	UserAgent string
	// Route is the route's pattern, such as "POST /auth/v1/tokens".
	Route string
}

// Event is one record. Fields that are empty are left out.
type Event struct {
	Time time.Time
	// Event is what happened, as one of the Event constants.
	Event string
	Origin
	// User is the principal that the event is about, RealUser who acted, where that is somebody else.
	User     string
	RealUser string
	// Kind and CredentialID name the credential; never its text or its hash.
	Kind         string
	CredentialID string
	// Workspace is the id of the workspace that it happened in, if any.
	Workspace string
	Backend   string
	// Outcome is one of the Outcome constants, Reason the word that explains it.
	Outcome string
	Reason  string
}

// The events.
const (
	EventLogin            = "login"
	EventIssue            = "credential.issue"
	EventChange           = "credential.change"
	EventRevoke           = "credential.revoke"
	EventCheck            = "credential.check" // refusals only; an accepted check is not recorded
	EventUserChange       = "user.change"
	EventWorkspaceChange  = "workspace.change"
	EventActivate         = "licence.activate"
	EventConfigReload     = "config.reload"
	EventDaemonStart      = "daemon.start"
	EventDaemonStop       = "daemon.stop"
	EventCredentialFailed = "credential.failed" // the second record: what an earlier one announced did not happen
	EventGap              = "audit.gap"         // written by Log: so many events before this line are missing
	EventLate             = "audit.late"        // written by Log: an earlier line came too late, and was not acted upon
)

// The outcomes.
const (
	OutcomeOK      = "ok"
	OutcomeRefused = "refused"
	OutcomeError   = "error"
)

// Recorder takes events.
type Recorder interface {
	// Record returns when the event is written, and an error when that could not be done before the recorder's deadline; the
	// caller must not go on with what the event announces then. An event without a time gets the recorder's. A recorder need
	// not end early when ctx does: somebody who hangs up while he is refused must not go unrecorded.
	Record(ctx context.Context, event Event) error
}
