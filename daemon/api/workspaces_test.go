package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"latchkey/conf"
	"latchkey/daemon/grant"
	"latchkey/daemon/licence"
)

// company is a site with one workspace, acme, of which ann is the admin.
type company struct {
	*site
	root, ann option // session tokens: an administrator of the daemon, and the workspace's admin
	annToken  string // her developer token
}

const acme = "/api/v1/workspaces/acme"

func newCompany(t *testing.T) *company {
	t.Helper()
	s := newSite(t)
	c := &company{site: s, root: token(s.logIn("alice")), ann: token(s.logIn("ann"))}
	c.do("POST", "/api/v1/workspaces", c.root, body(`{"name":"acme","owner":"ann"}`)).want(201)
	c.annToken = c.do("POST", acme+"/developertoken/rotate", c.ann).want(200).get("token")
	return c
}

// at returns a path below acme.
func at(parts ...string) string { return acme + "/" + strings.Join(parts, "/") }

// invite invites somebody, and returns the code.
func (c *company) invite(name, role string) string {
	c.t.Helper()
	text := fmt.Sprintf(`{"name":"The new %s","mail":"%s@example.com","role":%q}`, name, name, role)
	var invited struct{ Invitation struct{ Code string } }
	c.into(c.do("POST", at("members"), c.ann, body(text)).want(201), &invited)
	return invited.Invitation.Code
}

// join invites somebody and lets him join; it returns his session and his developer token.
func (c *company) join(name string) (option, string) {
	c.t.Helper()
	code, session := c.invite(name, "member"), token(c.logIn(name))
	return session, c.do("POST", "/api/v1/invitations", session, body(`{"code":"`+code+`"}`)).want(201).get("token")
}

func (c *company) into(a answer, to any) {
	c.t.Helper()
	if err := json.Unmarshal([]byte(a.body), to); err != nil {
		c.t.Fatal(err)
	}
}

// subscribe gives acme a subscription of a year.
func (c *company) subscribe(seats int) string {
	c.t.Helper()
	return c.do("POST", at("subscriptions"), c.root, body(fmt.Sprintf(`{"plan":"team","seats":%d,"ends_at":"2027-05-27","features":["cloud"]}`, seats))).
		want(201).get("id")
}

// activate presents a token; ci says that a tool runs in CI.
func (c *company) activate(text string, ci bool) answer {
	c.t.Helper()
	return c.do("POST", "/api/v1/activate", header("X-API-Key", text), body(fmt.Sprintf(`{"product":"tool","version":"1.0","machine_id":"0c49752c","ci":%t}`, ci)))
}

// granted returns the claims of the grant that an activation gives.
func (c *company) granted(a answer) grant.Claims {
	c.t.Helper()
	a.want(200)
	keys, err := grant.ParseKeySet([]byte(c.do("GET", "/.well-known/latchkey-keys").want(200).body))
	if err != nil {
		c.t.Fatal(err)
	}
	claims, err := keys.Verify(a.get("grant"), c.clock.Now(), grant.Expectation{MachineID: "0c49752c", Product: "tool"})
	if err != nil {
		c.t.Fatal(err)
	}
	return claims
}

// refused fails the test unless an activation is refused for this reason, with a sentence that has this in it.
func (c *company) refused(a answer, reason licence.Reason, part string) {
	c.t.Helper()
	if a.want(403).get("reason") != string(reason) || !strings.Contains(a.get("faultstring"), part) {
		c.t.Fatalf("refused with %s; want %s and %q", a.body, reason, part)
	}
}

