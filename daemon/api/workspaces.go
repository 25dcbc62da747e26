package api

import (
	"net/http"

	"latchkey/daemon/fault"
	"latchkey/daemon/login"
	"latchkey/daemon/store"
	"latchkey/daemon/workspace"
	"latchkey/plugins/secret"
)

// workspaceBody is a workspace in an answer, with the caller's own role and permissions in it.
type workspaceBody struct {
	ID          store.ID `json:"id"`
	Name        string   `json:"name"`
	CreatedAt   string   `json:"created_at"`
	CreatedBy   string   `json:"created_by,omitempty"`
	TrialUsed   bool     `json:"trial_used"`
	Role        string   `json:"role,omitempty"`
	Permissions []string `json:"permissions,omitempty"`
}

func showWorkspace(w *store.Workspace, own *store.Member) workspaceBody {
	body := workspaceBody{ID: w.ID, Name: w.Name, CreatedAt: stamp(w.CreatedAt), CreatedBy: w.CreatedBy, TrialUsed: w.TrialUsed}
	if own != nil {
		body.Role, body.Permissions = own.Role, own.Permissions
		if own.Role == workspace.RoleAdmin {
			body.Permissions = workspace.Permissions()
		}
	}
	return body
}

// joinedBody is what somebody is shown who has made a workspace or joined one; the token is shown this once.
type joinedBody struct {
	Workspace workspaceBody `json:"workspace"`
	Member    memberBody    `json:"member"`
	Token     string        `json:"token,omitempty"`
}

// actor returns the caller as the workspaces know him.
func (x *exchange) actor() (workspace.Actor, error) {
	who, err := x.caller()
	return workspace.Actor{Caller: who, Name: principal(who), Origin: x.origin()}, err
}

// form returns the caller as the workspaces know him, and the fields of the body.
func (x *exchange) form() (workspace.Actor, *fields, error) {
	who, err := x.actor()
	if err != nil {
		return who, nil, err
	}
	f, err := readFields(x.ResponseWriter, x.request)
	return who, f, err
}

// slice returns the caller, and limit and after of a list that has no offset.
func (x *exchange) slice() (workspace.Actor, page, error) {
	who, err := x.actor()
	if err != nil {
		return who, page{}, err
	}
	asked, err := pageOf(x.request.URL.Query(), who.Admin, x.settings.API.MaxPageSize)
	if err == nil && asked.offset != 0 {
		err = fault.Invalidf("offset is not for this list; use after.")
	}
	return who, asked, err
}

// tenant returns the part of a path that says which workspace is meant, by id or name.
func (x *exchange) tenant() string { return x.request.PathValue("workspace") }

// createWorkspace makes a workspace. Its owner's developer token is shown to the owner alone.
func (h *Handler) createWorkspace(x *exchange) error {
	who, err := x.actor()
	if err != nil {
		return err
	}
	if err := who.RequireAdmin(); err != nil {
		return err
	}
	f, err := readFields(x.ResponseWriter, x.request)
	if err != nil {
		return err
	}
	name, _ := f.text("name")
	owner, given := f.text("owner")
	if err := f.done(); err != nil {
		return err
	}
	if given {
		if owner, err = login.Canonical(owner); err != nil {
			return fault.Invalidf("owner cannot be used: %s.", err)
		}
	}
	made, err := h.workspaces.Create(x.context(), who, name, owner)
	if err != nil {
		return err
	}
	return x.joined(&made, who)
}

// joinWorkspace makes the caller a member of the workspace that invites him.
func (h *Handler) joinWorkspace(x *exchange) error {
	who, f, err := x.form()
	if err != nil {
		return err
	}
	code, _ := f.text("code")
	if err := f.done(); err != nil {
		return err
	}
	joined, err := h.workspaces.Join(x.context(), who, secret.New(code))
	if err != nil {
		return err
	}
	return x.joined(&joined, who)
}

// joined answers with a new membership. Somebody else's token is not the caller's to see.
func (x *exchange) joined(j *workspace.Joined, who workspace.Actor) error {
	body := joinedBody{Workspace: showWorkspace(&j.Workspace, nil), Member: showMember(&j.Member)}
	if j.Member.User == who.User {
		body.Workspace = showWorkspace(&j.Workspace, &j.Member)
		body.Token = j.Token.Reveal()
	}
	x.private()
	x.json(http.StatusCreated, body)
	return nil
}

// listWorkspaces shows the caller's workspaces, and with ?all=true all of them to an administrator.
func (h *Handler) listWorkspaces(x *exchange) error {
	who, asked, err := x.slice()
	if err != nil {
		return err
	}
	if x.request.URL.Query().Get("all") == "true" {
		found, total, err := h.workspaces.All(x.context(), who, asked.after, asked.most())
		if err != nil {
			return err
		}
		return list(x, asked, found, total, func(w *store.Workspace) workspaceBody { return showWorkspace(w, nil) })
	}
	found, err := h.workspaces.List(x.context(), who)
	if err != nil {
		return err
	}
	return list(x, page{limit: -1}, found, len(found), func(s *workspace.Standing) workspaceBody { return showWorkspace(&s.Workspace, s.Member) })
}

// getWorkspace shows one.
func (h *Handler) getWorkspace(x *exchange) error {
	who, err := x.actor()
	if err != nil {
		return err
	}
	standing, err := h.workspaces.Find(x.context(), who, x.tenant())
	if err != nil {
		return err
	}
	x.private()
	x.json(http.StatusOK, showWorkspace(&standing.Workspace, standing.Member))
	return nil
}

// largestAudit is how many records of the audit log are shown at most.
const largestAudit = 1000

// getWorkspaceAudit shows what the audit log says of a workspace.
func (h *Handler) getWorkspaceAudit(x *exchange) error {
	who, asked, err := x.slice()
	if err != nil {
		return err
	}
	limit := asked.limit
	if limit < 0 || limit > largestAudit {
		limit = largestAudit
	}
	records, err := h.workspaces.AuditLog(x.context(), who, x.tenant(), limit)
	if err != nil {
		return err
	}
	x.private()
	x.json(http.StatusOK, orEmpty(records))
	return nil
}
