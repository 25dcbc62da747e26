package api_test

import (
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"latchkey/daemon/audit"
	"latchkey/daemon/store"
)

const (
	noKey    = "ApiKey with that key or id is not found."
	notOwner = "Administrator access required to act for another user."
)

func TestKeyCreateGetList(t *testing.T) {
	s := newSite(t)
	bob := token(s.logIn("bob"))
	made := s.do("POST", "/api/v1/apikeys", bob, body(`{"metadata":{"used_by": "jira", "n":[1, null]}}`)).want(201)
	id, key := made.get("id"), made.get("key")
	made.want(201, `{"id":"`+id+`","uid":"********","user":"bob","key":"`+key+
		`","metadata":{"used_by":"jira","n":[1,null]},"created_at":"2026-05-27T12:39:28.650231Z","enabled":true}`)
	if !regexp.MustCompile(`^lka_[0-9A-Za-z]{36}$`).MatchString(key) || made.header.Get("Cache-Control") != "no-store" {
		t.Errorf("key %s, headers %v", key, made.header)
	}
	shown := `{"id":"` + id + `","uid":"********","user":"bob","key_hash":"********","metadata":{"used_by":"jira","n":[1,null]},` +
		`"created_at":"2026-05-27T12:39:28.650231Z","enabled":true}`
	for _, path := range []string{"/api/v1/apikeys/" + id, "/api/v1/apikeys/" + key, "/api/v1/apikeys/" + id + "?show_secrets=True"} {
		s.do("GET", path, bob).want(200, shown)
	}
	got := s.do("GET", "/api/v1/apikeys?show_secrets=true", bob).want(200, "["+shown+"]")
	if got.header.Get("X-Total-Count") != "1" || got.header.Get("X-Limit") != "50" || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", got.header)
	}
	// An admin who asks sees the hash, and only then.
	admin := token(s.logIn("alice"))
	found, err := s.engine.Get(t.Context(), store.ID(id))
	if err != nil {
		t.Fatal(err)
	}
	secrets := strings.NewReplacer(`"uid":"********"`, `"uid":"api_key:`+found.Digest.Hex()+`"`, `"key_hash":"********"`, `"key_hash":"`+found.Digest.Hex()+`"`).Replace(shown)
	for _, asked := range []string{"?show_secrets=True", "?show_secrets=TRUE", "?show_secrets=1"} {
		s.do("GET", "/api/v1/apikeys/"+id+asked, admin).want(200, secrets)
		s.do("GET", "/api/v1/apikeys"+asked, admin).want(200, "["+secrets+"]")
	}
	for _, asked := range []string{"", "?show_secrets=False", "?show_secrets="} {
		s.do("GET", "/api/v1/apikeys/"+id+asked, admin).want(200, shown)
	}
}

func TestKeyBodies(t *testing.T) {
	s := newSite(t)
	bob := token(s.logIn("bob"))
	for _, c := range []struct{ body, sentence string }{
		{`{"canary":1}`, `Unknown field "canary".`},
		{`{"User":"bob"}`, `Unknown field "User".`},
		{`{"key":"lka_x"}`, `Unknown field "key".`},
		{`{"enabled":"canary"}`, "enabled is not of type 'boolean'."},
		{`{"metadata":["canary"]}`, "metadata is not of type 'object'."},
		{`{"metadata":"canary"}`, "metadata is not of type 'object'."},
		{`{"user":1}`, "user is not of type 'string'."},
		{`{"id":"canary"}`, "id is not 24 lower-case hex digits."},
		{`{"key_hash":"canary"}`, "key_hash is not a SHA-512 or SHA-256 in hex digits."},
		{`{"key_hash":"abcd"}`, "key_hash is not a SHA-512 or SHA-256 in hex digits."},
		{`{"key_hash":"********"}`, "key_hash is masked; an admin gets it with show_secrets=True."},
		{`[]`, "[] is not of type 'object'"},
		{`{"metadata":` + strings.Repeat(`{"a":`, 16) + `1` + strings.Repeat("}", 17), "The body is nested deeper than 16."},
	} {
		s.do("POST", "/api/v1/apikeys", bob, body(c.body)).fault(400, c.sentence)
	}
	s.do("GET", "/api/v1/apikeys", bob).want(200, "[]")
	for _, good := range []string{"", "{}", `{"user":null,"metadata":null,"enabled":null,"id":null,"key_hash":null}`, `{"user":"","key_hash":""}`, `{"user":"bob"}`} {
		s.do("POST", "/api/v1/apikeys", bob, body(good)).want(201)
	}
	made := s.do("POST", "/api/v1/apikeys", bob, body(`{"enabled":false}`)).want(201)
	s.do("GET", "/user", header("St2-Api-Key", made.get("key"))).fault(401, "Unauthorized - API key is disabled.")
}