// What the page about users and licences says of members.
func TestMembers(t *testing.T) {
	for name, test := range map[string]func(*testing.T, *company){
		"InvitedByNameAndMail": func(t *testing.T, c *company) {
			c.invite("bob", "member")
			got := c.do("GET", at("members", "bob@example.com"), c.ann).want(200)
			if got.get("name") != "The new bob" || got.get("state") != "invited" {
				t.Error(got.body)
			}
		},
		"NameIsAPlaceholderUntilJoined": func(t *testing.T, c *company) {
			c.join("bob")
			if got := c.do("GET", at("members", "bob"), c.ann).want(200); got.get("name") == "The new bob" || got.get("user") != "bob" {
				t.Error(got.body)
			}
		},
		"CanBeRemoved":                   testMemberIsRemoved,
		"RemovedAreShownOnRequest":       testRemovedAreShown,
		"RemovedCanBeInvitedAgain":       testInvitedAgain,
		"SingleUserIsAdmin":              testSingleUser,
		"RoleAndPermissionsOneByOne":     testPermissions,
		"EveryoneHasADeveloperToken":     testDeveloperTokenEach,
		"AnotherWorkspaceIsNotThere":     testAnotherWorkspace,
		"TokenOfAnotherIsToldApart":      testTokenOfAnother,
		"NoHeaderGetsIntoAMail":          testHeaderInjection,
		"UserCannotBeDeletedWhileMember": testUserOfMember,
	} {
		t.Run(name, func(t *testing.T) { test(t, newCompany(t)) })
	}
}

func testMemberIsRemoved(t *testing.T, c *company) {
	session, text := c.join("bob")
	c.do("DELETE", at("members", "bob"), c.ann).want(204)
	c.do("GET", acme, session).fault(404, "Workspace is not found.")
	c.do("GET", "/api/v1/user", header("X-API-Key", text)).want(401)
	c.refused(c.activate(text, false), licence.MemberRemoved, "invite you again")
	c.do("DELETE", at("members", "ann"), c.ann).fault(409, "The workspace would be left without an admin; make somebody else one first.")
}

func testRemovedAreShown(t *testing.T, c *company) {
	c.join("bob")
	c.do("DELETE", at("members", "bob"), c.ann).want(204)
	if got := c.do("GET", at("members"), c.ann).want(200); strings.Contains(got.body, "bob") {
		t.Error(got.body)
	}
	if got := c.do("GET", at("members?removed=true"), c.ann).want(200); !strings.Contains(got.body, `"state":"removed"`) {
		t.Error(got.body)
	}
}

func testInvitedAgain(t *testing.T, c *company) {
	session, old := c.join("bob")
	c.do("POST", at("members", "bob", "invitation"), c.ann).fault(409, "The member has joined already.")
	c.do("DELETE", at("members", "bob"), c.ann).want(204)
	var invited struct{ Invitation struct{ Code string } }
	c.into(c.do("POST", at("members", "bob@example.com", "invitation"), c.ann).want(201), &invited)
	fresh := c.do("POST", "/api/v1/invitations", session, body(`{"code":"`+invited.Invitation.Code+`"}`)).want(201).get("token")
	c.do("GET", "/api/v1/user", header("X-API-Key", fresh)).want(200)
	c.do("GET", "/api/v1/user", header("X-API-Key", old)).want(401)
	c.do("POST", "/api/v1/invitations", session, body(`{"code":"`+invited.Invitation.Code+`"}`)).want(404)
}

func testSingleUser(t *testing.T, c *company) {
	got := c.do("GET", acme, c.ann).want(200)
	for _, permission := range []string{"members.manage", "licences.assign", "ci_tokens.manage", "audit.read"} {
		if got.get("role") != "admin" || !strings.Contains(got.body, permission) {
			t.Error(got.body)
		}
	}
	c.subscribe(1)
	c.do("PUT", at("members", "ann", "seat"), c.ann).want(200) // to herself
}

func testPermissions(t *testing.T, c *company) {
	bob, _ := c.join("bob")
	c.subscribe(3)
	calls := map[string]func() answer{
		"members.manage": func() answer { return c.do("POST", at("members", "bob", "invitation"), bob) },
		"licences.assign": func() answer {
			return c.do("PUT", at("members", "nobody", "seat"), bob)
		},
		"ci_tokens.manage": func() answer { return c.do("GET", at("citokens"), bob) },
		"audit.read":       func() answer { return c.do("GET", at("audit"), bob) },
	}
	for permission, call := range calls {
		call().fault(403, "The permission "+permission+" is required.")
		c.do("PUT", at("members", "bob"), c.ann, body(`{"permissions":["`+permission+`"]}`)).want(200)
		if got := call(); got.status == 403 {
			t.Errorf("with %s: %s", permission, got.body)
		}
		c.do("PUT", at("members", "bob"), c.ann, body(`{"permissions":[]}`)).want(200)
	}
	c.do("PUT", at("members", "bob"), c.ann, body(`{"permissions":["members.manage"]}`)).want(200)
	c.do("PUT", at("members", "bob"), bob, body(`{"role":"admin"}`)).want(403)
	c.do("PUT", at("members", "bob"), bob, body(`{"permissions":["members.manage","audit.read"]}`)).want(403)
	c.do("PUT", at("members", "ann"), bob, body(`{"role":"member"}`)).want(403)
	c.do("DELETE", at("members", "ann"), bob).want(403)
	c.do("POST", at("members"), bob, body(`{"name":"x","mail":"x@example.com","role":"admin"}`)).want(403)
	c.do("PUT", at("members", "bob"), c.ann, body(`{"role":"owner"}`)).fault(400, "role is admin or member.")
	c.do("PUT", at("members", "bob"), c.ann, body(`{"permissions":["everything"]}`)).want(400)
	c.do("PUT", at("members", "bob"), c.ann, body(`{"role":"admin"}`)).want(200)
	c.do("PUT", at("members", "ann"), bob, body(`{"role":"member"}`)).want(200)
}

