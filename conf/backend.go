package conf

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"latchkey/plugins/secret"
)

// defaultBackend is StackStorm's, and ours.
const defaultBackend = "flat_file"

// backendName is the form of a backend's name.
var backendName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// takeBackends reads [auth] backend, backend_kwargs and the sections [backend.NAME]. backend_kwargs belong to the first
// backend of the chain, which is the only one in StackStorm; a section wins over them, key by key.
func (r *reader) takeBackends(c *Config) {
	chain := r.settings["auth"]["backend"]
	names := list(chain.value)
	if isNone(chain.value) {
		names, chain.position = []string{defaultBackend}, r.position("auth", "backend")
	}
	seen := map[string]bool{}
	for i, name := range names {
		switch {
		case !backendName.MatchString(name):
			r.fault(chain.position, "[auth] backend: a backend's name is letters, digits and underscores, such as flat_file")
			continue
		case seen[name]:
			r.fault(chain.position, "[auth] backend: %s is there twice", name)
			continue
		}
		seen[name] = true
		c.Backends = append(c.Backends, r.backend(name, chain.position, i == 0))
	}
	for section := range r.settings {
		if name, ok := strings.CutPrefix(section, backendPrefix); ok && !seen[name] {
			c.Notices = append(c.Notices, Notice{r.position(section, ""), fmt.Sprintf("[%s]: the backend is not in [auth] backend, so the section is not used", section)})
		}
	}
}

// backend puts one backend's settings together.
func (r *reader) backend(name string, chain Position, first bool) Backend {
	b := Backend{Name: name, positions: map[string]Position{"": chain}}
	values := map[string]any{}
	if kwargs, ok := r.settings["auth"]["backend_kwargs"]; ok && first && !isNone(kwargs.value) {
		r.kwargs(kwargs, values, &b)
	}
	section := backendPrefix + name
	for _, key := range sortedKeys(r.settings[section]) {
		given := r.settings[section][key]
		values[key] = given.value
		b.positions[key] = given.position
		b.positions[""] = given.position
		if given.shared && secretBackendKey.MatchString(key) && !isNone(given.value) {
			r.tooOpen(given.position, fmt.Sprintf("[%s] %s", section, key))
		}
	}
	encoded, err := json.Marshal(values)
	if err != nil {
		r.fault(chain, "[auth] backend: the settings of %s cannot be encoded", name)
	}
	b.Settings = secret.New(string(encoded))
	return b
}

// kwargs reads StackStorm's backend_kwargs.
func (r *reader) kwargs(given setting, values map[string]any, b *Backend) {
	decoder := json.NewDecoder(strings.NewReader(given.value))
	decoder.UseNumber()
	if err := decoder.Decode(&values); err != nil || decoder.More() {
		r.fault(given.position, "[auth] backend_kwargs: must be one JSON object, such as {\"file_path\": \"/etc/latchkey/htpasswd\"}%s", where(err))
		return
	}
	b.positions[""] = given.position
	for key, value := range values {
		b.positions[key] = given.position
		if text, ok := value.(string); ok && text != "" && given.shared && secretBackendKey.MatchString(key) {
			r.tooOpen(given.position, "[auth] backend_kwargs: "+key)
		}
	}
}

// where returns the place of a JSON fault, without what stands there.
func where(err error) string {
	if wrong, ok := err.(*json.SyntaxError); ok { //nolint:errorlint // the decoder returns it as it is
		return fmt.Sprintf("; it goes wrong at character %d", wrong.Offset)
	}
	return ""
}

// takePin reads [plugins] sha256_NAME.
func (r *reader) takePin(c *Config, backend string, given setting) {
	sum, err := hex.DecodeString(given.value)
	if err != nil || len(sum) != 32 {
		r.fault(given.position, "[plugins] sha256_%s: must be 64 hex digits, as sha256sum prints them", backend)
		return
	}
	if c.Plugins.SHA256 == nil {
		c.Plugins.SHA256 = map[string]string{}
	}
	c.Plugins.SHA256[backend] = strings.ToLower(given.value)
}
