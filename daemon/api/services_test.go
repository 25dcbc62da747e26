package api_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"latchkey/daemon/api"
)

func TestServiceTokens(t *testing.T) {
	s := newSite(t)
	admin, bob := token(s.logIn("alice")), token(s.logIn("bob"))
	made := s.do("POST", "/api/v1/servicetokens", admin, body(`{"name":"ci","roles":["ops"],"expiration":"2027-01-31"}`)).want(201)
	id, text := made.get("id"), made.get("token")
	shown := `{"id":"` + id + `","name":"ci","roles":["ops"],"expires_at":"2027-02-01T00:00:00.000000Z","created_at":"2026-05-27T12:39:28.650231Z","created_by":"alice"`
	made.want(201, shown+`,"token":"`+text+`"}`)
	if !regexp.MustCompile(`^lks_[0-9A-Za-z]{36}$`).MatchString(text) || made.header.Get("Cache-Control") != "no-store" {
		t.Errorf("token %s, headers %v", text, made.header)
	}
	s.do("GET", "/api/v1/servicetokens", admin).want(200, "["+shown+"}]")
	s.do("GET", "/api/v1/servicetokens/"+id, admin).want(200, shown+"}")
	for _, o := range []option{header("Authorization", "ApiKey "+text), header("X-API-Key", text), header("Authorization", "Bearer "+text), header("St2-Api-Key", text)} {
		s.do("GET", "/api/v1/user", o).want(200)
	}
	s.do("GET", "/api/v1/user", token(text)).fault(401, "Unauthorized")

	// hazard 40
	for _, o := range []option{bob, header("X-API-Key", text)} {
		s.do("POST", "/api/v1/servicetokens", o, body(`{"name":"x","roles":["ops"]}`)).fault(403, "Administrator access required.")
		s.do("GET", "/api/v1/servicetokens", o).fault(403, "Administrator access required.")
		s.do("GET", "/api/v1/servicetokens/"+id, o).fault(403, "Administrator access required.")
		s.do("DELETE", "/api/v1/servicetokens/"+id, o).fault(403, "Administrator access required.")
	}
	s.do("POST", "/api/v1/servicetokens").fault(401, "Unauthorized - One of Token or API key required.")

	// A service token belongs to nobody, so it has no keys and no sessions of its own.
	service := header("X-API-Key", text)
	const nobody = "The credential belongs to no user of its own; name one in user."
	s.do("POST", "/api/v1/apikeys", service, body("{}")).fault(403, nobody)
	s.do("GET", "/api/v1/apikeys", service).fault(403, nobody)
	s.do("GET", "/auth/v1/tokens", service).fault(403, nobody)
	s.do("GET", "/api/v1/apikeys?user=bob", service).fault(403, notOwner)
	s.do("POST", "/api/v1/apikeys", service, body(`{"user":"bob"}`)).fault(403, notOwner)

	s.do("DELETE", "/api/v1/servicetokens/"+id, admin).want(204, "")
	s.do("DELETE", "/api/v1/servicetokens/"+id, admin).fault(404, "The resource could not be found.")
	s.do("GET", "/api/v1/servicetokens/"+id, admin).fault(404, "The resource could not be found.")
	s.do("DELETE", "/api/v1/servicetokens/x", admin).fault(404, "The resource could not be found.")
	s.do("GET", "/api/v1/user", service).fault(401, "Unauthorized")
	_, key := s.makeKey(s.logIn("bob"))
	s.do("DELETE", "/api/v1/servicetokens/"+key, admin).fault(404, "The resource could not be found.")
	s.do("GET", "/api/v1/servicetokens/"+key, admin).fault(404, "The resource could not be found.")
}

