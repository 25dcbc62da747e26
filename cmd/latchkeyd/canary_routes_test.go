package main

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// contractRoute is one operation of the published contract.
type contractRoute struct {
	key    string // method and path as the contract has it
	method string
	path   string
	fields map[string][]string // of the body, with the types of each
	form   bool                // the body is a form
}

// readContract gets the contract from the daemon. A route that is new in it is assaulted by itself, and fails the test until the
// scenario has a call of it that is accepted.
func (x *canaryScenario) readContract() {
	x.t.Helper()
	const key = "GET /api/v1/openapi.json"
	a := x.call(key, request{path: "/api/v1/openapi.json"}).want(x.t, http.StatusOK)
	type schema struct {
		Reference  string            `json:"$ref"`
		Properties map[string]schema `json:"properties"`
		Type       any               `json:"type"`
	}
	var contract struct {
		Paths map[string]map[string]struct {
			RequestBody struct {
				Content map[string]struct{ Schema schema }
			}
		}
		Components struct{ Schemas map[string]schema }
	}
	if err := json.Unmarshal([]byte(a.text), &contract); err != nil {
		x.t.Fatal(err)
	}
	for _, path := range slices.Sorted(maps.Keys(contract.Paths)) {
		for method, operation := range contract.Paths[path] {
			method = strings.ToUpper(method)
			r := contractRoute{key: method + " " + path, method: method, path: path, fields: map[string][]string{}}
			for kind, content := range operation.RequestBody.Content {
				s := content.Schema
				if s.Reference != "" {
					s = contract.Components.Schemas[s.Reference[strings.LastIndex(s.Reference, "/")+1:]]
				}
				r.form = kind == "application/x-www-form-urlencoded"
				for name, property := range s.Properties {
					r.fields[name] = strings.Fields(strings.Trim(fmt.Sprint(property.Type), "[]"))
				}
				if len(r.fields) == 0 {
					x.t.Errorf("%s: the contract has a body without fields", r.key)
				}
			}
			x.routes = append(x.routes, r)
		}
	}
	slices.SortFunc(x.routes, func(a, b contractRoute) int { return strings.Compare(a.key, b.key) })
}

// call makes a call of a route of the contract, keeps the answer, and notes the credential that it may show. That one is taken out
// of what is kept, once.
func (x *canaryScenario) call(key string, r request) answer {
	x.t.Helper()
	r.method, _, _ = strings.Cut(key, " ")
	a, err := x.site.try(x.client, r)
	if err != nil {
		x.t.Fatalf("%s: %v", key, err)
	}
	text := a.text
	bodies := []map[string]any{a.body}
	if invitation, ok := a.body["invitation"].(map[string]any); ok {
		bodies = append(bodies, invitation)
	}
	for _, body := range bodies {
		for _, field := range []string{"token", "key", "code"} {
			if shown, ok := body[field].(string); ok && (a.status == http.StatusCreated || strings.HasSuffix(key, "/rotate")) {
				text = strings.Replace(text, x.issued(key, shown), "", 1)
			}
		}
	}
	x.keep("answer of "+key, fmt.Appendf(nil, "%d %v\n%s", a.status, a.header, text))
	if a.status < http.StatusMultipleChoices {
		x.accepted[key]++
	} else {
		x.refused[key]++
	}
	return a
}

// issued remembers a credential that the daemon has made.
func (x *canaryScenario) issued(where, text string) string {
	x.t.Helper()
	_, core, ok := strings.Cut(text, "_")
	if !ok || len(core) < 20 {
		x.t.Fatalf("%s: that is no credential of the daemon's", where)
	}
	x.canaries = append(x.canaries, canary{where: "credential issued by " + where, core: core})
	return text
}

// stranger returns a name that nobody has and that no wrong password was given for, so that the backends are asked.
func (x *canaryScenario) stranger() string {
	x.strangers++
	return fmt.Sprintf("stranger-%d", x.strangers)
}

// form returns a call with a form.
func form(path string, header map[string]string, pairs ...string) request {
	all := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	maps.Copy(all, header)
	return request{path: path, header: all, body: strings.Join(pairs, "&")}
}

