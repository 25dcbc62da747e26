package conf

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"latchkey/plugins/secret"
)

// defaultBackend is StackStorm's, and ours.
const defaultBackend = "flat_file"

// backendName is the form of a backend's name. Two underscores in a row would be ambiguous in an environment variable.
var backendName = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// maxBackendName is the longest name of a backend.
const maxBackendName = 32

// secretBackendKey is a backend's setting that holds a secret. The backends' keys are not known here, so it goes by the name.
var secretBackendKey = regexp.MustCompile(`(?i)(password|passwd|secret|token)$`)

// chain returns the names in [auth] backend.
func (r *reader) chain() []string {
	given, ok := r.value("auth", "backend")
	if !ok {
		return []string{defaultBackend}
	}
	return list(given.value)
}

// takeBackends reads [auth] backend, backend_kwargs and the sections [backend.NAME]. backend_kwargs belong to the first
// backend of the chain, which is the only one in StackStorm; the section of that backend wins over them, key by key. In proxy
// mode nobody is asked for a password and there are no backends.
func (r *reader) takeBackends(c *Config) {
	at := r.position("auth", "backend")
	var names []string
	for _, name := range r.chain() {
		switch {
		case !backendName.MatchString(name) || len(name) > maxBackendName:
			r.fault(at, "[auth] backend: %q: a backend's name is small letters, digits and single underscores, such as %s", printable(name), defaultBackend)
		case slices.Contains(names, name):
			r.fault(at, "[auth] backend: %s is there twice", name)
		default:
			names = append(names, name)
		}
	}
	for i, name := range names {
		if backend := r.backend(name, at, i == 0); c.Auth.Mode != ModeProxy {
			c.Backends = append(c.Backends, backend)
		}
	}
	if _, ok := r.value("auth", "backend"); ok && c.Auth.Mode == ModeProxy {
		r.notice(at, "[auth] backend: in proxy mode the web server in front asks for passwords, so it is not used")
	}
	if c.Verify.AllowBasic && c.Auth.Mode == ModeProxy {
		r.fault(r.position("verify", "allow_basic"), "[verify] allow_basic: in proxy mode no backend checks a password; set it to False")
	}
	for _, section := range r.backendSections() {
		name := strings.TrimPrefix(section, backendPrefix)
		switch {
		case !backendName.MatchString(name):
			r.fault(r.position(section, ""), "[%s]: after the dot stands a backend's name, such as [backend.ldap]", printable(section))
		case !slices.Contains(names, name):
			r.notice(r.position(section, ""), "[%s]: %s is not in [auth] backend, so the section is not used%s", section, name, didYouMean(name, names))
		}
	}
}

// backendSections returns the names of the sections [backend.NAME] that are there, in order.
func (r *reader) backendSections() []string {
	var names []string
	for _, section := range append(sortedKeys(r.settings), sortedKeys(r.begins)...) {
		if strings.HasPrefix(section, backendPrefix) && !slices.Contains(names, section) {
			names = append(names, section)
		}
	}
	slices.Sort(names)
	return names
}

// backend puts one backend's settings together.
func (r *reader) backend(name string, chain Position, first bool) Backend {
	b := Backend{Name: name, positions: map[string]Position{"": chain}}
	values := map[string]any{}
	if kwargs, ok := r.value("auth", "backend_kwargs"); ok && first {
		values = r.kwargs(kwargs, &b)
	}
	section := backendPrefix + name
	if begin, ok := r.begins[section]; ok {
		b.positions[""] = begin
	}
	for _, key := range sortedKeys(r.settings[section]) {
		given := r.settings[section][key]
		values[key], b.positions[key] = given.value, given.position
		if !secretBackendKey.MatchString(key) || isNone(given.value) {
			continue
		}
		what := fmt.Sprintf("[%s] %s", section, printable(key))
		if strings.Contains(given.value, "\n") {
			r.fault(given.position, "%s: %v", what, errOneLine)
		}
		if given.shared {
			r.tooOpen(given.position, what)
		}
	}
	encoded, err := json.Marshal(values)
	if err != nil {
		r.fault(chain, "[auth] backend: the settings of %s cannot be encoded", name)
	}
	b.Settings = secret.New(string(encoded))
	return b
}

// kwargs reads StackStorm's backend_kwargs. A secret in them that everybody can read is no fault as it is elsewhere, since
// StackStorm's packages install st2.conf so and it must load as it is; but it is said at each start.
func (r *reader) kwargs(given setting, b *Backend) map[string]any {
	b.positions[""] = given.position
	values := map[string]any{}
	decoder := json.NewDecoder(strings.NewReader(given.value))
	decoder.UseNumber()
	err := decoder.Decode(&values)
	if err == nil {
		if _, more := decoder.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the object")
		}
	}
	if err != nil || values == nil {
		r.fault(given.position, "[auth] backend_kwargs: must be one JSON object, such as {\"file_path\": \"/etc/latchkey/htpasswd\"}%s", where(err))
		return map[string]any{}
	}
	for _, key := range sortedKeys(values) {
		b.positions[key] = given.position
		if text, ok := values[key].(string); ok && !isNone(text) && given.shared && secretBackendKey.MatchString(key) {
			r.notice(given.position, "[auth] backend_kwargs: everybody on this host can read the file and the %s in it; run: chmod o-r %s", key, given.position.File)
		}
	}
	return values
}

// where returns the place of a JSON fault, without what stands there.
func where(err error) string {
	if wrong, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("; it goes wrong at character %d", wrong.Offset)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "; it ends before the object does"
	}
	return ""
}
