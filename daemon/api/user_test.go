package api_test

import (
	"testing"

	"latchkey/daemon/access"
	"latchkey/daemon/api"
)

func TestWhoAmI(t *testing.T) {
	s := newSite(t)
	session := s.logIn("bob")
	key, _ := s.makeKey(session)
	asToken := `{"username":"bob","authentication":{"method":"authentication token","location":"header","token_expire":"2026-05-28T12:39:28Z"},` +
		`"rbac":{"enabled":true,"roles":["ops"],"is_admin":false}}`
	asKey := `{"username":"bob","authentication":{"method":"API key","location":"header"},"rbac":{"enabled":true,"roles":["ops"],"is_admin":false}}`
	for _, c := range []struct {
		about, want string
		options     []option
	}{
		{"X-Auth-Token", asToken, []option{token(session)}},
		{"X-API-Key with a token", asToken, []option{header("X-API-Key", session)}},
		{"Bearer", asToken, []option{header("Authorization", "Bearer "+session)}},
		{"ApiKey with a token", asToken, []option{header("Authorization", "apikey "+session)}},
		{"St2-Api-Key", asKey, []option{header("St2-Api-Key", key)}},
		{"X-API-Key", asKey, []option{header("X-API-Key", key)}},
		{"ApiKey", asKey, []option{header("Authorization", "ApiKey "+key)}},
		{"both: the token decides", asToken, []option{header("St2-Api-Key", "stale"), token(session)}},
		{"Basic along with a key, as from a .netrc", asKey, []option{basic("x", "y"), header("St2-Api-Key", key)}},
		{"an empty token counts as absent", asKey, []option{token(""), header("St2-Api-Key", key)}},
	} {
		got := s.do("GET", "/api/v1/user", c.options...).want(200, c.want)
		if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: headers %v", c.about, got.header)
		}
	}
	s.do("GET", "/api/v1/user?x-auth-token="+session).want(200, `{"username":"bob","authentication":{"method":"authentication token","location":"query",`+
		`"token_expire":"2026-05-28T12:39:28Z"},"rbac":{"enabled":true,"roles":["ops"],"is_admin":false}}`)
	s.do("GET", "/api/v1/user?st2-api-key="+key).want(200, `{"username":"bob","authentication":{"method":"API key","location":"query"},`+
		`"rbac":{"enabled":true,"roles":["ops"],"is_admin":false}}`)
	s.do("GET", "/api/v1/user", token(s.logIn("alice"))).want(200, `{"username":"alice","authentication":{"method":"authentication token",`+
		`"location":"header","token_expire":"2026-05-28T12:39:28Z"},"rbac":{"enabled":true,"roles":["admin"],"is_admin":true}}`)
	s.do("GET", "/api/v1/user", header("X-API-Key", s.makeService("ci", "ops"))).want(200,
		`{"username":"ci","authentication":{"method":"API key","location":"header"},"rbac":{"enabled":true,"roles":["ops"],"is_admin":false}}`)
	if got := s.do("HEAD", "/api/v1/user", token(session)).want(200, ""); got.header.Get("Content-Type") != "application/json" {
		t.Errorf("HEAD: headers %v", got.header)
	}
}

// The first credential that is present decides, even when it is bad and a good one follows.
func TestFirstCredentialDecides(t *testing.T) {
	s := newSite(t)
	session := s.logIn("bob")
	key, _ := s.makeKey(session)
	for about, options := range map[string][]option{
		"bad token, good key":             {token("bad"), header("St2-Api-Key", key)},
		"bad key, good other key":         {header("St2-Api-Key", "bad"), header("X-API-Key", key)},
		"bad other key, good bearer":      {header("X-API-Key", "bad"), header("Authorization", "Bearer "+session)},
		"key where a token belongs":       {token(key)},
		"token where a key belongs":       {header("St2-Api-Key", session)},
		"token with a space after it":     {header("Authorization", "Bearer "+session+" x")},
		"token of the wrong case":         {token("LKT" + session[3:])},
		"token with another checksum":     {token(session[:39] + "!")},
		"unknown token of the right form": {token("lkt_0000000000000000000000000000000000000")},
	} {
		got := s.do("GET", "/user", options...).fault(401, "Unauthorized")
		if challenge := got.header.Get("Www-Authenticate"); challenge != `Bearer realm="latchkey", error="invalid_token"` {
			t.Errorf("%s: challenge %s", about, challenge)
		}
	}
	s.do("GET", "/user?x-auth-token="+session, header("Authorization", "Bearer bad")).fault(401, "Unauthorized")
	s.do("GET", "/user?x-auth-token="+key).fault(401, "Unauthorized")
	s.do("GET", "/user?st2-api-key="+session).fault(401, "Unauthorized")
	s.do("GET", "/user?x-auth-token=a&x-auth-token="+session).fault(400, "x-auth-token is given more than once.")
	s.do("GET", "/user", token("a"), token(session)).fault(400, "X-Auth-Token is given more than once.")
	got := s.do("GET", "/user").fault(401, "Unauthorized - One of Token or API key required.")
	if challenge := got.header.Get("Www-Authenticate"); challenge != `Bearer realm="latchkey"` {
		t.Errorf("challenge %s", challenge)
	}
	s.do("GET", "/user", basic("bob", "secret")).fault(401, "Unauthorized - One of Token or API key required.")
}

// hazard 39: roles are as the configuration has them now, for credentials that exist, too.
func TestRolesAreThoseOfNow(t *testing.T) {
	s := newSite(t)
	session := s.logIn("alice")
	s.do("GET", "/api/v1/users", token(session)).want(200)
	s.guard.SetRoles(access.NewRoles(nil))
	s.do("GET", "/user", token(session)).want(200, `{"username":"alice","authentication":{"method":"authentication token","location":"header",`+
		`"token_expire":"2026-05-28T12:39:28Z"},"rbac":{"enabled":true,"roles":[],"is_admin":false}}`)
	s.do("GET", "/api/v1/users", token(session)).fault(403, "Administrator access required.")
	s.do("GET", "/auth/v1/verify?role=admin", token(session)).want(403)
}

// hazard 35
func TestQueryCredentialsSwitchedOff(t *testing.T) {
	s := newSite(t)
	session := s.logIn("bob")
	s.reconfigure(func(settings *api.Settings) { settings.Auth.QueryCredentials = false })
	s.do("GET", "/user?x-auth-token="+session).fault(401, "Unauthorized - One of Token or API key required.")
	s.do("GET", "/auth/v1/verify?x-auth-token="+session).fault(401, "Unauthorized - One of Token or API key required.")
}

// [auth] enable = False: nobody is asked, and who presents something is still held to it.
func TestNobodyIsAsked(t *testing.T) {
	s := newSite(t, func(settings *api.Settings) { settings.Auth.Enable, settings.System.User = false, "stanley" })
	s.do("GET", "/user").want(200, `{"username":"stanley","authentication":{},"rbac":{"enabled":true,"roles":[],"is_admin":false}}`)
	if user := s.do("POST", "/apikeys", body("{}")).want(201).get("user"); user != "stanley" {
		t.Errorf("the key is %s's", user)
	}
	s.do("POST", "/apikeys", body(`{"user":"alice"}`)).fault(403, notOwner)
	s.do("GET", "/user", token("bad")).fault(401, "Unauthorized")
	s.do("POST", "/tokens").fault(401, refused)
}