// outsideFile writes a file that may hold secrets.
func (x *canaryScenario) outsideFile(name, content string, mode fs.FileMode) string {
	x.t.Helper()
	path := filepath.Join(x.outside, name)
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		x.t.Fatal(err)
	}
	return path
}

// asAdmin returns the headers of a call that root makes.
func (x *canaryScenario) asAdmin() map[string]string {
	return map[string]string{"X-Auth-Token": x.sessions[canaryAdmin]}
}

// asRoot makes a call as root, with id for what is in braces in the route's path or else behind it, and wants this status.
func (x *canaryScenario) asRoot(status int, key, id, body string) answer {
	x.t.Helper()
	_, path, _ := strings.Cut(key, " ")
	path, _, _ = strings.Cut(path, "{")
	return x.call(key, request{path: path + id, header: x.asAdmin(), body: body}).want(x.t, status)
}

// password logs in and wants this status.
func (x *canaryScenario) password(status int, user, password, body string) answer {
	x.t.Helper()
	return x.call("POST /auth/v1/tokens", request{path: "/auth/v1/tokens", auth: user + ":" + password, body: body}).want(x.t, status)
}

// assaultRoutes sends canaries to each route: in each place for a credential, in the path, and in each kind of body.
func (x *canaryScenario) assaultRoutes() {
	x.t.Helper()
	for _, route := range x.routes {
		for _, path := range x.paths(route) {
			for _, r := range x.presentations(route.key) {
				r.path = path + r.path
				if a := x.call(route.key, r); a.status >= http.StatusInternalServerError {
					x.t.Errorf("%s: status %d: %s", route.key, a.status, a.text)
				}
			}
			for _, r := range x.bodies(route) {
				r.path = path
				r.auth = canaryAdmin + ":" + x.passwords[canaryAdmin]
				if r.header == nil {
					r.header = map[string]string{}
				}
				maps.Copy(r.header, x.asAdmin())
				if a := x.call(route.key, r); a.status >= http.StatusInternalServerError {
					x.t.Errorf("%s: status %d: %s", route.key, a.status, a.text)
				}
			}
		}
	}
}

// paths returns what to put for a route's path: with a canary, and with something that is there where that survives the call.
func (x *canaryScenario) paths(route contractRoute) []string {
	there := map[string]string{"/api/v1/apikeys/{id}": x.keyID, "/api/v1/users/{name}": canaryOther}[route.path]
	var paths []string
	switch {
	case strings.Contains(route.path, "{workspace}"):
		return x.workspacePaths(route)
	case strings.Contains(route.path, "{id}"):
		paths = []string{strings.Replace(route.path, "{id}", x.secret("path of "+route.key), 1)}
	case strings.Contains(route.path, "{name}"): // a name is no secret
		paths = []string{strings.Replace(route.path, "{name}", "nobody", 1)}
	case strings.Contains(route.path, "{"):
		x.t.Errorf("%s: the scenario does not know what to put into the path", route.key)
		return nil
	default:
		return []string{route.path}
	}
	if there != "" && route.method != http.MethodDelete {
		paths = append(paths, route.path[:strings.Index(route.path, "{")]+there)
	}
	return paths
}

