// Package userconfig reads the configuration file of a user of Latchkey, and finds out which server he means: for the latchkey
// command and for tools that are activated.
//
// What always holds: a file with a password or a key in it counts only when it is its owner's alone; an error names the file and the
// line, and never holds a value. It sends nothing, and it opens no file that the configuration names.
package userconfig

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"gopkg.in/ini.v1"

	"latchkey/plugins/secret"
)

// maxSize is the largest configuration file that is read, in bytes.
const maxSize = 64 << 10

// File is what the configuration file says. The zero value is that of no file.
type File struct {
	// Path is the file's own.
	Path string
	// URL is the server's address, and CACert a PEM file with the certificates to trust instead of the system's.
	URL, CACert string
	// Username and Password log in; PasswordFile has the password in its first line. At most one of the two is set.
	Username, PasswordFile string
	Password               secret.Text
	// APIKey is shown when there is no log-in; APIKeyFile has it in its first line. At most one of the two is set.
	APIKey     secret.Text
	APIKeyFile string
	// NoCache is set by [cli] cache_token = False: log-ins are not kept.
	NoCache bool
}

// HasPassword reports whether the file says how to log in without asking.
func (f File) HasPassword() bool { return !f.Password.Empty() || f.PasswordFile != "" }

// HoldsSecret reports whether others must not read the file.
func (f File) HoldsSecret() bool { return !f.Password.Empty() || !f.APIKey.Empty() }

// Fault means that a file cannot be used as it is.
type Fault struct {
	// Problem says what is wrong and where, Hint what to do about it; each is one line.
	Problem, Hint string
}

// Error returns the problem.
func (e *Fault) Error() string { return e.Problem }

// Read reads a configuration file. The error is *Fault, or that of the system: fs.ErrNotExist when there is none.
func Read(path string) (File, error) {
	opened, err := os.Open(path)
	if err != nil {
		return File{}, err
	}
	defer opened.Close()
	info, err := opened.Stat()
	if err != nil {
		return File{}, err
	}
	text, err := io.ReadAll(io.LimitReader(opened, maxSize+1))
	if err != nil {
		return File{}, err
	}
	if len(text) > maxSize {
		return File{}, &Fault{Problem: fmt.Sprintf("%s is larger than %d bytes", path, maxSize)}
	}
	f, err := Parse(path, text)
	if err != nil {
		return File{}, &Fault{err.Error(), "See latchkey help configuration."}
	}
	if f.HoldsSecret() && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		return File{}, &Fault{
			fmt.Sprintf("%s holds a password or a key, and others can read it (mode %04o)", path, info.Mode().Perm()),
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

// Parse reads the text of a configuration file. Errors name the file and the line, and never hold a value.
func Parse(path string, text []byte) (File, error) {
	f := File{Path: path}
	lines, err := indexLines(path, text)
	if err != nil {
		return File{}, err
	}
	// Python's reader, whose files these are, knows no quotes, no continuation by a backslash and no comment behind a value.
	parsed, err := ini.LoadSources(ini.LoadOptions{
		IgnoreInlineComment: true, IgnoreContinuation: true, PreserveSurroundedQuote: true, InsensitiveKeys: true,
		ChildSectionDelimiter: "\x00",
	}, lines.text)
	if err != nil {
		return File{}, fmt.Errorf("%s is no ini file", path) // ini's own error repeats the line
	}
	var auth string
	for _, section := range parsed.Sections() {
		for _, key := range section.Keys() {
			switch value := key.Value(); section.Name() + "." + key.Name() {
			case "general.url", "general.base_url":
				f.URL = value
			case "general.cacert":
				f.CACert = value
			case "auth.url":
				auth = value
			case "credentials.username":
				f.Username = value
			case "credentials.password":
				f.Password = secret.New(value)
			case "credentials.password_file":
				f.PasswordFile = value
			case "credentials.api_key":
				f.APIKey = secret.New(value)
			case "credentials.api_key_file":
				f.APIKeyFile = value
			case "cli.cache_token":
				if f.NoCache, err = isNo(value); err != nil {
					return File{}, fmt.Errorf("%s:%d: cache_token is neither True nor False", path, lines.of["cli.cache_token"])
				}
			}
		}
	}
	if auth != "" { // StackStorm's address of the auth service is more to the point than that of the host
		f.URL = auth
	}
	return f, f.check(path)
}

// check finds what does not go together.
func (f File) check(path string) error {
	switch {
	case !f.Password.Empty() && f.PasswordFile != "":
		return fmt.Errorf("%s: password and password_file exclude each other", path)
	case !f.APIKey.Empty() && f.APIKeyFile != "":
		return fmt.Errorf("%s: api_key and api_key_file exclude each other", path)
	case f.HasPassword() && f.Username == "":
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
