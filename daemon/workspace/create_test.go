package workspace_test

import (
	"context"
	"strings"
	"testing"

	"latchkey/daemon/access"
	"latchkey/daemon/fault"
	"latchkey/daemon/store"
	"latchkey/daemon/workspace"
)

func TestCreateRefusals(t *testing.T) {
	s := newSite(t)
	create := func(name, owner string) func(context.Context, workspace.Actor) error {
		return func(ctx context.Context, who workspace.Actor) error {
			_, err := s.Create(ctx, who, name, owner)
			return err
		}
	}
	const badName = `name is 1 to 64 bytes of printable text without / \ ? # and %, and not . or .. or of the form of an id.`
	rows := []refusal{
		{"a user", as("ann"), create("new", ""), fault.Forbidden, "Administrator access required."},
		{"a CI token", s.bearer(t, s.ci), create("new", "ann"), fault.Forbidden, "Administrator access required."},
		{"taken", operator(), create("acme", "ann"), fault.Conflict, "There is a workspace with this name already."},
		{"taken, for a user who is not known", operator(), create("acme", "stranger"), fault.Conflict, "There is a workspace with this name already."},
		{"nobody to own it", workspace.Actor{Caller: access.Caller{Admin: true}, Name: "root"}, create("new", ""), fault.Invalid, "owner is not given, and the caller is no user who could be it."},
	}
	for _, name := range []string{
		"", ".", "..", " acme", "a/b", "a\\b", "a?b", "a#b", "a%b", "a\nBcc: all@example.com", "a\x00", "a\u202eb", "\xff", strings.Repeat("a", 65), string(s.acme),
	} {
		rows = append(rows, refusal{"name " + name, operator(), create(name, "ann"), fault.Invalid, badName})
	}
	s.wantRefused(t, rows)
}

// Who makes a workspace is its first admin, or says who is; nobody else is in it, and the maker is not.
func TestCreate(t *testing.T) {
	h := newHouse(t)
	check(t, h.users.Seen(t.Context(), store.User{Name: "ann", DisplayName: "Ann A", Mail: "ann@example.com"}, nil))
	made := must[workspace.Joined](t)(h.Create(t.Context(), operator(), "Acme & Söhne", "ann"))
	if m := made.Member; m.User != "ann" || m.Name != "Ann A" || m.Mail != "ann@example.com" || m.Role != workspace.RoleAdmin || m.State != store.MemberActive {
		t.Errorf("%+v", m)
	}
	if w := made.Workspace; w.Admins != 1 || w.CreatedBy != "operator" || !store.ValidID(string(w.ID)) || made.Member.Workspace != w.ID {
		t.Errorf("%+v", w)
	}
	if !h.usable(t, made.Token) {
		t.Error("the token cannot be used")
	}
	own := must[workspace.Joined](t)(h.Create(t.Context(), operator(), "own", ""))
	if own.Member.User != "operator" {
		t.Errorf("%+v", own.Member)
	}
	all := must[[]workspace.Standing](t)(h.List(t.Context(), as("ann")))
	if len(all) != 1 || all[0].Workspace.Name != "Acme & Söhne" || !all[0].Governs() {
		t.Errorf("%+v", all)
	}
	if all, total, err := h.All(t.Context(), operator(), "", 1); err != nil || total != 2 || len(all) != 1 {
		t.Errorf("%d of %d, %v", len(all), total, err)
	}
	_, _, err := h.All(t.Context(), as("ann"), "", 0)
	wantFault(t, err, fault.Forbidden, "Administrator access required.")
	// A member's account stays as long as he is one.
	if err := h.users.Delete(t.Context(), "ann", "operator", as("operator").Origin); fault.KindOf(err) != fault.Conflict {
		t.Errorf("%v", err)
	}
}
