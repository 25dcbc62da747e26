// Package conf reads the daemon's configuration: ini files in StackStorm's shape, environment variables, and files that hold
// single values.
//
// What always holds: an unmodified st2.conf loads. Sections that are not ours are not looked at; in the sections that both
// know, StackStorm's keys that mean nothing here are named in a notice; any other unknown key in a section of ours is a fault
// that names the nearest known one. Nothing in a value is special: no interpolation, no comment behind it, no joining of
// lines by a backslash, and no quotes but those around a whole value in StackStorm's sections, which StackStorm takes off.
// A line that begins with white space continues the value above it, as in StackStorm. All faults are found at once, each with
// file and line, and none shows the value of a secret. Bad input of any kind is a fault and never a panic.
//
// A setting is taken from the environment variable LATCHKEY_<SECTION>__<KEY>, otherwise from the last file that has it.
// KEY_file instead of KEY names a file that holds the value, or, as credential:NAME, a file in systemd's
// $CREDENTIALS_DIRECTORY. A secret in a file that everybody on the host can read is a fault.
//
// What it does not do: it opens no port, no store and no backend; a backend looks at its own settings (Backend.Settings).
package conf
