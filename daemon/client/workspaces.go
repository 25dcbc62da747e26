package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"latchkey/plugins/secret"
)

// Wherever a call takes a workspace, it is its id or its name.

// Workspace is a group of people who share subscriptions.
type Workspace struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
	// TrialUsed says that there was a trial, of which each workspace has one.
	TrialUsed bool `json:"trial_used"`
	// Role and Permissions are the caller's own; both are empty when he is no member.
	Role        string   `json:"role"`
	Permissions []string `json:"permissions"`
}

// Joined is what becomes of a new member.
type Joined struct {
	Workspace Workspace
	Member    Member
	// Token is the member's developer token, which the server cannot tell a second time; empty when the server gives none.
	Token secret.Text
}

// WorkspaceRequest says what workspace is wanted.
type WorkspaceRequest struct {
	Name string
	// Owner is the user who becomes its first member and its admin; empty means the caller.
	Owner string
}

// CreateWorkspace makes a workspace and its first member (POST /api/v1/workspaces). It needs the role admin.
func (c *Client) CreateWorkspace(ctx context.Context, wanted WorkspaceRequest) (Joined, error) {
	body := map[string]string{"name": wanted.Name}
	if wanted.Owner != "" {
		body["owner"] = wanted.Owner
	}
	return c.join(ctx, call{method: http.MethodPost, path: workspaces(), body: body})
}

// AcceptInvitation makes the caller, who is a user, a member of the workspace that a code invites to (POST /api/v1/invitations).
func (c *Client) AcceptInvitation(ctx context.Context, code secret.Text) (Joined, error) {
	body := map[string]string{"code": code.Reveal()}
	return c.join(ctx, call{method: http.MethodPost, path: []string{"api", "v1", "invitations"}, body: body})
}

// join makes a call that is answered with a new member.
func (c *Client) join(ctx context.Context, to call) (Joined, error) {
	var answer struct {
		Workspace Workspace `json:"workspace"`
		Member    Member    `json:"member"`
		Token     string    `json:"token"`
	}
	if _, err := c.do(ctx, to, &answer); err != nil {
		return Joined{}, err
	}
	if answer.Workspace.ID == "" || answer.Member.ID == "" {
		return Joined{}, c.unexpected("a new member without a workspace or an id")
	}
	return Joined{answer.Workspace, answer.Member, secret.New(answer.Token)}, nil
}

// Workspaces returns the workspaces that the caller is a member of, or all, which needs the role admin (GET /api/v1/workspaces).
func (c *Client) Workspaces(ctx context.Context, all bool) iter.Seq2[Workspace, error] {
	to := call{method: http.MethodGet, path: workspaces()}
	if all {
		to.query = url.Values{"all": {"true"}}
	}
	return list(ctx, c, to, func(w Workspace) string { return w.ID })
}

// Workspace returns one workspace (GET /api/v1/workspaces/{workspace}). An unknown one, and one of which the caller is no member, is
// an *Error with status 404.
func (c *Client) Workspace(ctx context.Context, workspace string) (Workspace, error) {
	var answer Workspace
	_, err := c.do(ctx, call{method: http.MethodGet, path: workspaces(workspace)}, &answer)
	return answer, err
}

// AuditRecord is a record of the audit log; what it does not have is empty. docs/audit.md says what the fields mean.
type AuditRecord struct {
	Time         time.Time `json:"time"`
	Event        string    `json:"event"`
	User         string    `json:"user"`
	RealUser     string    `json:"real_user"`
	CredentialID string    `json:"credential_id"`
	Outcome      string    `json:"outcome"`
	Reason       string    `json:"reason"`
	// Text is the whole record, a JSON object.
	Text json.RawMessage `json:"-"`
}

// WorkspaceAudit returns records of a workspace, in the server's order (GET …/audit): at most limit, or as many as the server gives
// with 0. It needs the permission audit.read.
func (c *Client) WorkspaceAudit(ctx context.Context, workspace string, limit int) ([]AuditRecord, error) {
	to := call{method: http.MethodGet, path: workspaces(workspace, "audit")}
	if limit > 0 {
		to.query = url.Values{"limit": {strconv.Itoa(limit)}}
	}
	var answer []json.RawMessage
	if _, err := c.do(ctx, to, &answer); err != nil {
		return nil, err
	}
	records := make([]AuditRecord, 0, len(answer))
	for _, text := range answer {
		record := AuditRecord{Text: text}
		if err := json.Unmarshal(text, &record); err != nil {
			return nil, c.unexpected("a record of the audit log has another form")
		}
		records = append(records, record)
	}
	return records, nil
}

// workspaces returns the path of the workspaces, of one, or of what it has.
func workspaces(parts ...string) []string {
	return append([]string{"api", "v1", "workspaces"}, parts...)
}

// when returns a time as the contract has it.
func when(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }
