package main

import (
	"fmt"
	"net/http"
	"strings"
)

// workspacePaths returns what to put for a path below a workspace: something that nobody has, with a canary where a secret can be put
// by mistake, and, where the call leaves it, the workspace that the scenario has made.
func (x *canaryScenario) workspacePaths(route contractRoute) []string {
	fill := func(workspace, member, id string) string {
		return strings.NewReplacer("{workspace}", workspace, "{member}", member, "{id}", id).Replace(route.path)
	}
	paths := []string{fill("nowhere", "nobody", x.secret("path of "+route.key))}
	if route.method != http.MethodDelete {
		paths = append(paths, fill("acme", canaryAdmin, x.secret("path of "+route.key)))
	}
	return paths
}

// runWorkspace goes through the routes of a workspace, as its members do, and leaves it as it is needed by the assault.
func (x *canaryScenario) runWorkspace() {
	x.t.Helper()
	const one = "/api/v1/workspaces/{workspace}"
	made := x.asRoot(http.StatusCreated, "POST /api/v1/workspaces", "", `{"name": "acme"}`)
	x.useEverywhere("a developer token", http.StatusOK, made.field("token"))
	for _, part := range []string{"", "/members", "/seats", "/subscriptions", "/developertoken", "/citokens", "/legacykeys", "/audit"} {
		x.asRoot(http.StatusOK, "GET "+one+part, "acme"+part, "")
	}
	x.asRoot(http.StatusCreated, "POST "+one+"/subscriptions", "acme/subscriptions", `{"plan": "team", "seats": 9, "ends_at": "2999-12-31"}`)
	member := map[string]string{"X-Auth-Token": x.sessions[canaryMember]}
	invited := x.asRoot(http.StatusCreated, "POST "+one+"/members", "acme/members", `{"name": "x", "mail": "x@example.com"}`)
	void := x.code(invited)
	joining := x.code(x.asRoot(http.StatusCreated, "POST "+one+"/members/{member}/invitation", "acme/members/x@example.com/invitation", ""))
	join := func(code string) answer {
		return x.call("POST /api/v1/invitations", request{path: "/api/v1/invitations", header: member, body: fmt.Sprintf(`{"code": %q}`, code)})
	}
	join(void).want(x.t, http.StatusNotFound)
	joined := join(joining).want(x.t, http.StatusCreated)
	x.asRoot(http.StatusOK, "GET "+one+"/members/{member}", "acme/members/"+canaryMember, "")
	x.asRoot(http.StatusOK, "PUT "+one+"/members/{member}", "acme/members/"+canaryMember, `{"permissions": ["audit.read"]}`)
	x.asRoot(http.StatusOK, "PUT "+one+"/members/{member}/seat", "acme/members/"+canaryMember+"/seat", "")
	activate := func(status int, text string) {
		x.call("POST /api/v1/activate", request{
			path: "/api/v1/activate", header: map[string]string{"X-API-Key": text}, body: `{"product": "tool", "machine_id": "1"}`,
		}).want(x.t, status)
	}
	activate(http.StatusOK, joined.field("token"))
	x.call("GET /.well-known/latchkey-keys", request{path: "/.well-known/latchkey-keys"}).want(x.t, http.StatusOK)
	rotated := x.asRoot(http.StatusOK, "POST "+one+"/developertoken/rotate", "acme/developertoken/rotate", "")
	activate(http.StatusForbidden, made.field("token"))
	x.useEverywhere("a rotated developer token", http.StatusUnauthorized, made.field("token"))
	x.useEverywhere("a new developer token", http.StatusOK, rotated.field("token"))

	ci := x.asRoot(http.StatusCreated, "POST "+one+"/citokens", "acme/citokens", `{"name": "nightly"}`)
	activate(http.StatusOK, ci.field("token"))
	x.asRoot(http.StatusOK, "POST "+one+"/citokens/{id}/rotate", "acme/citokens/"+ci.field("id")+"/rotate", "")
	x.asRoot(http.StatusNoContent, "DELETE "+one+"/citokens/{id}", "acme/citokens/"+ci.field("id"), "")
	key := x.secret("legacy key")
	legacy := x.asRoot(http.StatusCreated, "POST "+one+"/legacykeys", "acme/legacykeys", fmt.Sprintf(`{"key": %q}`, key)).field("id")
	activate(http.StatusOK, key)
	x.asRoot(http.StatusOK, "PUT "+one+"/legacykeys/{id}", "acme/legacykeys/"+legacy, fmt.Sprintf(`{"member": %q}`, canaryMember))
	x.asRoot(http.StatusNoContent, "DELETE "+one+"/legacykeys/{id}", "acme/legacykeys/"+legacy, "")
	activate(http.StatusForbidden, key)
	x.asRoot(http.StatusNoContent, "DELETE "+one+"/members/{member}/seat", "acme/members/"+canaryMember+"/seat", "")
	x.asRoot(http.StatusNoContent, "DELETE "+one+"/members/{member}", "acme/members/"+canaryMember, "")
	activate(http.StatusForbidden, joined.field("token"))
	x.asRoot(http.StatusOK, "GET /api/v1/workspaces", "", "")
}

// code returns the code of an invitation, which is a secret.
func (x *canaryScenario) code(a answer) string {
	x.t.Helper()
	invitation, _ := a.body["invitation"].(map[string]any)
	code, _ := invitation["code"].(string)
	if !strings.HasPrefix(code, "lki_") {
		x.t.Fatalf("no code in %s", a.text)
	}
	return code
}