func testDeveloperTokenEach(t *testing.T, c *company) {
	bob, text := c.join("bob")
	if text == c.annToken || !strings.HasPrefix(text, "lkd_") {
		t.Error("the token is not his own")
	}
	door := c.do("GET", "/auth/v1/verify", header("Authorization", "Bearer "+text)).want(200)
	if door.header.Get("X-Auth-User") != "bob" || door.header.Get("X-Auth-Kind") != "developer" || len(door.header.Get("X-Auth-Workspace")) != 24 {
		t.Errorf("at the door: %v", door.header)
	}
	shown := c.do("GET", at("developertoken"), bob).want(200)
	if strings.Contains(shown.body, "lkd_") || shown.get("id") != door.header.Get("X-Auth-Credential-Id") {
		t.Error(shown.body)
	}
}

func testAnotherWorkspace(t *testing.T, c *company) {
	eve := token(c.logIn("eve"))
	c.do("POST", "/api/v1/workspaces", c.root, body(`{"name":"umbrella","owner":"eve"}`)).want(201)
	member := c.do("GET", at("members", "ann"), c.ann).want(200).get("id")
	for _, path := range []string{
		"", "/members", "/members/ann", "/members/" + member, "/seats", "/subscriptions", "/developertoken", "/citokens", "/legacykeys", "/audit",
	} {
		c.do("GET", acme+path, eve).fault(404, "Workspace is not found.")
		c.do("GET", "/api/v1/workspaces/nowhere"+path, eve).fault(404, "Workspace is not found.")
	}
	c.do("POST", at("members"), eve, body(`{"name":"x","mail":"x@example.com"}`)).fault(404, "Workspace is not found.")
	c.do("PUT", at("members", member, "seat"), eve).fault(404, "Workspace is not found.")
	c.do("DELETE", at("members", member), eve).fault(404, "Workspace is not found.")
	c.do("POST", at("subscriptions"), eve, body(`{"trial":true}`)).fault(404, "Workspace is not found.")
	c.do("GET", "/api/v1/workspaces/umbrella/members/"+member, eve).fault(404, "Member is not found.")
	if got := c.do("GET", "/api/v1/workspaces", eve).want(200); strings.Contains(got.body, "acme") {
		t.Error(got.body)
	}
	c.do("GET", "/api/v1/workspaces?all=true", eve).want(403)
}

func testTokenOfAnother(t *testing.T, c *company) {
	c.do("POST", "/api/v1/workspaces", c.root, body(`{"name":"umbrella","owner":"ann"}`)).want(201)
	const sentence = `The token belongs to the workspace "acme"; use a token of the workspace that is asked for.`
	for _, other := range []string{"umbrella", "nowhere"} {
		c.do("GET", "/api/v1/workspaces/"+other+"/members", header("X-API-Key", c.annToken)).fault(404, sentence)
	}
	c.do("GET", at("members"), header("X-API-Key", c.annToken)).want(200)
	if got := c.do("GET", "/api/v1/workspaces", header("X-API-Key", c.annToken)).want(200); strings.Contains(got.body, "umbrella") {
		t.Error(got.body)
	}
}

