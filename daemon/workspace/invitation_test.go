package workspace_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"latchkey/conf"
	"latchkey/daemon/fault"
	"latchkey/daemon/mail"
	"latchkey/daemon/store"
	"latchkey/daemon/workspace"
	"latchkey/plugins/secret"
)

// invitation returns what invites somebody to acme.
func (s *site) invitation(name, address, role string) func(context.Context, workspace.Actor) error {
	return func(ctx context.Context, who workspace.Actor) error {
		_, _, err := s.Invite(ctx, who, "acme", name, address, role)
		return err
	}
}

// resending returns what invites a member again.
func (s *site) resending(in, member string) func(context.Context, workspace.Actor) error {
	return func(ctx context.Context, who workspace.Actor) error {
		_, _, err := s.Resend(ctx, who, in, member)
		return err
	}
}

func TestInvitationRefusals(t *testing.T) {
	s := newSite(t)
	const (
		joined   = "The member has joined already."
		badName  = "name cannot be used; a name "
		badMail  = "mail cannot be used; an address "
		unseen   = "has no line break, control character or invisible character."
		ascii    = "is ASCII without spaces and control characters."
		dressed  = "is written as alice@example.com, with nothing around it."
		noBlanks = "has no space at its beginning or end."
	)
	s.wantRefused(t, []refusal{
		{"active", as("meg"), s.invitation("Bob", "BOB@example.com", ""), fault.Conflict, "Somebody with this address is a member already."},
		{"invited", as("meg"), s.invitation("Ivy", "ivy@example.com", ""), fault.Conflict, "Somebody with this address is invited already; resend the invitation."},
		{"removed", as("meg"), s.invitation("Rex", "rex@example.com", ""), fault.Conflict, "Somebody with this address was removed; resend the invitation."},
		{"manager invites an admin", as("meg"), s.invitation("New", "new@example.com", "admin"), fault.Forbidden, adminMakes},
		{"manager invites an admin again", as("meg"), s.resending("acme", "ida@example.com"), fault.Forbidden, adminMakes},
		{"no permission", as("lou"), s.invitation("New", "new@example.com", ""), fault.Forbidden, needMembers},
		{"no permission to resend", as("lou"), s.resending("acme", "ivy@example.com"), fault.Forbidden, needMembers},
		{"no role", as("ann"), s.invitation("New", "new@example.com", "root"), fault.Invalid, "role is admin or member."},
		{"resend to an active one", as("meg"), s.resending("acme", "bob"), fault.Conflict, joined},
		{"resend to an unknown one", as("meg"), s.resending("acme", "nobody@example.com"), fault.NotFound, noMember},
		{"resend without an address", as("vic"), s.resending("umbrella", s.uma), fault.Conflict, "The member has no mail address; invite him by name and address."},
		{"no name", as("ann"), s.invitation("", "new@example.com", ""), fault.Invalid, badName + "has 1 to 254 bytes."},
		{"long name", as("ann"), s.invitation(strings.Repeat("n", 255), "new@example.com", ""), fault.Invalid, badName + "has 1 to 254 bytes."},
		{"header in the name", as("ann"), s.invitation("New\r\nBcc: all@example.com", "new@example.com", ""), fault.Invalid, badName + unseen},
		{"line in the name", as("ann"), s.invitation("New\nlatchkey member join lki_x", "new@example.com", ""), fault.Invalid, badName + unseen},
		{"turned name", as("ann"), s.invitation("New\u202eweN", "new@example.com", ""), fault.Invalid, badName + unseen},
		{"zero byte in the name", as("ann"), s.invitation("New\x00", "new@example.com", ""), fault.Invalid, badName + unseen},
		{"padded name", as("ann"), s.invitation(" New", "new@example.com", ""), fault.Invalid, badName + noBlanks},
		{"no UTF-8", as("ann"), s.invitation("New\xff", "new@example.com", ""), fault.Invalid, badName + "is UTF-8."},
		{"no mail", as("ann"), s.invitation("New", "", ""), fault.Invalid, badMail + "has 1 to 254 bytes."},
		{"header in the mail", as("ann"), s.invitation("New", "new@example.com\r\nBcc: all@example.com", ""), fault.Invalid, badMail + ascii},
		{"two mails", as("ann"), s.invitation("New", "new@example.com,all@example.com", ""), fault.Invalid, badMail + dressed},
		{"mail in brackets", as("ann"), s.invitation("New", "<new@example.com>", ""), fault.Invalid, badMail + dressed},
		{"no domain", as("ann"), s.invitation("New", "new", ""), fault.Invalid, badMail + dressed},
	})
	if len(s.post.sent) != 10 { // the site's own
		t.Errorf("%d mails were sent", len(s.post.sent))
	}
}

