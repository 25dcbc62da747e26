package conf

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Explain returns the whole configuration as it counts, in the form of an ini file, each line with the place where it was set
// or "default". Secrets, and all settings of backends, are shown as being set and never by value, so the text can be shown to
// anybody who may know the rest.
func (c *Config) Explain() string {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 1, 2, ' ', 0)
	line := func(section, key, value string) {
		origin := "default"
		if at, ok := c.origins[sectionKey{section, key}]; ok {
			origin = at.String()
		}
		fmt.Fprintf(w, "%s = %s\t# %s\n", key, value, origin)
	}
	for _, s := range sections() {
		fmt.Fprintf(w, "[%s]\n", s.name)
		for _, k := range s.keys {
			line(s.name, k.name, c.explained(s.name, k))
		}
		if s.name == "plugins" {
			for _, backend := range sortedKeys(c.Plugins.SHA256) {
				line(s.name, pinPrefix+backend, c.Plugins.SHA256[backend])
			}
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "[%s]\n", sectionRoles)
	for _, role := range c.Roles {
		line(sectionRoles, role.Name, role.members())
	}
	for _, b := range c.Backends {
		fmt.Fprintf(w, "\n[%s%s]\n", backendPrefix, b.Name)
		for _, key := range sortedKeys(b.positions) {
			if key != "" {
				fmt.Fprintf(w, "%s = (set)\t# %s\n", printable(key), b.positions[key])
			}
		}
	}
	_ = w.Flush() // a strings.Builder takes everything
	return out.String()
}

// explained returns what a key has.
func (c *Config) explained(section string, k key) string {
	_, given := c.origins[sectionKey{section, k.name}]
	switch {
	case section == "auth" && k.name == "backend":
		var names []string
		for _, b := range c.Backends {
			names = append(names, b.Name)
		}
		return strings.Join(names, ", ")
	case k.show != nil:
		return k.show(c)
	case given:
		return "(set)"
	}
	return ""
}

// members returns a role's members as they are written.
func (r Role) members() string {
	var parts []string
	for _, m := range r.Members {
		part := string(m.Kind) + ":" + m.Pattern
		if m.Prefix {
			part += "*"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// origins returns where each key was set.
func (r *reader) origins() map[sectionKey]Position {
	origins := map[sectionKey]Position{}
	for section, keys := range r.settings {
		for key, given := range keys {
			if !isNone(given.value) {
				origins[sectionKey{section, key}] = given.position
			}
		}
	}
	return origins
}
