package api

import (
	"net/http"
	"slices"
	"strings"
)

// route is one row of the table: what a method does on a path.
type route struct {
	// pattern is the method and the documented path, as net/http's ServeMux writes them; it names the route in logs.
	pattern string
	// bases are what may stand in front of the path's first word, where StackStorm has the route; nil: the documented form only.
	bases []string
	// login routes take Basic credentials and say so in their challenge.
	login bool
	// quiet routes are asked all day long: their successes are logged on the debug level.
	quiet bool
	// member routes are also for developer and CI tokens, which are for a workspace and for nothing else of their user's.
	member bool
	handle func(*exchange) error
}

// authBases and apiBases are the prefixes under which StackStorm's clients look for st2auth's and st2api's routes. The last is
// the documented one.
func authBases() []string { return []string{"", "/v1", "/auth", "/auth/v1"} }
func apiBases() []string  { return []string{"", "/v1", "/api", "/api/v1"} }

// routes is the table of all routes but the door (/auth/v1/verify), which takes any method and any path below itself.
func (h *Handler) routes() []route {
	auth, api := authBases(), apiBases()
	return append(h.workspaceRoutes(), []route{
		{pattern: "POST /auth/v1/tokens", bases: auth, login: true, handle: h.createToken},
		{pattern: "POST /auth/v1/tokens/validate", bases: auth, handle: h.validateToken},
		{pattern: "GET /auth/v1/tokens", handle: h.listTokens},
		{pattern: "DELETE /auth/v1/tokens/{id}", handle: h.deleteToken},
		{pattern: "GET /api/v1/apikeys", bases: api, handle: h.listKeys},
		{pattern: "POST /api/v1/apikeys", bases: api, handle: h.createKey},
		{pattern: "GET /api/v1/apikeys/{id}", bases: api, handle: h.getKey},
		{pattern: "PUT /api/v1/apikeys/{id}", bases: api, handle: h.changeKey},
		{pattern: "DELETE /api/v1/apikeys/{id}", bases: api, handle: h.deleteKey},
		{pattern: "GET /api/v1/user", bases: api, quiet: true, member: true, handle: h.getUser},
		{pattern: "POST /auth/v1/introspect", quiet: true, handle: h.introspect},
		{pattern: "POST /auth/v1/revoke", handle: h.revoke},
		{pattern: "GET /api/v1/servicetokens", handle: h.listServiceTokens},
		{pattern: "POST /api/v1/servicetokens", handle: h.createServiceToken},
		{pattern: "GET /api/v1/servicetokens/{id}", handle: h.getServiceToken},
		{pattern: "DELETE /api/v1/servicetokens/{id}", handle: h.deleteServiceToken},
		{pattern: "GET /api/v1/users", handle: h.listUsers},
		{pattern: "POST /api/v1/users", handle: h.createUser},
		{pattern: "GET /api/v1/users/{name}", handle: h.getKnownUser},
		{pattern: "PUT /api/v1/users/{name}", handle: h.changeUser},
		{pattern: "DELETE /api/v1/users/{name}", handle: h.deleteUser},
		{pattern: "GET /api/v1/openapi.json", handle: h.getContract},
		{pattern: "GET /info", handle: h.getInfo},
		{pattern: "POST /api/v1/activate", handle: h.activate},
		{pattern: "GET /.well-known/latchkey-keys", quiet: true, handle: h.getKeys},
	}...)
}