func TestServiceTokenBodies(t *testing.T) {
	s := newSite(t)
	admin := token(s.logIn("alice"))
	make := func(fields string) answer {
		return s.do("POST", "/api/v1/servicetokens", admin, body(`{"name":"ci","roles":["ops"]`+fields+`}`))
	}
	if got := make(`,"ttl":"24h"`).want(201).get("expires_at"); got != "2026-05-28T12:39:28.650231Z" {
		t.Errorf("expires at %s", got)
	}
	if got := make("").want(201); strings.Contains(got.body, "expires_at") {
		t.Errorf("expires: %s", got.body)
	}
	text := make(`,"expiration":"2026-05-27"`).want(201).get("token")
	s.clock.advance(time.Date(2026, 5, 28, 0, 0, 0, 0, time.UTC).Sub(epoch) - time.Nanosecond)
	s.do("GET", "/user", header("X-API-Key", text)).want(200)
	s.clock.advance(time.Nanosecond)
	s.do("GET", "/user", header("X-API-Key", text)).want(401)
	for fields, sentence := range map[string]string{
		`,"expiration":"2026-13-40"`:            "expiration is not a date in the form yyyy-MM-dd.",
		`,"expiration":"2026-05-27"`:            "The token would have expired already.",
		`,"ttl":"canary"`:                       "ttl is not a duration such as 24h or 90m.",
		`,"ttl":"-1h"`:                          "The token would have expired already.",
		`,"ttl":"1h","expiration":"2027-01-01"`: "expiration and ttl exclude each other.",
		`,"ttl":24`:                             "ttl is not of type 'string'.",
		`,"token":"lks_x"`:                      `Unknown field "token".`,
		`,"roles":[]`:                           "roles is not given.",
		`,"roles":["a,b"]`:                      "roles: a role's name holds no space, comma or control character.",
		`,"roles":["a b"]`:                      "roles: a role's name holds no space, comma or control character.",
		`,"roles":["a\u0000"]`:                  "roles: a role's name holds no space, comma or control character.",
		`,"roles":[""]`:                         "roles: a role's name has 1 to 64 bytes.",
		`,"roles":["ADMIN"]`:                    "roles: write it admin; roles are compared letter by letter.", // hazard 6
		`,"roles":["Admin"]`:                    "roles: write it admin; roles are compared letter by letter.",
		`,"roles":["admin "]`:                   "roles: a role's name holds no space, comma or control character.",
		`,"name":""`:                            "name cannot be used: name is empty.",
		`,"name":"a\nb"`:                        "name cannot be used: name holds a control or format character, a line separator or a colon.",
	} {
		make(fields).fault(400, sentence)
	}
}

func TestIntrospect(t *testing.T) {
	s := newSite(t)
	asker := header("Authorization", "Bearer "+s.makeService("asker", "x"))
	made := s.do("POST", "/tokens", basic("bob", "secret"))
	session := made.get("token")
	key, keyID := s.makeKey(session)
	ask := func(text string) answer {
		return s.do("POST", "/auth/v1/introspect", asker, form("token="+text+"&token_type_hint=access_token"))
	}
	ask(session).want(200, `{"active":true,"sub":"bob","username":"bob","scope":"ops","exp":1779971968,"iat":1779885568,"jti":"`+made.get("id")+
		`","token_type":"Bearer","kind":"token","groups":["wheel"]}`)
	ask(key).want(200, `{"active":true,"sub":"bob","username":"bob","scope":"ops","iat":1779885568,"jti":"`+keyID+
		`","token_type":"Bearer","kind":"apikey","groups":["wheel"]}`)
	s.do("PUT", "/apikeys/"+keyID, token(session), body(`{"enabled":false}`)).want(200)
	s.clock.advance(24 * time.Hour)
	for _, inactive := range []string{key, session, "unknown", "lkt_0000000000000000000000000000000000000"} {
		ask(inactive).want(200, `{"active":false}`)
	}
	s.do("POST", "/auth/v1/introspect", form("token="+key)).fault(401, "Unauthorized - One of Token or API key required.")
	s.do("POST", "/auth/v1/introspect", token(s.logIn("bob")), form("token="+key)).fault(403, "The role introspect is required.")
	s.do("POST", "/auth/v1/introspect", token(s.logIn("alice")), form("token="+key)).want(200, `{"active":false}`)
	s.do("POST", "/auth/v1/introspect", asker, form("")).fault(400, "Token is not provided.")
	s.do("POST", "/auth/v1/introspect", asker, form("token=a&token=b")).fault(400, "token is given more than once.")
	s.do("POST", "/auth/v1/introspect", asker, form("token=%zz")).fault(400, "The body is not a valid form.")
	s.do("POST", "/auth/v1/introspect", asker, body(`{"token":"x"}`)).fault(400, "The body is not a form; send application/x-www-form-urlencoded.")
	s.do("POST", "/auth/v1/introspect?token="+session, asker, form("")).fault(400, "Token is not provided.")
}

