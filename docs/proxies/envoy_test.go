package proxies_test

import (
	"io"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// envoyClient is the address of the client as the stand-in for Envoy sees it: Envoy writes it behind what the client says in
// X-Forwarded-For, and the door reads from the right.
const envoyClient = "198.51.100.7"

// pattern is one of Envoy's string matchers.
type pattern struct {
	Exact     string `yaml:"exact"`
	SafeRegex *struct {
		Regex string `yaml:"regex"`
	} `yaml:"safe_regex"`
}

// match reports whether all of s is what the pattern asks for.
func (p pattern) match(s string) bool {
	if p.SafeRegex == nil {
		return p.Exact == s
	}
	return regexp.MustCompile(`\A(?:` + p.SafeRegex.Regex + `)\z`).MatchString(s)
}

// patterns is a list of string matchers.
type patterns struct {
	Patterns []pattern `yaml:"patterns"`
}

// match reports whether one of the patterns matches.
func (p patterns) match(s string) bool {
	return slices.ContainsFunc(p.Patterns, func(one pattern) bool { return one.match(s) })
}

// rule is a permission or a principal of the filter RBAC.
type rule struct {
	Any    bool `yaml:"any"`
	Header *struct {
		Name        string  `yaml:"name"`
		StringMatch pattern `yaml:"string_match"`
	} `yaml:"header"`
	URLPath *struct {
		Path pattern `yaml:"path"`
	} `yaml:"url_path"`
	NotRule *rule `yaml:"not_rule"`
}

// holds reports whether the rule holds for a request.
func (x *rule) holds(r *http.Request) bool {
	switch {
	case x.NotRule != nil:
		return !x.NotRule.holds(r)
	case x.URLPath != nil:
		at, _, _ := strings.Cut(r.URL.RequestURI(), "?")
		return x.URLPath.Path.match(at)
	case x.Header != nil && x.Header.Name == ":path":
		return x.Header.StringMatch.match(r.URL.RequestURI())
	case x.Header != nil:
		return x.Header.StringMatch.match(strings.Join(r.Header.Values(x.Header.Name), ","))
	}
	return x.Any
}

// filterConfig is the typed_config of the HTTP filters that the file uses: RBAC, HeaderMutation, ExtAuthz, Router.
type filterConfig struct {
	Type      string `yaml:"@type"`
	Mutations *struct {
		RequestMutations []struct {
			Remove string `yaml:"remove"`
		} `yaml:"request_mutations"`
	} `yaml:"mutations"`
	Rules *struct {
		Action   string `yaml:"action"`
		Policies map[string]struct {
			Permissions []*rule `yaml:"permissions"`
			Principals  []*rule `yaml:"principals"`
		} `yaml:"policies"`
	} `yaml:"rules"`

	TransportAPIVersion string `yaml:"transport_api_version"`
	FailureModeAllow    bool   `yaml:"failure_mode_allow"`
	StatusOnError       struct {
		Code string `yaml:"code"`
	} `yaml:"status_on_error"`
	AllowedHeaders patterns `yaml:"allowed_headers"`
	HTTPService    *struct {
		ServerURI struct {
			URI     string `yaml:"uri"`
			Cluster string `yaml:"cluster"`
			Timeout string `yaml:"timeout"`
		} `yaml:"server_uri"`
		PathPrefix            string `yaml:"path_prefix"`
		AuthorizationResponse struct {
			AllowedUpstreamHeaders patterns `yaml:"allowed_upstream_headers"`
			AllowedClientHeaders   patterns `yaml:"allowed_client_headers"`
		} `yaml:"authorization_response"`
	} `yaml:"http_service"`
}

// address is Envoy's way to write one.
type address struct {
	SocketAddress struct {
		Address   string `yaml:"address"`
		PortValue string `yaml:"port_value"`
	} `yaml:"socket_address"`
}

// manager is the typed_config of the HTTP connection manager.
type manager struct {
	Type                      string `yaml:"@type"`
	StatPrefix                string `yaml:"stat_prefix"`
	UseRemoteAddress          bool   `yaml:"use_remote_address"`
	CommonHTTPProtocolOptions struct {
		HeadersWithUnderscoresAction string `yaml:"headers_with_underscores_action"`
	} `yaml:"common_http_protocol_options"`
	NormalizePath                bool   `yaml:"normalize_path"`
	MergeSlashes                 bool   `yaml:"merge_slashes"`
	PathWithEscapedSlashesAction string `yaml:"path_with_escaped_slashes_action"`
	HTTPFilters                  []struct {
		Name        string       `yaml:"name"`
		TypedConfig filterConfig `yaml:"typed_config"`
	} `yaml:"http_filters"`
	RouteConfig struct {
		RequestHeadersToRemove []string `yaml:"request_headers_to_remove"`
		VirtualHosts           []struct {
			Name    string   `yaml:"name"`
			Domains []string `yaml:"domains"`
			Routes  []struct {
				Match map[string]string `yaml:"match"`
				Route map[string]string `yaml:"route"`
			} `yaml:"routes"`
		} `yaml:"virtual_hosts"`
	} `yaml:"route_config"`
}

// bootstrap is the whole file.
type bootstrap struct {
	StaticResources struct {
		Listeners []struct {
			Name         string  `yaml:"name"`
			Address      address `yaml:"address"`
			FilterChains []struct {
				Filters []struct {
					Name        string  `yaml:"name"`
					TypedConfig manager `yaml:"typed_config"`
				} `yaml:"filters"`
			} `yaml:"filter_chains"`
		} `yaml:"listeners"`
		Clusters []struct {
			Name           string `yaml:"name"`
			Type           string `yaml:"type"`
			ConnectTimeout string `yaml:"connect_timeout"`
			LoadAssignment struct {
				ClusterName string `yaml:"cluster_name"`
				Endpoints   []struct {
					LBEndpoints []struct {
						Endpoint struct {
							Address address `yaml:"address"`
						} `yaml:"endpoint"`
					} `yaml:"lb_endpoints"`
				} `yaml:"endpoints"`
			} `yaml:"load_assignment"`
		} `yaml:"clusters"`
	} `yaml:"static_resources"`
}

// envoy stands in for Envoy: it does what https://www.envoyproxy.io/docs says of the few things that envoy.yaml uses.
type envoy struct {
	t       *testing.T
	manager manager
	door    string // where the cluster of the door is
	service string
}

// ServeHTTP normalises the path, drops headers with underscores, and runs the filters in their order.
func (x *envoy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	escaped := strings.ToLower(r.URL.EscapedPath())
	if strings.Contains(escaped, "%2f") || strings.Contains(escaped, "%5c") {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if cleaned := path.Clean("/" + r.URL.Path); cleaned != strings.TrimSuffix(r.URL.Path, "/") && cleaned != r.URL.Path {
		r.URL.Path, r.URL.RawPath = cleaned, ""
	}
	for name := range r.Header {
		if strings.Contains(name, "_") {
			r.Header.Del(name)
			delete(r.Header, name)
		}
	}
	r.Header.Del("Connection") // but not what it names
	r.Header.Set("X-Forwarded-For", strings.Join(append(r.Header["X-Forwarded-For"], envoyClient), ","))
	for _, filter := range x.manager.HTTPFilters {
		switch config := filter.TypedConfig; {
		case config.Rules != nil:
			if config.allows(r) {
				continue
			}
			w.WriteHeader(http.StatusForbidden)
			return
		case config.Mutations != nil:
			for _, mutation := range config.Mutations.RequestMutations {
				r.Header.Del(mutation.Remove)
			}
		case config.HTTPService != nil:
			if !x.authorize(w, r, config) {
				return
			}
		}
	}
	for _, name := range x.manager.RouteConfig.RequestHeadersToRemove {
		r.Header.Del(name)
	}
	pass(w, r, x.service)
}

// allows reports whether the filter RBAC lets a request go on.
func (c *filterConfig) allows(r *http.Request) bool {
	matched := false
	for _, policy := range c.Rules.Policies {
		holds := func(x *rule) bool { return x.holds(r) }
		matched = matched || slices.ContainsFunc(policy.Permissions, holds) && slices.ContainsFunc(policy.Principals, holds)
	}
	return matched == (c.Rules.Action == "ALLOW")
}

// authorize asks the door: the client's method, and its path and query behind the prefix, with Host, Authorization, Content-Length
// of 0 and the allowed headers. 200 alone lets the request go on, with the allowed headers of the answer in place of its own.
// No answer, or one of 5xx, is status_on_error.
func (x *envoy) authorize(w http.ResponseWriter, r *http.Request, c filterConfig) bool {
	question, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+x.door+c.HTTPService.PathPrefix+r.URL.RequestURI(), nil)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return false
	}
	question.Host = r.Host
	for name, values := range r.Header {
		if lower := strings.ToLower(name); lower == "authorization" || c.AllowedHeaders.match(lower) {
			question.Header[name] = values
		}
	}
	answer := ask(question)
	if answer != nil {
		defer answer.Body.Close()
	}
	if answer == nil || answer.StatusCode >= 500 {
		if c.FailureModeAllow || c.StatusOnError.Code != "ServiceUnavailable" {
			x.t.Errorf("envoy.yaml does not fail closed: %+v", c)
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		return false
	}
	if answer.StatusCode != http.StatusOK {
		for name, values := range answer.Header {
			if c.HTTPService.AuthorizationResponse.AllowedClientHeaders.match(strings.ToLower(name)) {
				w.Header()[name] = values
			}
		}
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body) // the client may have gone
		return false
	}
	for name, values := range answer.Header {
		if c.HTTPService.AuthorizationResponse.AllowedUpstreamHeaders.match(strings.ToLower(name)) {
			r.Header[name] = values
		}
	}
	return true
}