// presentations returns calls with a canary in each place where a credential can stand, or is put by mistake. Their path is a query.
func (x *canaryScenario) presentations(key string) []request {
	c := func(where string) string { return x.secret(where + " of " + key) }
	encoded := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	var all []request
	for name, value := range map[string]string{
		"X-Auth-Token": "%s", "St2-Api-Key": "%s", "X-API-Key": "%s", "Cookie": "auth-token=%s", "Referer": "https://example.com/?x-auth-token=%s",
		"X-Request-ID": "%s!", "X-Forwarded-For": "%s", "X-Forwarded-User": "%s:x", "X-Forwarded-Proto": "%s", "X-Forwarded-Host": "%s", "Forwarded": "for=%s",
		"Origin": "https://%s.example.com", "Accept": "%s", "Content-Type": "%s", "If-None-Match": `"%s"`, "Range": "%s", "Proxy-Authorization": "Basic %s",
		"X-Canary": "%s", "X_Auth_User": "%s", "Access-Control-Request-Headers": "%s", "Traceparent": "%s",
		"X-Original-URI": "/?x-auth-token=%s", "X-Forwarded-Uri": "/?st2-api-key=%s", "X-Original-Url": "/?x-auth-token=%%zz%s",
	} {
		all = append(all, request{header: map[string]string{name: fmt.Sprintf(value, c(name))}})
	}
	for _, value := range []string{
		"Bearer " + c("Bearer"), "ApiKey " + c("ApiKey"), "bearer lkt_" + c("Bearer with a prefix"), "Digest " + c("an unknown scheme"),
		c("Authorization without a scheme"), "Basic " + c("malformed base64") + "!", "Basic " + encoded(c("Basic without a colon")),
		"Basic " + encoded(x.stranger()+":"+c("Basic password")), "Basic " + encoded(x.stranger()+":"+c("Basic password with a control character")+"\x00"),
		"Basic " + encoded(x.stranger()+":"+c("Latin-1 password")+"\xe4"), "Basic " + strings.TrimRight(encoded("x:"+c("Basic without padding")), "="),
		"Basic " + encoded(":"+c("password without a name")), "Basic " + encoded(x.stranger()+":"+strings.Repeat(c("long password"), 60)),
	} {
		all = append(all, request{header: map[string]string{"Authorization": value}})
	}
	for _, query := range []string{
		"?x-auth-token=" + c("query x-auth-token"), "?st2-api-key=" + c("query st2-api-key"), "?x-auth-token=%zz" + c("malformed query"),
		"?x-auth-token=" + c("query, first") + "&x-auth-token=" + c("query, second"), "?" + c("query without a name"), "?other=" + c("query parameter"),
		"?role=" + c("query role") + "&roles=" + c("query roles"), "?role=%zz" + c("malformed query role"),
		"?limit=" + c("query limit"), "?offset=" + c("query offset"), "?after=" + c("query after"), "?show_secrets=" + c("query show_secrets"),
		"?X-Auth-Token=" + c("query X-Auth-Token") + "&token=" + c("query token") + "&access_token=" + c("query access_token"),
	} {
		all = append(all, request{path: query}, request{path: query, header: x.asAdmin()})
	}
	return all
}

// bodies returns calls with canaries in each field of a route's body, in unknown fields, and in bodies that are none.
func (x *canaryScenario) bodies(route contractRoute) []request {
	c := func(where string) string { return x.secret(where + " in a body of " + route.key) }
	// What these fields hold is kept and shown.
	texts, objects := []string{"user", "name", "owner", "mail", "impersonate_user", "nickname_origin"}, []string{"metadata", "nicknames"}
	fields := map[string][]string{"unknown": {"string"}}
	maps.Copy(fields, route.fields)
	var all []request
	for name, types := range fields {
		if !slices.Contains(types, "string") || !slices.Contains(texts, name) {
			all = append(all, request{body: fmt.Sprintf(`{%q: %q}`, name, c(name))})
		}
		if !slices.Contains(objects, name) {
			all = append(all, request{body: fmt.Sprintf(`{%q: {"x": %q}}`, name, c(name+" as an object"))})
		}
		all = append(all, request{body: fmt.Sprintf(`{%q: [%q, {"x": %q}]}`, name, c(name+" as a list"), c(name+" as a list"))},
			form("", nil, name+"="+c(name), "other="+c("a form's other field")),
			form("", nil, name+"="+c(name), name+"="+c(name)), form("", nil, name+"=%zz"+c(name)))
	}
	for _, text := range []string{
		`{"token": "` + c("a string without an end"), c("no JSON"), fmt.Sprintf("%q", c("a JSON string")), fmt.Sprintf("[%q]", c("a JSON list")),
		`{"token": "` + c("not UTF-8") + "\xff\"}", strings.Repeat("[", 20) + `"` + c("nested too deep"), `{"token": "x"} "` + c("behind the end") + `"`,
		`{"token": "\u00` + c("a bent escape") + `"}`, `{"token": ` + c("no value") + `}`, `{"token": "` + strings.Repeat(c("too long"), 4000) + `"}`,
	} {
		all = append(all, request{body: text}, request{body: text, header: map[string]string{"Content-Type": "text/" + c("Content-Type")}},
			request{body: text, header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}},
			request{body: text, header: map[string]string{"Content-Type": `multipart/form-data; boundary="` + c("a boundary")}})
	}
	return all
}