// workspaceRoutes is the part of the table that is below a workspace. A {workspace} is an id or a name, a {member} an id, a user or a
// mail address.
func (h *Handler) workspaceRoutes() []route {
	const one = "/api/v1/workspaces/{workspace}"
	const member = one + "/members/{member}"
	return []route{
		{pattern: "GET /api/v1/workspaces", member: true, handle: h.listWorkspaces},
		{pattern: "POST /api/v1/workspaces", member: true, handle: h.createWorkspace},
		{pattern: "POST /api/v1/invitations", member: true, handle: h.joinWorkspace},
		{pattern: "GET " + one, member: true, handle: h.getWorkspace},
		{pattern: "GET " + one + "/audit", member: true, handle: h.getWorkspaceAudit},
		{pattern: "GET " + one + "/members", member: true, handle: h.listMembers},
		{pattern: "POST " + one + "/members", member: true, handle: h.inviteMember},
		{pattern: "GET " + member, member: true, handle: h.getMember},
		{pattern: "PUT " + member, member: true, handle: h.changeMember},
		{pattern: "DELETE " + member, member: true, handle: h.removeMember},
		{pattern: "POST " + member + "/invitation", member: true, handle: h.resendInvitation},
		{pattern: "PUT " + member + "/seat", member: true, handle: h.assignSeat},
		{pattern: "DELETE " + member + "/seat", member: true, handle: h.unassignSeat},
		{pattern: "GET " + one + "/seats", member: true, handle: h.listSeats},
		{pattern: "GET " + one + "/subscriptions", member: true, handle: h.listSubscriptions},
		{pattern: "POST " + one + "/subscriptions", member: true, handle: h.addSubscription},
		{pattern: "GET " + one + "/developertoken", member: true, handle: h.getDeveloperToken},
		{pattern: "POST " + one + "/developertoken/rotate", member: true, handle: h.rotateDeveloperToken},
		{pattern: "GET " + one + "/citokens", member: true, handle: h.listCITokens},
		{pattern: "POST " + one + "/citokens", member: true, handle: h.createCIToken},
		{pattern: "POST " + one + "/citokens/{id}/rotate", member: true, handle: h.rotateCIToken},
		{pattern: "DELETE " + one + "/citokens/{id}", member: true, handle: h.deleteCIToken},
		{pattern: "GET " + one + "/legacykeys", member: true, handle: h.listLegacyKeys},
		{pattern: "POST " + one + "/legacykeys", member: true, handle: h.addLegacyKey},
		{pattern: "PUT " + one + "/legacykeys/{id}", member: true, handle: h.assignLegacyKey},
		{pattern: "DELETE " + one + "/legacykeys/{id}", member: true, handle: h.deleteLegacyKey},
	}
}

// paths returns every path of the route, the documented one last.
func (r *route) paths() []string {
	_, documented, _ := strings.Cut(r.pattern, " ")
	if r.bases == nil {
		return []string{documented}
	}
	rest := strings.TrimPrefix(documented, r.bases[len(r.bases)-1])
	paths := make([]string, 0, len(r.bases))
	for _, base := range r.bases {
		paths = append(paths, base+rest)
	}
	return paths
}

// methods are the routes of one path, by method.
type methods struct {
	routes map[string]*route
	// foreign is set where the path is StackStorm's, which knows no 405.
	foreign bool
}

// newMux registers the table, each path with and without one trailing slash, and returns also the routes whose path has no
// variable, by their paths.
func newMux(table []route) (mux *http.ServeMux, plain map[string]*methods) {
	byPath := map[string]*methods{}
	for i := range table {
		row := &table[i]
		method, _, _ := strings.Cut(row.pattern, " ")
		for _, path := range row.paths() {
			at := byPath[path]
			if at == nil {
				at = &methods{routes: map[string]*route{}}
				byPath[path] = at
			}
			at.routes[method] = row
			at.foreign = at.foreign || row.bases != nil
		}
	}
	mux, plain = http.NewServeMux(), map[string]*methods{}
	for path, at := range byPath {
		mux.Handle(path, at)
		mux.Handle(path+"/{$}", at)
		if !strings.Contains(path, "{") {
			plain[path] = at
		}
	}
	mux.Handle("/", &methods{foreign: true})
	return mux, plain
}

// ServeHTTP runs the route of the request's method. HEAD is GET without the body, which net/http leaves out. Another method
// is answered with 404 on StackStorm's paths and with 405 on our own.
func (m *methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := w.(*exchange) // Handler.ServeHTTP is the only caller
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if to := m.routes[method]; to != nil {
		x.run(to)
		return
	}
	if m.foreign {
		x.fault(errNoRoute)
		return
	}
	x.wrongMethod(m.allowed())
}

// allowed returns the value of the Allow header (RFC 9110 section 10.2.1).
func (m *methods) allowed() string {
	var allowed []string
	for method := range m.routes {
		allowed = append(allowed, method)
		if method == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	slices.Sort(allowed)
	return strings.Join(allowed, ", ")
}