func TestRevoke(t *testing.T) {
	s := newSite(t)
	session := s.logIn("bob")
	key, keyID := s.makeKey(session)
	service := s.makeService("ci", "ops")
	for _, text := range []string{"unknown", "lkt_0000000000000000000000000000000000000"} {
		s.do("POST", "/auth/v1/revoke", form("token="+text)).want(200, "")
	}
	s.do("PUT", "/apikeys/"+keyID, token(session), body(`{"enabled":false}`)).want(200)
	for _, text := range []string{key, service, session} {
		s.do("POST", "/auth/v1/revoke", form("token="+text)).want(200, "")
		s.do("GET", "/user", header("X-API-Key", text)).fault(401, "Unauthorized")
		s.do("POST", "/auth/v1/revoke", form("token="+text)).want(200, "")
	}
	if event := s.audit.last(); event.Reason != "unknown_credential" {
		t.Errorf("audit: %+v", event)
	}
	s.do("POST", "/auth/v1/revoke", form("")).fault(400, "Token is not provided.")
}

func TestUsers(t *testing.T) {
	s := newSite(t)
	session := s.logIn("bob")
	admin := token(s.logIn("alice"))
	shown := `{"name":"bob","groups":["wheel"],"roles":["ops"],"is_service":false,"nicknames":{},"enabled":true,` +
		`"created_at":"2026-05-27T12:39:28.650231Z","last_login_at":"2026-05-27T12:39:28.650231Z"}`
	s.do("GET", "/api/v1/users/bob", admin).want(200, shown)
	got := s.do("GET", "/api/v1/users", admin).want(200)
	if !strings.HasPrefix(got.body, `[{"name":"alice",`) || !strings.HasSuffix(got.body, shown+"]") || got.header.Get("X-Total-Count") != "2" {
		t.Errorf("%v %s", got.header, got.body)
	}
	s.do("GET", "/api/v1/users?after=alice&limit=1", admin).want(200, "["+shown+"]")
	s.do("GET", "/api/v1/users?offset=1", admin).fault(400, "offset is not for this list; use after.")
	for _, c := range []struct{ method, path string }{
		{"GET", "/api/v1/users"}, {"POST", "/api/v1/users"}, {"GET", "/api/v1/users/bob"}, {"PUT", "/api/v1/users/bob"}, {"DELETE", "/api/v1/users/bob"},
	} {
		s.do(c.method, c.path, token(session)).fault(403, "Administrator access required.")
		s.do(c.method, c.path).fault(401, "Unauthorized - One of Token or API key required.")
	}
	put := func(document string) answer { return s.do("PUT", "/api/v1/users/bob", admin, body(document)) }
	changed := put(`{"is_service":true,"nicknames":{"slack":"bobby"}}`).want(200)
	changed.want(200, strings.NewReplacer(`"is_service":false`, `"is_service":true`, `"nicknames":{}`, `"nicknames":{"slack":"bobby"}`).Replace(shown))
	put(`{"nicknames":{},"is_service":false}`).want(200, shown)
	put(`{"enabled":false}`).want(200, strings.Replace(shown, `"enabled":true`, `"enabled":false`, 1))
	s.do("GET", "/user", token(session)).fault(401, "Unauthorized") // hazard 24
	s.do("POST", "/tokens", basic("bob", "secret")).fault(401, refused)
	put(`{"enabled":true}`).want(200)
	s.do("GET", "/user", token(session)).want(200)
	for document, sentence := range map[string]string{
		`{"name":"x"}`: `Unknown field "name".`, `{"roles":["admin"]}`: `Unknown field "roles".`, `{"nicknames":{"slack":1}}`: "nicknames is not of type 'object of strings'.",
		`{"locked_until":"tomorrow"}`: `locked_until can be "" only, which unlocks.`, `{"enabled":1}`: "enabled is not of type 'boolean'.",
	} {
		put(document).fault(400, sentence)
	}
	s.do("PUT", "/api/v1/users/nobody", admin, body(`{"enabled":false}`)).fault(404, "User is not found.")

	s.do("POST", "/api/v1/users", admin, body(`{"name":"bob"}`)).fault(409, "The name is taken already.")
	s.do("POST", "/api/v1/users", admin, body(`{}`)).fault(400, "name cannot be used: name is empty.")
	s.do("POST", "/api/v1/users", admin, body(`{"name":"carol","enabled":false}`)).want(201,
		`{"name":"carol","groups":[],"roles":[],"is_service":false,"nicknames":{},"enabled":false,"created_at":"2026-05-27T12:39:28.650231Z"}`)
	s.do("POST", "/tokens", basic("carol", "secret")).fault(401, refused)

	s.do("DELETE", "/api/v1/users/bob", admin).want(204, "")
	s.do("DELETE", "/api/v1/users/bob", admin).fault(404, "User is not found.")
	s.do("GET", "/user", token(session)).fault(401, "Unauthorized")
}