// assaultParser sends what never becomes a call of a route: bent requests, to all three listeners.
func (x *canaryScenario) assaultParser() {
	x.t.Helper()
	c := func(where string) string { return x.secret(where + " of a bent request") }
	const rest = " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
	tcp := func(url string) [2]string { return [2]string{"tcp", strings.TrimPrefix(url, "http://")} }
	for _, listener := range [][2]string{tcp(x.site.url("")), tcp(x.site.adminURL("")), {"unix", x.site.path("admin.sock")}} {
		for _, text := range []string{
			c("a method") + " /auth/v1/tokens" + rest + "\r\n",
			"lkt_" + c("a method behind a body") + "GET /api/v1/user" + rest + "\r\n",
			"GET /?x-auth-token=" + c("a query") + " HTTP/9.9\r\n\r\n", "GET /%zz" + c("a bent path") + rest + "\r\n",
			"GET /\x01" + c("a control character") + rest + "\r\n",
			"GET /" + c("an unknown path") + rest + "\r\n", "GET //" + c("a double slash") + "/../" + c("dots") + rest + "\r\n",
			"GET /metrics?x-auth-token=" + c("a query") + rest + "\r\n",
			"GET https://alice:" + c("an absolute address") + "@x/api/v1/user" + rest + "\r\n", "CONNECT " + c("an authority") + ":443" + rest + "\r\n",
			"GET /api/v1/user" + rest + "X-Auth-Token " + c("a space in a header's name") + ": x\r\n\r\n",
			"GET /api/v1/user" + rest + "X-Auth-Token: a\x00" + c("a header's value") + "\r\n\r\n",
			"GET /api/v1/user" + rest + c("a header without a colon") + "\r\n\r\n", "GET /api/v1/user HTTP/1.1\r\nHost: " + c("a host") + "\"\r\n\r\n",
			"GET /api/v1/user" + rest + "X-Auth-Token: " + c("first header") + "\r\nX-Auth-Token: " + c("second header") + "\r\n\r\n",
			"GET /auth/v1/verify" + rest + "Authorization: Basic " + c("first header") + "\r\nAuthorization: Bearer " + c("second header") + "\r\n\r\n",
			"POST /auth/v1/tokens" + rest + "Content-Length: " + c("a length") + "\r\n\r\n",
			"POST /auth/v1/tokens" + rest + "Transfer-Encoding: " + c("an encoding") + "\r\n\r\n",
			"POST /auth/v1/revoke" + rest + "Transfer-Encoding: chunked\r\n\r\n" + c("a chunk's size") + "\r\n\r\n",
			"POST /auth/v1/tokens" + rest + "Expect: " + c("an expectation") + "\r\n\r\n", c("no request") + "\r\n\r\n",
			"GET /api/v1/user" + rest + "X-Auth-Token: " + strings.Repeat(c("a header of 26 KiB"), 1000) + "\r\n\r\n",
		} {
			x.keep("answer to a bent request", x.sendRaw(listener, text))
		}
	}
}

// sendRaw sends bytes to a listener and returns all that comes back.
func (x *canaryScenario) sendRaw(listener [2]string, text string) []byte {
	x.t.Helper()
	conn, err := net.Dial(listener[0], listener[1])
	if err != nil {
		x.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		x.t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(conn, text) }() // the server may answer and close before it has read all
	var got bytes.Buffer
	if _, err := io.Copy(&got, conn); errors.Is(err, os.ErrDeadlineExceeded) { // one that is reset has said what it has to say
		x.t.Errorf("the connection is not closed after %.60q", text)
	}
	return got.Bytes()
}

