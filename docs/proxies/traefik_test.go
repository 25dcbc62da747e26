package proxies_test

import (
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// forwardAuth is Traefik's middleware of this name.
type forwardAuth struct {
	Address             string   `yaml:"address"`
	TrustForwardHeader  bool     `yaml:"trustForwardHeader"`
	AuthResponseHeaders []string `yaml:"authResponseHeaders"`
}

// traefikMiddleware is one of the kinds that the file uses.
type traefikMiddleware struct {
	ForwardAuth *forwardAuth `yaml:"forwardAuth"`
	Headers     *struct {
		CustomRequestHeaders map[string]string `yaml:"customRequestHeaders"`
	} `yaml:"headers"`
}

// traefikRouter is a router.
type traefikRouter struct {
	EntryPoints []string `yaml:"entryPoints"`
	Rule        string   `yaml:"rule"`
	Priority    int      `yaml:"priority"`
	Middlewares []string `yaml:"middlewares"`
	Service     string   `yaml:"service"`
}

// traefik stands in for Traefik: it does what https://doc.traefik.io says of the few things that traefik.yaml uses.
type traefik struct {
	HTTP struct {
		Routers     map[string]*traefikRouter     `yaml:"routers"`
		Middlewares map[string]*traefikMiddleware `yaml:"middlewares"`
		Services    map[string]struct {
			LoadBalancer struct {
				Servers []struct {
					URL string `yaml:"url"`
				} `yaml:"servers"`
			} `yaml:"loadBalancer"`
		} `yaml:"services"`
	} `yaml:"http"`

	t *testing.T
}

// matcher is one call of a rule, such as !PathRegexp(`…`).
var matcher = regexp.MustCompile("^(!?)(PathPrefix|PathRegexp|QueryRegexp)\\(`([^`]*)`(?:, `([^`]*)`)?\\)$")

// matches reports whether all matchers of a rule hold.
func (x *traefik) matches(rule string, u *url.URL) bool {
	for part := range strings.SplitSeq(rule, " && ") {
		call := matcher.FindStringSubmatch(part)
		if call == nil {
			x.t.Errorf("the stand-in does not know the matcher %q", part)
			return false
		}
		var holds bool
		switch call[2] {
		case "PathPrefix":
			holds = strings.HasPrefix(u.Path, call[3])
		case "PathRegexp":
			holds = regexp.MustCompile(call[3]).MatchString(u.Path)
		case "QueryRegexp":
			holds = slices.ContainsFunc(u.Query()[call[3]], regexp.MustCompile(call[4]).MatchString)
		}
		if holds == (call[1] == "!") {
			return false
		}
	}
	return true
}

// ServeHTTP takes the router of the highest priority whose rule holds.
func (x *traefik) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	routers := slices.SortedFunc(maps.Values(x.HTTP.Routers), func(a, b *traefikRouter) int { return b.Priority - a.Priority })
	for _, router := range routers {
		if !x.matches(router.Rule, r.URL) {
			continue
		}
		for _, name := range router.Middlewares {
			if !x.HTTP.Middlewares[name].serve(w, r) {
				return
			}
		}
		pass(w, r, strings.TrimPrefix(x.HTTP.Services[router.Service].LoadBalancer.Servers[0].URL, "http://"))
		return
	}
	http.NotFound(w, r)
}

// serve applies a middleware to a request and reports whether the request goes on.
func (m *traefikMiddleware) serve(w http.ResponseWriter, r *http.Request) bool {
	if m.ForwardAuth != nil {
		return m.ForwardAuth.serve(w, r)
	}
	for name, value := range m.Headers.CustomRequestHeaders {
		if r.Header.Del(name); value != "" {
			r.Header.Set(name, value)
		}
	}
	return true
}

// serve asks the door: GET, with the client's headers and with X-Forwarded-Method, -Proto, -Host, -Uri and -For. 2xx lets the
// request go on with the listed headers of the answer in place of its own, and any other answer is the client's.
func (a *forwardAuth) serve(w http.ResponseWriter, r *http.Request) bool {
	withoutConnection(r.Header)
	question, err := http.NewRequestWithContext(r.Context(), http.MethodGet, a.Address, nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return false
	}
	question.Header = r.Header.Clone()
	question.Header.Del("Content-Length")
	for name, value := range map[string]string{
		"X-Forwarded-Method": r.Method, "X-Forwarded-Proto": "http", "X-Forwarded-Host": r.Host, "X-Forwarded-Uri": r.RequestURI, "X-Forwarded-For": remote(r),
	} {
		question.Header.Set(name, value)
	}
	answer := ask(question)
	if answer == nil {
		w.WriteHeader(http.StatusInternalServerError)
		return false
	}
	defer answer.Body.Close()
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		maps.Copy(w.Header(), answer.Header)
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body) // the client may have gone
		return false
	}
	for _, name := range a.AuthResponseHeaders {
		name = http.CanonicalHeaderKey(name)
		r.Header.Del(name)
		if values := answer.Header[name]; len(values) > 0 {
			r.Header[name] = slices.Clone(values)
		}
	}
	return true
}

func TestTraefik(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	f.outage, f.unsure = 500, 503
	stand := &traefik{t: t}
	configured(t, "traefik.yaml", stand, "127.0.0.1:9100", f.site.address, "127.0.0.1:8000", f.service.address())
	for name, router := range stand.HTTP.Routers {
		if len(router.Middlewares) != 2 || router.Middlewares[1] != "latchkey-behind" {
			t.Errorf("router %s has the middlewares %q", name, router.Middlewares)
		}
		door := stand.HTTP.Middlewares[router.Middlewares[0]].ForwardAuth
		if door == nil || !slices.Equal(door.AuthResponseHeaders, identityHeaders()) || door.TrustForwardHeader {
			t.Errorf("router %s asks %+v", name, door)
		}
	}
	removed := stand.HTTP.Middlewares["latchkey-behind"].Headers.CustomRequestHeaders
	for _, name := range append(believedHeaders(), "Authorization", "X-Auth-Token", "St2-Api-Key", "X-Api-Key") {
		if value, ok := removed[name]; !ok || value != "" {
			t.Errorf("%s is not removed", name)
		}
	}
	f.standIn(t, stand)
	f.testDoor(t)
}
