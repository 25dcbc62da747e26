package client

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// told writes the headers of the door's acceptance.
func told(w http.ResponseWriter, changed map[string]string) {
	for _, name := range toldHeaders() {
		w.Header().Set(name, "")
	}
	w.Header().Set("X-Auth-User", "bob")
	for name, value := range changed {
		w.Header().Set(name, value)
	}
}

// visit sends a request through Require("ops") to a handler that writes the visitor's name.
func visit(c *Client, change func(*http.Request)) *httptest.ResponseRecorder {
	handler := c.Require("ops", "dev")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, ok := VisitorOf(r.Context())
		_, _ = io.WriteString(w, strings.Join([]string{who.User, strings.Join(who.Groups, "|"), r.Header.Get("X-Auth-User"), r.Header.Get("Authorization")}, ";"))
		if !ok {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	request := httptest.NewRequest(http.MethodPost, "/job", strings.NewReader("body"))
	request.Header.Set("Authorization", "Bearer lks_1")
	if change != nil {
		change(request)
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder
}

// The door is asked with the visitor's own credential and the roles, and the handler sees who it is but neither the credential
// nor a name that the visitor made up. hazard 36, hazard 42
func TestRequireAccepts(t *testing.T) {
	c := server(t, key(), func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/auth/v1/verify" || r.URL.RawQuery != "roles=ops%2Cdev" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		if r.Header.Get("Authorization") != "Bearer lks_1" || r.Header.Get("St2-Api-Key") != "" || r.Header.Get("X-Auth-User") != "" {
			t.Errorf("%v", r.Header)
		}
		told(w, map[string]string{"X-Auth-Groups": "wheel,a%2Cb%25", "X-Auth-Expires": "2026-05-28T12:39:28.650231Z"})
	})
	got := visit(c, func(r *http.Request) { r.Header.Set("X-Auth-User", "root") })
	if got.Code != http.StatusOK || got.Body.String() != "bob;wheel|a,b%;;" {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

// Two credentials of one kind are passed on as two, for the server to refuse. hazard 11
func TestRequirePassesBothOn(t *testing.T) {
	c := server(t, nil, func(w http.ResponseWriter, r *http.Request) {
		if !slices.Equal(r.Header["Authorization"], []string{"Bearer lks_1", "Bearer lks_2"}) {
			t.Errorf("%q", r.Header["Authorization"])
		}
		answer(w, 400, `{"faultstring":"Two Authorization headers."}`)
	})
	if got := visit(c, func(r *http.Request) { r.Header.Add("Authorization", "Bearer lks_2") }); got.Code != http.StatusBadRequest {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

// Whatever is no clear yes lets nobody in: a refusal is passed on, and all else is 503.
func TestRequireRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		door http.HandlerFunc
		want int
	}{
		"401":              {func(w http.ResponseWriter, _ *http.Request) { answer(w, 401, `{"faultstring":"Unauthorized"}`) }, 401},
		"403":              {func(w http.ResponseWriter, _ *http.Request) { answer(w, 403, `{"faultstring":"no"}`) }, 403},
		"404":              {func(w http.ResponseWriter, _ *http.Request) { answer(w, 404, `{}`) }, 503},
		"429":              {func(w http.ResponseWriter, _ *http.Request) { answer(w, 429, `{}`) }, 503},
		"500":              {func(w http.ResponseWriter, _ *http.Request) { answer(w, 500, `{}`) }, 503},
		"204":              {func(w http.ResponseWriter, _ *http.Request) { told(w, nil); w.WriteHeader(204) }, 503},
		"redirect":         {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/ok", http.StatusFound) }, 503},
		"a web page":       {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "welcome") }, 503},
		"nobody":           {func(w http.ResponseWriter, _ *http.Request) { told(w, map[string]string{"X-Auth-User": ""}) }, 503},
		"two users":        {func(w http.ResponseWriter, _ *http.Request) { told(w, nil); w.Header().Add("X-Auth-User", "root") }, 503},
		"a bent time":      {func(w http.ResponseWriter, _ *http.Request) { told(w, map[string]string{"X-Auth-Expires": "soon"}) }, 503},
		"a bent escape":    {func(w http.ResponseWriter, _ *http.Request) { told(w, map[string]string{"X-Auth-Roles": "ops%2"}) }, 503},
		"connection reset": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 503},
	} {
		got := visit(server(t, nil, test.door), nil)
		if got.Code != test.want || !strings.Contains(got.Body.String(), "faultstring") || strings.Contains(got.Body.String(), "bob") {
			t.Errorf("%s: %d %s, want %d", name, got.Code, got.Body, test.want)
		}
		if (got.Code == http.StatusUnauthorized) != (got.Header().Get("WWW-Authenticate") != "") {
			t.Errorf("%s: challenge %q", name, got.Header().Get("WWW-Authenticate"))
		}
	}
}