// logIn gets a credential of each kind, with texts in it that are kept.
func (x *canaryScenario) logIn() {
	x.t.Helper()
	agent := x.control("User-Agent", "latchkey.db after its end", "audit.log after its end", "answer of GET /auth/v1/tokens")
	id := x.control("X-Request-ID", "log", "audit.log after its end", "answer of POST /auth/v1/tokens")
	for _, user := range []string{canaryAdmin, canaryMember, canaryOther} {
		x.password(http.StatusUnauthorized, user, x.secret("wrong password of "+user), "")
		right := request{path: "/auth/v1/tokens", auth: user + ":" + x.passwords[user], header: map[string]string{"User-Agent": agent, "X-Request-ID": id}}
		x.sessions[user] = x.call("POST /auth/v1/tokens", right).want(x.t, http.StatusCreated).field("token")
	}
	unknown := "nobody-" + x.control("user name", "log", "audit.log after its end")
	x.password(http.StatusUnauthorized, unknown, x.secret("password of an unknown user"), "")
	metadata := x.control("metadata of a key", "latchkey.db after its end", "backup.db after its end", "answer of POST /api/v1/apikeys",
		"answer of GET /api/v1/apikeys/{id}")
	x.key, x.keyID = x.newKey(canaryMember, metadata)
	x.service = x.newService(`"ttl": "1h"`)
}

// newKey makes an API key of a user's.
func (x *canaryScenario) newKey(user, metadata string) (key, id string) {
	x.t.Helper()
	as := map[string]string{"X-Auth-Token": x.sessions[user]}
	a := x.call("POST /api/v1/apikeys", request{path: "/api/v1/apikeys", header: as, body: fmt.Sprintf(`{"metadata": {"used_by": %q}}`, metadata)})
	return a.want(x.t, http.StatusCreated).field("key"), a.field("id")
}

// newService makes a service token with the role introspect.
func (x *canaryScenario) newService(more string) string {
	x.t.Helper()
	return x.asRoot(http.StatusCreated, "POST /api/v1/servicetokens", "", `{"name": "canary", "roles": ["introspect"], `+more+`}`).field("token")
}

// live returns a credential of each kind that is good.
func (x *canaryScenario) live() []string {
	return []string{x.sessions[canaryAdmin], x.sessions[canaryMember], x.key, x.service, x.bootstrap}
}

// useEverywhere sends each credential wherever one can stand. At the door, in a header for all kinds, it is answered with status.
func (x *canaryScenario) useEverywhere(what string, status int, credentials ...string) {
	x.t.Helper()
	for _, text := range credentials {
		good := x.call("GET /auth/v1/verify", request{path: "/auth/v1/verify", header: map[string]string{"X-API-Key": text}})
		if good.status != status {
			x.t.Errorf("%s: status %d at the door, want %d: %s", what, good.status, status, good.text)
		}
		queries := []string{"?x-auth-token=" + text, "?st2-api-key=" + text, "?other=" + text, "?after=" + text}
		for _, key := range []string{"GET /auth/v1/verify", "GET /api/v1/user", "GET /auth/v1/tokens", "GET /api/v1/apikeys"} {
			_, path, _ := strings.Cut(key, " ")
			for name, value := range map[string]string{
				"X-Auth-Token": "%s", "St2-Api-Key": "%s", "X-API-Key": "%s", "Authorization": "Bearer %s", "authorization": "apikey %s",
				"Cookie": "token=%s", "X-Original-URI": "/?x-auth-token=%s", "X-Forwarded-Uri": "/?st2-api-key=%s", "X-Request-ID": "%s=", "Referer": "/?st2-api-key=%s",
			} {
				x.call(key, request{path: path, header: map[string]string{name: fmt.Sprintf(value, text)}})
			}
			for _, query := range queries {
				x.call(key, request{path: path + query})
				x.call(key, request{path: path + query, header: x.asAdmin()})
			}
			x.call(key, request{path: path, auth: x.stranger() + ":" + text})
		}
		x.asRoot(http.StatusOK, "POST /auth/v1/tokens/validate", "", fmt.Sprintf(`{"token": %q}`, text))
		question := form("/auth/v1/introspect", map[string]string{"X-API-Key": x.service}, "token="+text)
		x.call("POST /auth/v1/introspect", question).want(x.t, http.StatusOK)
		question.header["X-API-Key"] = text
		x.call("POST /auth/v1/introspect", question)
		x.call("GET /api/v1/apikeys/{id}", request{path: "/api/v1/apikeys/" + text, header: x.asAdmin()})
		for _, key := range []string{"GET /api/v1/servicetokens/{id}", "DELETE /api/v1/servicetokens/{id}", "DELETE /auth/v1/tokens/{id}"} {
			x.asRoot(http.StatusNotFound, key, text, "")
		}
	}
}