func testHeaderInjection(t *testing.T, c *company) {
	for _, text := range []string{
		`{"name":"x\r\nBcc: eve@example.com","mail":"x@example.com"}`, `{"name":"x","mail":"x@example.com\r\nBcc: eve@example.com"}`,
		`{"name":"x","mail":"x@example.com, eve@example.com"}`, `{"name":"","mail":"x@example.com"}`, `{"name":"x","mail":"x"}`,
	} {
		c.do("POST", at("members"), c.ann, body(text)).want(400)
	}
	c.do("POST", "/api/v1/workspaces", c.root, body(`{"name":"x\r\nBcc: eve@example.com","owner":"ann"}`)).want(400)
	if got := c.do("GET", at("members"), c.ann).want(200); strings.Contains(got.body, "x@example.com") {
		t.Error(got.body)
	}
}

func testUserOfMember(t *testing.T, c *company) {
	c.do("DELETE", "/api/v1/users/ann", c.root).fault(409, "The user is a member of a workspace; remove him there first.")
	bob, _ := c.join("bob")
	c.do("DELETE", at("members", "bob"), bob).want(204) // he leaves
	c.do("DELETE", "/api/v1/users/bob", c.root).want(204)
}

// legacy sets what [legacy] says.
func (c *company) legacy(settings conf.Legacy) {
	c.licences.SetSettings(licence.Settings{Signer: c.signer, Issuer: "https://auth.example.com", Legacy: settings})
}

// year is longer than any subscription of these tests.
const year = 366 * 24 * time.Hour

// A developer token is for its workspace: it makes no credentials, which would outlive it, and has no role admin, whoever owns it.
// hazard 26
func TestDeveloperTokenStaysInItsWorkspace(t *testing.T) {
	c := newCompany(t)
	c.do("POST", "/api/v1/workspaces", c.root, body(`{"name":"roots","owner":"alice"}`)).want(201)
	text := c.do("POST", "/api/v1/workspaces/roots/developertoken/rotate", c.root).want(200).get("token")
	ci := c.do("POST", "/api/v1/workspaces/roots/citokens", c.root, body(`{"name":"nightly"}`)).want(201).get("token")
	const sentence = "A developer or CI token is for its workspace; log in, or use an API key."
	for _, o := range []option{header("X-API-Key", text), header("Authorization", "Bearer "+text), header("X-API-Key", ci)} {
		c.do("POST", "/api/v1/apikeys", o, body(`{}`)).fault(403, sentence)
		c.do("GET", "/api/v1/apikeys", o).fault(403, sentence)
		c.do("POST", "/api/v1/servicetokens", o, body(`{"name":"x","roles":["admin"]}`)).fault(403, sentence)
		c.do("GET", "/auth/v1/tokens", o).fault(403, sentence)
		c.do("GET", "/api/v1/users", o).fault(403, sentence)
		c.do("GET", "/api/v1/workspaces?all=true", o).want(403)
		c.do("POST", "/api/v1/workspaces", o, body(`{"name":"more"}`)).want(403)
		if door := c.do("GET", "/auth/v1/verify", o).want(200); strings.Contains(door.header.Get("X-Auth-Roles"), "admin") {
			t.Errorf("at the door: %v", door.header)
		}
		if got := c.do("GET", "/api/v1/user", o).want(200); strings.Contains(got.body, `"is_admin":true`) {
			t.Error(got.body)
		}
	}
	c.do("GET", "/api/v1/workspaces/roots/members", header("X-API-Key", text)).want(200)
}

// A token that was rotated takes no guesses from others, however often it is tried; guesses at legacy keys do, and leave log-ins alone.
func TestGuessesAtActivation(t *testing.T) {
	c := newCompany(t)
	limits := conf.Throttle{Failures: 5, Window: time.Minute, Lock: time.Minute, Queue: 64, SourceRate: 1, SourceBurst: 3}
	c.login.SetLimits(limits)
	old := c.annToken
	c.annToken = c.do("POST", at("developertoken", "rotate"), c.ann).want(200).get("token")
	for range 20 {
		c.refused(c.activate(old, false), licence.UnknownToken, "rotated")
	}
	for range 3 {
		c.refused(c.activate("some-legacy-key", false), licence.UnknownToken, "mistyped")
	}
	c.activate("some-legacy-key", false).want(429)
	c.refused(c.activate(c.annToken, false), licence.NoLicenceAssigned, "seat")
	c.logIn("bob")
}
