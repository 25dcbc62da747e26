package api

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"latchkey/daemon/fault"
)

// bare returns a handler that has no services, and its log.
func bare(t *testing.T) (*Handler, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	h, err := New(Options{
		Log: slog.New(slog.NewTextHandler(&log, nil)), Now: time.Now, Random: strings.NewReader(strings.Repeat("x", 64)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return h, &log
}

func TestPanicIsA500(t *testing.T) {
	h, log := bare(t)
	for about, do := range map[string]func(*exchange) error{
		"a value":   func(*exchange) error { panic("canary") },
		"a runtime": func(x *exchange) error { x.route = nil; return x.route.handle(x) },
	} {
		h.mux, _ = newMux([]route{{pattern: "GET /x", handle: do}})
		log.Reset()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/x", nil))
		if w.Code != http.StatusInternalServerError || w.Body.String() != `{"faultstring":"Internal Server Error"}`+"\n" {
			t.Errorf("%s: %d %s", about, w.Code, w.Body)
		}
		if text := log.String(); !strings.Contains(text, w.Header().Get("X-Request-ID")) || !strings.Contains(text, "exchange_test.go") || strings.Contains(text, "canary") {
			t.Errorf("%s: log %s", about, text)
		}
	}
}

// Each kind of error has its status, and what it was caused by stays here.
func TestFaults(t *testing.T) {
	h, log := bare(t)
	for _, c := range []struct {
		err      error
		status   int
		sentence string
	}{
		{errors.New("canary"), 500, "Internal Server Error"},
		{&fault.Error{Kind: fault.Invalid}, 400, "The request cannot be understood."},
		{&fault.Error{Kind: fault.Unauthenticated}, 401, "Unauthorized"},
		{&fault.Error{Kind: fault.Forbidden}, 403, "Access was denied to this resource."},
		{&fault.Error{Kind: fault.NotFound}, 404, "The resource could not be found."},
		{&fault.Error{Kind: fault.Conflict}, 409, "It is taken already."},
		{&fault.Error{Kind: fault.TooLarge}, 413, "The request is too large."},
		{&fault.Error{Kind: fault.Limited, RetryAfter: 1500 * time.Millisecond}, 429, "Too many tries from this address; wait before the next one."},
		{fault.Unavailablef("store_unavailable", errors.New("canary")), 503, "The service cannot decide this now; try again later."},
		{errors.Join(fault.Invalidf("public <&> sentence"), errors.New("canary")), 400, "public <&> sentence"},
		{fault.Invalidf("x").Because(errors.New("canary")), 400, "x"},
	} {
		h.mux, _ = newMux([]route{{pattern: "GET /x", handle: func(*exchange) error { return c.err }}})
		log.Reset()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/x", nil))
		if w.Code != c.status || strings.TrimSpace(w.Body.String()) != `{"faultstring":"`+c.sentence+`"}` {
			t.Errorf("%v: %d %s", c.err, w.Code, w.Body)
		}
		if (w.Header().Get("WWW-Authenticate") != "") != (c.status == 401) {
			t.Errorf("%v: headers %v", c.err, w.Header())
		}
		if want := map[int]string{429: "2", 503: "1"}[c.status]; w.Header().Get("Retry-After") != want {
			t.Errorf("%v: headers %v", c.err, w.Header())
		}
		if strings.Contains(log.String(), "canary") != (c.status >= 500) {
			t.Errorf("%v: log %s", c.err, log)
		}
	}
}

func TestObserve(t *testing.T) {
	h, _ := bare(t)
	var seen []Observation
	h.observe = func(o Observation) { seen = append(seen, o) }
	h.mux, _ = newMux([]route{{pattern: "GET /api/v1/x/{id}", bases: apiBases(), handle: func(x *exchange) error { x.WriteHeader(204); return nil }}})
	for _, path := range []string{"/v1/x/canary", "/canary"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	}
	if len(seen) != 2 || seen[0].Route != "GET /api/v1/x/{id}" || seen[0].Status != 204 || seen[1].Route != "none" || seen[1].Status != 404 {
		t.Errorf("%+v", seen)
	}
}

// Successful checks are asked all day long and are not worth a line each; their refusals are.
func TestAccessLog(t *testing.T) {
	h, log := bare(t)
	h.mux, _ = newMux([]route{
		{pattern: "GET /api/v1/quiet", bases: apiBases(), quiet: true, handle: func(x *exchange) error { x.WriteHeader(200); return nil }},
		{pattern: "GET /api/v1/refused", quiet: true, handle: func(*exchange) error { return errNone }},
		{pattern: "PUT /api/v1/loud/{id}", bases: apiBases(), handle: func(x *exchange) error { x.WriteHeader(204); return nil }},
	})
	for _, c := range []struct{ method, path, want string }{
		{"GET", "/quiet", ""},
		{"GET", "/api/v1/refused", `level=INFO msg=request method=GET route="GET /api/v1/refused" status=401`},
		{"PUT", "/v1/loud/canary?x=canary", `level=INFO msg=request method=PUT route="PUT /api/v1/loud/{id}" status=204`},
		{"GET", "/canary", `level=INFO msg=request method=GET route=none status=404`},
		{"canaryPOST", "/api/v1/refused", `level=INFO msg=request method=other route=none status=405`},
	} {
		log.Reset()
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(c.method, c.path, nil))
		if text := log.String(); !strings.Contains(text, c.want) || (c.want == "" && text != "") || strings.Contains(text, "canary") || strings.Count(text, "\n") > 1 {
			t.Errorf("%s %s: %s", c.method, c.path, text)
		}
	}
}

func TestTidy(t *testing.T) {
	for path, want := range map[string]bool{
		"/": true, "/a": true, "/a/": true, "/a/b.c": true, "/a..b": true, "": false, "*": false, "a": false,
		"//": false, "/a//": false, "/a//b": false, "/./a": false, "/a/.": false, "/a/..": false, "/../a": false, "/a/../b": false,
	} {
		if got := tidy(path); got != want {
			t.Errorf("%q: %v", path, got)
		}
	}
}