// manage goes through the routes that are left, as their callers do.
func (x *canaryScenario) manage() {
	x.t.Helper()
	for _, method := range []string{"HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "GET"} {
		x.call(method+" /auth/v1/verify", request{path: "/auth/v1/verify/behind?x-auth-token=" + x.sessions[canaryMember]}).want(x.t, http.StatusOK)
	}
	for range 2 { // the second time from memory
		x.call("GET /auth/v1/verify", request{path: "/auth/v1/verify", auth: canaryMember + ":" + x.passwords[canaryMember]}).want(x.t, http.StatusOK)
	}
	x.asRoot(http.StatusOK, "GET /auth/v1/tokens", "", "")
	x.asRoot(http.StatusOK, "GET /api/v1/apikeys", "?show_secrets=True", "")
	x.asRoot(http.StatusOK, "GET /api/v1/apikeys/{id}", x.key, "")
	x.asRoot(http.StatusOK, "PUT /api/v1/apikeys/{id}", x.key, `{"enabled": true}`)
	x.call("GET /info", request{path: "/info?x-auth-token=" + x.secret("query of GET /info")}).want(x.t, http.StatusOK)
	x.asRoot(http.StatusOK, "GET /api/v1/servicetokens", "", "")
	x.asRoot(http.StatusBadRequest, "POST /api/v1/servicetokens", "", fmt.Sprintf(`{"name": "x", "roles": ["%s,x"]}`, x.secret("bent role")))
	made := x.asRoot(http.StatusCreated, "POST /api/v1/servicetokens", "", `{"name": "x", "roles": ["ops"]}`)
	x.asRoot(http.StatusOK, "GET /api/v1/servicetokens/{id}", made.field("id"), "")
	x.asRoot(http.StatusNoContent, "DELETE /api/v1/servicetokens/{id}", made.field("id"), "")
	x.asRoot(http.StatusCreated, "POST /api/v1/users", "", `{"name": "temporary"}`)
	x.asRoot(http.StatusOK, "GET /api/v1/users", "", "")
	x.asRoot(http.StatusOK, "GET /api/v1/users/{name}", "temporary", "")
	x.asRoot(http.StatusNoContent, "DELETE /api/v1/users/{name}", "temporary", "")
	x.asRoot(http.StatusOK, "PUT /api/v1/users/{name}", canaryMember, `{"is_service": true}`)
	x.password(http.StatusCreated, canaryMember, x.passwords[canaryMember], `{"user": "dora"}`)

	foreign := x.secret("key that StackStorm has made")
	hash := sha512.Sum512([]byte("saltnpepper" + foreign))
	x.asRoot(http.StatusCreated, "POST /api/v1/apikeys", "", fmt.Sprintf(`{"key_hash": "%x", "user": "anna"}`, hash))
	x.useEverywhere("a loaded key", http.StatusOK, foreign)
}