// hazard 26
func TestKeyForAnother(t *testing.T) {
	s := newSite(t)
	bob, admin := token(s.logIn("bob")), token(s.logIn("alice"))
	s.do("POST", "/api/v1/apikeys", bob, body(`{"user":"alice"}`)).fault(403, notOwner)
	s.do("POST", "/api/v1/apikeys", bob, body(`{"user":"new"}`)).fault(403, notOwner)
	_, id := s.makeKey(s.logIn("bob"))
	s.do("PUT", "/api/v1/apikeys/"+id, bob, body(`{"user":"alice"}`)).fault(403, notOwner)
	s.do("GET", "/api/v1/apikeys?user=alice", bob).fault(403, notOwner)
	s.do("GET", "/api/v1/users/new", admin).fault(404, "User is not found.")
	if n := s.do("GET", "/api/v1/apikeys", admin).header.Get("X-Total-Count"); n != "1" {
		t.Errorf("%s keys are stored", n)
	}
	// An admin may, the user becomes known by it, and both names are recorded.
	made := s.do("POST", "/api/v1/apikeys", admin, body(`{"user":"new"}`)).want(201)
	if event := s.audit.last(); event.User != "new" || event.RealUser != "alice" || event.CredentialID != made.get("id") {
		t.Errorf("audit: %+v", event)
	}
	s.do("GET", "/api/v1/users/new", admin).want(200)
	if name := s.do("GET", "/user", header("St2-Api-Key", made.get("key"))).want(200).get("username"); name != "new" {
		t.Errorf("the key is %s's", name)
	}
	s.do("POST", "/api/v1/apikeys", admin, body(`{"user":" new"}`)).fault(400, "user cannot be used: name begins or ends with a space.")
	s.do("PUT", "/api/v1/apikeys/"+id, admin, body(`{"user":"new"}`)).want(200)
	if n := s.do("GET", "/api/v1/apikeys?user=new", admin).header.Get("X-Total-Count"); n != "2" {
		t.Errorf("new has %s keys", n)
	}
}

// hazard 27
func TestKeyOfAnother(t *testing.T) {
	s := newSite(t)
	key, id := s.makeKey(s.logIn("bob"))
	carol, admin := token(s.logIn("carol")), token(s.logIn("alice"))
	for _, name := range []string{id, key, "58e3f3330c0517062a3fda43", "nothing", "a%2Fb"} {
		s.do("GET", "/api/v1/apikeys/"+name, carol).fault(404, noKey)
		s.do("PUT", "/api/v1/apikeys/"+name, carol, body(`{"enabled":false}`)).fault(404, noKey)
		s.do("DELETE", "/api/v1/apikeys/"+name, carol).fault(404, noKey)
	}
	s.do("GET", "/api/v1/apikeys", carol).want(200, "[]")
	s.do("GET", "/user", header("St2-Api-Key", key)).want(200)
	// A session token's text names no key, not even to its owner.
	session := s.logIn("bob")
	s.do("GET", "/api/v1/apikeys/"+session, token(session)).fault(404, noKey)
	s.do("PUT", "/api/v1/apikeys/"+id, admin, body(`{"enabled":false}`)).want(200)
	s.do("DELETE", "/api/v1/apikeys/"+key, admin).want(204, "")
	s.do("DELETE", "/api/v1/apikeys/"+id, admin).fault(404, noKey)
}

