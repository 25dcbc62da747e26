package conf

import (
	"slices"
	"strings"
)

// stackstormSections are the sections of an st2.conf. Those that are ours, too, are read; the others belong to StackStorm's
// other services and are not looked at. Facts from StackStorm 3.9's st2.conf.sample and the option lists in its source.
func stackstormSections() []string {
	return []string{
		"action_sensor", "actionrunner", "api", "auth", "cloudslang", "content", "coordination", "database", "exporter", "garbagecollector",
		"generic_webhook_sensor", "keyvalue", "log", "messaging", "metrics", "mistral", "notifier", "packs", "rbac", "results_tracker",
		"resultstracker", "rulesengine", "scheduler", "schema", "sensorcontainer", "ssh_runner", "st2_webhook_sensor", "stream", "syslog",
		"system", "system_user", "timer", "timersengine", "webui", "workflow_engine",
	}
}

// foreignKeys returns the keys that StackStorm has in a section of ours and that mean nothing here.
func foreignKeys(section string) []string {
	switch section {
	case "auth":
		return []string{"sso_backend", "sso_backend_kwargs"}
	case "api":
		return []string{
			"host", "port", "debug", "logging", "mask_secrets", "auth_cookie_secure", "auth_cookie_same_site", "serve_webui_files",
			"webui_root", "use_ssl", "cert", "key",
		}
	case "system_user":
		return []string{"ssh_key_file"}
	case "log":
		return []string{"excludes", "redirect_stderr", "mask_secrets", "mask_secrets_blacklist"}
	}
	return nil
}

// isStackStorm reports whether an st2.conf has a section.
func isStackStorm(section string) bool { return slices.Contains(stackstormSections(), section) }

// noticeForeign says which keys of a section are StackStorm's alone.
func (r *reader) noticeForeign(section string) {
	var names []string
	var first Position
	for _, name := range sortedKeys(r.settings[section]) {
		if !slices.Contains(foreignKeys(section), name) {
			continue
		}
		at := r.settings[section][name].position
		if len(names) == 0 || at.File == first.File && at.Line < first.Line {
			first = at
		}
		names = append(names, name)
	}
	switch len(names) {
	case 0:
	case 1:
		r.notice(first, "[%s] %s means something to StackStorm only and is ignored", section, names[0])
	default:
		r.notice(first, "[%s] %s mean something to StackStorm only and are ignored", section, strings.Join(names, ", "))
	}
}
