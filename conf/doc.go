// Package conf reads the daemon's configuration: ini files in StackStorm's shape, environment variables, and files that hold
// single values.
//
// What always holds: an unmodified st2.conf loads. Sections that are not ours are not looked at; in the sections that both
// know, StackStorm's keys that mean nothing here are ignored; any other unknown key in a section of ours is a fault that
// names the nearest known one. Nothing in a value is special: no interpolation, no quotes, no comments behind it, no joining
// of lines by a backslash. A line that begins with white space and is no "key = value" continues the value above it, as in
// StackStorm. All faults are found at once, each with file and line, and none shows the value of a secret.
//
// A setting is taken from the environment variable LATCHKEY_<SECTION>__<KEY>, otherwise from the last file that has it.
// Every key can be given as KEY_file instead, whose value names a file that holds the value, or as credential:NAME, a file in
// systemd's $CREDENTIALS_DIRECTORY.
//
// What it does not do: it opens no port, no store and no backend; a backend looks at its own settings (Backend.Settings).
package conf