// The CLI gets a key's record, changes one field and puts all of it back.
func TestKeyChange(t *testing.T) {
	s := newSite(t)
	session := s.logIn("bob")
	bob := token(session)
	key, id := s.makeKey(session)
	shown := s.do("GET", "/api/v1/apikeys/"+id, bob).body
	disabled := strings.Replace(shown, `"enabled":true`, `"enabled":false`, 1)
	s.do("PUT", "/api/v1/apikeys/"+id, bob, body(disabled)).want(200, disabled)
	s.do("GET", "/user", header("St2-Api-Key", key)).fault(401, "Unauthorized - API key is disabled.")
	s.do("PUT", "/api/v1/apikeys/"+id, bob, body(shown)).want(200, shown)
	s.do("GET", "/user", header("St2-Api-Key", key)).want(200)

	described := strings.Replace(shown, `"metadata":{}`, `"metadata":{"used_by":"jira"}`, 1)
	s.do("PUT", "/api/v1/apikeys/"+key, bob, body(`{"metadata":{"used_by":"jira"}}`)).want(200, described)
	s.do("PUT", "/api/v1/apikeys/"+id, bob, body(`{"enabled":false}`)).want(200)
	// What is not given stays: above all, a disabled key is not enabled by a change of something else.
	s.do("PUT", "/api/v1/apikeys/"+id, bob, body(`{}`)).want(200, strings.Replace(described, "true", "false", 1))
	s.do("PUT", "/api/v1/apikeys/"+id, bob, body(`{"metadata":{}}`)).want(200, disabled)

	other := strings.Repeat("ab", 64)
	s.do("PUT", "/api/v1/apikeys/"+id, bob, body(`{"key_hash":"`+other+`"}`)).fault(400, "Update of key_hash is not allowed.")
	found, err := s.engine.Get(t.Context(), store.ID(id))
	if err != nil {
		t.Fatal(err)
	}
	s.do("PUT", "/api/v1/apikeys/"+id, bob, body(`{"key_hash":"`+strings.ToUpper(found.Digest.Hex())+`","enabled":true}`)).want(200, shown)
	s.do("PUT", "/api/v1/apikeys/"+id, bob, body(`{"id":"58e3f3330c0517062a3fda43"}`)).fault(400, "Update of id is not allowed.")
	s.do("PUT", "/api/v1/apikeys/"+id, bob, body(`{"role":"x"}`)).fault(400, `Unknown field "role".`)
}

func TestKeyLoad(t *testing.T) {
	s := newSite(t)
	admin := token(s.logIn("alice"))
	const id, key = "58e3f3330c0517062a3fda43", "NzZiN2U4N2NkYzZjOTUxMTE2ZGQ5NGUzMTQ0ZTBiNzQ5NWYwYTM2NWE5OTVhYzNhNGYwYTJjOTRlY2ZhNGE5OQ"
	digest := sha512.Sum512([]byte("saltnpepper" + key))
	hash := hex.EncodeToString(digest[:])
	entry := `{"id":"` + id + `","user":"bill","key_hash":"` + hash + `","metadata":{"used_by":"jira"},"enabled":true}`
	s.do("PUT", "/apikeys/"+id, admin, body(entry)).fault(404, noKey)
	s.do("POST", "/apikeys", admin, body(entry)).want(201, `{"id":"`+id+
		`","uid":"********","user":"bill","key":null,"metadata":{"used_by":"jira"},"created_at":"2026-05-27T12:39:28.650231Z","enabled":true}`)
	for _, o := range []option{header("St2-Api-Key", key), header("X-API-Key", key), header("Authorization", "ApiKey "+key)} {
		s.do("GET", "/user", o).want(200, `{"username":"bill","authentication":{"method":"API key","location":"header"},"rbac":{"enabled":true,"roles":[],"is_admin":false}}`)
	}
	s.do("GET", "/user", token(key)).fault(401, "Unauthorized")
	s.do("GET", "/apikeys/"+key, admin).want(200, `{"id":"`+id+
		`","uid":"********","user":"bill","key_hash":"********","metadata":{"used_by":"jira"},"created_at":"2026-05-27T12:39:28.650231Z","enabled":true}`)
	s.do("PUT", "/apikeys/"+id, admin, body(entry)).want(200)
	const taken = "The id or the key hash is taken already."
	s.do("POST", "/apikeys", admin, body(entry)).fault(409, taken)
	s.do("POST", "/apikeys", admin, body(strings.Replace(entry, id, "58e3f3330c0517062a3fda44", 1))).fault(409, taken)
	s.do("POST", "/apikeys", admin, body(`{"id":"`+id+`"}`)).fault(409, taken)

	// What one Latchkey shows, another loads.
	made, madeID := s.makeKey(s.logIn("bob"))
	shown := s.do("GET", "/apikeys/"+madeID+"?show_secrets=True", admin).want(200).body
	second := newSite(t)
	second.do("POST", "/apikeys", token(second.logIn("alice")), body(shown)).want(201)
	second.do("GET", "/user", header("St2-Api-Key", made)).want(200)
}