func TestJoinRefusals(t *testing.T) {
	s := newSite(t)
	const logIn, member = "Log in as the user who is to join.", "You are a member of the workspace already."
	must[store.User](t)(s.users.Ensure(t.Context(), "new"))
	join := func(code secret.Text) func(context.Context, workspace.Actor) error {
		return func(ctx context.Context, who workspace.Actor) error {
			_, err := s.Join(ctx, who, code)
			return err
		}
	}
	service := as("")
	s.wantRefused(t, []refusal{
		{"a member", as("bob"), join(s.ivyCode), fault.Conflict, member},
		{"a service", service, join(s.ivyCode), fault.Forbidden, logIn},
		{"a developer token", s.bearer(t, s.tokens["vic"]), join(s.ivyCode), fault.Forbidden, logIn},
		{"a CI token", s.bearer(t, s.ci), join(s.ivyCode), fault.Forbidden, logIn},
		{"no code", as("new"), join(secret.Text{}), fault.NotFound, void},
		{"garbage", as("new"), join(secret.New("lki_garbage")), fault.NotFound, void},
		{"a developer token for a code", as("new"), join(s.tokens["bob"]), fault.NotFound, void},
		{"a CI token for a code", as("new"), join(s.ci), fault.NotFound, void},
		{"a legacy key for a code", as("new"), join(secret.New(legacyText)), fault.NotFound, void},
	})
	s.clock.step(7*24*time.Hour - time.Second)
	if !s.usable(t, s.ivyCode) {
		t.Error("the invitation has ended too early")
	}
	s.clock.step(time.Second)
	s.wantRefused(t, []refusal{{"expired", as("new"), join(s.ivyCode), fault.NotFound, void}})
}

// An invitation is good for one who joins, under his own name, and not again.
func TestInvitationIsGoodOnce(t *testing.T) {
	s := newSite(t)
	account := store.User{Name: "ivy.b", DisplayName: "Ivy B", Mail: "other@example.com"}
	check(t, s.users.Seen(t.Context(), account, nil))
	joined := must[workspace.Joined](t)(s.Join(t.Context(), as("ivy.b"), s.ivyCode))
	m := s.member(t, "acme", "ivy.b")
	if m.State != store.MemberActive || m.Name != "Ivy B" || m.Mail != "ivy@example.com" || m.Invitation != "" || m.ID != joined.Member.ID ||
		joined.Workspace.ID != s.acme || joined.Member.Workspace != s.acme || m.InvitedBy != "operator" || m.JoinedAt.IsZero() {
		t.Errorf("%+v, %+v", m, joined)
	}
	if c := must[store.Credential](t)(s.engine.Find(t.Context(), joined.Token.Reveal())); c.ID != m.Token || c.Member != m.ID || c.User != "ivy.b" {
		t.Errorf("%+v", c)
	}
	must[store.User](t)(s.users.Ensure(t.Context(), "second"))
	for _, user := range []string{"ivy.b", "second"} {
		s.wantUnchanged(t, func() {
			_, err := s.Join(t.Context(), as(user), s.ivyCode)
			wantFault(t, err, fault.NotFound, void)
		})
	}
}

// A code is void when another was sent, and when the invited one was removed.
func TestInvitationIsReplacedAndWithdrawn(t *testing.T) {
	s := newSite(t)
	before := s.member(t, "acme", "ivy@example.com")
	s.clock.step(time.Hour)
	m, again, err := s.Resend(t.Context(), as("meg"), "acme", "Ivy@example.com")
	check(t, err)
	if m.ID != before.ID || m.InvitedBy != "meg" || !again.ExpiresAt.Equal(s.clock.now().Add(7*24*time.Hour)) {
		t.Errorf("%+v, %+v", m, again)
	}
	_, err = s.Join(t.Context(), as("ivy"), s.ivyCode)
	wantFault(t, err, fault.NotFound, void)
	check(t, s.Remove(t.Context(), as("meg"), "acme", "ivy@example.com"))
	_, err = s.Join(t.Context(), as("ivy"), again.Code)
	wantFault(t, err, fault.NotFound, void)
	_, third, err := s.Resend(t.Context(), as("meg"), "acme", string(m.ID))
	check(t, err)
	must[workspace.Joined](t)(s.Join(t.Context(), as("ivy"), third.Code))
}

