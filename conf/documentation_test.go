package conf

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// keysOf returns the keys of each section: those of ours, and those of the backends in this repository, which tag the fields of
// their settings.
func keysOf(t *testing.T) map[string][]string {
	t.Helper()
	keys := map[string][]string{sectionRoles: nil}
	for _, s := range sections() {
		keys[s.name] = keyNames(s.name)
	}
	keys["plugins"] = append(keys["plugins"], pinPrefix)
	tag := regexp.MustCompile(`setting:"([a-z0-9_]+)"`)
	for backend, folder := range map[string]string{"flat_file": "flatfile", "pam": "pam", "ldap": "ldap"} {
		for _, match := range tag.FindAllStringSubmatch(read(t, filepath.Join("../backends", folder, "settings.go")), -1) {
			keys[backendPrefix+backend] = append(keys[backendPrefix+backend], match[1])
		}
		if len(keys[backendPrefix+backend]) == 0 {
			t.Fatalf("the backend %s has no settings", backend)
		}
	}
	return keys
}

// sectionOf returns the part of a text that is about a section: from its head to the next head.
func sectionOf(text, head, next string) string {
	_, rest, found := strings.Cut("\n"+text, "\n"+head)
	if !found {
		return ""
	}
	part, _, _ := strings.Cut(rest, "\n"+next)
	return part
}

// The document for operators and the reference have every key of every section, and the document names none that is not there.
func TestEveryKeyIsDocumented(t *testing.T) {
	document, reference := read(t, "../docs/configuration.md"), read(t, "latchkey.conf.reference")
	row := regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)")
	for section, keys := range keysOf(t) {
		described := sectionOf(document, "### `["+section+"]`", "## ")
		described, _, _ = strings.Cut(described, "\n### ")
		commented := sectionOf(reference, "["+section+"]", "[")
		if described == "" || commented == "" {
			t.Errorf("[%s] is not in docs/configuration.md or not in latchkey.conf.reference", section)
		}
		for _, key := range keys {
			if !strings.Contains(described, "`"+key) {
				t.Errorf("docs/configuration.md does not have [%s] %s", section, key)
			}
			if !regexp.MustCompile(`(?m)^##?` + key).MatchString(commented) {
				t.Errorf("latchkey.conf.reference does not have [%s] %s", section, key)
			}
		}
		for _, match := range row.FindAllStringSubmatch(described, -1) {
			if !slices.Contains(keys, match[1]) {
				t.Errorf("docs/configuration.md has [%s] %s, and there is no such key", section, match[1])
			}
		}
	}
}
