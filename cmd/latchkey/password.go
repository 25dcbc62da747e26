package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"latchkey/plugins/secret"
)

// maxPassword is the longest line that is read as a password, in bytes; servers refuse less.
const maxPassword = 64 << 10

// passwordFlags say where the password comes from.
type passwordFlags struct {
	given     string
	fromStdin bool
	file      string
	command   *cobra.Command
}

// addPasswordFlags gives a command the flags.
func addPasswordFlags(cmd *cobra.Command) *passwordFlags {
	f := &passwordFlags{command: cmd}
	cmd.Flags().StringVarP(&f.given, "password", "p", "", "the `password`; everybody on this host can read it, so better use --password-stdin")
	cmd.Flags().BoolVar(&f.fromStdin, "password-stdin", false, "read the password from the first line of standard input")
	cmd.Flags().StringVar(&f.file, "password-file", "", "read the password from the first line of a `file` (mode 0640 or stricter)")
	cmd.MarkFlagsMutuallyExclusive("password", "password-stdin", "password-file")
	return f
}

// any reports whether one of the flags is given.
func (f *passwordFlags) any() bool {
	return f.command.Flags().Changed("password") || f.fromStdin || f.file != ""
}

// password returns the password for a user: from the flags, from the configuration file when it has the user's, or from the
// terminal.
func (a *app) password(ctx context.Context, f *passwordFlags, user string, configured file) (secret.Text, error) {
	var password secret.Text
	var err error
	switch {
	case f.command.Flags().Changed("password"):
		if isTerminal(a.stderr) {
			fmt.Fprintln(a.stderr, "latchkey: warning: -p shows the password to everybody on this host; use --password-stdin, or leave it out and be asked")
		}
		password = secret.New(f.given)
	case f.fromStdin:
		password, err = readSecret(a.stdin, "standard input")
	case f.file != "":
		password, err = secretFile(f.file)
	case configured.Username == user && configured.HasPassword():
		password, err = configured.readPassword()
	default:
		password, err = askSecret(ctx, "Password of "+user)
		if errors.Is(err, errNoTerminal) {
			return secret.Text{}, hinted{usageError{err}, "Give the password with --password-stdin or --password-file."}
		}
	}
	if err != nil {
		return secret.Text{}, err
	}
	if password.Empty() {
		return secret.Text{}, usageError{errors.New("the password is empty")}
	}
	return password, nil
}

// readSecret returns the first line of a stream.
func readSecret(stream io.Reader, name string) (secret.Text, error) {
	line, err := bufio.NewReader(io.LimitReader(stream, maxPassword+1)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return secret.Text{}, fmt.Errorf("%s: %w", name, err)
	}
	if len(line) > maxPassword {
		return secret.Text{}, usageError{fmt.Errorf("the first line of %s is longer than %d bytes", name, maxPassword)}
	}
	return secret.New(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")), nil
}

// secretFile returns the first line of a file that openSecret opens.
func secretFile(path string) (secret.Text, error) {
	opened, err := openSecret(path)
	if err != nil {
		return secret.Text{}, err
	}
	defer opened.Close()
	return readSecret(opened, path)
}

// openSecret opens a file with secrets in it. The group may read it, as it may a systemd credential, but others may not, and
// nobody but the owner may write it. What is no regular file, such as a pipe, is the caller's own business.
func openSecret(path string) (*os.File, error) {
	opened, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := opened.Stat()
	if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o027 != 0 {
		err = hinted{
			usageError{fmt.Errorf("%s holds a secret, and others can read or change it (mode %04o)", path, info.Mode().Perm())},
			"Close it with: chmod 600 " + path,
		}
	}
	if err != nil {
		_ = opened.Close() // nothing was written
		return nil, err
	}
	return opened, nil
}