// end uses credentials that are revoked, deleted, disabled and expired, and a password that is right while its name is locked.
func (x *canaryScenario) end() {
	x.t.Helper()
	gone := []string{x.newService(`"ttl": "1ms"`)}
	newSession := func(body string) string {
		return x.password(http.StatusCreated, canaryOther, x.passwords[canaryOther], body).field("token")
	}
	deleted, id := x.newKey(canaryMember, "x")
	x.asRoot(http.StatusNoContent, "DELETE /api/v1/apikeys/{id}", id, "")
	byText, _ := x.newKey(canaryMember, "x")
	x.asRoot(http.StatusNoContent, "DELETE /api/v1/apikeys/{id}", byText, "")
	off, _ := x.newKey(canaryMember, "x")
	x.asRoot(http.StatusOK, "PUT /api/v1/apikeys/{id}", off, `{"enabled": false}`)
	out, revoked := newSession(""), newSession("")
	logOut := request{path: "/auth/v1/tokens/current", header: map[string]string{"X-Auth-Token": out}}
	x.call("DELETE /auth/v1/tokens/{id}", logOut).want(x.t, http.StatusNoContent)
	for range 2 {
		revocation := form("/auth/v1/revoke", nil, "token="+revoked, "token_type_hint="+x.secret("token_type_hint"))
		x.call("POST /auth/v1/revoke", revocation).want(x.t, http.StatusOK)
	}
	x.asRoot(http.StatusOK, "PUT /api/v1/users/{name}", canaryOther, `{"enabled": false}`)
	x.useEverywhere("an ended credential", http.StatusUnauthorized, append(gone, deleted, byText, off, out, revoked, x.sessions[canaryOther])...)
	x.password(http.StatusUnauthorized, canaryOther, x.passwords[canaryOther], "")
	x.asRoot(http.StatusOK, "PUT /api/v1/users/{name}", canaryOther, `{"enabled": true}`)

	short := newSession(`{"ttl": 1}`)
	eventually(x.t, "the end of a token of one second", func() bool {
		by := map[string]string{"X-Auth-Token": short}
		return x.call("GET /api/v1/user", request{path: "/api/v1/user", header: by}).status == http.StatusUnauthorized
	})
	x.useEverywhere("an expired token", http.StatusUnauthorized, short)
	for range 6 {
		x.password(http.StatusUnauthorized, canaryLocal, x.secret("wrong password"), "")
	}
	x.password(http.StatusUnauthorized, canaryLocal, x.passwords[canaryLocal], "")
}

// loseDirectory logs in while the directory is away.
func (x *canaryScenario) loseDirectory() {
	x.t.Helper()
	x.directory.Stop(x.t)
	for _, password := range []string{x.passwords[canaryOther], x.secret("wrong password while the directory is away")} {
		x.password(http.StatusServiceUnavailable, canaryOther, password, "")
		x.call("GET /auth/v1/verify", request{path: "/auth/v1/verify", auth: canaryOther + ":" + password}).want(x.t, http.StatusServiceUnavailable)
	}
}

// getAdmin returns the headers and the body that the admin listener answers with.
func (x *canaryScenario) getAdmin(path string) []byte {
	x.t.Helper()
	response, err := x.client.Get(x.site.adminURL(path))
	if err != nil {
		x.t.Fatal(err)
	}
	defer response.Body.Close()
	var text bytes.Buffer
	if err := response.Write(&text); err != nil {
		x.t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK && path != "/readyz" { // one of the backends may be away
		x.t.Errorf("GET %s: status %d", path, response.StatusCode)
	}
	return text.Bytes()
}

// checkCoverage fails the test for each route of the contract that the scenario does not go through.
func (x *canaryScenario) checkCoverage() {
	x.t.Helper()
	if len(x.routes) < 20 {
		x.t.Errorf("the contract has %d routes", len(x.routes))
	}
	open := []string{"GET /info", "GET /api/v1/openapi.json", "GET /.well-known/latchkey-keys"}
	for _, route := range x.routes {
		if x.accepted[route.key] == 0 {
			x.t.Errorf("%s: no call of it was accepted; add one to the scenario", route.key)
		}
		if x.refused[route.key] == 0 && !slices.Contains(open, route.key) {
			x.t.Errorf("%s: no call of it was refused", route.key)
		}
	}
}