// Whoever was removed is invited again, gets a new token, and the old one stays dead; he has nothing of what he had.
func TestReInvite(t *testing.T) {
	s := newSite(t)
	_, again, err := s.Resend(t.Context(), as("meg"), "acme", s.rex)
	check(t, err)
	if s.usable(t, s.tokens["rex"]) {
		t.Error("the invitation has brought the old token back")
	}
	joined := must[workspace.Joined](t)(s.Join(t.Context(), as("rex"), again.Code))
	if !s.usable(t, joined.Token) || s.usable(t, s.tokens["rex"]) || joined.Token.Reveal() == s.tokens["rex"].Reveal() {
		t.Error("the new token is dead, or the old one is not")
	}
	if string(joined.Member.ID) != s.rex || !joined.Member.RemovedAt.IsZero() || joined.Member.Seat || joined.Member.Role != workspace.RoleMember {
		t.Errorf("%+v", joined.Member)
	}
	s.wantSound(t, s.acme, []secret.Text{
		joined.Token, s.ivyCode, s.tokens["rex"], s.tokens["ann"], s.tokens["bob"], s.tokens["carl"], s.tokens["meg"], s.tokens["lou"],
		s.tokens["cid"], s.tokens["aud"], s.idaCode,
	})
	// Another user may take up the place that was somebody else's: the address is what is invited.
	check(t, s.Remove(t.Context(), as("ann"), "acme", "rex"))
	_, again, err = s.Resend(t.Context(), as("ann"), "acme", s.rex)
	check(t, err)
	if joined = must[workspace.Joined](t)(s.Join(t.Context(), as("rex.b"), again.Code)); joined.Member.User != "rex.b" {
		t.Errorf("%+v", joined.Member)
	}
}

// What is mailed is what is shown; that it cannot be mailed leaves the invitation as good as it was.
func TestInvitationIsMailed(t *testing.T) {
	s := newSite(t)
	s.post.sent = nil
	_, invitation, err := s.Invite(t.Context(), as("ann"), "acme", "New Person", "new@example.com", "")
	check(t, err)
	want := mail.Invitation{
		To: "new@example.com", ToName: "New Person", Workspace: "acme", InvitedBy: "ann", Code: invitation.Code,
		Link: "https://x.test/join?code=" + invitation.Code.Reveal(), ExpiresAt: invitation.ExpiresAt,
	}
	if !invitation.Mailed || len(s.post.sent) != 1 || s.post.sent[0] != want || invitation.Link != want.Link {
		t.Errorf("%+v, mails %+v", invitation, s.post.sent)
	}
	s.post.fail = errBroken
	m, invitation, err := s.Resend(t.Context(), as("ann"), "acme", "new@example.com")
	if err != nil || invitation.Mailed || m.State != store.MemberInvited {
		t.Fatalf("%+v, %+v, %v", m, invitation, err)
	}
	s.build(s.store, nil)
	_, third, err := s.Resend(t.Context(), as("ann"), "acme", "new@example.com")
	if err != nil || third.Mailed || s.usable(t, invitation.Code) {
		t.Fatalf("%+v, %v", third, err)
	}
	// A server that is not there.
	sender := must[*mail.Sender](t)(mail.New(conf.Mail{Host: "127.0.0.1", Port: 1, TLS: conf.MailNoTLS, From: "latchkey@example.com", Timeout: time.Second}))
	s.build(s.store, sender)
	_, last, err := s.Resend(t.Context(), as("ann"), "acme", "new@example.com")
	if err != nil || last.Mailed {
		t.Fatalf("%+v, %v", last, err)
	}
	must[workspace.Joined](t)(s.Join(t.Context(), as("new"), last.Code))
}
