package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"gopkg.in/ini.v1"

	"latchkey/daemon/client"
	"latchkey/plugins/secret"
)

// maxConfig is the largest configuration file that is read, in bytes.
const maxConfig = 64 << 10

// file is what the configuration file says. The zero value is that of no file.
type file struct {
	path, url, cacert      string
	username, passwordFile string
	password, apiKey       secret.Text
	apiKeyFile             string
	// noCache is set by [cli] cache_token = False: log-ins are not kept.
	noCache bool
}

// configurationTopic is "latchkey help configuration".
func configurationTopic() *cobra.Command {
	return &cobra.Command{Use: "configuration", Short: "What may be in the configuration file", Long: `The file is $XDG_CONFIG_HOME/latchkey/config (usually ~/.config/latchkey/config), or the one that --config names:

    [general]
    url = https://auth.example.com      the server's address (StackStorm's base_url and [auth] url mean the same)
    cacert = /etc/ssl/our-ca.pem        certificates to trust instead of the system's

    [credentials]
    username = alice                    logs in by itself, with password or password_file
    password = ...
    password_file = /home/alice/pw      the first line of this file
    api_key = lka_...                   shown when there is no log-in; or api_key_file

    [cli]
    cache_token = True                  False keeps no log-in

All of it is optional. The credentials go to the server that the file names and to no other; without one, to any. A value
goes to the end of its line as it stands; a comment has a line of its own, which begins with # or ;. A file with a password or a
key in it must be readable by you alone (chmod 600). StackStorm's CLI has the same form, and its file can be used: what means
nothing here is passed over.`}
}

// hasPassword reports whether the file says how to log in without asking.
func (f file) hasPassword() bool { return !f.password.Empty() || f.passwordFile != "" }

// readPassword returns the password.
func (f file) readPassword() (secret.Text, error) {
	if f.passwordFile != "" {
		return secretFile(f.passwordFile)
	}
	return f.password, nil
}

// readAPIKey returns the API key, which is empty when there is none.
func (f file) readAPIKey() (secret.Text, error) {
	if f.apiKeyFile != "" {
		return secretFile(f.apiKeyFile)
	}
	return f.apiKey, nil
}

// holdsSecret reports whether others must not read the file.
func (f file) holdsSecret() bool { return !f.password.Empty() || !f.apiKey.Empty() }

// forServer returns the file without its credentials when it names another server: a password that was written down for one server
// is not sent to the next one that somebody asks.
func (f file) forServer(address string) file {
	if f.url == "" {
		return f
	}
	own, err := client.Normal(f.url)
	asked, askedErr := client.Normal(address)
	if err == nil && askedErr == nil && own == asked {
		return f
	}
	return file{path: f.path, url: f.url, cacert: f.cacert, noCache: f.noCache}
}

// readConfig reads the configuration file: the one that --config names, which has to be there, or the usual one, which need not.
func (a *app) readConfig() (file, error) {
	path := a.options.config
	if path == "" {
		folder := a.folder("XDG_CONFIG_HOME", ".config")
		if folder == "" {
			return file{}, nil
		}
		path = filepath.Join(folder, "config")
	}
	opened, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) && a.options.config == "" {
		return file{}, nil
	}
	if err != nil {
		return file{}, usageError{err}
	}
	defer opened.Close()
	info, err := opened.Stat()
	if err != nil {
		return file{}, err
	}
	text, err := io.ReadAll(io.LimitReader(opened, maxConfig+1))
	if err != nil {
		return file{}, usageError{err}
	}
	if len(text) > maxConfig {
		return file{}, usageError{fmt.Errorf("%s is larger than %d bytes", path, maxConfig)}
	}
	f, err := parseConfig(path, text)
	if err != nil {
		return file{}, hinted{usageError{err}, "See latchkey help configuration."}
	}
	if f.holdsSecret() && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		return file{}, hinted{
			usageError{fmt.Errorf("%s holds a password or a key, and others can read it (mode %04o)", path, info.Mode().Perm())},
			"Close it with: chmod 600 " + path,
		}
	}
	return f, nil
}

// knownKeys are the keys of the file. The last ones are of StackStorm's CLI and mean nothing here; they are passed over, so that its
// file can be used.
func knownKeys() []string {
	return []string{
		"general.url", "general.base_url", "general.cacert", "auth.url", "cli.cache_token",
		"credentials.username", "credentials.password", "credentials.password_file", "credentials.api_key", "credentials.api_key_file",

		"general.api_version", "general.silence_ssl_warnings", "general.silence_schema_output", "cli.debug", "cli.timezone",
		"credentials.basic_auth", "api.url", "stream.url",
	}
}