func TestUnlock(t *testing.T) {
	s := newSite(t)
	admin := token(s.logIn("alice"))
	key, _ := s.makeKey(s.logIn("bob"))
	for _, name := range []string{"bob", "newcomer"} {
		for range 5 {
			s.do("POST", "/tokens", basic(name, "wrong")).fault(401, refused)
		}
		s.do("POST", "/tokens", basic(name, "secret")).fault(401, refused)
		// hazard 55: a lock stops passwords, not keys.
		s.do("GET", "/user", header("St2-Api-Key", key)).want(200)
		if name == "bob" {
			if until := s.do("GET", "/api/v1/users/bob", admin).want(200).get("locked_until"); until != "2026-05-27T12:54:28.650231Z" {
				t.Errorf("locked until %s", until)
			}
		}
		if got := s.do("PUT", "/api/v1/users/"+name, admin, body(`{"locked_until":""}`)).want(200); strings.Contains(got.body, "locked_until") {
			t.Errorf("still locked: %s", got.body)
		}
		s.do("POST", "/tokens", basic(name, "secret")).want(201)
	}
}

// root on his own socket is an admin without a credential; a credential that he presents counts all the same.
func TestRootsSocket(t *testing.T) {
	s := newSite(t)
	s.server.Config.Handler = asRoot(s.handler)
	s.do("GET", "/user").want(200, `{"username":"root","authentication":{},"rbac":{"enabled":true,"roles":["admin"],"is_admin":true}}`)
	if by := s.do("POST", "/api/v1/servicetokens", body(`{"name":"ci","roles":["ops"]}`)).want(201).get("created_by"); by != "root" {
		t.Errorf("made by %s", by)
	}
	s.do("GET", "/user", token("bad")).fault(401, "Unauthorized")
	s.do("GET", "/api/v1/users", token(s.logIn("bob"))).fault(403, "Administrator access required.")
}

// asRoot serves as package daemon serves root's socket.
func asRoot(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(api.AsAdmin(r.Context(), "root")))
	})
}
