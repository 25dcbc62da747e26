package api

import (
	"testing"

	"latchkey/daemon/fault"
)

// hazards 43 and 44
func TestAliased(t *testing.T) {
	for name, want := range map[string]bool{
		"X-Auth-User": false, "X-Forwarded-User": false, "Accept": false, "X_Request_Id": false, "X.Forwarded.For": false,
		"X_Auth_User": true, "x_auth_user": true, "X-Auth_User": true, "X.Auth.User": true, "X_Auth.Roles": true, "X_auth_credential_id": true,
		"X_Forwarded_User": true, "Remote_User": true, "REMOTE_USER": true, "Remote.Groups": true,
	} {
		if got := aliased(map[string][]string{name: {"admin"}}); got != want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestSatisfies(t *testing.T) {
	roles := []string{"ops", "dev"}
	for query, want := range map[string]bool{
		"": true, "x=1": true, "role=ops": true, "role=boss&role=dev": true, "role=boss": false, "role=": false, "role=Ops": false,
		"role=ops,dev": false, "roles=ops,dev": true, "roles=ops, dev": true, "roles=ops,boss": false, "roles=": false, "roles=ops,": false,
		"roles=ops&roles=boss": false, "role=boss&roles=ops": false, "role=ops&roles=boss": false, "norole=1": true,
	} {
		if got, err := satisfies(roles, query); err != nil || got != want {
			t.Errorf("%q: got %v, %v", query, got, err)
		}
	}
	for _, query := range []string{"role=ops;x=1", "role=%zz", "role=ops&%"} {
		if _, err := satisfies(roles, query); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: got %v", query, err)
		}
	}
}

func TestJoined(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  string
	}{
		{nil, ""},
		{[]string{"wheel"}, "wheel"},
		{[]string{"wheel", "dev team", "zoë"}, "wheel,dev team,zoë"},
		{[]string{"x,admin", "100%"}, "x%2Cadmin,100%25"},
		{[]string{"a\r\nX-Auth-Roles: admin"}, "a%0D%0AX-Auth-Roles: admin"},
	} {
		if got := joined(c.names); got != c.want {
			t.Errorf("%q: got %q, want %q", c.names, got, c.want)
		}
	}
}
