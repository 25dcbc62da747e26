package main

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"latchkey/daemon/client"
	"latchkey/daemon/client/userconfig"
	"latchkey/plugins/secret"
)

// file is what the configuration file says. The zero value is that of no file.
type file struct{ userconfig.File }

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

// readPassword returns the password.
func (f file) readPassword() (secret.Text, error) {
	if f.PasswordFile != "" {
		return secretFile(f.PasswordFile)
	}
	return f.Password, nil
}

// readAPIKey returns the API key, which is empty when there is none.
func (f file) readAPIKey() (secret.Text, error) {
	if f.APIKeyFile != "" {
		return secretFile(f.APIKeyFile)
	}
	return f.APIKey, nil
}

// forServer returns the file without its credentials when it names another server: a password that was written down for one server
// is not sent to the next one that somebody asks.
func (f file) forServer(address string) file {
	if f.URL == "" {
		return f
	}
	own, err := client.Normal(f.URL)
	asked, askedErr := client.Normal(address)
	if err == nil && askedErr == nil && own == asked {
		return f
	}
	return file{userconfig.File{Path: f.Path, URL: f.URL, CACert: f.CACert, NoCache: f.NoCache}}
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
	read, err := userconfig.Read(path)
	fault, ok := errors.AsType[*userconfig.Fault](err)
	switch {
	case errors.Is(err, fs.ErrNotExist) && a.options.config == "":
		return file{}, nil
	case ok && fault.Hint != "":
		return file{}, hinted{usageError{err}, fault.Hint}
	case err != nil:
		return file{}, usageError{err}
	}
	return file{read}, nil
}