// standInOf returns the stand-in for the file, whose addresses must be what its comments say.
func standInOf(t *testing.T, f *front) *envoy {
	t.Helper()
	var file bootstrap
	configured(t, "envoy.yaml", &file)
	x := &envoy{t: t, manager: file.StaticResources.Listeners[0].FilterChains[0].Filters[0].TypedConfig, door: f.site.address, service: f.service.address()}
	for i, want := range []string{"9100", "8000"} {
		if got := file.StaticResources.Clusters[i].LoadAssignment.Endpoints[0].LBEndpoints[0].Endpoint.Address.SocketAddress; got.Address != "127.0.0.1" || got.PortValue != want {
			t.Errorf("cluster %d is at %+v", i, got)
		}
	}
	m := x.manager
	if !m.UseRemoteAddress || !m.NormalizePath || !m.MergeSlashes || m.PathWithEscapedSlashesAction != "REJECT_REQUEST" || m.CommonHTTPProtocolOptions.HeadersWithUnderscoresAction != "DROP_HEADER" {
		t.Errorf("the stand-in does what envoy.yaml no longer asks for: %+v", m)
	}
	return x
}

func TestEnvoy(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	f.outage, f.unsure = 503, 503
	stand := standInOf(t, f)
	var order []string
	for _, filter := range stand.manager.HTTPFilters {
		order = append(order, filter.Name)
		if door := filter.TypedConfig.HTTPService; door != nil {
			for _, name := range identityHeaders() {
				if !door.AuthorizationResponse.AllowedUpstreamHeaders.match(strings.ToLower(name)) {
					t.Errorf("%s does not go to the service", name)
				}
			}
			if door.PathPrefix != "/auth/v1/verify" || door.ServerURI.Cluster != "latchkey" {
				t.Errorf("the door is %+v", door)
			}
		}
	}
	if want := []string{"latchkey-refused", "latchkey-clean", "latchkey-door", "latchkey-roles", "envoy.filters.http.router"}; !slices.Equal(order, want) {
		t.Errorf("the filters are %q, want %q", order, want)
	}
	for _, name := range append(believedHeaders(), "Authorization", "X-Auth-Token", "St2-Api-Key", "X-Api-Key") {
		if !slices.Contains(stand.manager.RouteConfig.RequestHeadersToRemove, strings.ToLower(name)) {
			t.Errorf("%s is not removed", name)
		}
	}
	f.standIn(t, stand)
	f.testDoor(t)
}