// parseConfig reads the text of a configuration file. Errors name the file and the line, and never hold a value.
func parseConfig(path string, text []byte) (file, error) {
	f := file{path: path}
	lines, err := indexLines(path, text)
	if err != nil {
		return file{}, err
	}
	// Python's reader, whose files these are, knows no quotes, no continuation by a backslash and no comment behind a value.
	parsed, err := ini.LoadSources(ini.LoadOptions{
		IgnoreInlineComment: true, IgnoreContinuation: true, PreserveSurroundedQuote: true, InsensitiveKeys: true,
		ChildSectionDelimiter: "\x00",
	}, lines.text)
	if err != nil {
		return file{}, fmt.Errorf("%s is no ini file", path) // ini's own error repeats the line
	}
	var auth string
	for _, section := range parsed.Sections() {
		for _, key := range section.Keys() {
			switch value := key.Value(); section.Name() + "." + key.Name() {
			case "general.url", "general.base_url":
				f.url = value
			case "general.cacert":
				f.cacert = value
			case "auth.url":
				auth = value
			case "credentials.username":
				f.username = value
			case "credentials.password":
				f.password = secret.New(value)
			case "credentials.password_file":
				f.passwordFile = value
			case "credentials.api_key":
				f.apiKey = secret.New(value)
			case "credentials.api_key_file":
				f.apiKeyFile = value
			case "cli.cache_token":
				if f.noCache, err = isNo(value); err != nil {
					return file{}, fmt.Errorf("%s:%d: cache_token is neither True nor False", path, lines.of["cli.cache_token"])
				}
			}
		}
	}
	if auth != "" { // StackStorm's address of the auth service is more to the point than that of the host
		f.url = auth
	}
	return f, f.check(path)
}

// check finds what does not go together.
func (f file) check(path string) error {
	switch {
	case !f.password.Empty() && f.passwordFile != "":
		return fmt.Errorf("%s: password and password_file exclude each other", path)
	case !f.apiKey.Empty() && f.apiKeyFile != "":
		return fmt.Errorf("%s: api_key and api_key_file exclude each other", path)
	case f.hasPassword() && f.username == "":
		return fmt.Errorf("%s: there is a password and no username", path)
	}
	return nil
}

// isNo reads a truth value as Python's ConfigParser does.
func isNo(value string) (bool, error) {
	switch strings.ToLower(value) {
	case "false", "no", "off", "0":
		return true, nil
	case "true", "yes", "on", "1":
		return false, nil
	}
	return false, errors.New("no truth value")
}

// indexed is a text with the line of each key.
type indexed struct {
	text []byte
	of   map[string]int // by "section.key"
}

// indexLines finds the line of each key, which ini.v1 does not tell, and refuses what it would pass over: a line that is neither
// a comment nor a section nor a key, a key that is unknown, and one that is there twice. A value that begins with ` or """ is put between
// """, since ini.v1 takes such a value for one that goes on over lines.
func indexLines(path string, text []byte) (indexed, error) {
	lines := indexed{of: map[string]int{}}
	section := ini.DefaultSection
	var plain bytes.Buffer
	for number, line := range strings.Split(strings.TrimPrefix(string(text), "\ufeff"), "\n") {
		number++
		line = strings.TrimSpace(line)
		switch {
		case strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' }):
			return indexed{}, fmt.Errorf("%s:%d: there is a control character", path, number)
		case line == "" || line[0] == '#' || line[0] == ';':
			continue
		case line[0] == '[':
			if len(line) < 3 || line[len(line)-1] != ']' {
				return indexed{}, fmt.Errorf("%s:%d: a section is written as [name]", path, number)
			}
			section = strings.TrimSpace(line[1 : len(line)-1])
			fmt.Fprintf(&plain, "[%s]\n", section)
			continue
		}
		split := strings.IndexAny(line, "=:")
		if split < 1 || strings.ContainsAny(line[:split], "\"`") {
			return indexed{}, fmt.Errorf("%s:%d: a setting is written as key = value", path, number)
		}
		key, value := strings.ToLower(strings.TrimSpace(line[:split])), strings.TrimSpace(line[split+1:])
		if !slices.Contains(knownKeys(), section+"."+key) {
			return indexed{}, fmt.Errorf("%s:%d: [%s] %s is unknown", path, number, section, key)
		}
		if before := lines.of[section+"."+key]; before != 0 {
			return indexed{}, fmt.Errorf("%s:%d: [%s] %s is in line %d already", path, number, section, key, before)
		}
		lines.of[section+"."+key] = number
		if strings.HasPrefix(value, "`") || strings.HasPrefix(value, `"""`) {
			value = `"""` + value + `"""`
		}
		fmt.Fprintf(&plain, "%s = %s\n", key, value)
	}
	lines.text = plain.Bytes()
	return lines, nil
}
