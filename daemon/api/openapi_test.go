package api_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"latchkey/daemon/api"
)

// contract holds requests and answers to openapi.json.
type contract struct {
	document *openapi3.T
	router   routers.Router
}

// parseContract reads the document once for all sites.
var parseContract = sync.OnceValues(func() (*contract, error) {
	document, err := openapi3.NewLoader().LoadFromData(api.Contract)
	if err != nil {
		return nil, err
	}
	if err := document.Validate(context.Background()); err != nil {
		return nil, err
	}
	router, err := gorillamux.NewRouter(document)
	return &contract{document: document, router: router}, err
})

func loadContract(t testing.TB) *contract {
	t.Helper()
	c, err := parseContract()
	if err != nil {
		t.Fatalf("openapi.json: %v", err)
	}
	return c
}

// check fails the test when the contract does not know the answer, or when it does not know a request that was accepted.
func (c *contract) check(t testing.TB, r *http.Request, sent []byte, response *http.Response, received []byte) {
	t.Helper()
	if r.Method == http.MethodHead && !strings.HasPrefix(r.URL.Path, "/auth/v1/verify") {
		return // GET without the body, which the contract does not repeat
	}
	if r.Header.Get("Access-Control-Request-Method") != "" && response.StatusCode == http.StatusNoContent {
		return // a preflight
	}
	request := r.Clone(r.Context())
	request.Body = io.NopCloser(bytes.NewReader(sent))
	request.URL.Path, request.URL.RawPath = documented(request.Method, request.URL.Path), ""
	route, params, err := c.router.FindRoute(request)
	if errors.Is(err, routers.ErrPathNotFound) || errors.Is(err, routers.ErrMethodNotAllowed) {
		if response.StatusCode < http.StatusBadRequest {
			t.Errorf("%s %s: %d, and not in the contract", r.Method, r.URL.Path, response.StatusCode)
		}
		return
	}
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	input := &openapi3filter.RequestValidationInput{
		Request: request, PathParams: params, Route: route,
		Options: &openapi3filter.Options{
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, SkipSettingDefaults: true,
			ExcludeRequestBody: !hasBody(route, r.Header.Get("Content-Type")),
		},
	}
	if response.StatusCode < http.StatusBadRequest {
		if err := openapi3filter.ValidateRequest(r.Context(), input); err != nil {
			t.Errorf("%s %s was accepted and is not in the contract: %v", r.Method, r.URL.Path, err)
		}
	}
	output := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: response.StatusCode, Header: response.Header, Options: input.Options,
		Body: io.NopCloser(bytes.NewReader(received)),
	}
	if err := openapi3filter.ValidateResponse(r.Context(), output); err != nil {
		t.Errorf("%s %s: the answer is not in the contract: %v", r.Method, r.URL.Path, err)
	}
}

// hasBody reports whether the contract describes a body of this type; that JSON is read under other types is only in words.
func hasBody(route *routers.Route, contentType string) bool {
	body := route.Operation.RequestBody
	return body != nil && body.Value.Content.Get(contentType) != nil
}

// documented returns the documented form of a path.
func documented(method, path string) string {
	path = strings.TrimSuffix(path, "/")
	if strings.HasPrefix(path, "/auth/v1/verify/") {
		return "/auth/v1/verify"
	}
	for _, prefix := range []string{"/auth/v1/", "/auth/", "/api/v1/", "/api/", "/v1/", "/"} {
		rest, ok := strings.CutPrefix(path, prefix)
		if !ok {
			continue
		}
		switch word, _, _ := strings.Cut(rest, "/"); {
		case word == "tokens" && method == http.MethodPost && !strings.HasPrefix(prefix, "/api"):
			return "/auth/v1/" + rest
		case (word == "apikeys" || word == "user") && !strings.HasPrefix(prefix, "/auth"):
			return "/api/v1/" + rest
		}
		break
	}
	return path
}

// Every route is in the contract, and nothing else is.
func TestContractHasEveryRoute(t *testing.T) {
	inContract := map[string]bool{}
	for path, item := range loadContract(t).document.Paths.Map() {
		for method := range item.Operations() {
			if path != "/auth/v1/verify" { // which takes any method
				inContract[method+" "+path] = true
			}
		}
	}
	for _, pattern := range api.Patterns() {
		if !inContract[pattern] {
			t.Errorf("%s is not in the contract", pattern)
		}
		delete(inContract, pattern)
	}
	for pattern := range inContract {
		t.Errorf("%s is in the contract and not served", pattern)
	}
}

func TestContractIsServed(t *testing.T) {
	s := newSite(t)
	got := s.do("GET", "/api/v1/openapi.json").want(http.StatusOK)
	if got.body != strings.TrimSpace(string(api.Contract)) || got.header.Get("Content-Type") != "application/json" {
		t.Error("another document is served")
	}
}