func TestKeyPages(t *testing.T) {
	s := newSite(t)
	session := s.logIn("bob")
	bob, admin := token(session), token(s.logIn("alice"))
	var ids []string
	for i := range 5 {
		s.clock.advance(time.Second)
		made := s.do("POST", "/apikeys", bob, body(fmt.Sprintf(`{"metadata":{"n":%d}}`, i))).want(201)
		ids = append(ids, made.get("id"))
	}
	listed := regexp.MustCompile(`"id":"([0-9a-f]{24})"`)
	for _, c := range []struct {
		query, limit string
		want         []string
	}{
		{"", "50", ids},
		{"?limit=2", "2", ids[:2]},
		{"?offset=3", "50", ids[3:]},
		{"?offset=2&limit=1", "1", ids[2:3]},
		{"?offset=9", "50", nil},
		{"?after=" + ids[1], "50", ids[2:]},
		{"?after=" + ids[1] + "&limit=1", "1", ids[2:3]},
		{"?user=bob&limit=100", "100", ids},
	} {
		got := s.do("GET", "/apikeys"+c.query, bob).want(200)
		var found []string
		for _, match := range listed.FindAllStringSubmatch(got.body, -1) {
			found = append(found, match[1])
		}
		if strings.Join(found, " ") != strings.Join(c.want, " ") || got.header.Get("X-Total-Count") != "5" || got.header.Get("X-Limit") != c.limit {
			t.Errorf("%q: %v, headers %v", c.query, found, got.header)
		}
	}
	if got := s.do("GET", "/apikeys?limit=-1", admin).want(200); got.header.Get("X-Limit") != "-1" || len(listed.FindAllString(got.body, -1)) != 5 {
		t.Errorf("all: %s", got.body)
	}
	s.do("GET", "/apikeys?limit=1000", admin).want(200)
	s.do("GET", "/apikeys?limit=0", bob).fault(400, `Limit, "0" specified, must be a positive number or -1 for full result set.`)
	s.do("GET", "/apikeys?limit=-22", bob).fault(400, `Limit, "-22" specified, must be a positive number.`)
	s.do("GET", "/apikeys?limit=1000", bob).fault(403, `Limit "1000" specified, maximum value is "100"`)
}

func TestKeyAudit(t *testing.T) {
	s := newSite(t)
	session := s.logIn("bob")
	_, id := s.makeKey(session)
	for _, c := range []struct{ method, body, event, route string }{
		{"PUT", `{"enabled":false}`, audit.EventChange, "PUT /api/v1/apikeys/{id}"}, {"DELETE", "", audit.EventRevoke, "DELETE /api/v1/apikeys/{id}"},
	} {
		s.do(c.method, "/v1/apikeys/"+id, token(session), header("X-Request-ID", "abc"), body(c.body))
		if got := s.audit.last(); got.Event != c.event || got.User != "bob" || got.CredentialID != id || got.Route != c.route || got.RequestID != "abc" {
			t.Errorf("audit: %+v", got)
		}
	}
}

// A script that behaves as StackStorm's client does, with the same HTTP library.
func TestStackStormClient(t *testing.T) {
	s := newSite(t)
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("python3 is missing: apt-get install python3 python3-requests")
	}
	if err := exec.CommandContext(t.Context(), python, "-c", "import requests").Run(); err != nil {
		t.Fatal("the Python module requests is missing: apt-get install python3-requests")
	}
	for _, urls := range [][2]string{{"", "/v1"}, {"/auth/v1", "/api/v1"}} {
		// Names and passwords outside ASCII go out in Latin-1, which is what requests makes of them.
		command := exec.CommandContext(t.Context(), python, "testdata/st2client.py", s.url+urls[0], s.url+urls[1], "zoë", "secret", s.logIn("alice"))
		command.Env = []string{"HOME=" + t.TempDir(), "PYTHONDONTWRITEBYTECODE=1", "no_proxy=*", "LC_ALL=C.UTF-8"}
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", urls, err, out)
		}
		s.clock.advance(time.Hour)
	}
}
